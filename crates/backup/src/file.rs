//! Atomic, owner-only file: written beside its target, then moved there.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file that is being written. It is removed unless it is committed.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    partial: PathBuf,
    file: File,
    moved: bool,
}

impl AtomicFile {
    /// Creates a file beside `target`. An existing target stays until the commit, and is refused unless `force` is set.
    ///
    /// # Errors
    /// When the target exists, or its directory cannot be written.
    pub fn create(target: &Path, force: bool) -> io::Result<Self> {
        if !force && target.symlink_metadata().is_ok() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists; --force overwrites it"));
        }
        let mut partial = target.as_os_str().to_owned();
        partial.push(format!(".partial-{}", std::process::id()));
        let partial = PathBuf::from(partial);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        Ok(Self { target: target.to_owned(), partial, file, moved: false })
    }

    /// Moves the file to its target once it is on disk.
    ///
    /// # Errors
    /// When it cannot be written to disk, or a target exists by now and `force` is not set.
    pub fn commit(mut self, force: bool) -> io::Result<()> {
        self.file.sync_all()?;
        if force {
            std::fs::rename(&self.partial, &self.target)?;
            self.moved = true;
        } else {
            // Unlike a rename, a link never replaces a file. Drop removes the partial file.
            std::fs::hard_link(&self.partial, &self.target)?;
        }
        let directory = self.target.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.moved {
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}
