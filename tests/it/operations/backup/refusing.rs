//! Refused backups and restores, which change nothing.

use std::fs;

use sqlx::Executor;
use tests::processes::{Process, command, run};
use tests::{Demo, within};

use super::{Dir, assert_same, bare, contents, done, last, refused, settled, text, verified, water};

#[tokio::test]
async fn a_broken_file_leaves_the_database_empty() {
    let (dir, demo) = (Dir::new(), Demo::create().await);
    let file = dir.file("good.backup");
    done(&run(&demo.database.url, &["backup", &file]).await);
    let good = fs::read(&file).unwrap();
    let mut changed = good.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 0x10;
    let database = bare().await;
    done(&run(&database.url, &["migrate"]).await);
    let empty = contents(&database.pool).await;
    for (name, bytes, what) in [
        ("shorter", &good[..good.len() - 1], "it is cut off"),
        ("half", &good[..middle], "it is cut off"),
        ("empty", &good[..0], "it is cut off"),
        ("changed", &changed[..], "it is damaged"),
        ("other", &b"PGDMP"[..], "it is no backup"),
    ] {
        let file = dir.file(name);
        fs::write(&file, bytes).unwrap();
        for arguments in [&["restore", &file][..], &["backup", "--verify", &file]] {
            let line = refused(&run(&database.url, arguments).await);
            assert!(line.contains(what) && line.contains(&file), "{name}: {line}");
        }
        assert_same(&contents(&database.pool).await, &empty);
    }
    // A row that violates a constraint, after most rows.
    database.pool.execute("ALTER TABLE idempotency_keys ADD CHECK (false)").await.unwrap();
    refused(&run(&database.url, &["restore", &file]).await);
    assert_same(&contents(&database.pool).await, &empty);
}

#[tokio::test]
async fn refuses_a_database_with_contents() {
    let (dir, demo) = (Dir::new(), Demo::create().await);
    let file = dir.file("a.backup");
    done(&run(&demo.database.url, &["backup", &file]).await);
    let before = contents(&demo.database.pool).await;
    let line = refused(&run(&demo.database.url, &["restore", &file]).await);
    assert!(line.contains("the database is not empty: its log has"), "{line}");
    assert_same(&contents(&demo.database.pool).await, &before);

    let database = bare().await;
    done(&run(&database.url, &["migrate"]).await);
    database
        .pool
        .execute("INSERT INTO demo_charges VALUES (gen_random_uuid(), NULL, 1, 'ACCEPTED')")
        .await
        .unwrap();
    let line = refused(&run(&database.url, &["restore", &file]).await);
    assert!(line.contains("there are rows in demo_charges"), "{line}");
}

#[tokio::test]
async fn keeps_existing_files_and_writes_backups_to_stdout() {
    let (dir, demo) = (Dir::new(), Demo::create().await);
    let file = dir.file("a.backup");
    fs::write(&file, "precious").unwrap();
    let line = refused(&run(&demo.database.url, &["backup", &file]).await);
    assert!(line.contains("it exists; --force overwrites it"), "{line}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    done(&run(&demo.database.url, &["backup", "--force", &file]).await);
    let line = refused(&run(&demo.database.url, &["backup", &dir.file("nowhere/a.backup")]).await);
    assert!(line.contains("cannot write"), "{line}");

    let piped = run(&demo.database.url, &["backup", "-"]).await;
    assert!(
        piped.status.success() && text(&piped.stderr).contains("up to position"),
        "{}",
        text(&piped.stderr)
    );
    let copy = dir.file("piped.backup");
    fs::write(&copy, &piped.stdout).unwrap();
    done(&run(&demo.database.url, &["backup", "--verify", &copy]).await);
    // The directory contains no other file.
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 2);
}

#[tokio::test]
async fn refuses_a_database_with_an_unknown_table() {
    let (dir, demo) = (Dir::new(), Demo::create().await);
    demo.database.pool.execute("CREATE TABLE of_tomorrow (id int)").await.unwrap();
    let file = dir.file("a.backup");
    let line = refused(&run(&demo.database.url, &["backup", &file]).await);
    assert!(line.contains("of_tomorrow"), "{line}");
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 0);
}

#[tokio::test]
async fn removes_data_only_by_name_and_with_a_complete_backup() {
    let (dir, demo) = (Dir::new(), Demo::create().await);
    let url = &demo.database.url;
    let name: String =
        sqlx::query_scalar("SELECT current_database()::text").fetch_one(&demo.database.pool).await.unwrap();
    let process = Process::serve(url).await;
    let customer = demo.person(&process.base, "customer1");
    let file = dir.file("a.backup");
    settled(&demo.database.pool).await;
    done(&run(url, &["backup", &file]).await);
    let before = contents(&demo.database.pool).await;
    let destroy = |file: &str, more: &[&str]| {
        let arguments: Vec<String> =
            ["destroy", "--backup", file].iter().chain(more).map(|word| (*word).to_owned()).collect();
        let mut command = command(url);
        command.args(arguments);
        within(async move { command.output().await.unwrap() })
    };

    for (arguments, what) in [
        (&[][..], "--name must be the name of the database"),
        (&["--name", "ocpizza_manager_db"], "not ocpizza_manager_db"),
        (&["--name", &name], "the database is in use"),
    ] {
        let line = refused(&destroy(&file, arguments).await);
        assert!(line.contains(what), "{line}");
    }
    let force = ["--name", name.as_str(), "--force-while-serving"];
    let half = dir.file("half");
    let bytes = fs::read(&file).unwrap();
    fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    let line = refused(&destroy(&half, &force).await);
    assert!(line.contains("the backup cannot be relied on: it is cut off"), "{line}");
    // A change outside the log.
    demo.database
        .pool
        .execute("INSERT INTO demo_charges VALUES (gen_random_uuid(), NULL, 1, 'ACCEPTED')")
        .await
        .unwrap();
    let line = refused(&destroy(&file, &force).await);
    assert!(line.contains("demo_charges is not as it is in the backup"), "{line}");
    demo.database.pool.execute("DELETE FROM demo_charges").await.unwrap();
    assert_same(&contents(&demo.database.pool).await, &before);
    customer.placed(water()).await;
    let line = refused(&destroy(&file, &force).await);
    assert!(line.contains("the backup ends at position"), "{line}");
    // A backup of another system at the same position.
    settled(&demo.database.pool).await;
    process.kill().await;
    let other = Demo::create().await;
    let process = Process::serve(&other.database.url).await;
    other.person(&process.base, "customer1").placed(water()).await;
    settled(&other.database.pool).await;
    process.kill().await;
    assert_eq!(last(&other.database.pool).await, last(&demo.database.pool).await);
    let others = dir.file("other.backup");
    done(&run(&other.database.url, &["backup", &others]).await);
    let line = refused(&destroy(&others, &force).await);
    assert!(line.contains("the backup is of another log"), "{line}");

    // Removed, and restored.
    let file = dir.file("b.backup");
    done(&run(url, &["backup", &file]).await);
    let before = contents(&demo.database.pool).await;
    let said = done(&destroy(&file, &force).await);
    assert!(said.contains(&format!("of {name}")) && said.contains("kept: the register"), "{said}");
    let left: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace \
         UNION SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
         UNION SELECT typname::text FROM pg_type WHERE typnamespace = 'public'::regnamespace",
    )
    .fetch_all(&demo.database.pool)
    .await
    .unwrap();
    assert_eq!(left, Vec::<String>::new());
    done(&run(url, &["restore", &file]).await);
    assert_same(&contents(&demo.database.pool).await, &before);
    verified(url).await;
}
