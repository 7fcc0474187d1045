//! Reads of contacts. The same statement records a read by staff, so that a contact is never shown without a record.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::ids::{ContactId, CustomerId, OrderId, PizzeriaId};
use sqlx::PgPool;
use uuid::Uuid;

/// A row of `contacts`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ContactRow {
    id: Uuid,
    /// Name of the person.
    pub name: Option<String>,
    /// Telephone number.
    pub phone: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Street and number.
    pub street: Option<String>,
    /// Postcode.
    pub postcode: Option<String>,
    /// Name of the city.
    pub city: Option<String>,
    /// Degrees, WGS 84.
    pub latitude: Option<f64>,
    /// Degrees, WGS 84.
    pub longitude: Option<f64>,
    /// The single note of an order placed before notes had their own rows.
    pub note: Option<String>,
}

/// Record of a read of a contact by staff.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContactRead {
    /// Account of the reader.
    pub reader: Uuid,
    /// Role of the reader.
    pub role: Role,
    /// Customer of the contact; `None` for an order without an account.
    pub customer: Option<CustomerId>,
    /// Order that the contact belongs to.
    pub order: OrderId,
    /// Pizzeria of the order.
    pub pizzeria: PizzeriaId,
    /// Time of the read.
    pub at: DateTime<Utc>,
}

/// A contact to read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContactKey {
    /// Id of the contact.
    pub id: ContactId,
    /// Read to record; `None` if the customer reads.
    pub reading: Option<ContactRead>,
}

/// The columns of [`ContactRow`].
const COLUMNS: &str = "id, name, phone, email, street, postcode, city, latitude, longitude, note";

/// Returns the contacts that are not erased, and records the reads by staff.
pub async fn contacts(
    pool: &PgPool,
    keys: &[ContactKey],
) -> Result<HashMap<ContactKey, ContactRow>, sqlx::Error> {
    let ids: Vec<Uuid> = keys.iter().map(|key| key.id.0).collect();
    let readings: Vec<(Uuid, &ContactRead)> =
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
        let of =
            |pick: fn(&ContactRead) -> Uuid| readings.iter().map(|(_, one)| pick(one)).collect::<Vec<_>>();
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
    let found = |key: &ContactKey| Some((key.clone(), shown.get(&key.id.0)?.clone()));
    Ok(keys.iter().filter_map(found).collect())
}
