//! `audit verify --offline`: verifies an export without database and settings.

use std::path::{Path, PathBuf};

use export::Options;
use transparency::PublicKey;

use super::verify::read_heads;
use crate::bar;
use crate::report::print;

/// Prints what the export holds; fails if it is wrong.
pub(super) fn run(export: &Path, heads: &[PathBuf], public_keys: Vec<PublicKey>) -> anyhow::Result<()> {
    let mut options = Options { public_keys, heads: Vec::new() };
    for path in heads {
        options.heads.extend(read_heads(path)?);
    }
    let bar = bar::of_events().with_message("verifying");
    let mut progress = |at, all| {
        bar.set_length(all);
        bar.set_position(at);
    };
    let verified = export::verify(export, &options, &mut progress);
    bar.finish_and_clear();
    print(verified?);
    Ok(())
}
