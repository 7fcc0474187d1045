//! The tree of RFC 6962 in an export: consecutive complete subtrees that cover all of it. A verifier computes the
//! subtrees of exported events, and takes the others as given.

use tlog_tiles::node_hash;
use transparency::Hash;

/// Leaves of the largest subtree of exported events: the precision with which a difference is located.
pub(crate) const MAX_EXPORTED_LEAVES: u64 = 256;

/// A complete subtree: a power of two of leaves, beginning at a multiple of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Subtree {
    /// Index of the first leaf, from 0.
    pub(crate) start: u64,
    /// Number of leaves.
    pub(crate) size: u64,
    /// Hash of the subtree.
    pub(crate) hash: Hash,
}

impl Subtree {
    /// Returns whether a subtree of this size can begin at this leaf.
    pub(crate) fn fits(start: u64, size: u64) -> bool {
        size.is_power_of_two() && start.is_multiple_of(size)
    }

    fn end(self) -> u64 {
        self.start + self.size
    }

    /// Joins this subtree and the one to its right, if they form a complete one.
    fn join(self, right: Self) -> Option<Self> {
        let size = self.size * 2;
        (self.size == right.size && Self::fits(self.start, size)).then(|| Self {
            start: self.start,
            size,
            hash: node_hash(self.hash, right.hash),
        })
    }
}

/// Consecutive subtrees, joined as far as possible: at most twice the tree's height.
#[derive(Debug, Clone, Default)]
pub(crate) struct Range(Vec<Subtree>);

impl Range {
    /// Adds the subtree to the right of all others.
    pub(crate) fn push(&mut self, mut right: Subtree) {
        while let Some(joined) = self.0.last().and_then(|left| left.join(right)) {
            right = joined;
            self.0.pop();
        }
        self.0.push(right);
    }

    /// Returns the number of leaves up to its end; 0 while it is empty.
    pub(crate) fn end(&self) -> u64 {
        self.0.last().map_or(0, |last| last.end())
    }

    /// Returns the number of leaves of its last subtree.
    pub(crate) fn last_size(&self) -> u64 {
        self.0.last().map_or(0, |last| last.size)
    }

    /// Returns the root of a tree that begins at the first leaf; `None` while it is empty.
    pub(crate) fn root(&self) -> Option<Hash> {
        let (last, others) = self.0.split_last()?;
        Some(others.iter().rfold(last.hash, |right, left| node_hash(left.hash, right)))
    }

    /// Takes all subtrees.
    pub(crate) fn take(&mut self) -> Vec<Subtree> {
        std::mem::take(&mut self.0)
    }
}

/// Cuts a tree into the subtrees of a proof, leaf by leaf, in constant memory.
#[derive(Debug)]
pub(crate) struct Cutter {
    range: Range,
    /// Whether the leaves in `range` are exported.
    exported: bool,
}

impl Cutter {
    pub(crate) fn new() -> Self {
        Self { range: Range::default(), exported: false }
    }

    /// Adds the next subtree, and returns the finished ones with whether their events are exported.
    pub(crate) fn push(&mut self, next: Subtree, exported: bool) -> Vec<(Subtree, bool)> {
        let mut finished = Vec::new();
        if exported != self.exported {
            finished = self.finish();
            self.exported = exported;
        }
        self.range.push(next);
        if exported && self.range.last_size() == MAX_EXPORTED_LEAVES {
            finished.append(&mut self.finish());
        }
        finished
    }

    /// Returns the remaining subtrees.
    pub(crate) fn finish(&mut self) -> Vec<(Subtree, bool)> {
        let exported = self.exported;
        self.range.take().into_iter().map(|subtree| (subtree, exported)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tlog_tiles::record_hash;

    use super::*;

    fn leaf(start: u64) -> Subtree {
        Subtree { start, size: 1, hash: record_hash(&start.to_be_bytes()) }
    }

    /// Computes the root as RFC 6962 defines it.
    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [one] => *one,
            more => {
                let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
                node_hash(root(left), root(right))
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn subtrees_of_any_selection_cover_the_tree_and_give_its_root(
            runs in prop::collection::vec((1_u64..700, any::<bool>()), 1..8),
        ) {
            let (mut cutter, mut parts, mut leaves, mut wanted) = (Cutter::new(), Vec::new(), Vec::new(), Vec::new());
            for (length, exported) in runs {
                for _ in 0..length {
                    let leaf = leaf(leaves.len() as u64);
                    leaves.push(leaf.hash);
                    wanted.push(exported);
                    parts.extend(cutter.push(leaf, exported));
                }
            }
            parts.extend(cutter.finish());
            let mut range = Range::default();
            for (part, exported) in parts {
                prop_assert_eq!(part.start, range.end());
                prop_assert!(Subtree::fits(part.start, part.size) && (!exported || part.size <= MAX_EXPORTED_LEAVES));
                let within = part.start as usize..part.end() as usize;
                prop_assert!(wanted[within.clone()].iter().all(|wanted| *wanted == exported));
                prop_assert_eq!(part.hash, root(&leaves[within]));
                range.push(part);
            }
            prop_assert_eq!(range.end(), leaves.len() as u64);
            prop_assert_eq!(range.root().unwrap(), root(&leaves));
        }
    }
}
