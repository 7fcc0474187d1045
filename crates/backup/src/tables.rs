//! What each table of the schema holds, and so whether a backup has it. A migration that adds a table adds it
//! here, or a test fails: nothing is left out of a backup by oversight.

use projections::Model;

/// What a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The log itself.
    Log,
    /// What is in no event: kept in a backup, and put back by a restore.
    Facts,
    /// What follows from the log: made anew by a restore.
    Derived,
    /// What is over soon, or belongs to the running deployment: neither kept nor put back.
    Passing,
}

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// The columns that its rows are read in the order of; they are its key.
    pub(super) key: &'static str,
    /// Which of its rows are facts, where not all are.
    pub(super) only: Option<&'static str>,
}

const fn log(name: &'static str, key: &'static str) -> Table {
    Table { name, kind: Kind::Log, key, only: None }
}

const fn facts(name: &'static str, key: &'static str) -> Table {
    Table { name, kind: Kind::Facts, key, only: None }
}

const fn derived(name: &'static str) -> Table {
    Table { name, kind: Kind::Derived, key: "", only: None }
}

const fn passing(name: &'static str) -> Table {
    Table { name, kind: Kind::Passing, key: "", only: None }
}

/// Every table but those of the read models, in the order in which a restore fills them.
const TABLES: &[Table] = &[
    log("events", "position"),
    facts("log_identity", "id"),
    facts("tree_tiles", "level, tile"),
    facts("tree_heads", "size"),
    facts("tree_floor", "id"),
    facts("tree_resumptions", "id"),
    facts("head_publications", "destination"),
    facts("accounts", "id"),
    facts("contacts", "id"),
    facts("notes", "id"),
    facts("contact_reads", "id"),
    facts("erased_customers", "customer_id"),
    // Sealed under the key of the server, which a backup does not have.
    facts("second_factors", "account_id"),
    facts("personal_data_progress", "id"),
    facts("idempotency_keys", "actor_id, key"),
    facts("payment_intents", "id"),
    // The books of the demo's payment service.
    facts("demo_charges", "key"),
    // How far reactors have acted. Those of read models are derived.
    Table { name: "checkpoints", kind: Kind::Facts, key: "name", only: Some("name LIKE 'reactor:%'") },
    // By a restore from the last event.
    derived("event_log_head"),
    derived("snapshots"),
    // By the reactor that follows who works here, when it starts.
    derived("staff_postings"),
    // People sign in again: a backup lets nobody in.
    passing("sessions"),
    passing("account_tokens"),
    passing("attempts"),
    passing("known_addresses"),
    passing("order_holders"),
    passing("courier_positions"),
    passing("development_keys"),
    // Whoever restores decides when it is over.
    passing("maintenance"),
];

/// The functions of the schema, by name.
pub(super) const FUNCTIONS: &[&str] = &["refuse_log_change"];

/// Every table of the schema but sqlx's own.
pub fn all() -> impl Iterator<Item = Table> {
    let models = Model::ALL.iter().flat_map(|model| model.table_names()).map(derived);
    TABLES.iter().copied().chain(models)
}

/// The tables that a backup has.
pub(super) fn kept() -> impl Iterator<Item = Table> {
    TABLES.iter().copied().filter(|table| matches!(table.kind, Kind::Log | Kind::Facts))
}

/// A table that a backup has, by its name.
pub(super) fn kept_by_name(name: &str) -> Option<Table> {
    kept().find(|table| table.name == name)
}

impl Table {
    /// Whether a migration, or a process that starts, has put rows there: a restore replaces them.
    pub(super) fn is_begun(self) -> bool {
        ["checkpoints", "personal_data_progress", "log_identity"].contains(&self.name)
    }

    /// Whether it may have grown since a backup without anything being lost: the log is sealed again.
    pub(super) fn is_sealed_again(self) -> bool {
        ["tree_tiles", "tree_heads", "tree_floor", "tree_resumptions", "head_publications"]
            .contains(&self.name)
    }

    /// The rows that a backup has of it, in order, as COPY gives them.
    pub(super) fn copy_out(self, columns: &[String]) -> String {
        let (name, key) = (self.name, self.key);
        let only = self.only.map(|only| format!(" WHERE {only}")).unwrap_or_default();
        format!("COPY (SELECT {} FROM public.{name}{only} ORDER BY {key}) TO STDOUT", super::listed(columns))
    }
}
