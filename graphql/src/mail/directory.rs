//! Mails as files in a directory, for development: what would have been sent can be read there.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{Mail, MailError, Mailer};

/// Writes each mail into a file of its own, that only its owner may read.
#[derive(Debug, Clone)]
pub struct Directory(PathBuf);

impl Directory {
    /// In a directory that is made when the first mail comes.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

fn write(directory: &Path, mail: &Mail) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    // Version 7: in the order of time.
    let path = directory.join(format!("{}.eml", Uuid::now_v7()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let Mail { to, subject, body } = mail;
    write!(file, "To: {to}\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{body}")
}

impl Mailer for Directory {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), MailError>> {
        let directory = self.0.clone();
        Box::pin(async move {
            let written = tokio::task::spawn_blocking(move || write(&directory, &mail)).await;
            match written {
                Ok(written) => written.map_err(|error| MailError::File(error.kind())),
                Err(_) => Err(MailError::File(std::io::ErrorKind::Other)),
            }
        })
    }
}
