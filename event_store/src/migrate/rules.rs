//! Tests that the files of `migrations/` follow expand / contract and take short locks only; see `migrations/README.md`.
//! `tests/it/operations/migrations.rs` checks their effect on a database.

mod lint;

use std::collections::BTreeMap;
use std::path::Path;

use lint::findings;

/// Number of the last file that is older than the rules.
const LAST_EXEMPT_NUMBER: i64 = 10;

/// Returns the files' texts by name.
fn files() -> BTreeMap<String, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn every_file_keeps_the_rules() {
    for (name, text) in files() {
        let number: i64 = name.split('_').next().unwrap().parse().unwrap();
        if number > LAST_EXEMPT_NUMBER {
            assert_eq!(findings(&text), Vec::<String>::new(), "{name}; see migrations/README.md");
        }
    }
}

#[test]
fn what_has_landed_never_changes() {
    let pinned = include_str!("../../../migrations/CHECKSUMS");
    let pinned: BTreeMap<&str, &str> =
        pinned.lines().map(|line| line.split_once("  ").unwrap()).map(|(sum, name)| (name, sum)).collect();
    let how = "pin it when it lands: (cd migrations && sha256sum *.sql > CHECKSUMS)";
    let files = files();
    for (name, text) in &files {
        let sum = pinned.get(name.as_str());
        let sum = sum.unwrap_or_else(|| panic!("{name} is not in migrations/CHECKSUMS; {how}"));
        assert_eq!(*sum, sha256(text), "{name} has landed and must stay as it was: write another");
    }
    for name in pinned.keys() {
        assert!(files.contains_key(*name), "{name} has landed and is gone");
    }
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn refused(sql: &str, what: &str) {
    let found = findings(sql);
    assert_eq!(found.len(), 1, "{sql}: {found:?}");
    assert!(found[0].contains(what), "{sql}: {found:?}");
}

#[track_caller]
fn accepted(sql: &str) {
    assert_eq!(findings(sql), Vec::<String>::new(), "{sql}");
}

#[test]
fn additions_are_accepted() {
    accepted("CREATE TABLE a (id uuid PRIMARY KEY, b uuid REFERENCES accounts (id)); CREATE INDEX ON a (b);");
    accepted("ALTER TABLE events ADD COLUMN note text, ADD COLUMN n bigint NOT NULL DEFAULT 0;");
    accepted("CREATE INDEX ON menus (position);");
    accepted("-- no-transaction\nCREATE INDEX CONCURRENTLY events_at ON events (recorded_at);");
    accepted("ALTER TABLE accounts ADD CONSTRAINT short CHECK (length(email) < 300) NOT VALID;");
    accepted("-- DROP TABLE menus;\nCOMMENT ON TABLE menus IS 'DROP TABLE menus; never';");
    accepted("CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN DELETE FROM events; END $$ LANGUAGE plpgsql;");
    accepted("INSERT INTO personal_data_progress (position) VALUES (0);");
    accepted("CREATE TABLE a (id int); UPDATE a SET id = 1; DROP TABLE a;");
}

#[test]
fn what_an_older_program_still_uses_goes_only_as_a_contract() {
    for (sql, what) in [
        ("DROP TABLE menus", "DROP"),
        ("ALTER TABLE menus DROP COLUMN document", "DROP"),
        ("ALTER TABLE menus DROP document", "DROP"),
        ("ALTER TABLE menus RENAME COLUMN document TO text", "RENAME"),
        ("ALTER TABLE menus RENAME TO cards", "RENAME"),
        ("ALTER TABLE IF EXISTS ONLY public.menus ALTER COLUMN version TYPE int", "TYPE"),
        ("ALTER TABLE menus ALTER version SET DATA TYPE int", "TYPE"),
        ("ALTER TABLE menus ALTER COLUMN version SET NOT NULL", "NOT NULL"),
        ("ALTER TABLE menus ALTER COLUMN version DROP DEFAULT", "DEFAULT"),
        ("ALTER TABLE menus ADD COLUMN place text NOT NULL", "NOT NULL without DEFAULT"),
        ("DROP FUNCTION refuse_log_change", "DROP"),
        ("ALTER TYPE kind RENAME TO sort", "ALTER TYPE"),
    ] {
        refused(sql, what);
        accepted(&format!("-- contract: 0.3.0\n{sql}"));
    }
    refused("-- contract: soon\nDROP TABLE menus", "contract: <release>");
}

#[test]
fn long_locks_and_changes_of_the_log_are_refused_even_in_a_contract() {
    for (sql, what) in [
        ("CREATE INDEX ON events (recorded_at)", "CONCURRENTLY"),
        ("CREATE UNIQUE INDEX a ON ONLY public.contacts (email)", "CONCURRENTLY"),
        ("CREATE INDEX CONCURRENTLY a ON events (recorded_at)", "no-transaction"),
        ("-- no-transaction\nCREATE INDEX CONCURRENTLY ON events (recorded_at)", "name"),
        ("-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a ON events (at)", "name"),
        ("-- no-transaction\nCREATE INDEX CONCURRENTLY a ON events (at); SELECT 1", "alone"),
        ("-- no-transaction\nCREATE TABLE a (id int)", "CONCURRENTLY"),
        ("UPDATE contacts SET note = NULL", "whole"),
        ("DELETE FROM ONLY order_details WHERE true", "whole"),
        ("WITH old AS (SELECT 1) UPDATE contacts SET note = NULL", "whole"),
        ("UPDATE events SET payload = '{}'", "log"),
        ("TRUNCATE events", "log"),
        ("DROP TRIGGER events_append_only ON events", "log"),
        ("ALTER TABLE events DISABLE TRIGGER ALL", "log"),
        ("GRANT DELETE ON events TO PUBLIC", "log"),
        ("ALTER TABLE contacts ALTER COLUMN note TYPE varchar(10)", "rewrites"),
        ("ALTER TABLE contacts ADD COLUMN a uuid DEFAULT gen_random_uuid()", "rewrites"),
        ("ALTER TABLE contacts ADD COLUMN a bigserial", "rewrites"),
        ("ALTER TABLE contacts ADD COLUMN a int GENERATED ALWAYS AS (1) STORED", "rewrites"),
        ("ALTER TABLE contacts ADD COLUMN a int UNIQUE", "index"),
        ("ALTER TABLE contacts ADD CONSTRAINT a UNIQUE (email)", "index"),
        ("ALTER TABLE contacts ADD COLUMN a uuid REFERENCES accounts (id)", "NOT VALID"),
        ("ALTER TABLE contacts ADD CONSTRAINT a CHECK (name <> '')", "NOT VALID"),
        ("ALTER TABLE contacts ADD FOREIGN KEY (id) REFERENCES accounts (id)", "NOT VALID"),
        ("LOCK TABLE menus", "LOCK"),
        ("VACUUM FULL menus", "VACUUM"),
        ("BEGIN", "BEGIN"),
        ("DO $$ BEGIN DELETE FROM events; END $$", "DO"),
    ] {
        refused(sql, what);
        // `-- no-transaction` must stay the first line.
        let contract = match sql.strip_prefix("-- no-transaction\n") {
            Some(rest) => format!("-- no-transaction\n-- contract: 0.3.0\n{rest}"),
            None => format!("-- contract: 0.3.0\n{sql}"),
        };
        refused(&contract, what);
    }
}
