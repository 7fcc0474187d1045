//! Personal data of customers: reads that are recorded, erasure on request, and retention. The rows are outside the
//! log. An erasure is an event, and its effect on the rows is applied until it is complete. See `docs/privacy.md`.

mod contact_retention;
mod contacts;
mod erase;
mod notes;

pub use contact_retention::{ContactRetention, ContactRetentionError};
pub use contacts::{ContactKey, ContactRead, ContactRow, contacts};
pub use erase::{erase_all_recorded, erase_customer, erased_among, recorded_erasures};
pub use notes::{KitchenContact, kitchen_contacts, note_texts};
