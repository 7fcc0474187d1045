use tlog_tiles::record_hash;

use super::*;

const LOG: Uuid = Uuid::from_u128(7);

fn head(log: Uuid) -> TreeHead {
    let signed_at = "2026-11-24T18:00:00.000001Z".parse().unwrap();
    TreeHead { log, size: 1, root: record_hash(b"one"), signed_at, resumption: None }
}

fn trusted(keys: &[&SealingKey]) -> TrustedKeys {
    keys.iter().map(|key| key.public(LOG)).collect()
}

#[test]
fn a_public_key_is_read_as_it_is_written_and_in_no_other_way() {
    for seed in 0..20 {
        let key = SealingKey::from_seed(&[seed; 32]).public(LOG);
        let text = key.to_string();
        assert!(text.starts_with("ocpizza-manager/00000000-0000-0000-0000-000000000007+"), "{text}");
        assert_eq!(text.parse(), Ok(key));
        let other_log = text.replacen("07+", "08+", 1);
        assert_eq!(other_log.parse::<PublicKey>(), Err(KeyError::Public), "the id is of name and key");
    }
    for bad in ["", "a+b+c", "ocpizza-manager/x+00000000+AQ=="] {
        assert_eq!(bad.parse::<PublicKey>(), Err(KeyError::Public), "{bad}");
    }
    assert!(PublicKey::of(LOG, &[0; 32]).is_err(), "a weak key: anybody can sign for it");
}

#[test]
fn a_seed_is_32_bytes_and_is_never_shown() {
    let seed = BASE64_STANDARD.encode([9; 32]);
    let key = SealingKey::from_base64(&format!(" {seed}\n")).unwrap();
    assert_eq!(key.public(LOG), SealingKey::from_seed(&[9; 32]).public(LOG));
    assert_eq!(format!("{key:?}"), "SealingKey(…)");
    for bad in ["", "AAAA", &BASE64_STANDARD.encode([9; 33]), "no base64"] {
        assert_eq!(SealingKey::from_base64(bad).unwrap_err(), KeyError::Seed);
    }
}

#[test]
fn a_derived_key_is_the_secrets_own() {
    let of = |secret: &[u8]| SealingKey::derived_from(secret).public(LOG);
    assert_eq!(of(b"one"), of(b"one"));
    assert_ne!(of(b"one"), of(b"two"));
    // Fixed for ever: another derivation would be another key. By Python's hmac: RFC 5869 with an empty salt.
    assert_eq!(of(b"secret").id().to_string(), "db71279f");
}

#[test]
fn a_head_is_believed_under_a_trusted_key_alone() {
    let (ours, other) = (SealingKey::from_seed(&[1; 32]), SealingKey::from_seed(&[2; 32]));
    let signed = ours.sign(head(LOG));
    let id = signed.key_id;
    assert_eq!(trusted(&[&other, &ours]).check(LOG, &signed), Ok(()));
    assert_eq!(trusted(&[&other]).check(LOG, &signed), Err(TrustError::UnknownKey(id)));
    let claims_ours = SignedHead { key_id: id, ..other.sign(head(LOG)) };
    assert_eq!(trusted(&[&ours]).check(LOG, &claims_ours), Err(TrustError::BadSignature(id)));
    let mut larger = signed.clone();
    larger.head.size += 1;
    assert_eq!(trusted(&[&ours]).check(LOG, &larger), Err(TrustError::BadSignature(id)));
    let other_log = Uuid::from_u128(8);
    let elsewhere = ours.sign(head(other_log));
    assert_eq!(trusted(&[&ours]).check(LOG, &elsewhere), Err(TrustError::OtherLog(other_log)));
}
