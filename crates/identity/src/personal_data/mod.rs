//! What customers entrust to us: erased when they ask, or when its time is over; and who has read it.
//! The rows are outside the log; that a customer was erased is an event, and what it means for the rows
//! is done again wherever it is not done yet. See `docs/privacy.md`.

mod contact_retention;
mod erase;
mod notes;
mod reads;

pub use contact_retention::{ContactRetention, ContactRetentionError};
pub use erase::{erase_all_recorded, erase_customer, erased_among};
pub use notes::KitchenContact;
pub use notes::{kitchen_contacts, note_texts};
pub use reads::{ContactKey, ContactRead, ContactRow, contacts};
