//! Starts, finds, refuses, stops and kills private servers. The tests pass as root and as another user, and need PostgreSQL's
//! programs.

use std::env;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::{Child, Command, Stdio};

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use uuid::Uuid;

use super::*;

/// A data directory that is removed when dropped.
struct DataDir(PathBuf);

impl DataDir {
    fn new() -> Self {
        Self(env::temp_dir().join(format!("ocpizza-test-{}", Uuid::now_v7().simple())))
    }

    fn cluster(&self) -> PathBuf {
        cluster::remembered_home(&self.0).unwrap_or_else(|| self.0.clone()).join("cluster")
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Some(home) = cluster::remembered_home(&self.0) {
            let _ = fs::remove_dir_all(home);
        }
        let _ = fs::remove_dir_all(cluster::socket_path(&self.0));
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn options(data_dir: &Path) -> Options {
    Options {
        data_dir: data_dir.to_owned(),
        durability: Durability::Fast,
        may_install: false,
        max_connections: 10,
        on_notice: Box::new(|_| {}),
        is_stopped: Box::new(|| false),
    }
}

fn start(data_dir: &Path) -> PrivatePostgres {
    PrivatePostgres::start(options(data_dir)).unwrap()
}

fn refused(data_dir: &Path) -> StartError {
    PrivatePostgres::start(options(data_dir)).unwrap_err()
}

async fn run(url: &str, statement: &str) {
    PgConnection::connect(url).await.unwrap().execute(statement).await.unwrap();
}

async fn number(url: &str, query: &'static str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
}

fn wait_for<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "the condition did not come true in 60 s");
        std::thread::sleep(server::POLL_INTERVAL);
    }
}

#[tokio::test]
async fn data_is_kept_from_one_run_to_the_next() {
    let dir = DataDir::new();
    let postgres = start(&dir.0);
    let url = postgres.database_url(DATABASE);
    assert_eq!(running_url(&dir.0), Some(url.clone()));
    run(&url, "CREATE TABLE kept (n bigint); INSERT INTO kept VALUES (7)").await;
    run(&url, "CREATE DATABASE another").await;
    assert_eq!(number(&postgres.database_url("another"), "SELECT 1::bigint").await, 1);

    // A connection that is still open does not hold up the stop.
    let open = PgConnection::connect(&url).await.unwrap();
    postgres.stop();
    drop(open);
    assert_eq!(running_url(&dir.0), None);
    assert!(!dir.0.join("database_url").exists());

    let postgres = start(&dir.0);
    assert_eq!(number(&postgres.database_url(DATABASE), "SELECT n FROM kept").await, 7);
}

#[tokio::test]
async fn durability_determines_fsync_and_tcp_is_off() {
    let dir = DataDir::new();
    let settings = "SELECT count(*) FROM pg_settings WHERE setting = 'on'
                    AND name IN ('fsync', 'full_page_writes', 'synchronous_commit')";
    let postgres = start(&dir.0);
    assert_eq!(number(&postgres.database_url(DATABASE), settings).await, 0);
    drop(postgres);
    let durable = Options { durability: Durability::Durable, ..options(&dir.0) };
    let postgres = PrivatePostgres::start(durable).unwrap();
    assert_eq!(number(&postgres.database_url(DATABASE), settings).await, 3);
    let tcp = "SELECT count(*) FROM pg_settings WHERE name = 'listen_addresses' AND setting <> ''";
    assert_eq!(number(&postgres.database_url(DATABASE), tcp).await, 0);
}

#[test]
fn a_second_start_on_a_running_directory_names_the_process() {
    let dir = DataDir::new();
    let first = start(&dir.0);
    let error = refused(&dir.0);
    assert!(matches!(error, StartError::AlreadyRunning { pid, .. } if pid == std::process::id()), "{error}");
    assert!(matches!(erase(&dir.0), Err(StartError::AlreadyRunning { .. })));
    assert!(running_url(&dir.0).is_some());
    first.stop();
    start(&dir.0).stop();
}

/// Process that the tests below start and kill; not a test by itself.
#[test]
fn owner_process() {
    let Ok(data_dir) = env::var("OCPIZZA_TEST_OWNER_OF") else { return };
    let _postgres = start(Path::new(&data_dir));
    loop {
        std::thread::park();
    }
}

fn owner_process_of(data_dir: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "tests::owner_process"])
        .env("OCPIZZA_TEST_OWNER_OF", data_dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn the_server_ends_with_its_killed_owner_and_the_next_start_works() {
    let dir = DataDir::new();
    let mut owner = owner_process_of(&dir.0);
    let url = wait_for(|| running_url(&dir.0));
    run(&url, "CREATE TABLE kept (n bigint); INSERT INTO kept VALUES (7)").await;
    owner.kill().unwrap();
    owner.wait().unwrap();

    let postgres = start(&dir.0);
    assert_eq!(number(&postgres.database_url(DATABASE), "SELECT n FROM kept").await, 7);
    postgres.stop();

    let mut owner = owner_process_of(&dir.0);
    wait_for(|| running_url(&dir.0));
    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_for(|| running_url(&dir.0).is_none().then_some(()));
    assert!(dir.0.join("database_url").exists(), "the file stays, and is ignored");
    wait_for(|| server::running_pid(&dir.cluster()).is_none().then_some(()));
}

#[tokio::test]
async fn a_killed_server_does_not_prevent_the_next_start() {
    let dir = DataDir::new();
    let durable = Options { durability: Durability::Durable, ..options(&dir.0) };
    let postgres = PrivatePostgres::start(durable).unwrap();
    let url = postgres.database_url(DATABASE);
    run(&url, "CREATE TABLE kept (n bigint); INSERT INTO kept VALUES (7)").await;
    let data = dir.cluster();
    let pid = server::running_pid(&data).and_then(|pid| rustix::process::Pid::from_raw(pid as i32)).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    drop(postgres);

    // The pid that it left belongs to another process of the same user.
    let account = cluster::server_account(&dir.0);
    let mut other = cluster::run_as(Command::new("sleep").arg("300"), account).spawn().unwrap();
    let file = data.join("postmaster.pid");
    let stale = fs::read_to_string(&file).unwrap();
    let others = stale.replacen(&pid.as_raw_nonzero().to_string(), &other.id().to_string(), 1);
    assert_ne!(stale, others);
    fs::write(&file, others).unwrap();

    let postgres = start(&dir.0);
    assert_eq!(number(&postgres.database_url(DATABASE), "SELECT n FROM kept").await, 7);
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn a_directory_that_the_servers_user_cannot_enter_keeps_its_cluster_elsewhere() {
    let outer = DataDir::new();
    fs::create_dir(&outer.0).unwrap();
    fs::set_permissions(&outer.0, fs::Permissions::from_mode(0o700)).unwrap();
    let dir = DataDir(outer.0.join(".ocpizza"));
    let postgres = start(&dir.0);
    run(&postgres.database_url(DATABASE), "CREATE TABLE kept (n bigint)").await;
    postgres.stop();
    let elsewhere = cluster::remembered_home(&dir.0);
    assert_eq!(elsewhere.is_some(), rustix::process::geteuid().is_root());

    let postgres = start(&dir.0);
    assert_eq!(number(&postgres.database_url(DATABASE), "SELECT count(*) FROM kept").await, 0);
    postgres.stop();

    erase(&dir.0).unwrap();
    let postgres = start(&dir.0);
    let tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'kept'";
    assert_eq!(number(&postgres.database_url(DATABASE), tables).await, 0);
}

#[test]
fn erasing_leaves_other_files_alone() {
    let dir = DataDir::new();
    erase(&dir.0).unwrap();
    start(&dir.0).stop();
    fs::write(dir.0.join("mine"), "kept").unwrap();
    erase(&dir.0).unwrap();
    assert!(!dir.0.join("cluster").exists());
    assert_eq!(fs::read_to_string(dir.0.join("mine")).unwrap(), "kept");
}

#[test]
fn a_directory_made_by_another_version_is_refused() {
    let dir = DataDir::new();
    fs::create_dir_all(dir.0.join("cluster")).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(dir.0.join("cluster"), Some(65534), Some(65534)).unwrap();
    }
    fs::write(dir.0.join("cluster/PG_VERSION"), "9\n").unwrap();
    let error = refused(&dir.0);
    assert!(matches!(error, StartError::OtherVersion { made_by: 9, found, .. } if found > 9), "{error}");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let dir = DataDir::new();
    fs::write(&dir.0, "a file").unwrap();
    let error = refused(&dir.0);
    assert!(matches!(&error, StartError::Unwritable { path, .. } if *path == dir.0), "{error}");
    fs::remove_file(&dir.0).unwrap();
}

#[test]
fn refuses_a_socket_directory_of_another_user() {
    let dir = DataDir::new();
    fs::create_dir(&dir.0).unwrap();
    let account = cluster::server_account(&dir.0);
    let socket_dir = cluster::socket_dir(&dir.0, account).unwrap();
    assert!(socket_dir.join(".s.PGSQL.5432").as_os_str().len() < 107);
    assert_eq!(cluster::socket_dir(&dir.0, account).unwrap(), socket_dir, "its own is taken again");

    fs::set_permissions(&socket_dir, fs::Permissions::from_mode(0o750)).unwrap();
    assert!(matches!(cluster::socket_dir(&dir.0, account), Err(StartError::SocketDirectory { .. })));
    fs::remove_dir(&socket_dir).unwrap();

    let refused = || matches!(cluster::socket_dir(&dir.0, account), Err(StartError::SocketDirectory { .. }));
    let own = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let (uid, gid) = account.map(|account| (account.uid, account.gid)).unzip();
        chown(path, uid, gid).unwrap();
    };
    let elsewhere = dir.0.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    own(&elsewhere, 0o700);
    symlink(&elsewhere, &socket_dir).unwrap();
    assert!(refused());
    fs::remove_file(&socket_dir).unwrap();

    fs::write(&socket_dir, "").unwrap();
    own(&socket_dir, 0o600);
    assert!(refused());
    fs::remove_file(&socket_dir).unwrap();
}

#[test]
fn ignores_a_server_behind_a_socket_directory_of_another_user() {
    let dir = DataDir::new();
    let postgres = start(&dir.0);
    assert!(running_url(&dir.0).is_some());
    fs::set_permissions(&postgres.socket_dir, fs::Permissions::from_mode(0o711)).unwrap();
    assert_eq!(running_url(&dir.0), None, "others can enter it");
    fs::set_permissions(&postgres.socket_dir, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(running_url(&dir.0).is_some());
    // Only root can give it to another user.
    if let Some(account) = cluster::server_account(&dir.0) {
        chown(&postgres.socket_dir, Some(4321), None).unwrap();
        assert_eq!(running_url(&dir.0), None, "it belongs to another user");
        chown(&postgres.socket_dir, Some(account.uid), None).unwrap();
    }
}

#[test]
fn root_uses_no_data_directory_in_which_others_can_write() {
    let dir = DataDir::new();
    fs::create_dir(&dir.0).unwrap();
    let refused = || matches!(cluster::data_dir(&dir.0), Err(StartError::NotRoots { .. }));
    let is_root = rustix::process::geteuid().is_root();
    for mode in [0o757, 0o775] {
        fs::set_permissions(&dir.0, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(refused(), is_root, "{mode:o}");
    }
    fs::set_permissions(&dir.0, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(!refused());
    if let Some(account) = cluster::server_account(&dir.0) {
        chown(&dir.0, Some(4321), None).unwrap();
        assert!(refused());
        chown(&dir.0, Some(account.uid), None).unwrap();
        assert!(!refused());
    }
}

#[test]
fn files_of_the_data_directory_are_not_written_through_links() {
    for name in ["lock", "postgres.log", "database_url"] {
        let dir = DataDir::new();
        fs::create_dir(&dir.0).unwrap();
        let other = dir.0.join("other");
        fs::write(&other, "kept").unwrap();
        symlink(&other, dir.0.join(name)).unwrap();
        let error = refused(&dir.0);
        assert!(matches!(&error, StartError::Unwritable { path, .. } if path.ends_with(name)), "{error}");
        assert_eq!(fs::read_to_string(&other).unwrap(), "kept");
    }
}

#[test]
fn programs_are_taken_in_order_and_by_version() {
    let dir = DataDir::new();
    let place = |name: &str, says: &str| {
        let place = dir.0.join(name);
        fs::create_dir_all(&place).unwrap();
        for program in ["initdb", "postgres"] {
            let path = place.join(program);
            fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        place
    };
    let broken = place("broken", "no such library");
    let sixteen = place("16", "postgres (PostgreSQL) 16beta1");
    let fifteen = place("15", "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)");
    let places = [dir.0.join("absent"), broken, sixteen.clone(), fifteen.clone()];
    let programs = |dir: &Path, major| find::Found::Programs(find::Programs { dir: dir.to_owned(), major });

    assert_eq!(find::find(&places, None, None), programs(&sixteen, 16));
    assert_eq!(find::find(&places, None, Some(15)), programs(&fifteen, 15));
    assert_eq!(find::find(&places, None, Some(14)), find::Found::OtherVersion { made_by: 14, found: 16 });
    assert_eq!(find::find(&places, None, Some(17)), find::Found::OtherVersion { made_by: 17, found: 16 });
    assert_eq!(find::find(&places[..2], None, Some(14)), find::Found::Nothing);
}
