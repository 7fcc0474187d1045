//! How the log is sealed: with which key, whose heads are believed, and where heads are published.

use std::fmt::{Debug, Formatter};
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use identity::accounts::ServerKey;
use projections::{HeadsTo, NotPublished};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use transparency::{PublicKey, SealError, SealingKey, SignedHead, Signer, TrustedKeys, Until};
use uuid::Uuid;

use crate::config::{Settings, SettingsError};

/// How long a webhook may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of the end of a file of heads is read back: some hundred notes.
const TAIL_BYTES: u64 = 128 * 1024;

/// Why a key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The key that the log of a database is sealed with.
///
/// # Errors
/// [`KeyError`].
pub async fn key(settings: &Settings, pool: &PgPool) -> Result<SealingKey, KeyError> {
    if let Some(key) = settings.sealing_key()? {
        return Ok(key);
    }
    Ok(ServerKey::or_development(settings.signing_key(), pool).await?.sealing_key())
}

/// The signer of a database's log, outside of a process that serves.
///
/// # Errors
/// [`KeyError`].
pub async fn signer(settings: &Settings, pool: &PgPool) -> Result<Signer, KeyError> {
    Ok(Signer::new(key(settings, pool).await?, settings.retired_keys()?))
}

/// Seals all that a command has appended. Not at any price: a process that serves does it, too.
///
/// # Errors
/// [`KeyError`]; what cannot be sealed is for the log of the process.
pub async fn seal_all(settings: &Settings, pool: &PgPool, now: DateTime<Utc>) -> Result<(), KeyError> {
    let signer = signer(settings, pool).await?;
    match signer.seal(&mut *pool.acquire().await?, Until::Now, now).await {
        Ok(_) => {}
        Err(SealError::Database(error)) => return Err(error.into()),
        Err(error) => tracing::warn!(%error, "what was appended is not sealed"),
    }
    Ok(())
}

/// The keys whose heads are believed: those given, the retired ones and our own. Without a key in the settings our own
/// is the one in the database, which proves nothing to whom another key was given.
///
/// # Errors
/// [`KeyError`].
pub async fn trusted(
    settings: &Settings,
    pool: &PgPool,
    log: Uuid,
    given: Vec<PublicKey>,
) -> Result<TrustedKeys, KeyError> {
    let mut keys = settings.retired_keys()?;
    if settings.heads_key.is_some() || settings.key.is_some() || given.is_empty() {
        keys.push(key(settings, pool).await?.public(log));
    }
    keys.extend(given);
    Ok(keys.into_iter().collect())
}

/// Somewhere that heads cannot be published. Never shows the address, which may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum BadDestination {
    /// No form of destination.
    #[error("neither stdout nor file:/path nor https://address (http:// on this machine alone)")]
    Unknown,
    /// The file cannot be appended to.
    #[error("cannot append to {0}: {1}")]
    File(String, std::io::Error),
    /// There can be no client.
    #[error("cannot speak HTTPS: {0}")]
    Client(reqwest::Error),
}

/// What a destination is.
enum Kind {
    Stdout,
    File(PathBuf),
    Webhook(Client, Url),
}

/// Where heads are published, and its name in the database.
struct Destination {
    name: String,
    kind: Kind,
}

impl Debug for Destination {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.kind {
            Kind::Stdout => "stdout",
            Kind::File(_) => "file",
            Kind::Webhook(..) => "webhook",
        })
    }
}

/// Whether an address is of this machine.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// `stdout`, `file:/path`, which is appended to, or an address that each head is sent to.
///
/// # Errors
/// [`BadDestination`].
pub fn destination(text: &str) -> Result<Arc<dyn HeadsTo>, BadDestination> {
    let text = text.trim();
    let kind = if text == "stdout" {
        Kind::Stdout
    } else if let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) {
        let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
        opened.map_err(|error| BadDestination::File(path.to_owned(), error))?;
        Kind::File(path.into())
    } else {
        let url = Url::parse(text).map_err(|_| BadDestination::Unknown)?;
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
            return Err(BadDestination::Unknown);
        }
        let client = Client::builder().timeout(PATIENCE).redirect(Policy::none()).build();
        Kind::Webhook(client.map_err(BadDestination::Client)?, url)
    };
    let name = hex::encode(Sha256::digest(text.as_bytes()));
    Ok(Arc::new(Destination { name, kind }))
}

/// The heads at the end of a file; none when there is no file. A head at the beginning of what is read may be cut.
async fn tail(path: &Path) -> Result<Vec<SignedHead>, NotPublished> {
    let mut file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let start = file.metadata().await?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start)).await?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes);
    // Each note begins with the log's name; what is none is passed over.
    let begins = text.match_indices(transparency::NAME).map(|(at, _)| at);
    let begins: Vec<_> = begins.filter(|at| *at == 0 || text.as_bytes()[at - 1] == b'\n').collect();
    let ends = begins.iter().skip(1).copied().chain([text.len()]);
    let notes = begins.iter().zip(ends).map(|(begin, end)| &text[*begin..end]);
    Ok(notes.filter_map(|note| transparency::parse_notes(note).ok()).flatten().collect())
}

impl HeadsTo for Destination {
    fn name(&self) -> &str {
        &self.name
    }

    fn last(&self) -> BoxFuture<'_, Result<Vec<SignedHead>, NotPublished>> {
        async move {
            match &self.kind {
                Kind::File(path) => tail(path).await,
                Kind::Stdout | Kind::Webhook(..) => Ok(Vec::new()),
            }
        }
        .boxed()
    }

    fn publish<'a>(&'a self, note: &'a str) -> BoxFuture<'a, Result<(), NotPublished>> {
        async move {
            match &self.kind {
                Kind::Stdout => {
                    let mut stdout = tokio::io::stdout();
                    stdout.write_all(format!("{note}\n").as_bytes()).await?;
                    stdout.flush().await?;
                }
                Kind::File(path) => {
                    let mut file = tokio::fs::OpenOptions::new().append(true).create(true).open(path).await?;
                    // One write, so that nobody else's is in the middle of it.
                    file.write_all(format!("{note}\n").as_bytes()).await?;
                    file.sync_data().await?;
                }
                Kind::Webhook(client, url) => {
                    let request = client.post(url.clone()).header(CONTENT_TYPE, "text/plain; charset=utf-8");
                    let answer = request.body(note.to_owned()).send().await;
                    let answer = answer.and_then(reqwest::Response::error_for_status);
                    // Not with its address, which may hold a secret.
                    let answer = answer.map_err(reqwest::Error::without_url)?;
                    if !answer.status().is_success() {
                        return Err(format!("the webhook answered {}", answer.status()).into());
                    }
                }
            }
            Ok(())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_stdout_a_file_or_an_address_that_nobody_can_listen_to() {
        for good in ["stdout", "https://audit.example/heads", "http://127.0.0.1:9/", "http://localhost/x"] {
            assert!(destination(good).is_ok(), "{good}");
        }
        for bad in
            ["", "stderr", "file:", "http://audit.example/heads", "ftp://audit.example", "audit.example"]
        {
            assert!(matches!(destination(bad), Err(BadDestination::Unknown)), "{bad}");
        }
        assert!(matches!(destination("file:/nowhere/at/all"), Err(BadDestination::File(..))));
    }

    #[test]
    fn a_destination_is_named_without_showing_it() {
        let to = destination("https://audit.example/?token=secret").unwrap();
        assert_eq!(to.name().len(), 64);
        assert!(!format!("{to:?}").contains("secret") && !to.name().contains("secret"));
    }
}
