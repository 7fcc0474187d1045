//! Sealing: a Merkle tree over the events' bytes and its signed heads, with concurrent and crashing sealers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use domain::LogPosition;
use event_store::{EventStore, Follower, Settings};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use identity::clock::Clock;
use projections::{DestinationError, HeadsTo, ReadModels, Sealing};
use sha2::Sha256;
use sqlx::PgPool;
use tests::log::grow;
use tests::processes::{self, Process};
use tests::{Database, eventually, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use transparency::{Report, SealError, SealingKey, SignedHead, TrustedKeys, Until, heads_after, seal};

pub fn now() -> DateTime<Utc> {
    Clock::system().now()
}

pub fn key() -> SealingKey {
    SealingKey::from_seed(&[7; 32])
}

pub async fn trusted(pool: &PgPool) -> TrustedKeys {
    let log = transparency::log_id(pool).await.unwrap();
    [key().public(log)].into_iter().collect()
}

/// Verifies a log with the tests' key.
pub async fn verify(pool: &PgPool, given: &[SignedHead]) -> Report {
    let trusted = trusted(pool).await;
    within(async { transparency::verify(pool, &trusted, given, &mut |_, _| {}).await }).await.unwrap()
}

pub async fn seal_now(pool: &PgPool, key: &SealingKey) -> Vec<u64> {
    let mut db = pool.acquire().await.unwrap();
    let heads = seal(&mut db, key, Until::Now, now()).await.unwrap();
    heads.iter().map(|head| head.signed.head.size).collect()
}

pub async fn all_heads(pool: &PgPool) -> Vec<SignedHead> {
    let heads = heads_after(pool, LogPosition(0), i64::MAX).await.unwrap();
    heads.into_iter().map(|head| head.signed).collect()
}

/// The leaves as the documentation defines them, computed without the program's code.
pub async fn leaves(pool: &PgPool) -> Vec<Vec<u8>> {
    type Row = (i64, String, String, i64, String, String, i64, String, String);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT position, aggregate_type, aggregate_id, sequence, event_type, event_version, \
         (extract(epoch FROM recorded_at) * 1000000)::bigint, payload::text, metadata::text \
         FROM events ORDER BY position",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let text =
        |text: String| [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat();
    let number = |number: i64| number.to_be_bytes().to_vec();
    rows.into_iter()
        .map(|(position, kind, id, sequence, event, version, time, payload, metadata)| {
            [
                number(position),
                text(kind),
                text(id),
                number(sequence),
                text(event),
                text(version),
                number(time),
                text(payload),
                text(metadata),
            ]
            .concat()
        })
        .collect()
}

#[tokio::test]
async fn seals_a_head_every_thousand_events_with_the_roots_of_another_implementation() {
    let database = Database::create().await;
    let pool = &database.pool;
    let mut db = pool.acquire().await.unwrap();
    assert_eq!(seal(&mut db, &key(), Until::Now, now()).await.unwrap(), [], "nothing to seal");
    grow(pool, 2_300).await;
    let heads = seal(&mut db, &key(), Until::LastWhole, now()).await.unwrap();
    assert_eq!(heads.iter().map(|head| head.signed.head.size).collect::<Vec<_>>(), [1000, 2000]);
    assert_eq!(seal_now(pool, &key()).await, [2300]);
    assert_eq!(seal_now(pool, &key()).await, [] as [u64; 0], "nothing new");
    grow(pool, 700).await;
    assert_eq!(seal_now(pool, &key()).await, [3000]);

    let leaves = leaves(pool).await;
    for head in all_heads(pool).await {
        let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        leaves[..usize::try_from(head.head.size).unwrap()].iter().for_each(|leaf| tree.push(leaf.clone()));
        assert_eq!(head.head.root.0[..], tree.root().as_bytes()[..], "{}", head.head.size);
    }
    let report = verify(pool, &[]).await;
    assert_eq!(report.finding, None);
    assert_eq!((report.events, report.heads, report.unsealed), (3000, 4, 0));
    grow(pool, 5).await;
    let report = verify(pool, &[]).await;
    assert_eq!((report.finding, report.events, report.unsealed), (None, 3005, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_sealers_of_a_growing_log_build_one_tree() {
    let database = Database::create().await;
    let pool = &database.pool;
    let sealing = (0..4).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut heads = 0;
            while transparency::sealed(&pool).await.unwrap().0 < 3_000 {
                heads += seal_now(&pool, &key()).await.len();
            }
            heads
        })
    });
    let sealing: Vec<_> = sealing.collect();
    for _ in 0..20 {
        grow(pool, 150).await;
    }
    let mut heads = 0;
    for task in sealing {
        heads += within(task).await.unwrap();
    }
    let report = verify(pool, &[]).await;
    assert_eq!((report.finding, report.events), (None, 3000));
    assert_eq!(report.heads, u64::try_from(heads).unwrap(), "each head was signed once");
}

#[tokio::test]
async fn seals_again_after_a_lost_transaction() {
    let database = Database::create().await;
    let pool = &database.pool;
    grow(pool, 1_500).await;
    // A trigger that fails like a crash in the second of three statements.
    let cut = "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'cut'; END $$; \
               CREATE TRIGGER cut BEFORE INSERT ON tree_heads EXECUTE FUNCTION cut()";
    sqlx::raw_sql(cut).execute(pool).await.unwrap();
    let mut db = pool.acquire().await.unwrap();
    let cut = seal(&mut db, &key(), Until::Now, now()).await;
    assert!(matches!(cut, Err(SealError::Database(_))), "{cut:?}");
    let tiles: i64 = sqlx::query_scalar("SELECT count(*) FROM tree_tiles").fetch_one(pool).await.unwrap();
    assert_eq!(tiles, 0, "all or nothing");
    sqlx::raw_sql("DROP TRIGGER cut ON tree_heads").execute(pool).await.unwrap();
    assert_eq!(seal_now(pool, &key()).await, [1000, 1500]);
    assert_eq!(verify(pool, &[]).await.finding, None);
}

#[tokio::test]
async fn refuses_to_seal_on_a_changed_tree() {
    let database = Database::create().await;
    let pool = &database.pool;
    grow(pool, 1_500).await;
    seal_now(pool, &key()).await;
    grow(pool, 10).await;
    let changed = "UPDATE tree_tiles SET hashes = set_byte(hashes, 40, 255 - get_byte(hashes, 40)) \
                   WHERE (level, tile) = (0, 5)";
    sqlx::query(changed).execute(pool).await.unwrap();
    let mut db = pool.acquire().await.unwrap();
    let refused = seal(&mut db, &key(), Until::Now, now()).await;
    assert!(matches!(refused, Err(SealError::Disagrees(1500))), "{refused:?}");
    let of_the_heads = sqlx::query("UPDATE tree_heads SET size = size + 1").execute(pool).await;
    let refused = of_the_heads.unwrap_err().to_string();
    assert!(refused.contains("only ever appended to"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn either_of_two_processes_continues_sealing_alone() {
    let database = Database::create().await;
    let pool = &database.pool;
    let sealed = async |size: i64| {
        eventually("the log is sealed", || async {
            (transparency::sealed(pool).await.unwrap().0 >= size).then_some(())
        })
        .await;
    };
    let first = Process::serve(&database.url).await;
    let second = Process::serve(&database.url).await;
    grow(pool, 2_000).await;
    sealed(2_000).await;
    // The first process holds the lock.
    first.kill().await;
    grow(pool, 3_000).await;
    sealed(5_000).await;
    second.kill().await;
    let output = processes::run(&database.url, &["audit", "verify"]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said} {}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("5000 events") && said.contains("\n0 events are not yet sealed"), "{said}");
}

/// A destination that fails at first.
#[derive(Debug, Default)]
struct Unwilling {
    refused: AtomicUsize,
    heads: Mutex<Vec<String>>,
}

impl HeadsTo for Unwilling {
    fn name(&self) -> &str {
        "unwilling"
    }

    fn publish<'a>(&'a self, note: &'a str) -> BoxFuture<'a, Result<(), DestinationError>> {
        async move {
            if self.refused.fetch_add(1, Ordering::Relaxed) % 3 < 2 {
                return Err("not now".into());
            }
            self.heads.lock().await.push(note.to_owned());
            Ok(())
        }
        .boxed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn publishes_each_head_in_order_despite_failures_of_the_destination() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = EventStore::start(pool.clone(), Settings::default());
    let follower = Follower::start(pool.clone(), &[]).await.unwrap();
    let to = Arc::new(Unwilling::default());
    let sealing = Sealing { signer: key().into(), within: Duration::from_millis(20), to: Some(to.clone()) };
    let start = async |sealing| {
        ReadModels::start_and_seal(pool.clone(), &follower, store.clone(), now, Some(sealing)).await.unwrap()
    };
    let models = start(sealing.clone()).await;
    grow(pool, 2_500).await;
    let published = async |size: u64| {
        eventually("the head is published", || async {
            let heads = transparency::parse_notes(&to.heads.lock().await.concat()).unwrap_or_default();
            heads.last().is_some_and(|head| head.head.size == size).then_some(heads)
        })
        .await
    };
    assert_eq!(published(2_500).await, all_heads(pool).await);
    // A process that stops between the publication of a head and its record publishes the head again.
    eventually("the publication is recorded", || async {
        let noted: Option<i64> =
            sqlx::query_scalar("SELECT size FROM head_publications").fetch_optional(pool).await.unwrap();
        (noted == Some(2_500)).then_some(())
    })
    .await;
    drop(models);
    // Another process continues after the published heads.
    grow(pool, 500).await;
    let _models = start(sealing).await;
    assert_eq!(published(3_000).await, all_heads(pool).await);
}

#[tokio::test]
async fn publishes_heads_to_a_webhook_and_a_file() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to =
        server::destination::destination(&format!("http://{}/heads?x=1", listener.local_addr().unwrap()))
            .unwrap();
    let serve = async |answer: &str| {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"signed\n") {
            let mut some = [0; 1024];
            let count = socket.read(&mut some).await.unwrap();
            assert!(count > 0);
            heard.extend(&some[..count]);
        }
        socket.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(heard).unwrap()
    };
    let refusal = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (refused, heard) =
        within(async { tokio::join!(to.publish("a head\nsigned\n"), serve(refusal)) }).await;
    assert!(!refused.unwrap_err().to_string().contains("x=1"), "the address may hold a secret");
    assert!(heard.starts_with("POST /heads?x=1 HTTP/1.1\r\n"), "{heard}");
    assert!(heard.ends_with("\r\n\r\na head\nsigned\n"), "{heard}");
    let taken = "HTTP/1.1 204 Taken\r\nconnection: close\r\n\r\n";
    let (published, _) = within(async { tokio::join!(to.publish("a head\nsigned\n"), serve(taken)) }).await;
    published.unwrap();

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heads.txt");
    let to = server::destination::destination(&format!("file:{}", path.display())).unwrap();
    to.publish("one\n").await.unwrap();
    to.publish("two\n").await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\n\ntwo\n\n");
}

#[tokio::test]
async fn the_command_line_seals_with_the_key_of_the_settings() {
    let database = Database::create().await;
    let url = &database.url;
    let stdout = |output: std::process::Output| String::from_utf8(output.stdout).unwrap();
    let output = processes::run(url, &["audit", "seal"]).await;
    assert_eq!(output.status.code(), Some(1), "the log is empty");
    grow(&database.pool, 10).await;
    let note = stdout(processes::run(url, &["audit", "seal"]).await);
    let again = stdout(processes::run(url, &["audit", "seal"]).await);
    assert_eq!(note, again, "nothing new");
    let heads = transparency::parse_notes(&note).unwrap();
    assert_eq!(heads, all_heads(&database.pool).await);
    let public: transparency::PublicKey =
        stdout(processes::run(url, &["audit", "key"]).await).parse().unwrap();
    assert_eq!(public.id(), heads[0].key_id);

    // After a change of the key, the previous key must be given.
    let seed = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    let with_key = async |arguments: &[&str], retired: &str| {
        let mut command = processes::command(url);
        command.args(arguments).env("OCPIZZA_MANAGER_SIGNING_KEY", seed);
        command.env("OCPIZZA_MANAGER_SIGNING_KEYS_RETIRED", retired);
        within(async move { command.output().await }).await.unwrap()
    };
    grow(&database.pool, 10).await;
    let refused = with_key(&["audit", "seal"], "").await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!((refused.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains(&format!("it is signed with the key {}", public.id())), "{said}");
    let public = public.to_string();
    let note = stdout(with_key(&["audit", "seal"], &public).await);
    let log = transparency::log_id(&database.pool).await.unwrap();
    assert_eq!(transparency::parse_notes(&note).unwrap()[0].key_id, key().public(log).id());
    let output = with_key(&["audit", "verify"], "").await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("positions 1 to 10: the head over these events cannot be believed"), "{said}");
    assert!(said.contains(&heads[0].key_id.to_string()), "{said}");
    assert!(with_key(&["audit", "verify"], &public).await.status.success());
    assert!(with_key(&["audit", "verify", "--public-key", &public], "").await.status.success());
}
