//! Mailer of development: writes mails as files that the developer can read.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::mailer::{Mail, MailError, Mailer};

/// Writes each mail to a file that only its owner can read.
#[derive(Debug, Clone)]
pub struct Directory(PathBuf);

impl Directory {
    /// Writes to `path`, a directory that is created with the first mail.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

fn write(directory: &Path, mail: &Mail) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    // UUIDv7 sorts files by time.
    let path = directory.join(format!("{}.eml", Uuid::now_v7()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let Mail { to, subject, body } = mail;
    write!(file, "To: {to}\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{body}")
}

fn remove(directory: &Path, address: &str) -> std::io::Result<()> {
    let first = format!("To: {address}\n");
    let files = match std::fs::read_dir(directory) {
        // No mail was written yet.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    for file in files {
        let path = file?.path();
        let is_mail = path.extension().is_some_and(|extension| extension == "eml");
        if is_mail && std::fs::read_to_string(&path)?.starts_with(&first) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Runs file operations on a thread that may block.
async fn blocking(work: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> Result<(), MailError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| MailError::File(error.kind())),
        Err(_) => Err(MailError::File(std::io::ErrorKind::Other)),
    }
}

impl Mailer for Directory {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), MailError>> {
        let directory = self.0.clone();
        Box::pin(blocking(move || write(&directory, &mail)))
    }

    fn forget(&self, address: String) -> BoxFuture<'_, Result<(), MailError>> {
        let directory = self.0.clone();
        Box::pin(blocking(move || remove(&directory, &address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn forgets_only_the_mails_to_an_address() {
        let path = std::env::temp_dir().join(format!("ocpizza-mail-{}", Uuid::now_v7()));
        let directory = Directory::new(&path);
        directory.forget("ines@example.org".to_owned()).await.unwrap();
        for to in ["ines@example.org", "agnes@example.org", "ines@example.org"] {
            let mail = Mail { to: to.to_owned(), subject: "S".to_owned(), body: "B".to_owned() };
            directory.send(mail).await.unwrap();
        }
        directory.forget("ines@example.org".to_owned()).await.unwrap();
        let left: Vec<_> = std::fs::read_dir(&path).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(left.len(), 1);
        assert!(std::fs::read_to_string(&left[0]).unwrap().starts_with("To: agnes@example.org\n"));
        std::fs::remove_dir_all(path).unwrap();
    }
}
