//! The command line where no database is needed. That this test is here also makes `cargo test --workspace`
//! build the binary, which the tests of whole processes run.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The program, with nothing set that it reads.
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

/// Exit code 1, nothing on stdout, and the one line on stderr.
#[track_caller]
fn the_one_line(output: &Output) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), stdout(output)), (Some(1), String::new()), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

/// A directory that is there for no other test.
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
fn without_a_database_there_is_one_line_that_says_what_to_do() {
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
fn errors_of_settings_name_the_input_the_rule_and_the_fix() {
    for (name, value, message) in [
        ("PORT", "99999", "PORT must be from 1 to 65535, not \"99999\""),
        ("ENV", "STAGING", "ENV must be DEVELOPMENT or PRODUCTION, not \"STAGING\""),
        (
            "OCPIZZA_MANAGER_SETTINGS",
            "/nowhere.toml",
            "cannot read /nowhere.toml, which OCPIZZA_MANAGER_SETTINGS names: No such file or directory (os error 2)",
        ),
        (
            "OCPIZZA_MANAGER_TRUSTED_PROXIES",
            "10.0.0.0/33",
            "OCPIZZA_MANAGER_TRUSTED_PROXIES must be networks in CIDR notation such as 10.0.0.0/8, comma-separated, \
             not \"10.0.0.0/33\"",
        ),
        (
            "OCPIZZA_MANAGER_INTROSPECTION",
            "CHEF",
            "OCPIZZA_MANAGER_INTROSPECTION must be EVERYBODY, NOBODY, or roles such as DIRECTOR, comma-separated, \
             not \"CHEF\"",
        ),
        (
            "OCPIZZA_MANAGER_RATE_PER_ADDRESS",
            "fast",
            "OCPIZZA_MANAGER_RATE_PER_ADDRESS must be OFF, or requests per second and per burst such as 50/500, each \
             from 1 to 1000000, not \"fast\"",
        ),
        (
            "OCPIZZA_MANAGER_SIGN_IN_PER_ACCOUNT",
            "-1",
            "OCPIZZA_MANAGER_SIGN_IN_PER_ACCOUNT must be from 1 to 1000000, not \"-1\"",
        ),
        (
            "OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL",
            "tomorrow",
            "OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL must be a time such as 2026-12-24T12:00:00Z, not \"tomorrow\"",
        ),
        (
            "OCPIZZA_MANAGER_GRAPHIQL",
            "maybe",
            "OCPIZZA_MANAGER_GRAPHIQL must be true or false, not \"maybe\"",
        ),
        (
            "OCPIZZA_MANAGER_ALLOWED_ORIGINS",
            "shop.example",
            "OCPIZZA_MANAGER_ALLOWED_ORIGINS must be origins such as https://shop.example or http://10.0.0.5:3000, \
             comma-separated, not \"shop.example\"",
        ),
        (
            "OCPIZZA_MANAGER_SIGNING_KEY",
            "c2hvcnQ=",
            "OCPIZZA_MANAGER_SIGNING_KEY must be 32 bytes in base64 (openssl rand -base64 32), not the value set, which \
             is not shown because it may be secret",
        ),
        (
            "OCPIZZA_MANAGER_SIGNING_KEYS_RETIRED",
            "a+b+c",
            "OCPIZZA_MANAGER_SIGNING_KEYS_RETIRED must be public keys as `ocpizza-manager audit key` prints them, \
             comma-separated, not \"a+b+c\"",
        ),
    ] {
        let line = the_one_line(&program(&["serve"]).env(name, value).output().unwrap());
        assert_eq!(line, format!("ocpizza-manager: {message}\n"));
    }
}

#[test]
fn a_broken_line_of_the_settings_file_is_not_printed() {
    let dir = empty_dir("secret-line");
    let file = format!("{dir}/settings.toml");
    std::fs::write(&file, "port = 9000\nocpizza_manager_key = \"s3cret\n").unwrap();
    for arguments in [&["serve"][..], &["serve", "--print-config"], &["migrate"], &["demo"]] {
        let mut program = program(arguments);
        let output = program.env("OCPIZZA_MANAGER_SETTINGS", &file).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("line 2 (ocpizza_manager_key)"), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("s3cret") && output.stdout.is_empty(), "{arguments:?}: {stderr}");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_demo_listens_on_this_machine_alone_unless_it_is_said() {
    // Somebody else's, on every address: the demo would complain that it is taken.
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
fn production_without_a_key_is_refused() {
    let mut program = program(&["serve"]);
    program.env("ENV", "PRODUCTION").env("DATABASE_URL", "postgres://127.0.0.1:1/none");
    let line = the_one_line(&program.output().unwrap());
    assert!(line.contains("OCPIZZA_MANAGER_KEY must be set"), "{line}");
}

#[test]
fn a_port_that_is_taken_is_one_line_and_nothing_is_begun() {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = empty_dir("taken");
    let line = the_one_line(&program(&["demo", "--data-dir", &dir]).env("PORT", &port).output().unwrap());
    assert!(line.contains(&format!("port {port} is taken: set PORT")), "{line}");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn fresh_never_erases_a_database_that_is_not_the_demos_own() {
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

/// What `serve` says and does when a variable is missing or wrong: one line that names it.
#[test]
fn each_variable_that_is_missing_or_wrong_is_named_in_one_line() {
    let dir = empty_dir("variables");
    let (broken, misspelt) = (format!("{dir}/broken.toml"), format!("{dir}/misspelt.toml"));
    std::fs::write(&broken, "port = \n").unwrap();
    std::fs::write(&misspelt, "prot = 8080\n").unwrap();
    let key = "a key of our own, long enough for everybody";
    let good = [
        ("ENV", "PRODUCTION"),
        ("OCPIZZA_MANAGER_KEY", key),
        // Nobody listens there: with everything else right, the start comes as far as this.
        ("DATABASE_URL", "postgres://app:s3cret@127.0.0.1:1/ocpizza"),
        ("PORT", "8080"),
    ];
    for (name, value, said) in [
        ("PORT", "8080", "cannot connect to the database of DATABASE_URL"),
        ("OCPIZZA_MANAGER_KEY", "", "OCPIZZA_MANAGER_KEY must be set"),
        ("OCPIZZA_MANAGER_KEY", "4jdsksnkgndklnd59sknsk6bv6fv", "OCPIZZA_MANAGER_KEY is the sample value"),
        ("OCPIZZA_MANAGER_KEY", "short", "OCPIZZA_MANAGER_KEY is shorter than 32 bytes"),
        ("OCPIZZA_MANAGER_KEY_PREVIOUS", key, "OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL"),
        ("ENV", "STAGING", "ENV must be DEVELOPMENT or PRODUCTION"),
        ("DATABASE_URL", "", "DATABASE_URL must be set"),
        ("DATABASE_URL", "mysql://app:s3cret@127.0.0.1/ocpizza", "DATABASE_URL cannot be used"),
        ("DATABASE_URL", "postgres://app:s3cret@127.0.0.1:port/ocpizza", "DATABASE_URL cannot be used"),
        (
            "DATABASE_URL",
            "postgres://app:s3cret@127.0.0.1/ocpizza?sslmode=maybe",
            "DATABASE_URL cannot be used",
        ),
        ("PORT", "eighty", "PORT must be from 1 to 65535"),
        ("PORT", "80800", "PORT must be from 1 to 65535"),
        ("OCPIZZA_MANAGER_SETTINGS", "/nowhere.toml", "which OCPIZZA_MANAGER_SETTINGS names"),
        ("OCPIZZA_MANAGER_SETTINGS", &dir, "which OCPIZZA_MANAGER_SETTINGS names"),
        ("OCPIZZA_MANAGER_SETTINGS", &broken, "which OCPIZZA_MANAGER_SETTINGS names"),
        ("OCPIZZA_MANAGER_SETTINGS", &misspelt, "prot"),
        (
            "OCPIZZA_MANAGER_DATABASE_CONNECTIONS",
            "11",
            "OCPIZZA_MANAGER_DATABASE_CONNECTIONS must be at least 12",
        ),
        (
            "OCPIZZA_MANAGER_DATABASE_CONNECTIONS",
            "many",
            "OCPIZZA_MANAGER_DATABASE_CONNECTIONS must be from 1 to 10000",
        ),
        ("OCPIZZA_MANAGER_PROCESSES", "3", "must be at least 22 for OCPIZZA_MANAGER_PROCESSES=3"),
    ] {
        let output = program(&["serve"]).envs(good).env(name, value).output().unwrap();
        let line = the_one_line(&output);
        assert!(line.contains(said), "{name}={value}: {line}");
        assert!(!line.contains("s3cret"), "{name}={value}: {line}");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_settings_are_printed_with_where_they_come_from_and_without_secrets() {
    let dir = empty_dir("printed");
    let file = format!("{dir}/settings.toml");
    std::fs::write(&file, "port = 9000\nocpizza_manager_processes = 2\nenv = \"PRODUCTION\"\n").unwrap();
    let output = program(&["serve", "--print-config"])
        .env("OCPIZZA_MANAGER_SETTINGS", &file)
        .env("PORT", "9001")
        .env("OCPIZZA_MANAGER_KEY", "s3cret")
        .env("OCPIZZA_MANAGER_SMTP_URL", "smtps://mailer:s3cret@mail.example:465")
        .env("DJANGO_SETTINGS_MODULE", "config.settings.production")
        // Nobody is there, and nobody is asked.
        .env("DATABASE_URL", "postgres://app:s3cret@127.0.0.1:1/ocpizza?sslmode=require")
        .output()
        .unwrap();
    let text = stdout(&output);
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
    // What stands in for what production needs; the mail server does not.
    assert!(text.contains("\n# payment provider: CLOSED, "), "{text}");
    assert!(!text.contains("# mail server"), "{text}");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [
        ["PORT", "environment", "9001"],
        ["ENV", "file", "PRODUCTION"],
        ["OCPIZZA_MANAGER_PROCESSES", "file", "2"],
        ["OCPIZZA_MANAGER_DATABASE_CONNECTIONS", "default", "20"],
        ["OCPIZZA_MANAGER_KEY", "environment", "***"],
        ["OCPIZZA_MANAGER_SMTP_URL", "environment", "smtps://mailer:***@mail.example:465"],
        ["DATABASE_URL", "environment", "postgres://app:***@127.0.0.1:1/ocpizza?sslmode=require"],
        ["OCPIZZA_MANAGER_RATE_PER_ACCOUNT", "default", "50/500"],
    ] {
        assert!(rows.iter().any(|found| *found == row), "{row:?}: {text}");
    }
    assert!(
        text.contains("a pool of 4 connections") && text.contains("DJANGO_SETTINGS_MODULE does not apply")
    );
    let wrong = program(&["serve", "--print-config"]).env("PORT", "x").output().unwrap();
    assert!(the_one_line(&wrong).contains("PORT must be from 1 to 65535"));
    std::fs::remove_dir_all(dir).unwrap();
}
