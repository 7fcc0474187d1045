//! Payment intents: what is about to be charged, written down before it is, so that no charge can be
//! forgotten. An order has one open intent at most, so that nothing is charged beside it.

use chrono::{DateTime, Utc};
use domain::Cents;
use domain::access::{Actor, Role};
use domain::ids::{OrderId, PizzeriaId};
use event_store::{CommandContext, Idempotency};
use sqlx::types::Json;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

/// How an intent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The order counts as paid by it.
    Captured,
    /// It was charged, the order did not take it, and it went back.
    Refunded,
    /// Nothing was charged, and nothing can be any more.
    NotCharged,
}

impl Ending {
    /// Starts the counters of settled payments at zero, so that the first one shows as a change.
    pub fn begin_counters() {
        for ending in [Self::Captured, Self::Refunded, Self::NotCharged] {
            metrics::counter!("ocpizza_payments_settled_total", "ending" => ending.as_str()).absolute(0);
        }
    }

    /// The name stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Captured => "CAPTURED",
            Self::Refunded => "REFUNDED",
            Self::NotCharged => "NOT_CHARGED",
        }
    }
}

/// An open intent.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// Its id, which is the key of its charge.
    pub id: Uuid,
    /// What it pays for.
    pub order: OrderId,
    /// The version of the order at which the amount was due. Only at this version can it be captured.
    pub version: i64,
    /// How much.
    pub amount: Cents,
    /// The caller's command, as the payment is stored.
    pub request: PaymentRequest,
}

/// The command that asked to pay an order online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRequest {
    /// Who.
    pub actor: Actor,
    /// The command.
    pub command_id: Uuid,
    /// The request.
    pub correlation_id: String,
    /// The caller's key, or one that was made for the command: the payment is stored once.
    pub idempotency: Idempotency,
}

impl PaymentRequest {
    /// Whether the same account repeats the same command.
    fn is_repeat_of(&self, other: &Self) -> bool {
        self.actor.id == other.actor.id && self.idempotency == other.idempotency
    }

    /// The command's context at a version of the order.
    pub fn at(&self, version: i64) -> CommandContext {
        let mut context =
            CommandContext::new(self.actor.clone(), self.command_id, self.correlation_id.as_str());
        context.idempotency = Some(self.idempotency.clone());
        context.expected_version = Some(version);
        context
    }
}

/// What opening an intent came to.
#[derive(Debug)]
pub enum OpenOutcome {
    /// The caller's intent is open: new, or opened by an earlier attempt of the same request.
    Own(Intent),
    /// Something else is open for the order. It must be settled first.
    Other(Intent),
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    order_id: Uuid,
    order_version: i64,
    amount: i64,
    actor_id: Uuid,
    actor_role: Json<Role>,
    actor_pizzeria: Option<Json<PizzeriaId>>,
    command_id: Uuid,
    correlation_id: String,
    idempotency_key: String,
    fingerprint: Vec<u8>,
}

const COLUMNS: &str = "id, order_id, order_version, amount, actor_id, to_json(actor_role) AS actor_role, \
                       to_json(actor_pizzeria) AS actor_pizzeria, command_id, correlation_id, \
                       idempotency_key, fingerprint";

impl From<Row> for Intent {
    fn from(row: Row) -> Self {
        let mut fingerprint = [0; 32];
        for (to, from) in fingerprint.iter_mut().zip(row.fingerprint) {
            *to = from;
        }
        Self {
            id: row.id,
            order: OrderId(row.order_id),
            version: row.order_version,
            amount: Cents(row.amount),
            request: PaymentRequest {
                actor: Actor {
                    id: row.actor_id,
                    role: row.actor_role.0,
                    pizzeria: row.actor_pizzeria.map(|pizzeria| pizzeria.0),
                },
                command_id: row.command_id,
                correlation_id: row.correlation_id,
                idempotency: Idempotency { key: row.idempotency_key, fingerprint },
            },
        }
    }
}

/// How long a request has for itself before an intent is looked after.
const REQUEST_GRACE_PERIOD: &str = "interval '30 seconds'";
/// How long an intent that is being looked after is left alone, at first; longer each time, up to
/// ten minutes.
const SETTLEMENT_LEASE: &str =
    "least(interval '10 minutes', interval '5 seconds' * power(2, least(tries, 10)))";

/// Opens an intent, unless one is open for the order.
///
/// # Errors
/// When the database does not answer.
pub async fn open(pool: &PgPool, intent: Intent) -> Result<OpenOutcome, sqlx::Error> {
    loop {
        let sql = format!(
            "INSERT INTO payment_intents (id, order_id, order_version, amount, actor_id, actor_role, \
             actor_pizzeria, command_id, correlation_id, idempotency_key, fingerprint, due_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + {REQUEST_GRACE_PERIOD}) \
             ON CONFLICT (order_id) WHERE ending IS NULL DO NOTHING"
        );
        let PaymentRequest { actor, command_id, correlation_id, idempotency } = &intent.request;
        let inserted = sqlx::query(&sql)
            .bind(intent.id)
            .bind(intent.order.0)
            .bind(intent.version)
            .bind(intent.amount.0)
            .bind(actor.id)
            .bind(actor.role.as_str())
            .bind(actor.pizzeria.as_ref().map(PizzeriaId::as_str))
            .bind(command_id)
            .bind(correlation_id)
            .bind(&idempotency.key)
            .bind(&idempotency.fingerprint[..])
            .execute(pool)
            .await?;
        if inserted.rows_affected() == 1 {
            return Ok(OpenOutcome::Own(intent));
        }
        let sql = format!("SELECT {COLUMNS} FROM payment_intents WHERE order_id = $1 AND ending IS NULL");
        let open: Option<Row> = sqlx::query_as(&sql).bind(intent.order.0).fetch_optional(pool).await?;
        // None: it was closed in between.
        if let Some(open) = open.map(Intent::from) {
            let same = open.request.is_repeat_of(&intent.request) && open.version == intent.version;
            return Ok(if same { OpenOutcome::Own(open) } else { OpenOutcome::Other(open) });
        }
    }
}

/// Closes an intent; what was closed stays as it was.
///
/// # Errors
/// When the database does not answer: it is settled again later.
pub async fn close(pool: &PgPool, id: Uuid, ending: Ending, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE payment_intents SET ending = $2, ended_at = $3 WHERE id = $1 AND ending IS NULL")
        .bind(id)
        .bind(ending.as_str())
        .bind(now)
        .execute(pool)
        .await?;
    Ok(())
}

/// Whether a request has had its time.
///
/// # Errors
/// When the database does not answer.
pub async fn is_overdue(pool: &PgPool, id: Uuid) -> Result<bool, sqlx::Error> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM payment_intents WHERE id = $1 AND created_at <= now() - {REQUEST_GRACE_PERIOD})"
    );
    sqlx::query_scalar(&sql).bind(id).fetch_one(pool).await
}

/// Claims intents whose requests have had their time: no other process is given them for a while.
///
/// # Errors
/// When the database does not answer.
pub async fn claim(pool: &PgPool, limit: i64) -> Result<Vec<Intent>, sqlx::Error> {
    let sql = format!(
        "UPDATE payment_intents SET tries = tries + 1, due_at = now() + {SETTLEMENT_LEASE} WHERE id IN \
         (SELECT id FROM payment_intents WHERE ending IS NULL AND due_at <= now() \
          ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING {COLUMNS}"
    );
    let rows: Vec<Row> = sqlx::query_as(&sql).bind(limit).fetch_all(pool).await?;
    Ok(rows.into_iter().map(Intent::from).collect())
}
