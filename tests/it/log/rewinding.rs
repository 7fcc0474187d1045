//! Rewritten logs: the signer does not sign over a tree that lost a head, nor over old events, until an operator
//! resumes.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::LogPosition;
use event_store::{EventStore, Follower, Settings};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use projections::{DestinationError, HeadsTo, ReadModels, Sealing};
use sqlx::PgPool;
use tests::log::grow;
use tests::processes;
use tests::{Database, eventually, within};
use tokio::sync::Mutex;
use transparency::{FindingKind, KeptIn, SealError, SignedHead, Signer, TreeHead, Until, parse_notes, seal};

use crate::log::sealing::{all_heads, key, now, seal_now, verify};

/// Executes statements as the owner, without triggers.
async fn as_owner(pool: &PgPool, statements: &str) {
    let statements =
        format!("SET session_replication_role = replica; {statements}; RESET session_replication_role");
    sqlx::raw_sql(&statements).execute(pool).await.unwrap();
}

const ALTER: &str = "UPDATE events SET payload = replace(payload::text, '\"note\":\"a', '\"note\":\"b')::json WHERE position = 20";
const DELETE: &str = "DELETE FROM tree_heads; DELETE FROM tree_tiles";
const FORGET: &str = "DELETE FROM tree_floor; DELETE FROM head_publications";

/// Records every head.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<String>>);

impl HeadsTo for Kept {
    fn name(&self) -> &str {
        "kept"
    }

    fn publish<'a>(&'a self, note: &'a str) -> BoxFuture<'a, Result<(), DestinationError>> {
        async move {
            self.0.lock().await.push(note.to_owned());
            Ok(())
        }
        .boxed()
    }
}

impl Kept {
    async fn heads(&self) -> Vec<SignedHead> {
        parse_notes(&self.0.lock().await.concat()).unwrap_or_default()
    }
}

/// Starts the sealer of a process, which seals at once.
async fn start(pool: &PgPool, to: Option<Arc<dyn HeadsTo>>) -> ReadModels {
    let store = EventStore::start(pool.clone(), Settings::default());
    let follower = Follower::start(pool.clone(), &[]).await.unwrap();
    let sealing = Sealing { signer: key().into(), within: Duration::from_millis(20), to };
    ReadModels::start_and_seal(pool.clone(), &follower, store, now, Some(sealing)).await.unwrap()
}

async fn sealed(pool: &PgPool, size: i64) {
    eventually("the log is sealed", || async {
        (transparency::sealed(pool).await.unwrap().0 >= size).then_some(())
    })
    .await;
}

async fn stopped(models: &ReadModels) -> Option<&'static str> {
    within(models.sealing()).await.unwrap().stopped.map(|stopped| stopped.code)
}

async fn seal_fails(pool: &PgPool, signer: &Signer) -> SealError {
    signer.seal(&mut pool.acquire().await.unwrap(), Until::Now, now()).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_process_seals_a_rewritten_log() {
    let database = Database::create().await;
    let pool = &database.pool;
    let models = start(pool, None).await;
    grow(pool, 50).await;
    sealed(pool, 50).await;
    as_owner(pool, &format!("{ALTER}; {DELETE}")).await;
    grow(pool, 1).await;
    assert_eq!(stopped(&models).await, Some("REWOUND"));
    let report = verify(pool, &[]).await;
    let finding = report.finding.expect("verify is not content");
    assert_eq!(finding.wrong, FindingKind::HeadLost { size: 50, kept_in: KeptIn::Floor });

    // Another process without memory: the database and the publications remember.
    let signer = Signer::from(key());
    assert!(matches!(
        seal_fails(pool, &signer).await,
        SealError::Rewound { lost: 50, kept_in: KeptIn::Floor, sealed: 0 }
    ));
    // The process remembers when the database has forgotten.
    as_owner(pool, FORGET).await;
    assert_eq!(stopped(&models).await, Some("REWOUND"));
    as_owner(pool, "INSERT INTO head_publications VALUES ('a place', 50, now())").await;
    assert!(matches!(
        seal_fails(pool, &signer).await,
        SealError::Rewound { lost: 50, kept_in: KeptIn::Publications, .. }
    ));
    assert_eq!(transparency::sealed(pool).await.unwrap(), LogPosition(0), "nothing was signed meanwhile");
}

/// Even without any memory in the database or a process: the events are too old.
#[tokio::test]
async fn heads_over_old_events_are_neither_signed_nor_accepted() {
    let database = Database::create().await;
    let pool = &database.pool;
    grow(pool, 30).await;
    as_owner(pool, "UPDATE events SET recorded_at = recorded_at - interval '25 hours'").await;
    let signer = Signer::from(key());
    let refused = seal_fails(pool, &signer).await;
    assert!(matches!(refused, SealError::Late { position: LogPosition(1), .. }), "{refused}");
    assert_eq!(
        transparency::check_end(&mut pool.acquire().await.unwrap(), None).await.unwrap_err().code(),
        "LATE"
    );

    // A head of a signer without this check is found.
    let mut db = pool.acquire().await.unwrap();
    signer.resume(&mut db, "to have a head", &[], now()).await.unwrap();
    signer.seal(&mut db, Until::Now, now()).await.unwrap();
    let report = verify(pool, &[]).await;
    assert_eq!(report.finding, None, "an operator has said so");
    assert_eq!(report.resumptions[0].resumption.as_ref().unwrap().reason, "to have a head");
    as_owner(pool, "DELETE FROM tree_resumptions").await;
    let finding = verify(pool, &[]).await.finding.unwrap();
    assert_eq!((finding.first.0, finding.last.0), (1, 30));
    let FindingKind::LateHead { waited } = finding.wrong else { panic!("{finding}") };
    assert_eq!(waited.num_hours(), 25);
}

#[tokio::test]
async fn refuses_to_build_on_a_head_of_an_untrusted_key() {
    let database = Database::create().await;
    let pool = &database.pool;
    grow(pool, 10).await;
    seal_now(pool, &key()).await;
    as_owner(pool, "UPDATE tree_heads SET signature = set_byte(signature, 3, 255 - get_byte(signature, 3))")
        .await;
    grow(pool, 1).await;
    let refused = seal_fails(pool, &Signer::from(key())).await;
    assert!(matches!(refused, SealError::Untrusted { size: 10, .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_resumes_sealing_which_is_published_and_reported() {
    let database = Database::create().await;
    let pool = &database.pool;
    grow(pool, 50).await;
    let kept = Arc::new(Kept::default());
    let models = start(pool, Some(kept.clone())).await;
    sealed(pool, 50).await;
    grow(pool, 50).await;
    sealed(pool, 100).await;
    let before = eventually("both heads are published", || async {
        let heads = kept.heads().await;
        heads.last().is_some_and(|head| head.head.size == 100).then_some(heads)
    })
    .await;
    // A standby with a lag takes over: the last events and their head are lost.
    as_owner(
        pool,
        "DELETE FROM events WHERE position > 70; DELETE FROM tree_heads WHERE size > 50; \
         UPDATE event_log_head SET position = 70",
    )
    .await;
    grow(pool, 60).await;
    eventually("sealing has stopped", || async { stopped(&models).await.filter(|code| *code == "REWOUND") })
        .await;

    let signer = Signer::from(key());
    let mut db = pool.acquire().await.unwrap();
    let resumed = signer.resume(&mut db, "failover to the standby", &[], now()).await.unwrap();
    let resumption = resumed.head.resumption.clone().unwrap();
    assert_eq!((resumed.head.size, resumption.size), (50, 100));
    assert_eq!(
        resumption.root,
        Some(before.last().unwrap().head.root),
        "it names the head that was given up"
    );
    // The process continues by itself and publishes the resumption before the next heads.
    let heads = eventually("the following heads are published", || async {
        let heads = kept.heads().await;
        heads.last().is_some_and(|head| head.head.size == 130).then_some(heads)
    })
    .await;
    let at = heads.iter().position(|head| *head == resumed).unwrap();
    assert_eq!(heads[at + 1..], all_heads(pool).await[1..], "in order, and none twice");
    assert_eq!(stopped(&models).await, None);

    let report = verify(pool, &heads).await;
    assert_eq!((report.finding, report.given_up), (None, 1));
    assert_eq!(report.resumptions, std::slice::from_ref(&resumed.head));
    // The resumption does not cover a head beyond the one that it names.
    let beyond = TreeHead { size: 101, ..before.last().unwrap().head.clone() };
    let finding = verify(pool, &[key().sign(beyond)]).await.finding.unwrap();
    assert!(matches!(finding.wrong, FindingKind::NotOfHead { size: 101, given: true, .. }), "{finding}");
    // Published notes replace what the database has forgotten.
    as_owner(pool, "DELETE FROM tree_resumptions").await;
    let report = verify(pool, &heads).await;
    assert_eq!((report.finding, report.given_up, report.resumptions.len()), (None, 1, 0));
    assert!(
        verify(pool, &before).await.finding.is_some(),
        "without it the published head is not of this log"
    );
}

#[tokio::test]
async fn ignores_resumptions_of_another_key() {
    let database = Database::create().await;
    let pool = &database.pool;
    grow(pool, 20).await;
    seal_now(pool, &key()).await;
    as_owner(pool, DELETE).await;
    let other = Signer::from(transparency::SealingKey::from_seed(&[66; 32]));
    let mut db = pool.acquire().await.unwrap();
    other.resume(&mut db, "mine", &[], now()).await.unwrap();
    grow(pool, 1).await;
    let refused = seal(&mut db, &key(), Until::Now, now() + TimeDelta::seconds(1)).await.unwrap_err();
    assert!(matches!(refused, SealError::Rewound { lost: 20, .. }), "{refused}");
    let finding = verify(pool, &[]).await.finding.unwrap();
    assert!(matches!(finding.wrong, FindingKind::Head(_) | FindingKind::HeadLost { .. }), "{finding}");
}

#[tokio::test]
async fn the_command_line_reads_back_published_heads_and_resumes() {
    let database = Database::create().await;
    let (pool, url) = (&database.pool, &database.url);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heads.txt");
    let command = async |arguments: &[&str]| {
        let mut command = processes::command(url);
        command.args(arguments).env("OCPIZZA_MANAGER_HEADS_TO", format!("file:{}", path.display()));
        let output = within(command.output()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    grow(pool, 10).await;
    let (code, note, said) = command(&["audit", "seal"]).await;
    assert_eq!(code, Some(0), "{said}");
    std::fs::write(&path, format!("what is no head\n{note}\n")).unwrap();
    as_owner(pool, &format!("{DELETE}; {FORGET}")).await;
    grow(pool, 1).await;
    let (code, _, said) = command(&["audit", "seal"]).await;
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("a head over 10") && said.contains("audit resume --reason TEXT"), "{said}");

    for bad in ["", "two\nlines", &"x".repeat(201)] {
        let (code, _, said) = command(&["audit", "resume", "--reason", bad]).await;
        assert_eq!((code, said.contains("1 to 200 characters")), (Some(1), true), "{said}");
    }
    let (code, resumed, said) =
        command(&["audit", "resume", "--reason", "restored the backup of Monday"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(resumed.contains("\nreason restored the backup of Monday\n"), "{resumed}");
    assert_eq!(transparency::sealed(pool).await.unwrap(), LogPosition(11), "it has sealed the log");
    let (code, said, error) = command(&["audit", "verify"]).await;
    assert_eq!(code, Some(0), "{error}");
    assert!(
        said.contains("behind position 0, heads up to 10 events were given up: restored the backup"),
        "{said}"
    );
}
