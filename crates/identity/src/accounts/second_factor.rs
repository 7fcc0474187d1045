//! Second factor: time-based codes of an authenticator app (RFC 6238), and recovery codes for a lost app. The secret is
//! stored encrypted under a key derived from the server's, recovery codes as keyed hashes.

use chrono::{DateTime, Utc};
use rand::{Rng, RngCore};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{PgConnection, PgExecutor, PgPool};
use totp_rs::{Algorithm, Secret, TOTP};
use uuid::Uuid;

use super::server_key::{Hash, SealError, ServerKey};

/// Issuer that authenticator apps show.
const ISSUER: &str = "OC Pizza";
/// Digits of a code.
const CODE_DIGITS: usize = 6;
/// Validity of a code.
const STEP_SECONDS: u64 = 30;
/// Steps of clock skew accepted in either direction.
const SKEW_STEPS: u64 = 1;
/// Length of a secret: that of a SHA-1 hash (RFC 4226, section 4).
const SECRET_BYTES: usize = 20;
/// Recovery codes of an account.
const RECOVERY_CODE_COUNT: usize = 10;
/// Characters of recovery codes: no letter that looks like a digit.
const RECOVERY_ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Reason why a second factor could not be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum SecondFactorError {
    /// The secret is encrypted under a key that this process does not have.
    #[error(
        "the secret of account {0} is encrypted under another key: restore that key or remove the second factor"
    )]
    Sealed(Uuid),
    /// The secret is not valid for TOTP.
    #[error("the codes of a second factor cannot be computed")]
    Codes,
    /// The secret could not be encrypted.
    #[error(transparent)]
    Encryption(#[from] SealError),
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// New secret, shown once for an authenticator app.
#[derive(Debug)]
pub struct Enrolment {
    /// Secret in base 32, for typing.
    pub secret: SecretString,
    /// Secret as a URI, for a QR code.
    pub uri: SecretString,
}

/// Stored second factor.
#[derive(Debug)]
pub struct SecondFactor {
    account: Uuid,
    totp: TOTP,
    /// Whether it is confirmed, so that signing in requires it.
    pub confirmed: bool,
    last_step: i64,
}

/// A code that matches and is not used up yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FittingCode {
    /// Code of the app, at this time step.
    Totp(i64),
    /// Recovery code, normalized.
    Recovery(String),
}

fn totp(secret: Vec<u8>) -> Result<TOTP, SecondFactorError> {
    let skew = u8::try_from(SKEW_STEPS).unwrap_or_default();
    TOTP::new(Algorithm::SHA1, CODE_DIGITS, skew, STEP_SECONDS, secret).map_err(|_| SecondFactorError::Codes)
}

/// Percent-encodes text for the label of a URI (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// Normalizes a code: letters and digits only, in upper case.
fn plain(code: &str) -> String {
    code.chars()
        .filter(|letter| letter.is_ascii_alphanumeric())
        .map(|letter| letter.to_ascii_uppercase())
        .collect()
}

/// Generates sixteen random characters (80 bits) in groups of four.
fn recovery_code() -> String {
    let mut random = rand::rng();
    let letters: Vec<u8> =
        (0..16).map(|_| RECOVERY_ALPHABET[random.random_range(0..RECOVERY_ALPHABET.len())]).collect();
    letters.chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-")
}

fn recovery_hash(key: &ServerKey, account: Uuid, code: &str) -> Hash {
    key.hash(&format!("recovery {account} {}", plain(code)))
}

/// Stores a new secret, which replaces an unconfirmed one. Returns `None` if the account has a confirmed one.
///
/// # Errors
/// [`SecondFactorError`].
pub async fn enrol(
    db: impl PgExecutor<'_>,
    key: &ServerKey,
    account: Uuid,
    email: &str,
    now: DateTime<Utc>,
) -> Result<Option<Enrolment>, SecondFactorError> {
    let mut secret = vec![0; SECRET_BYTES];
    rand::rng().fill_bytes(&mut secret);
    let sealed = key.seal(account.as_bytes(), &secret)?;
    let stored = sqlx::query(
        "INSERT INTO second_factors AS f (account_id, secret, created_at) VALUES ($1, $2, $3) \
         ON CONFLICT (account_id) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at, \
             last_step = 0 WHERE f.confirmed_at IS NULL",
    );
    let stored = stored.bind(account).bind(sealed).bind(now).execute(db).await?;
    if stored.rows_affected() == 0 {
        return Ok(None);
    }
    let Secret::Encoded(text) = Secret::Raw(secret).to_encoded() else {
        return Err(SecondFactorError::Codes);
    };
    let (issuer, label) = (encoded(ISSUER), encoded(email));
    let uri = format!(
        "otpauth://totp/{issuer}:{label}?secret={text}&issuer={issuer}&algorithm=SHA1&digits={CODE_DIGITS}\
         &period={STEP_SECONDS}"
    );
    Ok(Some(Enrolment { secret: text.into(), uri: uri.into() }))
}

/// Returns the second factor of an account, confirmed or not.
///
/// # Errors
/// [`SecondFactorError`].
pub async fn of_account(
    db: impl PgExecutor<'_>,
    key: &ServerKey,
    account: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<SecondFactor>, SecondFactorError> {
    let sql = "SELECT secret, confirmed_at IS NOT NULL, last_step FROM second_factors WHERE account_id = $1";
    let row: Option<(Vec<u8>, bool, i64)> = sqlx::query_as(sql).bind(account).fetch_optional(db).await?;
    let Some((sealed, confirmed, last_step)) = row else { return Ok(None) };
    let secret = key.open(account.as_bytes(), &sealed, now).ok_or(SecondFactorError::Sealed(account))?;
    let totp = totp(secret.expose_secret().to_vec())?;
    Ok(Some(SecondFactor { account, totp, confirmed, last_step }))
}

impl SecondFactor {
    /// Matches a text against the app's codes at this time that are not used, or takes it for a recovery code, which
    /// [`Self::use_up`] verifies.
    pub fn fits(&self, code: &str, now: DateTime<Utc>) -> Option<FittingCode> {
        let code = plain(code);
        if code.len() != CODE_DIGITS {
            return (code.len() > CODE_DIGITS).then_some(FittingCode::Recovery(code));
        }
        let present = u64::try_from(now.timestamp()).ok()? / STEP_SECONDS;
        let mut steps = present.saturating_sub(SKEW_STEPS)..=present + SKEW_STEPS;
        let step = steps.find(|step| self.totp.generate(step * STEP_SECONDS) == code)?;
        i64::try_from(step).ok().filter(|step| *step > self.last_step).map(FittingCode::Totp)
    }

    /// Uses up a code. Returns whether it was valid; of two concurrent uses, one succeeds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn use_up(
        &self,
        db: impl PgExecutor<'_>,
        key: &ServerKey,
        code: &FittingCode,
        now: DateTime<Utc>,
    ) -> Result<bool, sqlx::Error> {
        let used = match code {
            FittingCode::Totp(step) => {
                let sql = "UPDATE second_factors SET last_step = $2 WHERE account_id = $1 AND last_step < $2";
                sqlx::query(sql).bind(self.account).bind(step).execute(db).await?
            }
            FittingCode::Recovery(code) => {
                let text = format!("recovery {} {code}", self.account);
                sqlx::query(
                    "UPDATE second_factors SET recovery_hashes = ARRAY(SELECT hash \
                     FROM unnest(recovery_hashes) AS hash WHERE hash <> ALL($2)) \
                     WHERE account_id = $1 AND recovery_hashes && $2 AND confirmed_at IS NOT NULL",
                )
                .bind(self.account)
                .bind(key.hashes(&text, now))
                .execute(db)
                .await?
            }
        };
        Ok(used.rows_affected() > 0)
    }
}

/// Confirms an enrolment with the step of its first code. Returns ten recovery codes to show once, or `None` if the
/// enrolment was confirmed or replaced in between.
///
/// # Errors
/// When the database does not answer.
pub async fn confirm(
    db: impl PgExecutor<'_>,
    key: &ServerKey,
    account: Uuid,
    step: i64,
    now: DateTime<Utc>,
) -> Result<Option<Vec<String>>, sqlx::Error> {
    let codes: Vec<String> = (0..RECOVERY_CODE_COUNT).map(|_| recovery_code()).collect();
    let hashes: Vec<Hash> = codes.iter().map(|code| recovery_hash(key, account, code)).collect();
    let confirmed = sqlx::query(
        "UPDATE second_factors SET confirmed_at = $2, last_step = $3, recovery_hashes = $4 \
         WHERE account_id = $1 AND confirmed_at IS NULL AND last_step < $3",
    );
    let confirmed = confirmed.bind(account).bind(now).bind(step).bind(hashes).execute(db).await?;
    Ok((confirmed.rows_affected() > 0).then_some(codes))
}

/// Deletes an account's second factor. Returns whether it was confirmed.
///
/// # Errors
/// When the database does not answer.
pub async fn remove(db: impl PgExecutor<'_>, account: Uuid) -> Result<bool, sqlx::Error> {
    let sql = "DELETE FROM second_factors WHERE account_id = $1 RETURNING confirmed_at IS NOT NULL";
    let removed: Option<bool> = sqlx::query_scalar(sql).bind(account).fetch_optional(db).await?;
    Ok(removed.unwrap_or_default())
}

/// Whether signing in to an account requires a code.
///
/// # Errors
/// When the database does not answer.
pub async fn is_confirmed(db: impl PgExecutor<'_>, account: Uuid) -> Result<bool, sqlx::Error> {
    let sql = "SELECT EXISTS (SELECT FROM second_factors WHERE account_id = $1 AND confirmed_at IS NOT NULL)";
    sqlx::query_scalar(sql).bind(account).fetch_one(db).await
}

/// Re-encrypts secrets of the previous key under the present one, so that the previous key can be dropped minutes after
/// a rotation.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn reencrypt(
    pool: &PgPool,
    key: &ServerKey,
    now: DateTime<Utc>,
) -> Result<(), SecondFactorError> {
    if !key.is_rotating(now) {
        return Ok(());
    }
    let mut transaction = pool.begin().await?;
    let rows: Vec<(Uuid, Vec<u8>)> =
        sqlx::query_as("SELECT account_id, secret FROM second_factors FOR UPDATE SKIP LOCKED")
            .fetch_all(&mut *transaction)
            .await?;
    for (account, sealed) in rows {
        reencrypt_one(&mut transaction, key, account, &sealed, now).await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn reencrypt_one(
    db: &mut PgConnection,
    key: &ServerKey,
    account: Uuid,
    sealed: &[u8],
    now: DateTime<Utc>,
) -> Result<(), SecondFactorError> {
    let Some(secret) = key.open_previous(account.as_bytes(), sealed, now) else { return Ok(()) };
    let sql = "UPDATE second_factors SET secret = $2 WHERE account_id = $1";
    let sealed = key.seal(account.as_bytes(), secret.expose_secret())?;
    sqlx::query(sql).bind(account).bind(sealed).execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(last_step: i64) -> SecondFactor {
        // Secret of the test vectors of RFC 6238, appendix B.
        let totp = totp(b"12345678901234567890".to_vec()).unwrap();
        SecondFactor { account: Uuid::from_u128(1), totp, confirmed: true, last_step }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn accepts_rfc_6238_codes_within_one_step_and_once() {
        // Last six of the eight digits of the SHA-1 vectors.
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            let step = FittingCode::Totp(seconds / 30);
            for now in [seconds - 30, seconds, seconds + 30] {
                assert_eq!(factor(0).fits(code, at(now)), Some(step.clone()), "{code} at {now}");
            }
            assert_eq!(factor(0).fits(code, at(seconds + 60)), None);
            assert_eq!(factor(seconds / 30).fits(code, at(seconds)), None, "used before");
        }
        assert_eq!(factor(0).fits("287083", at(59)), None);
        assert_eq!(factor(0).fits("", at(59)), None);
        let recovery = FittingCode::Recovery("ABCDEFGH23456789".to_owned());
        assert_eq!(factor(0).fits(" abcd-efgh-2345-6789 ", at(59)), Some(recovery));
    }

    #[test]
    fn recovery_codes_are_random() {
        let code = recovery_code();
        assert_eq!((code.len(), plain(&code).len()), (19, 16));
        assert_ne!(recovery_code(), code);
    }

    #[test]
    fn percent_encodes_labels() {
        assert_eq!(encoded("OC Pizza:élo+1@x.y"), "OC%20Pizza%3A%C3%A9lo%2B1%40x.y");
    }
}
