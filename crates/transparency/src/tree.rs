//! The tree of RFC 6962: its right edge, to which leaves are appended, and proofs. What is hashed how is
//! `tlog_tiles`' business; positions become indexes here.

use domain::LogPosition;
use tlog_tiles::{
    Hash, HashReader, check_record, check_tree, prove_record, prove_tree, stored_hash_index,
    stored_hashes_for_record_hash, tree_hash,
};

/// Why there is no root, no proof, or no valid one.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The tree has not that many events, or no such position.
    #[error("the tree has no such part")]
    NoSuchPart,
    /// A proof that proves nothing, or hashes that are not there.
    #[error(transparent)]
    Tree(#[from] tlog_tiles::Error),
}

/// The right edge of a tree: all that is needed to append, and to know the root. Its size is logarithmic.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    size: u64,
    /// The complete subtrees from left to right, by their index of storage.
    edge: Vec<(u64, Hash)>,
}

impl HashReader for Frontier {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let find = |index: &u64| self.edge.iter().find(|(at, _)| at == index).map(|(_, hash)| *hash);
        indexes.iter().map(|index| find(index).ok_or(tlog_tiles::Error::IndexesNotInTree)).collect()
    }
}

impl Frontier {
    /// That of a tree that exists, from its stored hashes.
    ///
    /// # Errors
    /// When one of them is not there.
    pub fn of(size: u64, hashes: &impl HashReader) -> Result<Self, TreeError> {
        let indexes = tlog_tiles::sub_tree_index(0, size, Vec::new());
        let read = hashes.read_hashes(&indexes)?;
        Ok(Self { size, edge: indexes.into_iter().zip(read).collect() })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf, by its hash. What comes back is the hash of each subtree that it completes: first its own,
    /// then that of two leaves, of four, and so on.
    ///
    /// # Errors
    /// Never for an edge that this type has made.
    pub fn push(&mut self, leaf: Hash) -> Result<Vec<Hash>, TreeError> {
        let index = self.size;
        let completed = stored_hashes_for_record_hash(index, leaf, self)?;
        let height = completed.len() - 1;
        self.edge.truncate(self.edge.len().saturating_sub(height));
        // A tree of 2^64 leaves has 64 levels.
        let level = u8::try_from(height).map_err(|_| TreeError::NoSuchPart)?;
        let whole = completed.last().copied().unwrap_or(leaf);
        self.edge.push((stored_hash_index(level, index >> level), whole));
        self.size += 1;
        Ok(completed)
    }

    /// The root over all leaves; [`tlog_tiles::EMPTY_HASH`] without any.
    ///
    /// # Errors
    /// Never for an edge that this type has made.
    pub fn root(&self) -> Result<Hash, TreeError> {
        Ok(tree_hash(self.size, self)?)
    }
}

/// A position as the index of its leaf, in a tree of some size.
fn index(position: LogPosition, size: u64) -> Result<u64, TreeError> {
    let index = u64::try_from(position.0).ok().and_then(|position| position.checked_sub(1));
    index.filter(|index| *index < size).ok_or(TreeError::NoSuchPart)
}

/// The root of a tree.
pub(crate) fn root(size: u64, hashes: &impl HashReader) -> Result<Hash, TreeError> {
    Ok(tree_hash(size, hashes)?)
}

/// The hash of an event's leaf.
pub(crate) fn leaf_hash(position: LogPosition, hashes: &impl HashReader) -> Result<Hash, TreeError> {
    let index = stored_hash_index(0, index(position, u64::MAX)?);
    hashes.read_hashes(&[index])?.first().copied().ok_or(TreeError::NoSuchPart)
}

/// The audit path from an event to the root of a tree: the siblings on the way, from below.
///
/// # Errors
/// When the tree does not reach the position, or a hash is not there.
pub fn prove_inclusion(
    size: u64,
    position: LogPosition,
    hashes: &impl HashReader,
) -> Result<Vec<Hash>, TreeError> {
    Ok(prove_record(size, index(position, size)?, hashes)?)
}

/// Checks an audit path.
///
/// # Errors
/// When it does not lead from the leaf at the position to the root.
pub fn check_inclusion(
    proof: &[Hash],
    size: u64,
    root: Hash,
    position: LogPosition,
    leaf: Hash,
) -> Result<(), TreeError> {
    Ok(check_record(&proof.to_vec(), size, root, index(position, size)?, leaf)?)
}

/// The proof that a smaller tree is the beginning of a larger one.
///
/// # Errors
/// Unless the smaller has a leaf at least and is not larger, or when a hash is not there.
pub fn prove_consistency(from: u64, to: u64, hashes: &impl HashReader) -> Result<Vec<Hash>, TreeError> {
    if from == 0 || from > to {
        return Err(TreeError::NoSuchPart);
    }
    Ok(prove_tree(to, from, hashes)?)
}

/// Checks such a proof.
///
/// # Errors
/// When it does not show the one tree to be the beginning of the other.
pub fn check_consistency(
    proof: &[Hash],
    (from, from_root): (u64, Hash),
    (to, to_root): (u64, Hash),
) -> Result<(), TreeError> {
    if from == 0 || from > to {
        return Err(TreeError::NoSuchPart);
    }
    Ok(check_tree(&proof.to_vec(), to, to_root, from, from_root)?)
}

#[cfg(test)]
mod tests;
