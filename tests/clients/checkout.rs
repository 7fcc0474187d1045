//! A copy of the files that the scripts read: scripts write beside their sources, and several runs may be
//! concurrent.

use std::path::{Path, PathBuf};
use std::{fs, io};

use tempfile::TempDir;

use crate::packages::sources;

/// A directory that is removed on drop.
pub(crate) struct Checkout(TempDir);

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            // Results of manual runs are not copied.
            if !["node_modules", "__generated__", "gql", "build"].iter().any(|made| name == *made) {
                copy(&from.join(&name), &to.join(&name))?;
            }
        }
        return Ok(());
    }
    fs::copy(from, to).map(drop)
}

impl Checkout {
    /// Copies the scripts, links their packages, and puts the schema, its releases and the example operations
    /// beside them.
    pub(crate) fn copy(modules: &Path) -> io::Result<Self> {
        let (copied, sources) = (Self(TempDir::new()?), sources());
        let checkout = sources.join("../..");
        for part in ["schema.graphql", "docs/releases", "crates/http/operations", "tests/clients"] {
            let to = copied.0.path().join(part);
            fs::create_dir_all(to.parent().unwrap_or(copied.0.path()))?;
            copy(&checkout.join(part), &to)?;
        }
        std::os::unix::fs::symlink(modules, copied.scripts().join("node_modules"))?;
        Ok(copied)
    }

    /// The folder of the scripts.
    pub(crate) fn scripts(&self) -> PathBuf {
        self.0.path().join("tests/clients")
    }
}
