use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use tlog_tiles::record_hash;

use super::*;

/// All hashes of a tree, in the order of storage.
struct Stored(Vec<Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

fn leaf(index: u64) -> Vec<u8> {
    index.to_be_bytes().repeat(usize::try_from(index % 7).unwrap())
}

fn position(index: u64) -> LogPosition {
    LogPosition(i64::try_from(index).unwrap() + 1)
}

fn build(leaves: &[Vec<u8>]) -> (Frontier, Stored) {
    let (mut frontier, mut stored) = (Frontier::default(), Stored(Vec::new()));
    for leaf in leaves {
        stored.0.extend(frontier.push(record_hash(leaf)).unwrap());
    }
    (frontier, stored)
}

fn oracle(leaves: &[Vec<u8>]) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    leaves.iter().for_each(|leaf| tree.push(leaf.clone()));
    tree
}

fn bytes(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The leaves of the reference tests of Certificate Transparency
/// (github.com/transparency-dev/merkle, testonly/reference_test.go).
fn reference() -> Vec<Vec<u8>> {
    let leaves =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    leaves.iter().map(|leaf| hex(leaf)).collect()
}

#[test]
fn roots_and_proofs_are_those_of_the_published_vectors() {
    let leaves = reference();
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (size, root) in roots.iter().enumerate() {
        let (frontier, _) = build(&leaves[..size]);
        assert_eq!(frontier.root().unwrap().0[..], hex(root), "{size}");
    }
    let (_, stored) = build(&leaves);
    let path = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b\
                ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0\
                d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
    assert_eq!(bytes(&prove_inclusion(8, LogPosition(6), &stored).unwrap()), hex(path));
    let path = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a\
                ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0\
                d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
    assert_eq!(bytes(&prove_consistency(6, 8, &stored).unwrap()), hex(path));
}

#[test]
fn what_the_tree_does_not_have_is_an_error() {
    let (frontier, stored) = build(&reference());
    for position in [LogPosition(0), LogPosition(9), LogPosition(-1), LogPosition(i64::MIN)] {
        assert!(matches!(prove_inclusion(8, position, &stored), Err(TreeError::NoSuchPart)));
        let root = frontier.root().unwrap();
        assert!(matches!(check_inclusion(&[], 8, root, position, root), Err(TreeError::NoSuchPart)));
    }
    for (from, to) in [(0, 8), (8, 7)] {
        assert!(matches!(prove_consistency(from, to, &stored), Err(TreeError::NoSuchPart)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_root_and_proof_is_the_one_of_another_implementation(
        size in 1_u64..600, at in any::<prop::sample::Index>(), before in any::<prop::sample::Index>(),
    ) {
        let leaves: Vec<_> = (0..size).map(leaf).collect();
        let (frontier, stored) = build(&leaves);
        let other = oracle(&leaves);
        let root = frontier.root().unwrap();
        prop_assert_eq!(root.0.to_vec(), other.root().as_bytes().to_vec());

        let index = at.index(leaves.len());
        let position = position(index as u64);
        let proof = prove_inclusion(size, position, &stored).unwrap();
        prop_assert_eq!(bytes(&proof), other.prove_inclusion(index).as_bytes().to_vec());
        let hash = record_hash(&leaves[index]);
        prop_assert!(check_inclusion(&proof, size, root, position, hash).is_ok());
        prop_assert!(check_inclusion(&proof, size, root, position, record_hash(b"other")).is_err());
        if size > 1 {
            let elsewhere = LogPosition(position.0 % i64::try_from(size).unwrap() + 1);
            prop_assert!(check_inclusion(&proof, size, root, elsewhere, hash).is_err());
        }

        let from = before.index(leaves.len()) + 1;
        let proof = prove_consistency(from as u64, size, &stored).unwrap();
        prop_assert_eq!(bytes(&proof), other.prove_consistency(leaves.len() - from).as_bytes().to_vec());
        let from_root = oracle(&leaves[..from]).root().as_bytes()[..].try_into().map(Hash).unwrap();
        prop_assert!(check_consistency(&proof, (from as u64, from_root), (size, root)).is_ok());
        let wrong = record_hash(b"other");
        prop_assert!(check_consistency(&proof, (from as u64, wrong), (size, root)).is_err());
    }

    #[test]
    fn an_edge_that_was_read_back_goes_on_as_if_it_had_never_been_away(size in 0_u64..600, more in 1_u64..50) {
        let leaves: Vec<_> = (0..size + more).map(leaf).collect();
        let (whole, stored) = build(&leaves);
        let mut again = Frontier::of(size, &stored).unwrap();
        for leaf in leaves.iter().skip(usize::try_from(size).unwrap()) {
            again.push(record_hash(leaf)).unwrap();
        }
        prop_assert_eq!(again.size(), size + more);
        prop_assert_eq!(again.root().unwrap(), whole.root().unwrap());
    }
}
