//! Reads of notes and of the contact details that the kitchen sees. These reads are daily work and are not recorded;
//! reads of a full contact are (`contacts`).

use domain::ids::{ContactId, NoteId};
use sqlx::PgPool;
use uuid::Uuid;

/// Contact details that the kitchen sees.
#[derive(Debug, Clone)]
pub struct KitchenContact {
    /// First word of the name.
    pub first_name: Option<String>,
    /// The single note of older clients.
    pub note: Option<String>,
}

/// Returns the texts of notes that are not erased.
///
/// # Errors
/// When the database does not answer.
pub async fn note_texts(pool: &PgPool, ids: &[NoteId]) -> Result<Vec<(NoteId, String)>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<(Uuid, String)> =
        sqlx::query_as("SELECT id, text FROM notes WHERE id = ANY($1)").bind(ids).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|(id, text)| (NoteId(id), text)).collect())
}

/// Returns the kitchen's view of contacts that are not erased.
///
/// # Errors
/// When the database does not answer.
pub async fn kitchen_contacts(
    pool: &PgPool,
    ids: &[ContactId],
) -> Result<Vec<(ContactId, KitchenContact)>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<(Uuid, Option<String>, Option<String>)> =
        sqlx::query_as("SELECT id, name, note FROM contacts WHERE id = ANY($1)")
            .bind(ids)
            .fetch_all(pool)
            .await?;
    let contact = |(id, name, note): (Uuid, Option<String>, Option<String>)| {
        let first_name = name.as_deref().and_then(|name| name.split_whitespace().next()).map(str::to_owned);
        (ContactId(id), KitchenContact { first_name, note })
    };
    Ok(rows.into_iter().map(contact).collect())
}
