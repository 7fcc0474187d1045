//! People of a history: the demo's staff, and customers around each pizzeria.

use domain::access::Role;
use domain::demo_data;
use domain::ids::StaffId;
use domain::pizzeria::{Opening, Place};
use identity::accounts::Account;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::demo;

/// Customers with an account around each pizzeria, besides the demo's.
const RESIDENTS_PER_PIZZERIA: usize = 60;

/// A pizzeria and its staff.
pub(super) struct Branch {
    pub(super) opening: Opening,
    pub(super) manager: Account,
    pub(super) receptionists: Vec<Account>,
    pub(super) pizzaioli: Vec<Account>,
    pub(super) couriers: Vec<Account>,
    /// Indices of the customers who live around it.
    pub(super) customers: Vec<usize>,
}

/// A customer who orders on the web.
pub(super) struct Customer {
    pub(super) account: Account,
    pub(super) home: Option<Place>,
}

/// Returns every account of a history: the demo's, and the customers around the pizzerias.
pub(super) fn accounts(seed: u64) -> Vec<Account> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut accounts = demo::accounts();
    let mut rank = accounts.iter().filter(|account| account.role == Role::Customer).count();
    for opening in demo_data::pizzerias() {
        for _ in 0..RESIDENTS_PER_PIZZERIA {
            rank += 1;
            let Place { lat, lon } = somewhere(&mut rng, &opening, 0.95);
            let Place { lat: north, lon: east } = opening.place;
            accounts.push(demo::resident(rank, &opening, lat - north, lon - east));
        }
    }
    accounts
}

/// Returns a random place around a pizzeria, up to `farthest` times its radius away.
pub(super) fn somewhere(rng: &mut StdRng, opening: &Opening, farthest: f64) -> Place {
    // A degree of latitude is 111.2 km, one of longitude 73.2 km at 48.85° north.
    let reach = f64::from(opening.radius_m) * rng.random_range(0.1..farthest);
    let angle = rng.random_range(0.0..std::f64::consts::TAU);
    let micro = |metres: f64, metres_a_degree: f64| metres / metres_a_degree * 1e6;
    #[allow(clippy::cast_possible_truncation)] // some ten thousand millionths
    let (north, east) =
        (micro(reach * angle.sin(), 111_200.0) as i32, micro(reach * angle.cos(), 73_200.0) as i32);
    Place { lat: opening.place.lat + north, lon: opening.place.lon + east }
}

pub(super) fn customers(accounts: &[Account]) -> Vec<Customer> {
    let customers = accounts.iter().filter(|account| account.role == Role::Customer);
    customers
        .map(|account| Customer {
            home: account
                .latitude
                .zip(account.longitude)
                .and_then(|(lat, lon)| Place::from_degrees(lat, lon).ok()),
            account: account.clone(),
        })
        .collect()
}

/// Returns the pizzerias whose staff is among the accounts.
pub(super) fn branches(accounts: &[Account], customers: &[Customer]) -> Vec<Branch> {
    let branch = |opening: Opening| {
        let of = |role| -> Vec<Account> {
            let here = accounts.iter().filter(|account| {
                account.role == role && account.pizzeria.as_ref() == Some(&opening.pizzeria)
            });
            here.cloned().collect()
        };
        let near = |customer: &Customer| {
            customer.home.is_some_and(|home| home.distance_m(opening.place) <= opening.radius_m)
        };
        Some(Branch {
            manager: of(Role::Manager).into_iter().next()?,
            receptionists: of(Role::Receptionist),
            pizzaioli: of(Role::Pizzaiolo),
            couriers: of(Role::Courier),
            customers: (0..customers.len()).filter(|at| near(&customers[*at])).collect(),
            opening,
        })
    };
    demo_data::pizzerias().into_iter().filter_map(branch).collect()
}

impl Branch {
    pub(super) fn courier(&self, id: StaffId) -> Option<&Account> {
        self.couriers.iter().find(|account| account.id == id.0)
    }
}
