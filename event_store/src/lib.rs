//! event_store
