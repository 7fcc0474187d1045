//! The work ahead in each kitchen, as promises are made by it: remembered for a moment, so that many orders at once
//! do not each count it. Decides nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::PizzeriaId;
use domain::policies::promise::KitchenLoad;
use projections::kitchen_load;
use sqlx::PgPool;

/// For how long a figure is good enough.
const REMEMBERED: TimeDelta = TimeDelta::milliseconds(250);
/// Pizzerias that are remembered at most.
const PIZZERIAS_MAX: usize = 1_000;

/// The last figure of each pizzeria, with the time at which it was read.
type KnownLoads = HashMap<PizzeriaId, (DateTime<Utc>, KitchenLoad)>;

/// The work ahead in each kitchen. Clones share what is remembered.
#[derive(Debug, Clone)]
pub struct Kitchens {
    pool: PgPool,
    known: Arc<Mutex<KnownLoads>>,
}

impl Kitchens {
    /// Over the read models of a database.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, known: Arc::default() }
    }

    /// The work ahead at a pizzeria, at most a quarter of a second old.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load(&self, pizzeria: &PizzeriaId, now: DateTime<Utc>) -> Result<KitchenLoad, sqlx::Error> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(pizzeria).copied();
        match known {
            Some((at, load)) if at <= now && now - at < REMEMBERED => Ok(load),
            Some(_) | None => self.load_anew(pizzeria, now).await,
        }
    }

    /// The work ahead at a pizzeria, as the read models have it now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load_anew(
        &self,
        pizzeria: &PizzeriaId,
        now: DateTime<Utc>,
    ) -> Result<KitchenLoad, sqlx::Error> {
        let load = kitchen_load(&self.pool, pizzeria).await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PIZZERIAS_MAX {
            // Ids of pizzerias that there are not are asked for, too.
            known.clear();
        }
        known.insert(pizzeria.clone(), (now, load));
        Ok(load)
    }
}
