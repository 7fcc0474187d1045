//! The command line where no database is needed. That this test is here also makes `cargo test --workspace`
//! build the binary, which the tests of whole processes run.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod errors;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Returns the program, with none of its variables set.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocpizza-manager"));
    command.args(arguments);
    for name in ["DATABASE_URL", "PORT", "OCPIZZA_MANAGER_KEY", "ENV", "OCPIZZA_MANAGER_SETTINGS", "RUST_LOG"]
    {
        command.env_remove(name);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    program(arguments).output().expect("the program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Asserts exit code 1 and an empty stdout; returns the one line on stderr.
#[track_caller]
fn the_one_line(output: &Output) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), stdout(output)), (Some(1), String::new()), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

/// Makes a directory for one test.
fn empty_dir(name: &str) -> String {
    let dir = std::env::temp_dir().join(format!("ocpizza-cli-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir.display().to_string()
}

#[test]
fn help_of_every_command_has_an_example() {
    for command in [
        "",
        "demo",
        "serve",
        "migrate",
        "schema",
        "maintenance",
        "maintenance on",
        "maintenance off",
        "maintenance status",
        "token",
        "director",
        "projections",
        "projections status",
        "projections rebuild",
        "projections verify",
        "dead-letters",
        "dead-letters list",
        "dead-letters retry",
        "dead-letters discard",
        "audit",
        "audit seal",
        "audit key",
        "audit verify",
        "simulate",
        "audit replay",
        "backup",
        "restore",
        "destroy",
        "audit closings",
    ] {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("--help");
        let output = run(&arguments);
        let help = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{command}");
        let (_, example) = help.split_once("Example").unwrap_or_else(|| panic!("{command}: {help}"));
        let expected = format!("ocpizza-manager {command}");
        assert!(example.contains(expected.trim()), "{command}: {example}");
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    for arguments in [
        &[][..],
        &["bake"],
        &["token"],
        &["director"],
        &["director", "anne@ocpizza.example"],
        &["projections"],
        &["projections", "rebuild"],
        &["projections", "rebuild", "no_such_model"],
        &["dead-letters", "retry"],
        &["dead-letters", "retry", "1", "--all"],
        &["serve", "--no-such-option"],
        &["demo", "--speed", "2"],
        &["demo", "--simulate", "--speed", "0"],
        &["demo", "--simulate", "--speed", "fast"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn the_schema_printed_is_the_one_committed() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema.graphql");
    let committed = std::fs::read_to_string(committed).unwrap();
    let output = run(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output) == committed, "stale: cargo run -- schema > schema.graphql");
}

#[test]
fn a_missing_database_is_one_line_with_the_fix() {
    let dir = empty_dir("none");
    for arguments in [
        &["serve"][..],
        &["migrate"],
        &["token", "customer1@ocpizza.example"],
        &["projections", "status"],
        &["projections", "rebuild", "menus"],
        &["projections", "verify"],
    ] {
        let arguments = [arguments, &["--data-dir", &dir]].concat();
        let line = the_one_line(&run(&arguments));
        assert!(line.contains("set DATABASE_URL, or start a demo"), "{line}");
        assert!(line.contains(&dir), "{line}");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_database_that_does_not_answer_is_one_line() {
    for command in ["serve", "migrate", "demo"] {
        let mut program = program(&[command]);
        // Nothing listens on port 1; the demo takes any free port for itself before it asks.
        program.env("DATABASE_URL", "postgres://127.0.0.1:1/none").env("PORT", "0");
        let line = the_one_line(&program.output().unwrap());
        assert!(line.contains("cannot connect to the database"), "{command}: {line}");
    }
}

#[test]
fn the_demo_listens_on_loopback_by_default() {
    // The port is taken on another address only.
    let other = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let mut quiet = program(&["demo"]);
    quiet.env("DATABASE_URL", "postgres://127.0.0.1:1/none").env("PORT", &port);
    let line = the_one_line(&quiet.output().unwrap());
    assert!(line.contains("cannot connect to the database"), "{line}");

    let mut open = program(&["demo", "--listen", "0.0.0.0"]);
    let output = open.env("DATABASE_URL", "postgres://127.0.0.1:1/none").env("PORT", "0").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("warning: the demo listens on 0.0.0.0"), "{stderr}");
    let mut taken = program(&["demo", "--listen", "127.0.0.2"]);
    taken.env("DATABASE_URL", "postgres://127.0.0.1:1/none").env("PORT", &port);
    let stderr = String::from_utf8(taken.output().unwrap().stderr).unwrap();
    assert!(stderr.contains("is taken"), "{stderr}");
}

#[test]
fn a_taken_port_is_named_before_anything_starts() {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = empty_dir("taken");
    let line = the_one_line(&program(&["demo", "--data-dir", &dir]).env("PORT", &port).output().unwrap());
    assert!(line.contains(&format!("port {port} is taken: set PORT")), "{line}");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn fresh_refuses_the_database_of_database_url() {
    let mut program = program(&["demo", "--fresh"]);
    let line = the_one_line(&program.env("DATABASE_URL", "postgres://127.0.0.1:1/none").output().unwrap());
    assert!(line.contains("--fresh erases the private database only"), "{line}");
}

/// A directory that every user can write to, and in it PostgreSQL's programs as scripts: `initdb` notes that
/// it runs and takes for ever.
fn slow_postgres() -> (PathBuf, PathBuf) {
    let dir = PathBuf::from(empty_dir("slow"));
    let notes = dir.join("notes");
    std::fs::create_dir_all(&notes).unwrap();
    std::fs::set_permissions(&notes, std::fs::Permissions::from_mode(0o777)).unwrap();
    let begun = notes.join("begun");
    for (name, does) in [
        ("postgres", "echo 'postgres (PostgreSQL) 16.1'".to_owned()),
        ("initdb", format!("echo $$ > '{0}.new' && mv '{0}.new' '{0}' && exec sleep 300", begun.display())),
    ] {
        let path = dir.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{does}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    (dir, begun)
}

#[test]
fn ctrl_c_while_the_database_is_being_made_ends_in_the_closing_line() {
    let (dir, begun) = slow_postgres();
    // Not in the same directory: as root, others can write there.
    let data_dir = empty_dir("slow-data");
    let child = program(&["demo", "--data-dir", &data_dir])
        .env("PG_BIN_DIR", &dir)
        .env("PORT", "0")
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !begun.exists() {
        assert!(Instant::now() < deadline, "initdb was not run");
        std::thread::yield_now();
    }
    let initdb = std::fs::read_to_string(&begun).unwrap();
    // What a terminal does: the signal goes to the whole group.
    let group = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process_group(group, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(stdout(&output).lines().last(), Some("Stopped."), "{output:?}");
    assert!(output.status.success(), "{output:?}");
    assert!(!Path::new("/proc").join(initdb.trim()).exists(), "initdb runs no more");
    for dir in [dir, PathBuf::from(data_dir)] {
        std::fs::remove_dir_all(dir).unwrap();
    }
}
