use domain::LogPosition;
use proptest::prelude::*;
use tlog_tiles::record_hash;

use super::*;
use crate::tree::{check_consistency, check_inclusion, prove_consistency, prove_inclusion};

fn leaf(index: u64) -> Hash {
    record_hash(&index.to_be_bytes())
}

/// Returns tree and table after sealing leaves in batches of `at_once`.
fn grow(size: u64, at_once: u64) -> (GrowingTree, Tiles) {
    let (mut tree, mut tiles) = (GrowingTree::default(), Tiles::default());
    while tree.size() < size {
        tree = GrowingTree::of(tree.size(), &tiles).unwrap();
        let mut changed = Vec::new();
        for index in tree.size()..size.min(tree.size() + at_once) {
            changed.extend(tree.push(leaf(index)).unwrap());
        }
        changed.extend(tree.partial_tiles());
        tiles.0.extend(changed.into_iter().map(|tile| ((tile.level, tile.tile), tile.hashes)));
    }
    (tree, tiles)
}

fn frontier(size: u64) -> Frontier {
    let mut frontier = Frontier::default();
    for index in 0..size {
        frontier.push(leaf(index)).unwrap();
    }
    frontier
}

#[test]
fn tiles_of_a_larger_tree_are_whole_and_named_in_order() {
    let (_, tiles) = grow(256 * 256 + 300, 1000);
    let width = |level, tile| tiles.get(level, tile).map(|hashes| hashes.len() / HASH_BYTES);
    assert_eq!(
        (width(0, 0), width(0, 256), width(0, 257), width(0, 258)),
        (Some(256), Some(256), Some(44), None)
    );
    assert_eq!((width(1, 0), width(1, 1), width(1, 2)), (Some(256), Some(1), None));
    assert_eq!((width(2, 0), width(2, 1), width(3, 0)), (Some(1), None, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn proofs_from_tiles_hold_however_they_were_sealed(
        size in 1_u64..3000, at_once in 1_u64..700, at in any::<prop::sample::Index>(),
        before in any::<prop::sample::Index>(),
    ) {
        let (tree, tiles) = grow(size, at_once);
        let root = frontier(size).root().unwrap();
        prop_assert_eq!(tree.root().unwrap(), root);
        let size_ = usize::try_from(size).unwrap();
        let index = at.index(size_) as u64;
        let position = LogPosition(i64::try_from(index).unwrap() + 1);
        let proof = prove_inclusion(size, position, &tiles).unwrap();
        prop_assert!(check_inclusion(&proof, size, root, position, leaf(index)).is_ok());
        let from = before.index(size_) as u64 + 1;
        let proof = prove_consistency(from, size, &tiles).unwrap();
        let from_root = frontier(from).root().unwrap();
        prop_assert!(check_consistency(&proof, (from, from_root), (size, root)).is_ok());
    }
}
