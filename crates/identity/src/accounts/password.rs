//! Passwords: stored as Argon2id hashes only, computed beside the requests and few at once, so that many
//! who sign in together neither use up the memory nor hold up the others.

use std::sync::Arc;

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory of one computation, in KiB: 19 MiB (OWASP's Password Storage Cheat Sheet, as the two below).
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over it.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Computations that may wait for their turn; beyond it: `OVERLOADED`.
const QUEUE_LENGTH_MAX: usize = 256;

/// Why a password could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many are waiting.
    #[error("too many passwords are being looked at")]
    Overloaded,
    /// The computation failed, or what is stored is no hash.
    #[error("a password could not be computed: {0}")]
    Failed(String),
}

impl From<argon2::password_hash::Error> for PasswordError {
    fn from(error: argon2::password_hash::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What became of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordMatch {
    /// Another password, or nobody's.
    No,
    /// The password.
    Yes,
    /// The password, under weaker parameters than today's: to be hashed again.
    Outdated,
}

/// Hashes and verifies passwords. Cloning shares the bounds.
#[derive(Debug, Clone)]
pub struct Passwords(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Those under way: about as many as there are cores.
    at_once: Arc<Semaphore>,
    /// Those under way or waiting.
    admitted: Arc<Semaphore>,
    /// What somebody without a password is verified against, so that it takes as long.
    nobody: String,
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|error| PasswordError::Failed(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The hash of a password, in PHC string form. Takes tens of milliseconds and 19 MiB.
///
/// # Errors
/// When the computation fails.
pub fn hash_now(password: &SecretString) -> Result<String, PasswordError> {
    let salt = SaltString::generate(&mut OsRng);
    Ok(argon2()?.hash_password(password.expose_secret().as_bytes(), &salt)?.to_string())
}

fn verify_now(password: &SecretString, hash: &str) -> Result<PasswordMatch, PasswordError> {
    let parsed = PasswordHash::new(hash)?;
    // The hash says which parameters it was made with.
    match Argon2::default().verify_password(password.expose_secret().as_bytes(), &parsed) {
        Ok(()) if is_outdated(&parsed)? => Ok(PasswordMatch::Outdated),
        Ok(()) => Ok(PasswordMatch::Yes),
        Err(argon2::password_hash::Error::Password) => Ok(PasswordMatch::No),
        Err(error) => Err(error.into()),
    }
}

fn is_outdated(hash: &PasswordHash<'_>) -> Result<bool, PasswordError> {
    let params = Params::try_from(hash)?;
    let same_algorithm = hash.algorithm == Algorithm::Argon2id.ident();
    Ok(!same_algorithm || params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES)
}

impl Passwords {
    /// With bounds for this machine. Computes one hash, which takes tens of milliseconds.
    ///
    /// # Errors
    /// When the computation fails.
    pub async fn start() -> Result<Self, PasswordError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let nobody = tokio::task::spawn_blocking(|| hash_now(&SecretString::from("nobody's password")))
            .await
            .map_err(|error| PasswordError::Failed(error.to_string()))??;
        Ok(Self(Arc::new(Inner {
            at_once: Arc::new(Semaphore::new(cores)),
            admitted: Arc::new(Semaphore::new(cores + QUEUE_LENGTH_MAX)),
            nobody,
        })))
    }

    /// The hash of a password, to be stored.
    ///
    /// # Errors
    /// [`PasswordError::Overloaded`] at once when too many are waiting.
    pub async fn hash(&self, password: SecretString) -> Result<String, PasswordError> {
        self.compute(move || hash_now(&password)).await
    }

    /// Whether it is the password that a hash is stored of; nobody's, when none is, at the same cost.
    ///
    /// # Errors
    /// As [`Self::hash`].
    pub async fn verify(
        &self,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<PasswordMatch, PasswordError> {
        let nobody = hash.is_none();
        let hash = hash.unwrap_or_else(|| self.0.nobody.clone());
        let verified = self.compute(move || verify_now(&password, &hash)).await?;
        Ok(if nobody { PasswordMatch::No } else { verified })
    }

    async fn compute<T: Send + 'static>(
        &self,
        what: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let failed = |error: &dyn std::error::Error| PasswordError::Failed(error.to_string());
        let admitted = self.0.admitted.clone().try_acquire_owned().map_err(|_| PasswordError::Overloaded)?;
        let turn = self.0.at_once.clone().acquire_owned().await.map_err(|error| failed(&error))?;
        // A request that goes away leaves its computation running: it keeps its place until the end.
        let places: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (admitted, turn);
        let computed = tokio::task::spawn_blocking(move || {
            let computed = what();
            drop(places);
            computed
        });
        computed.await.map_err(|error| failed(&error))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        text.to_owned().into()
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let passwords = Passwords::start().await.unwrap();
        let hash = passwords.hash(secret("quatre fromages")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        for (password, stored, expected) in [
            ("quatre fromages", Some(hash.clone()), PasswordMatch::Yes),
            ("cinq fromages", Some(hash.clone()), PasswordMatch::No),
            ("nobody's password", None, PasswordMatch::No),
        ] {
            assert_eq!(passwords.verify(secret(password), stored).await.unwrap(), expected, "{password}");
        }
        assert_ne!(passwords.hash(secret("quatre fromages")).await.unwrap(), hash);
    }

    #[test]
    fn a_hash_of_weaker_parameters_is_to_be_made_again() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let salt = SaltString::generate(&mut OsRng);
        let hash = weak.hash_password(b"quatre fromages", &salt).unwrap().to_string();
        assert_eq!(verify_now(&secret("quatre fromages"), &hash).unwrap(), PasswordMatch::Outdated);
        assert_eq!(verify_now(&secret("cinq fromages"), &hash).unwrap(), PasswordMatch::No);
        assert!(verify_now(&secret("quatre fromages"), "no hash").is_err());
    }

    #[tokio::test]
    async fn beyond_those_who_wait_it_is_said_at_once() {
        let passwords = Passwords::start().await.unwrap();
        let places = u32::try_from(passwords.0.admitted.available_permits()).unwrap();
        let all = passwords.0.admitted.clone().acquire_many_owned(places).await.unwrap();
        let refused = passwords.verify(secret("quatre fromages"), None).await;
        assert!(matches!(refused, Err(PasswordError::Overloaded)), "{refused:?}");
        drop(all);
        assert!(passwords.verify(secret("quatre fromages"), None).await.is_ok());
    }
}
