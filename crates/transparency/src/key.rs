//! Ed25519 keys of heads. A public key is written as a verifier key of C2SP's signed notes, which names the log:
//! `ocpizza-manager/<log id>+<key id>+<base64>`.

use std::fmt::{Debug, Display, Formatter};
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::head::{SignedHead, TreeHead, origin};

/// Number of the algorithm Ed25519 in signed notes.
const ED25519: u8 = 1;
/// HKDF info of the signing key; keys for other purposes have others.
const PURPOSE: &[u8] = b"ocpizza-manager tree head signing key, Ed25519 seed, 1";

/// A key's id in signed notes: the first four bytes of SHA-256 over the log's name, a line feed, the algorithm and the
/// public key. Written in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl Display for KeyId {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// A text is not a key. The message never shows the text, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes in base64.
    #[error("not 32 bytes in base64 (openssl rand -base64 32)")]
    Seed,
    /// Not the text of a public key.
    #[error(
        "not a public key as `ocpizza-manager audit key` prints it: ocpizza-manager/<log id>+<key id>+<base64>"
    )]
    Public,
}

/// Secret key that signs heads. Zeroed when dropped, and never shown.
#[derive(Clone)]
pub struct SealingKey(SigningKey);

impl Debug for SealingKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

impl SealingKey {
    /// Returns the key of a seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Returns the key of a seed in base64.
    ///
    /// # Errors
    /// [`KeyError::Seed`].
    pub fn from_base64(seed: &str) -> Result<Self, KeyError> {
        let bytes = BASE64_STANDARD.decode(seed.trim()).map_err(|_| KeyError::Seed)?;
        let seed: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Seed)?;
        Ok(Self::from_seed(&seed))
    }

    /// Derives the key from a secret of another purpose (HKDF with SHA-256): neither reveals the other.
    pub fn derived_from(secret: &[u8]) -> Self {
        let mut seed = [0; 32];
        // Cannot fail: only more than 255 blocks are refused, and 32 bytes are one.
        let _ = Hkdf::<Sha256>::new(None, secret).expand(PURPOSE, &mut seed);
        Self::from_seed(&seed)
    }

    /// Returns the public key for a log.
    pub fn public(&self, log: Uuid) -> PublicKey {
        PublicKey { log, key: self.0.verifying_key() }
    }

    /// Signs a head.
    pub fn sign(&self, head: TreeHead) -> SignedHead {
        let signature = self.0.sign(head.body().as_bytes()).to_bytes();
        SignedHead { key_id: self.public(head.log).id(), head, signature }
    }
}

/// Public key that verifies the heads of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    log: Uuid,
    key: VerifyingKey,
}

impl PublicKey {
    /// Returns the key of these bytes for a log.
    ///
    /// # Errors
    /// [`KeyError::Public`] if they are not a point of the curve, or a weak one, for which anyone can sign.
    pub fn of(log: Uuid, bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Public)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Public)?;
        if key.is_weak() { Err(KeyError::Public) } else { Ok(Self { log, key }) }
    }

    /// Returns the log whose heads it verifies.
    pub fn log(&self) -> Uuid {
        self.log
    }

    /// Returns the key's 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// Returns the key's id in signed notes.
    pub fn id(&self) -> KeyId {
        let digest = Sha256::new()
            .chain_update(origin(self.log))
            .chain_update([b'\n', ED25519])
            .chain_update(self.to_bytes())
            .finalize();
        KeyId([digest[0], digest[1], digest[2], digest[3]])
    }

    fn has_signed(&self, signed: &SignedHead) -> bool {
        let signature = Signature::from_bytes(&signed.signature);
        self.log == signed.head.log
            && self.key.verify_strict(signed.head.body().as_bytes(), &signature).is_ok()
    }
}

impl Display for PublicKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let data = [&[ED25519][..], &self.to_bytes()].concat();
        write!(f, "{}+{}+{}", origin(self.log), self.id(), BASE64_STANDARD.encode(data))
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        // The base64 may contain `+` itself.
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Public);
        };
        let log = crate::head::log_of(name).ok_or(KeyError::Public)?;
        let data = BASE64_STANDARD.decode(data).map_err(|_| KeyError::Public)?;
        let Some((&ED25519, bytes)) = data.split_first() else { return Err(KeyError::Public) };
        let key = Self::of(log, bytes)?;
        if key.id().to_string() == id { Ok(key) } else { Err(KeyError::Public) }
    }
}

/// Why a signed head is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The head is of another log.
    #[error("it is a head of another log, {0}")]
    OtherLog(Uuid),
    /// The head is signed with a key that is not trusted.
    #[error("it is signed with the key {0}, which is not trusted here")]
    UnknownKey(KeyId),
    /// The signature is wrong.
    #[error("its signature is not that of the key {0}")]
    BadSignature(KeyId),
}

/// Trusted keys: the present one and retired ones.
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys(Vec<PublicKey>);

impl FromIterator<PublicKey> for TrustedKeys {
    fn from_iter<I: IntoIterator<Item = PublicKey>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

impl TrustedKeys {
    /// Returns the keys.
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }

    /// Checks that a head of a log is signed with a trusted key.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn check(&self, log: Uuid, signed: &SignedHead) -> Result<(), TrustError> {
        if signed.head.log != log {
            return Err(TrustError::OtherLog(signed.head.log));
        }
        let mut named = self.0.iter().filter(|key| key.log == log && key.id() == signed.key_id).peekable();
        if named.peek().is_none() {
            return Err(TrustError::UnknownKey(signed.key_id));
        }
        if named.any(|key| key.has_signed(signed)) {
            Ok(())
        } else {
            Err(TrustError::BadSignature(signed.key_id))
        }
    }
}

#[cfg(test)]
mod tests;
