//! An auditor with an exportable log, and copies of exports to tamper with.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use event_store::{EventStore, Settings};
use export::{Format, Options, Paths, Selection, Target};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tests::{Database, within};
use transparency::{Hash, SealingKey, Until};

use crate::log::pizzas::{margherita, now, open, order_id, stock_for};

/// Orders in the log; each is two events after those of the menu, the pizzeria and the stock.
const ORDERS: u32 = 160;

/// A change to the events' lines.
pub type Edit = Box<dyn Fn(&mut Vec<String>) + Send + Sync>;

/// A sealed log with some events after its head.
pub struct Auditor {
    pub database: Database,
    pub key: SealingKey,
    store: EventStore,
    directory: Arc<TempDir>,
}

impl Auditor {
    pub async fn with_log() -> Self {
        let database = Database::create().await;
        let store = EventStore::start(database.pool.clone(), Settings::default());
        open(&store, stock_for(1_000)).await;
        let directory = Arc::new(TempDir::new().unwrap());
        let auditor = Self { database, key: SealingKey::from_seed(&[1; 32]), store, directory };
        auditor.place(ORDERS).await;
        auditor.seal().await;
        auditor.place(2).await;
        auditor
    }

    async fn place(&self, orders: u32) {
        for _ in 0..orders {
            crate::log::pizzas::run(&self.store, margherita(order_id())).await;
        }
    }

    async fn seal(&self) {
        let mut db = self.database.pool.acquire().await.unwrap();
        transparency::seal(&mut db, &self.key, Until::Now, now()).await.unwrap();
    }

    /// Appends more events and a head over them.
    pub async fn grow(&self) {
        self.place(5).await;
        self.seal().await;
    }

    /// The last head's size.
    pub async fn size(&self) -> u64 {
        self.latest().await.signed.head.size
    }

    async fn latest(&self) -> transparency::StoredHead {
        transparency::latest(&self.database.pool).await.unwrap().unwrap()
    }

    /// The last head as a published note.
    pub async fn head(&self) -> String {
        self.latest().await.signed.to_string()
    }

    pub async fn export(&self, name: &str, selection: &Selection, format: Format) -> Copy {
        self.export_cut(name, selection, format, &[]).await
    }

    /// Exports cut at the sizes of heads.
    pub async fn export_cut(
        &self,
        name: &str,
        selection: &Selection,
        format: Format,
        splits: &[u64],
    ) -> Copy {
        let path = self.directory.path().join(format!("{name}.{format}"));
        let head = self.latest().await;
        let target = Target::File { path: path.clone(), force: true };
        let pool = &self.database.pool;
        let sealed = (&head.signed, &head.public_key);
        export::write(pool, sealed, selection, splits, (format, &target), &mut |_, _| {}).await.unwrap();
        Copy {
            paths: Paths::of(&path),
            format,
            public_key: Some(head.public_key.to_string()),
            heads: Vec::new(),
            directory: Arc::clone(&self.directory),
        }
    }
}

/// The files of an export.
#[derive(Clone)]
pub struct Copy {
    pub paths: Paths,
    format: Format,
    public_key: Option<String>,
    heads: Vec<PathBuf>,
    directory: Arc<TempDir>,
}

impl Copy {
    /// Another copy to tamper with.
    pub fn copy(&self, name: &str) -> Self {
        let paths = Paths::of(&self.directory.path().join(format!("{name}-copy.{}", self.format)));
        for (from, to) in [
            (&self.paths.events, &paths.events),
            (&self.paths.proof, &paths.proof),
            (&self.paths.tree, &paths.tree),
        ] {
            std::fs::copy(from, to).unwrap();
        }
        Self { paths, ..self.clone() }
    }

    /// The same without a known key.
    pub fn trusting(&self) -> Self {
        Self { public_key: None, ..self.clone() }
    }

    /// The same with kept heads.
    pub fn compared_with(&self, heads: &[&str]) -> Self {
        let path = self.directory.path().join("heads.txt");
        std::fs::write(&path, heads.join("\n")).unwrap();
        Self { heads: vec![path], ..self.clone() }
    }

    /// The events' lines without a header.
    pub fn lines(&self) -> Vec<String> {
        let skipped = usize::from(self.format == Format::Csv);
        read(&self.paths.events).lines().skip(skipped).map(str::to_owned).collect()
    }

    pub fn tree_lines(&self) -> Vec<String> {
        read(&self.paths.tree).lines().map(str::to_owned).collect()
    }

    pub fn proof(&self) -> Value {
        serde_json::from_str(&read(&self.paths.proof)).unwrap()
    }

    pub fn edit(&self, edit: &Edit) {
        let text = read(&self.paths.events);
        let end = if self.format == Format::Csv { text.find('\n').unwrap() + 1 } else { 0 };
        let mut lines = self.lines();
        edit(&mut lines);
        write(&self.paths.events, &format!("{}{}\n", &text[..end], lines.join("\n")));
    }

    pub fn edit_tree(&self, edit: impl Fn(&mut Vec<String>)) {
        let mut lines = self.tree_lines();
        edit(&mut lines);
        let text: String = lines.into_iter().map(|line| line + "\n").collect();
        write(&self.paths.tree, &text);
    }

    pub fn edit_proof(&self, from: &str, to: &str) {
        let text = read(&self.paths.proof);
        assert!(text.contains(from), "{from} in {text}");
        write(&self.paths.proof, &text.replacen(from, to, 1));
    }

    /// Recomputes all checksums, as a forger would.
    pub fn mend(&self) {
        let sum = |path: &Path| hex(&std::fs::read(path).unwrap());
        let proof = self.proof();
        for (name, sum) in
            [("events_sha256", sum(&self.paths.events)), ("tree_sha256", sum(&self.paths.tree))]
        {
            self.edit_proof(proof[name].as_str().unwrap(), &sum);
        }
        let checksum = proof["checksum"].as_str().unwrap();
        let body = read(&self.paths.proof).replace(&format!(",\n  \"checksum\": \"{checksum}\""), "");
        self.edit_proof(checksum, &hex(body.as_bytes()));
    }

    /// The verdict of our verifier.
    fn ours(&self) -> Result<String, String> {
        let mut options = Options::default();
        options.public_keys.extend(self.public_key.iter().map(|key| key.parse().unwrap()));
        for path in &self.heads {
            options.heads.extend(transparency::parse_notes(&read(path)).unwrap());
        }
        let verified = export::verify(&self.paths.events, &options, &mut |_, _| {});
        verified.map(|verified| verified.to_string()).map_err(|error| error.to_string())
    }

    /// The verdict of the Python verifier; `None` without Python or its Parquet library.
    async fn theirs(&self) -> Option<Result<String, String>> {
        if self.format == Format::Parquet {
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/audit/verify.py");
        let mut command = tokio::process::Command::new("python3");
        command.arg(script).arg(&self.paths.events).stdin(Stdio::null()).kill_on_drop(true);
        if let Some(key) = &self.public_key {
            command.args(["--public-key", key]);
        }
        for path in &self.heads {
            command.arg("--head").arg(path);
        }
        let output = match within(command.output()).await {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                #[allow(clippy::print_stderr)] // what was skipped must be seen
                {
                    eprintln!("skipped: the verifier in Python, for want of python3");
                }
                return None;
            }
            Err(error) => panic!("python3: {error}"),
        };
        let (said, errors) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        Some(match output.status.code() {
            Some(0) => Ok(said),
            Some(1) => Err(errors.strip_prefix("verify.py: ").unwrap_or(&errors).trim_end().to_owned()),
            code => panic!("verify.py ended with {code:?}: {errors}"),
        })
    }

    /// Asserts that both verifiers accept with the same text; returns it.
    pub async fn accepted(&self) -> String {
        let ours = self.ours().unwrap_or_else(|error| panic!("{}: {error}", self.paths.events.display()));
        if let Some(theirs) = self.theirs().await {
            assert_eq!(theirs.as_ref(), Ok(&ours));
        }
        ours
    }

    /// Asserts that both verifiers refuse with the same text; returns it.
    pub async fn refused(&self, what: &str) -> String {
        let ours = self.ours().expect_err(what);
        if let Some(theirs) = self.theirs().await {
            assert_eq!(theirs.expect_err(what), ours, "{what}");
        }
        ours
    }

    /// Asserts that both verifiers refuse; returns our text.
    pub async fn rejected(&self, what: &str) -> String {
        let ours = self.ours().expect_err(what);
        if let Some(theirs) = self.theirs().await {
            let words = theirs.expect_err(what);
            assert!(!words.contains("Traceback"), "{what}: {words}");
        }
        ours
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The subtree hash of some lines, from their stored hashes.
pub fn block_hash(lines: &[String]) -> Hash {
    if let [line] = lines {
        let row: Value = serde_json::from_str(line).unwrap();
        return Hash::parse_hash(row["leaf_hash"].as_str().unwrap()).unwrap();
    }
    let (left, right) = lines.split_at(lines.len() / 2);
    let node = Sha256::new().chain_update([1]).chain_update(block_hash(left).0);
    Hash(node.chain_update(block_hash(right).0).finalize().into())
}
