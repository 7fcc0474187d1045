//! Bounded counts by key. Dropping a place releases it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Places taken, by key. Clones share the counts.
#[derive(Debug)]
pub struct Places<K>(Arc<Mutex<HashMap<K, usize>>>);

impl<K> Clone for Places<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Default for Places<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Hash + Eq + Clone> Places<K> {
    /// Takes a place for a key; returns `None` if the key has `most` places.
    pub fn take(&self, key: K, most: usize) -> Option<Place<K>> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.get(&key).copied().unwrap_or_default();
        if count >= most {
            return None;
        }
        taken.insert(key.clone(), count + 1);
        Some(Place { key, places: self.clone() })
    }

    /// Returns the number of keys with a place.
    #[cfg(test)]
    pub fn keys(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// One place of a key; dropping it releases the place.
#[derive(Debug)]
pub struct Place<K: Hash + Eq> {
    key: K,
    places: Places<K>,
}

impl<K: Hash + Eq> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_places_by_key_and_releases_dropped_ones() {
        let places = Places::default();
        let taken = [places.take("a", 2).unwrap(), places.take("a", 2).unwrap()];
        assert!(places.take("a", 2).is_none());
        let other = places.take("b", 2).unwrap();
        assert_eq!(places.keys(), 2);
        drop((taken, other));
        assert_eq!(places.keys(), 0);
        assert!(places.take("a", 1).is_some());
    }
}
