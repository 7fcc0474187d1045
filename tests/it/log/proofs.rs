//! Proofs of the API, checked by an independent implementation.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use serde_json::{Value, json};
use sha2::Sha256;
use tests::orders::{basket, side};
use tests::{Api, Shop, eventually};
use transparency::{PublicKey, TrustedKeys, parse_notes};

use crate::log::sealing::leaves;

type Digest = ct_merkle::digest::Output<Sha256>;

fn hash(text: &Value) -> Digest {
    Digest::clone_from_slice(&BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap())
}

fn hashes(texts: &Value) -> Vec<Digest> {
    texts.as_array().unwrap().iter().map(hash).collect()
}

fn number(text: &Value) -> u64 {
    text.as_str().unwrap().parse().unwrap()
}

const HEAD: &str =
    "{ log { position unsealed head { size rootHash signedAt signature keyId publicKey note } } }";

async fn sealed(person: &Api) -> Value {
    eventually("everything is sealed", || async {
        let data = person.data(HEAD, Value::Null).await;
        (data["log"]["unsealed"] == 0).then(|| data["log"].clone())
    })
    .await
}

fn soon() -> impl FnOnce(server::app::Config) -> server::app::Config {
    |config| server::app::Config { seal_within: Duration::from_millis(20), ..config }
}

#[tokio::test]
async fn proofs_of_the_api_hold_in_another_implementation() {
    let shop = Shop::open_with(soon()).await;
    let auditor = shop.person("auditor");
    let first = sealed(&auditor).await;
    shop.person("customer1").placed(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await;
    let log = eventually("it is sealed", || async {
        let log = sealed(&auditor).await;
        (number(&log["position"]) > number(&first["position"])).then_some(log)
    })
    .await;
    let head = &log["head"];
    assert_eq!(head["size"], log["position"]);
    let size = number(&head["size"]);
    let root = RootHash::<Sha256>::new(hash(&head["rootHash"]), size);

    let note = parse_notes(head["note"].as_str().unwrap()).unwrap().remove(0);
    let key: PublicKey = head["publicKey"].as_str().unwrap().parse().unwrap();
    assert_eq!(TrustedKeys::from_iter([key.clone()]).check(key.log(), &note), Ok(()));
    assert_eq!(note.head.root.to_string(), head["rootHash"]);
    assert_eq!(BASE64_STANDARD.encode(note.signature), head["signature"]);
    assert_eq!(note.key_id.to_string(), head["keyId"]);

    let prove = "query($at: LogPosition!, $size: LogPosition) {
        log { inclusionProof(position: $at, size: $size) { position size leafHash rootHash hashes } } }";
    let leaves = leaves(&shop.database().pool).await;
    for position in [1, 2, size / 2, size - 1, size] {
        let data = auditor.data(prove, json!({ "at": position.to_string() })).await;
        let proof = &data["log"]["inclusionProof"];
        let path = InclusionProof::<Sha256>::from_digests(&hashes(&proof["hashes"]));
        let leaf = &leaves[usize::try_from(position).unwrap() - 1];
        assert!(root.verify_inclusion(leaf, position - 1, &path).is_ok(), "{position}");
        assert!(root.verify_inclusion(&b"other".to_vec(), position - 1, &path).is_err());
    }
    let before = number(&first["head"]["size"]);
    let consistent = "query($from: LogPosition!, $to: LogPosition!) {
        log { consistencyProof(from: $from, to: $to) { from to fromRootHash toRootHash hashes } } }";
    let from_to = |from: u64, to: u64| json!({ "from": from.to_string(), "to": to.to_string() });
    let data = auditor.data(consistent, from_to(before, size)).await;
    let proof = &data["log"]["consistencyProof"];
    let path = ConsistencyProof::<Sha256>::from_digests(&hashes(&proof["hashes"]));
    let old = RootHash::<Sha256>::new(hash(&first["head"]["rootHash"]), before);
    assert!(root.verify_consistency(&old, &path).is_ok());
    assert_eq!(
        (&proof["fromRootHash"], &proof["toRootHash"]),
        (&first["head"]["rootHash"], &head["rootHash"])
    );

    let earlier = auditor.data(prove, json!({ "at": "1", "size": before.to_string() })).await;
    assert_eq!(earlier["log"]["inclusionProof"]["rootHash"], first["head"]["rootHash"]);
    for (query, variables) in [
        (prove, json!({ "at": "0" })),
        (prove, json!({ "at": (size + 1).to_string() })),
        (prove, json!({ "at": "9223372036854775807" })),
        (prove, json!({ "at": "2", "size": "1" })),
        (prove, json!({ "at": "1", "size": (size + 1).to_string() })),
        (prove, json!({ "at": "1", "size": "-1" })),
        (consistent, from_to(0, size)),
        (consistent, from_to(size, 1)),
        (consistent, from_to(1, size + 1)),
    ] {
        let answer = auditor.ask(query, variables.clone()).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{variables}");
    }
}

#[tokio::test]
async fn events_after_the_head_are_not_sealed() {
    let shop =
        Shop::open_with(|config| server::app::Config { seal_within: Duration::from_hours(1), ..config })
            .await;
    let auditor = shop.person("auditor");
    let query = "{ log { position unsealed head { size } } events(last: 2) { nodes { position sealed } } }";
    let data = auditor.data(query, Value::Null).await;
    assert_eq!(data["log"]["head"], Value::Null);
    assert_eq!(data["log"]["unsealed"].to_string(), data["log"]["position"].as_str().unwrap());
    let mut db = shop.database().pool.acquire().await.unwrap();
    let key = crate::log::sealing::key();
    transparency::seal(&mut db, &key, transparency::Until::Now, crate::log::sealing::now()).await.unwrap();
    tests::log::grow(&shop.database().pool, 1).await;
    let data = auditor.data(query, Value::Null).await;
    let sealed = |at: usize| data["events"]["nodes"][at]["sealed"].clone();
    assert_eq!((sealed(0), sealed(1)), (json!(true), json!(false)));
    assert_eq!(data["log"]["unsealed"], 1);
}
