//! The workload of each kitchen, from which promised times are computed. Cached briefly, so that concurrent
//! orders do not each count it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::PizzeriaId;
use domain::policies::promise::KitchenLoad;
use projections::kitchen_load;
use sqlx::PgPool;

/// Maximum age of a cached workload.
const LOAD_AGE_MAX: TimeDelta = TimeDelta::milliseconds(250);
/// Upper bound on the cached pizzerias.
const PIZZERIAS_MAX: usize = 1_000;

/// The last workload of each pizzeria, with the time of reading.
type KnownLoads = HashMap<PizzeriaId, (DateTime<Utc>, KitchenLoad)>;

/// The workload of each kitchen; clones share the cache.
#[derive(Debug, Clone)]
pub struct Kitchens {
    pool: PgPool,
    known: Arc<Mutex<KnownLoads>>,
}

impl Kitchens {
    /// Creates an empty cache over the read models of a database.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, known: Arc::default() }
    }

    /// Returns the workload of a pizzeria, at most a quarter of a second old.
    ///
    /// # Errors
    /// Fails when the database does not answer.
    pub async fn load(&self, pizzeria: &PizzeriaId, now: DateTime<Utc>) -> Result<KitchenLoad, sqlx::Error> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(pizzeria).copied();
        match known {
            Some((at, load)) if at <= now && now - at < LOAD_AGE_MAX => Ok(load),
            Some(_) | None => self.load_anew(pizzeria, now).await,
        }
    }

    /// Returns the current workload of a pizzeria from the read models.
    ///
    /// # Errors
    /// Fails when the database does not answer.
    pub async fn load_anew(
        &self,
        pizzeria: &PizzeriaId,
        now: DateTime<Utc>,
    ) -> Result<KitchenLoad, sqlx::Error> {
        let load = kitchen_load(&self.pool, pizzeria).await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PIZZERIAS_MAX {
            // Clients also send ids of unknown pizzerias.
            known.clear();
        }
        known.insert(pizzeria.clone(), (now, load));
        Ok(load)
    }
}
