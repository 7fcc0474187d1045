//! Keeps read models that catch up together close to each other, so that they share batches and the log is read once.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::batches::BATCH_ENTRIES;
use crate::registry::Model;

/// Largest distance between the first and the last model, in entries: less than the batches in memory.
const MAX_AHEAD_ENTRIES: i64 = 2 * BATCH_ENTRIES;

/// The positions of all models that are still running.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(Arc<watch::Sender<BTreeMap<Model, i64>>>);

/// The position of one model. Dropping it removes the model, so that the others do not wait for it.
#[derive(Debug)]
pub(crate) struct Place {
    model: Model,
    places: Places,
}

impl Places {
    /// Adds a model that begins at a position.
    pub(crate) fn take(&self, model: Model, at: i64) -> Place {
        self.0.send_modify(|places| {
            places.insert(model, at);
        });
        Place { model, places: self.clone() }
    }
}

impl Place {
    /// Reports the model's position, and waits until the others are close.
    pub(crate) async fn keep_together(&self, at: i64) {
        self.places.0.send_modify(|places| {
            places.insert(self.model, at);
        });
        let near =
            |places: &BTreeMap<Model, i64>| places.values().all(|place| at - place < MAX_AHEAD_ENTRIES);
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.places.0.subscribe().wait_for(near).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.0.send_modify(|places| {
            places.remove(&self.model);
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_first_waits_for_the_last_until_it_is_dropped() {
        let places = Places::default();
        let (first, last) = (places.take(Model::Menus, 0), places.take(Model::OrderDetails, 0));
        let may = |place: &Place, at| place.keep_together(at).now_or_never().is_some();
        assert!(may(&first, MAX_AHEAD_ENTRIES - 1));
        assert!(!may(&first, MAX_AHEAD_ENTRIES));
        assert!(may(&last, BATCH_ENTRIES), "the last never waits");
        assert!(may(&first, MAX_AHEAD_ENTRIES));
        assert!(!may(&first, MAX_AHEAD_ENTRIES + BATCH_ENTRIES));
        drop(last);
        assert!(may(&first, MAX_AHEAD_ENTRIES + BATCH_ENTRIES));
    }
}
