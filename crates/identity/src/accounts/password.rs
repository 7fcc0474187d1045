//! Password hashes (Argon2id), computed outside the request threads and in bounded numbers, so that many concurrent
//! sign-ins neither exhaust memory nor delay other requests.

use std::sync::Arc;

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory of one computation: 19 MiB, as OWASP's Password Storage Cheat Sheet recommends with the two values below.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Parallel lanes.
const LANES: u32 = 1;
/// Computations that may wait; further ones fail as overloaded.
const QUEUE_LENGTH_MAX: usize = 256;

/// Reason why a password could not be hashed or verified.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many computations are waiting.
    #[error("too many passwords are being verified; try again")]
    Overloaded,
    /// The stored value is not an Argon2 hash.
    #[error("the stored password hash is not valid: reset the password")]
    StoredHash,
    /// The computation failed.
    #[error("a password hash could not be computed")]
    Failed,
}

/// Result of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordMatch {
    /// The password does not match, or none is set.
    No,
    /// The password matches.
    Yes,
    /// The password matches a hash with weaker parameters than the present ones: hash it again.
    Outdated,
}

/// Hashes and verifies passwords. Clones share the bounds.
#[derive(Debug, Clone)]
pub struct Passwords(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Running computations: one per core.
    running: Arc<Semaphore>,
    /// Running and waiting computations.
    admitted: Arc<Semaphore>,
    /// Hash to verify against when no password is set, so that the answer takes as long.
    dummy_hash: String,
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| PasswordError::Failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password, in PHC string format. Takes tens of milliseconds and 19 MiB.
///
/// # Errors
/// When the computation fails.
pub fn hash_now(password: &SecretString) -> Result<String, PasswordError> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = argon2()?.hash_password(password.expose_secret().as_bytes(), &salt);
    Ok(hash.map_err(|_| PasswordError::Failed)?.to_string())
}

fn verify_now(password: &SecretString, hash: &str) -> Result<PasswordMatch, PasswordError> {
    let parsed = PasswordHash::new(hash).map_err(|_| PasswordError::StoredHash)?;
    // The hash holds its own parameters.
    match Argon2::default().verify_password(password.expose_secret().as_bytes(), &parsed) {
        Ok(()) if is_outdated(&parsed)? => Ok(PasswordMatch::Outdated),
        Ok(()) => Ok(PasswordMatch::Yes),
        Err(argon2::password_hash::Error::Password) => Ok(PasswordMatch::No),
        Err(_) => Err(PasswordError::StoredHash),
    }
}

fn is_outdated(hash: &PasswordHash<'_>) -> Result<bool, PasswordError> {
    let params = Params::try_from(hash).map_err(|_| PasswordError::StoredHash)?;
    let same_algorithm = hash.algorithm == Algorithm::Argon2id.ident();
    Ok(!same_algorithm || params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES)
}

impl Passwords {
    /// Sets bounds for this machine and computes the dummy hash, which takes tens of milliseconds.
    ///
    /// # Errors
    /// When the computation fails.
    pub async fn start() -> Result<Self, PasswordError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let dummy_hash = tokio::task::spawn_blocking(|| hash_now(&SecretString::from("dummy password")))
            .await
            .map_err(|_| PasswordError::Failed)??;
        Ok(Self(Arc::new(Inner {
            running: Arc::new(Semaphore::new(cores)),
            admitted: Arc::new(Semaphore::new(cores + QUEUE_LENGTH_MAX)),
            dummy_hash,
        })))
    }

    /// Hashes a password for storage.
    ///
    /// # Errors
    /// [`PasswordError::Overloaded`] when too many computations are waiting.
    pub async fn hash(&self, password: SecretString) -> Result<String, PasswordError> {
        self.compute(move || hash_now(&password)).await
    }

    /// Verifies a password against a stored hash. Without a hash the answer is `No`, at the same cost.
    ///
    /// # Errors
    /// As [`Self::hash`].
    pub async fn verify(
        &self,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<PasswordMatch, PasswordError> {
        let is_set = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.0.dummy_hash.clone());
        let verified = self.compute(move || verify_now(&password, &hash)).await?;
        Ok(if is_set { verified } else { PasswordMatch::No })
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let admitted = self.0.admitted.clone().try_acquire_owned().map_err(|_| PasswordError::Overloaded)?;
        let turn = self.0.running.clone().acquire_owned().await.map_err(|_| PasswordError::Failed)?;
        // A cancelled request leaves its computation running, which keeps its permits until the end.
        let permits: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (admitted, turn);
        let computed = tokio::task::spawn_blocking(move || {
            let computed = work();
            drop(permits);
            computed
        });
        computed.await.map_err(|_| PasswordError::Failed)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        text.to_owned().into()
    }

    #[tokio::test]
    async fn verifies_a_password_against_its_own_hash_only() {
        let passwords = Passwords::start().await.unwrap();
        let hash = passwords.hash(secret("quatre fromages")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        for (password, stored, expected) in [
            ("quatre fromages", Some(hash.clone()), PasswordMatch::Yes),
            ("cinq fromages", Some(hash.clone()), PasswordMatch::No),
            ("dummy password", None, PasswordMatch::No),
        ] {
            assert_eq!(passwords.verify(secret(password), stored).await.unwrap(), expected, "{password}");
        }
        assert_ne!(passwords.hash(secret("quatre fromages")).await.unwrap(), hash);
    }

    #[test]
    fn reports_hashes_with_weaker_parameters_as_outdated() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let salt = SaltString::generate(&mut OsRng);
        let hash = weak.hash_password(b"quatre fromages", &salt).unwrap().to_string();
        assert_eq!(verify_now(&secret("quatre fromages"), &hash).unwrap(), PasswordMatch::Outdated);
        assert_eq!(verify_now(&secret("cinq fromages"), &hash).unwrap(), PasswordMatch::No);
        assert!(verify_now(&secret("quatre fromages"), "no hash").is_err());
    }

    #[tokio::test]
    async fn reports_overload_when_the_queue_is_full() {
        let passwords = Passwords::start().await.unwrap();
        let places = u32::try_from(passwords.0.admitted.available_permits()).unwrap();
        let all = passwords.0.admitted.clone().acquire_many_owned(places).await.unwrap();
        let refused = passwords.verify(secret("quatre fromages"), None).await;
        assert!(matches!(refused, Err(PasswordError::Overloaded)), "{refused:?}");
        drop(all);
        assert!(passwords.verify(secret("quatre fromages"), None).await.is_ok());
    }
}
