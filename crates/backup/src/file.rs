//! A file that is there whole or not at all, and for its owner alone: written beside its place, then put there.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file that is being written; removed if it does not come to its end.
#[derive(Debug)]
pub struct AtomicFile {
    place: PathBuf,
    beside: PathBuf,
    file: File,
    done: bool,
}

impl AtomicFile {
    /// Begins one. What is in its place stays until the end; unless `force`, nothing may be there.
    ///
    /// # Errors
    /// When something is there, or the directory cannot be written to.
    pub fn create(place: &Path, force: bool) -> io::Result<Self> {
        if !force && place.symlink_metadata().is_ok() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists; --force overwrites it"));
        }
        let mut beside = place.as_os_str().to_owned();
        beside.push(format!(".partial-{}", std::process::id()));
        let beside = PathBuf::from(beside);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        Ok(Self { place: place.to_owned(), beside, file, done: false })
    }

    /// Puts it in its place, once the disk has it.
    ///
    /// # Errors
    /// When the disk does not take it, or something has come to be in its place and `force` is not said.
    pub fn commit(mut self, force: bool) -> io::Result<()> {
        self.file.sync_all()?;
        if force {
            std::fs::rename(&self.beside, &self.place)?;
            self.done = true;
        } else {
            // Unlike a rename it takes nobody's place; what is beside is removed at the end.
            std::fs::hard_link(&self.beside, &self.place)?;
        }
        let directory = self.place.parent().filter(|parent| !parent.as_os_str().is_empty());
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
        if !self.done {
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}
