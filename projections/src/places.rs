//! Where each of those who go through the log together is, so that none runs away from the others: what one has read, the
//! others still find, and the log is read once.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::batches::BATCH;
use crate::registry::Model;

/// How far ahead of the last one the first may be, in entries: less than the batches that are kept.
const AHEAD: i64 = 2 * BATCH;

/// Where they are, without those who have gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(Arc<watch::Sender<BTreeMap<Model, i64>>>);

/// The place of one. Who drops it has gone, and holds up nobody any more.
#[derive(Debug)]
pub(crate) struct Place {
    model: Model,
    places: Places,
}

impl Places {
    /// The place of one who begins there.
    pub(crate) fn take(&self, model: Model, at: i64) -> Place {
        self.0.send_modify(|places| {
            places.insert(model, at);
        });
        Place { model, places: self.clone() }
    }
}

impl Place {
    /// Says how far this one has come, and waits until the others are not far behind.
    pub(crate) async fn keep_together(&self, at: i64) {
        self.places.0.send_modify(|places| {
            places.insert(self.model, at);
        });
        let near = |places: &BTreeMap<Model, i64>| places.values().all(|place| at - place < AHEAD);
        // It ends only with what this one holds itself.
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
    fn the_first_waits_for_the_last_and_for_nobody_who_has_gone() {
        let places = Places::default();
        let (first, last) = (places.take(Model::Menus, 0), places.take(Model::OrderDetails, 0));
        let may = |place: &Place, at| place.keep_together(at).now_or_never().is_some();
        assert!(may(&first, AHEAD - 1));
        assert!(!may(&first, AHEAD));
        assert!(may(&last, BATCH), "who is behind never waits");
        assert!(may(&first, AHEAD));
        assert!(!may(&first, AHEAD + BATCH));
        drop(last);
        assert!(may(&first, AHEAD + BATCH));
    }
}
