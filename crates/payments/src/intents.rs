//! Payment intents: a row written before each charge, so that no charge is forgotten. An order has at most one
//! open intent, so that two charges never run at once.

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
    /// The order recorded the charge as a payment.
    Captured,
    /// The card was charged, the order did not capture the charge, and the money was returned.
    Refunded,
    /// The card was not charged and cannot be charged any more.
    NotCharged,
}

impl Ending {
    /// Starts the counters of settled payments at zero, so that the first payment shows as a change.
    pub fn begin_counters() {
        for ending in [Self::Captured, Self::Refunded, Self::NotCharged] {
            metrics::counter!("ocpizza_payments_settled_total", "ending" => ending.as_str()).absolute(0);
        }
    }

    /// Name in the database and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Captured => "CAPTURED",
            Self::Refunded => "REFUNDED",
            Self::NotCharged => "NOT_CHARGED",
        }
    }
}

/// A payment intent.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// Id of the intent and key of its charge.
    pub id: Uuid,
    /// Order that is paid.
    pub order: OrderId,
    /// Version of the order at which the amount was due. The charge can be captured at this version only.
    pub version: i64,
    /// Amount of the charge.
    pub amount: Cents,
    /// The caller's command, as the payment is stored.
    pub request: PaymentRequest,
}

/// The command that asked to pay an order online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRequest {
    /// Account that pays.
    pub actor: Actor,
    /// Id of the command.
    pub command_id: Uuid,
    /// Id of the request.
    pub correlation_id: String,
    /// The caller's key, or one generated for the command: the payment is stored once.
    pub idempotency: Idempotency,
}

impl PaymentRequest {
    /// Whether the same account repeats the same command.
    fn is_repeat_of(&self, other: &Self) -> bool {
        self.actor.id == other.actor.id && self.idempotency == other.idempotency
    }

    /// Command context that expects this version of the order.
    pub fn at(&self, version: i64) -> CommandContext {
        let mut context =
            CommandContext::new(self.actor.clone(), self.command_id, self.correlation_id.as_str());
        context.idempotency = Some(self.idempotency.clone());
        context.expected_version = Some(version);
        context
    }
}

/// Result of opening an intent.
#[derive(Debug)]
pub enum OpenOutcome {
    /// The caller's intent is open: new, or opened by an earlier attempt of the same request.
    Own(Intent),
    /// Another intent is open for the order and must be settled first.
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

/// Time that a request has before other processes settle its intent.
const REQUEST_GRACE_PERIOD: &str = "interval '30 seconds'";
/// Time before a claimed intent can be claimed again: doubles with each attempt, up to ten minutes.
const SETTLEMENT_LEASE: &str =
    "least(interval '10 minutes', interval '5 seconds' * power(2, least(tries, 10)))";

/// Opens an intent, unless the order already has an open one.
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
        // `None`: the other intent was closed in between, so try again.
        if let Some(open) = open.map(Intent::from) {
            let same = open.request.is_repeat_of(&intent.request) && open.version == intent.version;
            return Ok(if same { OpenOutcome::Own(open) } else { OpenOutcome::Other(open) });
        }
    }
}

/// Closes an intent. A closed intent does not change.
///
/// # Errors
/// When the database does not answer; the intent is then settled again later.
pub async fn close(pool: &PgPool, id: Uuid, ending: Ending, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE payment_intents SET ending = $2, ended_at = $3 WHERE id = $1 AND ending IS NULL")
        .bind(id)
        .bind(ending.as_str())
        .bind(now)
        .execute(pool)
        .await?;
    Ok(())
}

/// Whether the grace period of the intent's request is over.
///
/// # Errors
/// When the database does not answer.
pub async fn is_overdue(pool: &PgPool, id: Uuid) -> Result<bool, sqlx::Error> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM payment_intents WHERE id = $1 AND created_at <= now() - {REQUEST_GRACE_PERIOD})"
    );
    sqlx::query_scalar(&sql).bind(id).fetch_one(pool).await
}

/// Claims open intents whose grace period is over. Other processes do not get them before the lease ends.
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
