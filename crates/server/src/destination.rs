//! Where signed heads of the log are published: stdout, a file or a webhook.

use std::fmt::{Debug, Formatter};
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use projections::{DestinationError, HeadsTo};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use transparency::SignedHead;

/// Time within which a webhook must answer.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// Length of the end of a file of heads that is read back: some hundred notes.
const TAIL_BYTES: u64 = 128 * 1024;

/// Heads cannot be published to a destination. The message follows the name of its setting, and never shows the
/// address, which may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum BadDestination {
    /// The text is not a destination.
    #[error(
        "must be stdout, file:/path or an https:// address (http:// on this machine only); the value set is not shown \
         because it may be secret"
    )]
    Unknown,
    /// The file cannot be appended to.
    #[error("must name a file that can be appended to, not {0}: {1}")]
    File(String, #[source] std::io::Error),
    /// The HTTPS client cannot be made.
    #[error("needs an HTTPS client, which cannot be made")]
    Client(#[source] reqwest::Error),
}

/// Kind of a destination.
enum Kind {
    Stdout,
    File(PathBuf),
    Webhook(Client, Url),
}

/// A destination, and its name in the database.
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

/// Returns whether an address is of this machine.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// Reads `stdout`, `file:/path`, which is appended to, or the address of a webhook.
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
        let client = Client::builder().timeout(WEBHOOK_TIMEOUT).redirect(Policy::none()).build();
        Kind::Webhook(client.map_err(BadDestination::Client)?, url)
    };
    let name = hex::encode(Sha256::digest(text.as_bytes()));
    Ok(Arc::new(Destination { name, kind }))
}

/// Reads the heads at the end of a file, if it exists. The first one in the part that is read may be cut.
async fn tail(path: &Path) -> Result<Vec<SignedHead>, DestinationError> {
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
    // Each note begins with the log's name; other text is skipped.
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

    fn last(&self) -> BoxFuture<'_, Result<Vec<SignedHead>, DestinationError>> {
        async move {
            match &self.kind {
                Kind::File(path) => tail(path).await,
                Kind::Stdout | Kind::Webhook(..) => Ok(Vec::new()),
            }
        }
        .boxed()
    }

    fn publish<'a>(&'a self, note: &'a str) -> BoxFuture<'a, Result<(), DestinationError>> {
        async move {
            match &self.kind {
                Kind::Stdout => {
                    let mut stdout = tokio::io::stdout();
                    stdout.write_all(format!("{note}\n").as_bytes()).await?;
                    stdout.flush().await?;
                }
                Kind::File(path) => {
                    let mut file = tokio::fs::OpenOptions::new().append(true).create(true).open(path).await?;
                    // One write, so that those of other processes are not mixed with it.
                    file.write_all(format!("{note}\n").as_bytes()).await?;
                    file.sync_data().await?;
                }
                Kind::Webhook(client, url) => {
                    let request = client.post(url.clone()).header(CONTENT_TYPE, "text/plain; charset=utf-8");
                    let answer = request.body(note.to_owned()).send().await;
                    let answer = answer.and_then(reqwest::Response::error_for_status);
                    // The address may hold a secret.
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
    fn accepts_stdout_files_and_encrypted_or_local_addresses() {
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
    fn the_name_of_a_destination_does_not_show_it() {
        let to = destination("https://audit.example/?token=secret").unwrap();
        assert_eq!(to.name().len(), 64);
        assert!(!format!("{to:?}").contains("secret") && !to.name().contains("secret"));
    }
}
