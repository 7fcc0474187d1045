//! The tree of RFC 6962: its right edge, to which leaves are appended, and proofs. `tlog_tiles` computes the hashes;
//! this module converts positions to indexes.

use domain::LogPosition;
use tlog_tiles::{
    Hash, HashReader, check_record, check_tree, prove_record, prove_tree, stored_hash_index,
    stored_hashes_for_record_hash, tree_hash,
};

/// Why a root or proof cannot be computed, or a proof is invalid.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The size or position is beyond the tree.
    #[error("the tree has no such part")]
    NoSuchPart,
    /// A proof is invalid, or hashes are missing.
    #[error(transparent)]
    Tree(#[from] tlog_tiles::Error),
}

/// The right edge of a tree, from which leaves are appended and the root is computed. Its size is logarithmic.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    size: u64,
    /// The complete subtrees from left to right, by storage index.
    edge: Vec<(u64, Hash)>,
}

impl HashReader for Frontier {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let find = |index: &u64| self.edge.iter().find(|(at, _)| at == index).map(|(_, hash)| *hash);
        indexes.iter().map(|index| find(index).ok_or(tlog_tiles::Error::IndexesNotInTree)).collect()
    }
}

impl Frontier {
    /// Returns the frontier of an existing tree, from its stored hashes.
    ///
    /// # Errors
    /// A hash is missing.
    pub fn of(size: u64, hashes: &impl HashReader) -> Result<Self, TreeError> {
        let indexes = tlog_tiles::sub_tree_index(0, size, Vec::new());
        let read = hashes.read_hashes(&indexes)?;
        Ok(Self { size, edge: indexes.into_iter().zip(read).collect() })
    }

    /// Returns the number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends the hash of a leaf, and returns the hash of each subtree that it completes: of one leaf, of two, of four,
    /// and so on.
    ///
    /// # Errors
    /// Never for a frontier made by this type.
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

    /// Returns the root over all leaves; [`tlog_tiles::EMPTY_HASH`] for an empty tree.
    ///
    /// # Errors
    /// Never for a frontier made by this type.
    pub fn root(&self) -> Result<Hash, TreeError> {
        Ok(tree_hash(self.size, self)?)
    }
}

/// Returns the index of a position's leaf in a tree of some size.
fn index(position: LogPosition, size: u64) -> Result<u64, TreeError> {
    let index = u64::try_from(position.0).ok().and_then(|position| position.checked_sub(1));
    index.filter(|index| *index < size).ok_or(TreeError::NoSuchPart)
}

/// Returns the root of a tree.
pub(crate) fn root(size: u64, hashes: &impl HashReader) -> Result<Hash, TreeError> {
    Ok(tree_hash(size, hashes)?)
}

/// Returns the hash of an event's leaf.
pub(crate) fn leaf_hash(position: LogPosition, hashes: &impl HashReader) -> Result<Hash, TreeError> {
    let index = stored_hash_index(0, index(position, u64::MAX)?);
    hashes.read_hashes(&[index])?.first().copied().ok_or(TreeError::NoSuchPart)
}

/// Returns the audit path from an event to the root: the siblings on the path, from the bottom.
///
/// # Errors
/// The position is beyond the tree, or a hash is missing.
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
/// It does not lead from the leaf at the position to the root.
pub fn check_inclusion(
    proof: &[Hash],
    size: u64,
    root: Hash,
    position: LogPosition,
    leaf: Hash,
) -> Result<(), TreeError> {
    Ok(check_record(&proof.to_vec(), size, root, index(position, size)?, leaf)?)
}

/// Returns the proof that a smaller tree is a prefix of a larger one.
///
/// # Errors
/// The smaller tree is empty or larger than the other, or a hash is missing.
pub fn prove_consistency(from: u64, to: u64, hashes: &impl HashReader) -> Result<Vec<Hash>, TreeError> {
    if from == 0 || from > to {
        return Err(TreeError::NoSuchPart);
    }
    Ok(prove_tree(to, from, hashes)?)
}

/// Checks a consistency proof.
///
/// # Errors
/// It does not prove that the smaller tree is a prefix of the larger one.
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
