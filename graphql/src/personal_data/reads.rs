//! Contacts, read; and that staff have read them, noted in the same statement: what cannot be noted is not
//! shown, and a request notes all it shows of a level at once.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::ids::{ContactId, CustomerId, OrderId, PizzeriaId};
use sqlx::PgPool;
use uuid::Uuid;

/// Who reads, and why: for which order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Reading {
    pub(crate) reader: Uuid,
    pub(crate) role: Role,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) order: OrderId,
    pub(crate) pizzeria: PizzeriaId,
    /// When, to the second: what is read at once is one reading.
    pub(crate) at: DateTime<Utc>,
}

/// A contact; with whoever of the staff reads it, none for the customer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ContactOf {
    pub(crate) id: ContactId,
    pub(crate) reading: Option<Reading>,
}

/// A row of `contacts`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct ContactRow {
    pub(crate) id: Uuid,
    pub(crate) name: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) street: Option<String>,
    pub(crate) postcode: Option<String>,
    pub(crate) city: Option<String>,
    pub(crate) latitude: Option<f64>,
    pub(crate) longitude: Option<f64>,
    pub(crate) note: Option<String>,
}

/// The columns of [`ContactRow`].
const COLUMNS: &str = "id, name, phone, email, street, postcode, city, latitude, longitude, note";

/// The contacts that are still there, each noted as read where staff read it.
pub(crate) async fn contacts(
    pool: &PgPool,
    keys: &[ContactOf],
) -> Result<HashMap<ContactOf, ContactRow>, sqlx::Error> {
    let ids: Vec<Uuid> = keys.iter().map(|key| key.id.0).collect();
    let readings: Vec<(Uuid, &Reading)> =
        keys.iter().filter_map(|key| Some((key.id.0, key.reading.as_ref()?))).collect();
    let rows: Vec<ContactRow> = if readings.is_empty() {
        let sql = format!("SELECT {COLUMNS} FROM contacts WHERE id = ANY($1)");
        sqlx::query_as(&sql).bind(ids).fetch_all(pool).await?
    } else {
        let sql = format!(
            "WITH shown AS MATERIALIZED (SELECT {COLUMNS} FROM contacts WHERE id = ANY($1)), \
             noted AS ( \
               INSERT INTO contact_reads (reader_id, role, contact_id, customer_id, order_id, pizzeria, minute, \
                                          read_at) \
               SELECT r.reader, r.role, r.contact, r.customer, r.order_id, r.pizzeria, \
                      floor(extract(epoch FROM r.at) / 60)::bigint, r.at \
               FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::timestamptz[]) \
                    AS r(reader, role, contact, customer, order_id, pizzeria, at) \
               JOIN shown ON shown.id = r.contact \
               ON CONFLICT (reader_id, order_id, minute) DO NOTHING) \
             SELECT {COLUMNS} FROM shown"
        );
        let of = |pick: fn(&Reading) -> Uuid| readings.iter().map(|(_, one)| pick(one)).collect::<Vec<_>>();
        sqlx::query_as(&sql)
            .bind(ids)
            .bind(of(|one| one.reader))
            .bind(readings.iter().map(|(_, one)| one.role.as_str()).collect::<Vec<_>>())
            .bind(readings.iter().map(|(contact, _)| *contact).collect::<Vec<_>>())
            .bind(readings.iter().map(|(_, one)| one.customer.map(|customer| customer.0)).collect::<Vec<_>>())
            .bind(of(|one| one.order.0))
            .bind(readings.iter().map(|(_, one)| one.pizzeria.as_str()).collect::<Vec<_>>())
            .bind(readings.iter().map(|(_, one)| one.at).collect::<Vec<_>>())
            .fetch_all(pool)
            .await?
    };
    let shown: HashMap<Uuid, ContactRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let found = |key: &ContactOf| Some((key.clone(), shown.get(&key.id.0)?.clone()));
    Ok(keys.iter().filter_map(found).collect())
}
