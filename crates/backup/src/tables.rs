//! Kind of every table of the schema, which decides whether a backup holds it. A migration that adds a table must add
//! it here: a test compares the two, so that no table is left out of a backup by oversight.

use projections::Model;

/// Kind of content of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The log.
    Log,
    /// Facts that no event holds: part of a backup.
    Facts,
    /// Derived from the log: rebuilt by a restore.
    Derived,
    /// Short-lived, or specific to the running deployment: not part of a backup.
    Transient,
}

/// A table of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Name of the table.
    pub name: &'static str,
    /// Kind of its content.
    pub kind: Kind,
    /// Key columns, which order the rows of a backup.
    pub(super) key: &'static str,
    /// Condition for the rows that are facts, if not all are.
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

const fn transient(name: &'static str) -> Table {
    Table { name, kind: Kind::Transient, key: "", only: None }
}

/// Every table except those of read models, in the order in which a restore fills them.
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
    facts("suppliers", "id"),
    facts("contact_reads", "id"),
    facts("erased_customers", "customer_id"),
    // Encrypted under the server's key, which a backup does not hold.
    facts("second_factors", "account_id"),
    facts("personal_data_progress", "id"),
    facts("idempotency_keys", "actor_id, key"),
    facts("payment_intents", "id"),
    // Charges of the demo's payment service.
    facts("demo_charges", "key"),
    // Checkpoints of reactors. Those of read models are derived.
    Table { name: "checkpoints", kind: Kind::Facts, key: "name", only: Some("name LIKE 'reactor:%'") },
    facts("dead_letters", "id"),
    // A restore derives it from the last event.
    derived("event_log_head"),
    derived("snapshots"),
    // The reactor of staff postings derives it when it starts.
    derived("staff_postings"),
    // Users sign in again: a backup opens no session.
    transient("sessions"),
    transient("account_tokens"),
    transient("attempts"),
    transient("known_addresses"),
    transient("order_holders"),
    transient("courier_positions"),
    transient("development_keys"),
    // The operator ends the maintenance of a restore.
    transient("maintenance"),
];

/// Names of the schema's functions.
pub(super) const FUNCTIONS: &[&str] = &["refuse_log_change", "lock_log_head"];

/// Returns every table of the schema except sqlx's.
pub fn all() -> impl Iterator<Item = Table> {
    let models = Model::ALL.iter().flat_map(|model| model.table_names()).map(derived);
    TABLES.iter().copied().chain(models)
}

/// Returns the tables of a backup.
pub(super) fn kept() -> impl Iterator<Item = Table> {
    TABLES.iter().copied().filter(|table| matches!(table.kind, Kind::Log | Kind::Facts))
}

/// Returns a table of a backup by its name.
pub(super) fn kept_by_name(name: &str) -> Option<Table> {
    kept().find(|table| table.name == name)
}

/// Returns the tables of a backup as an SQL list, with their schema.
pub(super) fn kept_names() -> String {
    kept().map(|table| format!("public.{}", table.name)).collect::<Vec<_>>().join(", ")
}

/// Returns column names as a quoted SQL list.
pub(super) fn quoted_list(columns: &[String]) -> String {
    let quoted = columns.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
    quoted.collect::<Vec<_>>().join(", ")
}

impl Table {
    /// Whether a migration or a starting process inserts rows, which a restore replaces.
    pub(super) fn is_prefilled(self) -> bool {
        ["checkpoints", "personal_data_progress", "log_identity"].contains(&self.name)
    }

    /// Whether rows added since a backup can be recomputed by sealing the log again.
    pub(super) fn is_sealed_again(self) -> bool {
        ["tree_tiles", "tree_heads", "tree_floor", "tree_resumptions", "head_publications"]
            .contains(&self.name)
    }

    /// Returns the COPY statement for the rows that a backup holds, in order.
    pub(super) fn copy_out(self, columns: &[String]) -> String {
        let (name, key) = (self.name, self.key);
        let only = self.only.map(|only| format!(" WHERE {only}")).unwrap_or_default();
        format!("COPY (SELECT {} FROM public.{name}{only} ORDER BY {key}) TO STDOUT", quoted_list(columns))
    }
}
