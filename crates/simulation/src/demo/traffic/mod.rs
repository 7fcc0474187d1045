//! Plays an evening through the API, over HTTP with the tokens of the demo's people, as frontends do. Knows only what the API
//! answers; an error never stops it.

mod api;
mod deliveries;
mod kitchen;
mod orders;
mod tally;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use domain::access::Role;
use domain::demo_data;
use domain::pizzeria::Opening;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use api::Api;
pub use api::Person;
use orders::Plan;
pub use tally::Tally;

/// Seconds between two steps at speed 1; each step is one pizzeria's turn.
const STEP_SECONDS: f64 = 3.0;

/// Parameters of an evening.
#[derive(Debug, Clone)]
pub struct Script {
    /// Address of the API, such as `http://127.0.0.1:8080`.
    pub url: String,
    /// The people who act, with their tokens.
    pub people: Vec<Person>,
    /// Speed, 0.1 to 100; at 1, a few orders per minute.
    pub speed: f64,
    /// Seed of the random generator; the same seed makes the same choices if the API answers the same.
    pub seed: u64,
}

/// A running evening. It continues when this is dropped; [`Simulation::stop`] ends it.
#[derive(Debug)]
pub struct Simulation {
    tally: tally::Shared,
    stop: watch::Sender<bool>,
    playing: JoinHandle<()>,
}

impl Simulation {
    /// Starts the evening.
    pub fn start(script: Script) -> Self {
        let tally = tally::Shared::default();
        let (stop, mut stopped) = watch::channel(false);
        let period = Duration::from_secs_f64(STEP_SECONDS / script.speed.clamp(0.1, 100.0));
        let mut traffic = Traffic::new(script, tally.clone());
        let playing = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(period);
            // Delayed steps are not caught up in bursts.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for step in 0.. {
                tokio::select! {
                    _ = stopped.wait_for(|stopped| *stopped) => return,
                    _ = ticks.tick() => {}
                }
                traffic.play(step).await;
            }
        });
        Self { tally, stop, playing }
    }

    /// Returns the counts so far.
    pub fn tally(&self) -> Tally {
        self.tally.read()
    }

    /// Ends the evening after the current step.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.playing.await;
    }
}

/// A pizzeria, its staff, and the customer who lives nearby.
struct Branch {
    opening: Opening,
    manager: Arc<Person>,
    receptionists: Vec<Arc<Person>>,
    pizzaioli: Vec<Arc<Person>>,
    couriers: Vec<Arc<Person>>,
    customer: Arc<Person>,
}

struct Traffic {
    api: Api,
    rng: StdRng,
    branches: Vec<Branch>,
    /// Planned steps of customers on their orders, oldest first.
    plans: VecDeque<Plan>,
    /// Position reports of couriers per delivery.
    legs: HashMap<String, u32>,
}

impl Traffic {
    fn new(script: Script, tally: tally::Shared) -> Self {
        let people: Vec<Arc<Person>> = script.people.into_iter().map(Arc::new).collect();
        let mut customers = people.iter().filter(|person| person.account.role == Role::Customer);
        let branches = demo_data::pizzerias().into_iter().filter_map(|opening| {
            let of = |role| -> Vec<Arc<Person>> {
                let here = people.iter().filter(|person| {
                    person.account.role == role && person.account.pizzeria.as_ref() == Some(&opening.pizzeria)
                });
                here.cloned().collect()
            };
            Some(Branch {
                manager: of(Role::Manager).into_iter().next()?,
                receptionists: of(Role::Receptionist),
                pizzaioli: of(Role::Pizzaiolo),
                couriers: of(Role::Courier),
                customer: customers.next()?.clone(),
                opening,
            })
        });
        Self {
            branches: branches.collect(),
            api: Api::new(script.url, tally),
            rng: StdRng::seed_from_u64(script.seed),
            plans: VecDeque::new(),
            legs: HashMap::new(),
        }
    }

    /// Plays one step of one pizzeria, in turn.
    async fn play(&mut self, step: usize) {
        let branches = std::mem::take(&mut self.branches);
        if let Some(branch) = branches.get(step % branches.len().max(1)) {
            self.customers(branch, step).await;
            self.kitchen(branch).await;
            self.counter(branch).await;
            self.couriers(branch).await;
            self.supplies(branch).await;
        }
        self.branches = branches;
    }
}
