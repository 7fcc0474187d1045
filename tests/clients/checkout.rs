//! A copy of the files that the scripts read: scripts write beside their sources, and several runs may be
//! concurrent.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::packages::sources;

/// A directory that is removed on drop.
pub(crate) struct Checkout(PathBuf);

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
        let top = std::env::temp_dir().join(format!("ocpizza-clients-{}", std::process::id()));
        let (copied, sources) = (Self(top), sources());
        let checkout = sources.join("../..");
        for part in ["schema.graphql", "docs/releases", "crates/http/operations", "tests/clients"] {
            let to = copied.0.join(part);
            fs::create_dir_all(to.parent().unwrap_or(&copied.0))?;
            copy(&checkout.join(part), &to)?;
        }
        std::os::unix::fs::symlink(modules, copied.scripts().join("node_modules"))?;
        Ok(copied)
    }

    /// The folder of the scripts.
    pub(crate) fn scripts(&self) -> PathBuf {
        self.0.join("tests/clients")
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
