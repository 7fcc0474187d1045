//! Output of an export: three files that appear complete or not at all; or standard output.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;

use sha2::{Digest, Sha256};

use crate::format::{self, Format, Sink};
use crate::proof::{Paths, Proof, TreeLine};
use crate::row::Row;
use crate::tree::Subtree;

/// The output of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file, with the proof and the tree beside it.
    File {
        /// The file of the events.
        path: PathBuf,
        /// Whether existing files are replaced.
        force: bool,
    },
    /// Standard output: the events, without proof or tree.
    Stdout,
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Writing failed.
    #[error("cannot write {path}")]
    Failed {
        /// Path of the file.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file exists.
    #[error("{0} is there already: --force replaces it")]
    Exists(String),
}

fn failed(path: &Path) -> impl Fn(io::Error) -> WriteError {
    move |source| match source.kind() {
        io::ErrorKind::AlreadyExists => WriteError::Exists(path.display().to_string()),
        _ => WriteError::Failed { path: path.display().to_string(), source },
    }
}

/// A temporary file that is renamed when it is complete, and removed when it is dropped before.
#[derive(Debug)]
struct Draft {
    path: PathBuf,
    draft: PathBuf,
    is_kept: bool,
}

impl Draft {
    /// Creates the temporary file beside its final path.
    fn create(path: &Path, force: bool) -> Result<(Self, File), WriteError> {
        if !force && path.symlink_metadata().is_ok() {
            return Err(WriteError::Exists(path.display().to_string()));
        }
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".{}.partial", process::id()));
        let draft = PathBuf::from(draft);
        let file = OpenOptions::new().write(true).create_new(true).open(&draft).map_err(failed(&draft))?;
        Ok((Self { path: path.to_owned(), draft, is_kept: false }, file))
    }

    /// Syncs and renames the file.
    fn keep(mut self) -> Result<(), WriteError> {
        let kept = File::open(&self.draft)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&self.draft, &self.path));
        kept.map_err(failed(&self.path))?;
        self.is_kept = true;
        Ok(())
    }

    /// Returns the SHA-256 of its content in hex.
    fn sha256(&self) -> Result<String, WriteError> {
        sha256(&self.draft).map_err(failed(&self.draft))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            // A file that cannot be removed stays.
            let _ = std::fs::remove_file(&self.draft);
        }
    }
}

/// Returns the SHA-256 of a file in hex.
pub(crate) fn sha256(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    io::copy(&mut File::open(path)?, &mut digest)?;
    Ok(hex::encode(digest.finalize()))
}

/// Standard output as an owned writer.
struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// The two files beside the events.
struct Beside {
    events: Draft,
    tree: Draft,
    lines: BufWriter<File>,
    proof: Draft,
    text: File,
}

/// The files of a running export.
pub(crate) struct Files {
    path: PathBuf,
    sink: Box<dyn Sink>,
    /// `None` for standard output.
    beside: Option<Beside>,
}

impl Files {
    /// Creates the files.
    pub(crate) fn create(format: Format, target: &Target) -> Result<Self, WriteError> {
        let Target::File { path, force } = target else {
            let path = PathBuf::from("standard output");
            let sink = format::sink(format, Stdout).map_err(failed(&path))?;
            return Ok(Self { path, sink, beside: None });
        };
        let paths = Paths::of(path);
        let (proof, text) = Draft::create(&paths.proof, *force)?;
        let (tree, lines) = Draft::create(&paths.tree, *force)?;
        let (events, file) = Draft::create(path, *force)?;
        let sink = format::sink(format, file).map_err(failed(path))?;
        let beside = Beside { events, tree, lines: BufWriter::new(lines), proof, text };
        Ok(Self { path: path.clone(), sink, beside: Some(beside) })
    }

    /// Writes an event.
    pub(crate) fn write(&mut self, row: Row) -> Result<(), WriteError> {
        self.sink.write(row).map_err(failed(&self.path))
    }

    /// Writes subtrees, each with whether its events are exported.
    pub(crate) fn write_tree(&mut self, parts: Vec<(Subtree, bool)>) -> Result<(), WriteError> {
        let Some(beside) = &mut self.beside else { return Ok(()) };
        for (subtree, exported) in parts {
            serde_json::to_writer(&mut beside.lines, &TreeLine::of(subtree, exported))
                .map_err(io::Error::from)
                .and_then(|()| beside.lines.write_all(b"\n"))
                .map_err(failed(&beside.tree.path))?;
        }
        Ok(())
    }

    /// Writes the proof and renames the files, the events last, so that they exist only with the others.
    pub(crate) fn keep(self, mut proof: Proof) -> Result<(), WriteError> {
        self.sink.finish().map_err(failed(&self.path))?;
        let Some(mut beside) = self.beside else { return Ok(()) };
        beside.lines.flush().map_err(failed(&beside.tree.path))?;
        proof.events_sha256 = beside.events.sha256()?;
        proof.tree_sha256 = beside.tree.sha256()?;
        let text = proof.to_text().map_err(io::Error::from);
        text.and_then(|text| beside.text.write_all(text.as_bytes())).map_err(failed(&beside.proof.path))?;
        beside.tree.keep()?;
        beside.proof.keep()?;
        beside.events.keep()
    }
}
