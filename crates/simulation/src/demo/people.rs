//! The invented people of the demo: accounts and addresses. Pure values: stores nothing.

use domain::access::Role;
use domain::demo_data;
use domain::ids::PizzeriaId;
use domain::pizzeria::{Opening, Place};
use identity::accounts::Account;
use uuid::Uuid;

/// Password of every demo account. Public: production refuses a database with demo accounts.
pub const PASSWORD: &str = "quatre fromages";
/// Domain of the demo's e-mail addresses, reserved by RFC 2606.
const DOMAIN: &str = "ocpizza.example";

const FIRST_NAMES: [&str; 16] = [
    "Camille", "Moussa", "Inès", "Hugo", "Fatou", "Lucas", "Zoé", "Karim", "Jeanne", "Thiago", "Naïma",
    "Paul", "Linh", "Adrien", "Chiara", "Yanis",
];
const LAST_NAMES: [&str; 13] = [
    "Moreau", "Diallo", "Lefèvre", "Benali", "Garnier", "Rossi", "Nguyen", "Perrin", "Traoré", "Fontaine",
    "Silva", "Marchand", "Cohen",
];

/// Customers: street, postcode, city, and how far north and east of the pizzeria of the same rank, in millionths
/// of a degree (0.11 m and about 0.073 m).
const HOMES: [(&str, &str, &str, i32, i32); 5] = [
    ("4 rue du Fenouil", "75018", "Paris", 5_000, -4_000),
    ("17 avenue de la Sarriette", "75011", "Paris", -6_000, 7_000),
    ("9 allée de la Marjolaine", "92100", "Boulogne-Billancourt", 4_000, 9_000),
    ("32 rue de l'Origan", "93100", "Montreuil", -3_000, -8_000),
    ("6 impasse du Romarin", "93200", "Saint-Denis", 8_000, 5_000),
];

/// Returns every account of the demo: the group's people, the staff of each pizzeria, and five customers.
pub fn accounts() -> Vec<Account> {
    let pizzerias = demo_data::pizzerias();
    let mut accounts = vec![member("director".to_owned(), Role::Director, None)];
    accounts.push(member("auditor".to_owned(), Role::Auditor, None));
    for opening in &pizzerias {
        let id = &opening.pizzeria;
        let place = id.as_str().to_lowercase();
        accounts.push(member(format!("manager.{place}"), Role::Manager, Some(id)));
        let ranks = [
            ("receptionist", Role::Receptionist, 2),
            ("pizzaiolo", Role::Pizzaiolo, 2),
            ("courier", Role::Courier, demo_data::couriers(id)),
        ];
        for (name, role, how_many) in ranks {
            accounts
                .extend((1..=how_many).map(|rank| member(format!("{name}{rank}.{place}"), role, Some(id))));
        }
    }
    let homes = pizzerias.iter().zip(HOMES).enumerate();
    accounts.extend(homes.map(|(at, (opening, home))| customer(at + 1, opening, home)));
    for (rank, account) in (0_usize..).zip(&mut accounts) {
        account.display_name = name(rank);
        // Numbers that the French regulator reserves for fiction: 06 39 98 00 00 to 06 39 98 99 99.
        account.phone = Some(format!("+336399800{rank:02}"));
    }
    accounts
}

/// Returns an invented name; neighbours have different ones.
pub(super) fn name(rank: usize) -> String {
    format!("{} {}", FIRST_NAMES[rank % FIRST_NAMES.len()], LAST_NAMES[rank % LAST_NAMES.len()])
}

fn member(local: String, role: Role, pizzeria: Option<&PizzeriaId>) -> Account {
    let email = format!("{local}@{DOMAIN}");
    // Derived from the address, so that loading the data again finds the same accounts.
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("mailto:{email}").as_bytes());
    Account {
        pizzeria: pizzeria.cloned(),
        email_verified: true,
        demo: true,
        ..Account::new(id, email, role, "")
    }
}

/// Returns a further customer of a generated history, who lives near a pizzeria; the first `rank` is 6.
pub fn resident(rank: usize, near: &Opening, north: i32, east: i32) -> Account {
    let (street, postcode, city, ..) = HOMES[rank % HOMES.len()];
    Account {
        display_name: name(rank),
        phone: Some(format!("+336399802{:02}", rank % 100)),
        ..customer(rank, near, (street, postcode, city, north, east))
    }
}

fn customer(rank: usize, near: &Opening, home: (&str, &str, &str, i32, i32)) -> Account {
    let (street, postcode, city, north, east) = home;
    let place = Place { lat: near.place.lat + north, lon: near.place.lon + east };
    Account {
        street: Some(street.to_owned()),
        postcode: Some(postcode.to_owned()),
        city: Some(city.to_owned()),
        latitude: Some(place.latitude()),
        longitude: Some(place.longitude()),
        ..member(format!("customer{rank}"), Role::Customer, None)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn has_every_account_of_the_contract_once() {
        let accounts = accounts();
        let of = |role| accounts.iter().filter(|account| account.role == role).count();
        let counts = [
            (Role::Director, 1),
            (Role::Auditor, 1),
            (Role::Manager, 5),
            (Role::Receptionist, 10),
            (Role::Pizzaiolo, 10),
            (Role::Courier, 15),
            (Role::Customer, 5),
            (Role::System, 0),
        ];
        for (role, expected) in counts {
            assert_eq!(of(role), expected, "{role}");
        }
        let emails: HashSet<&str> = accounts.iter().map(|account| account.email.as_str()).collect();
        assert_eq!(emails.len(), accounts.len());
        for email in ["director", "auditor", "manager.p1", "receptionist2.p5", "courier4.p2", "customer5"] {
            assert!(emails.contains(format!("{email}@ocpizza.example").as_str()), "{email}");
        }
        assert!(!emails.contains("courier3.p5@ocpizza.example"));
    }

    #[test]
    fn each_customer_lives_where_the_pizzeria_of_their_rank_delivers() {
        let accounts = accounts();
        let customers = accounts.iter().filter(|account| account.role == Role::Customer);
        for (customer, pizzeria) in customers.zip(demo_data::pizzerias()) {
            let home = Place::from_degrees(customer.latitude.unwrap(), customer.longitude.unwrap()).unwrap();
            let distance = home.distance_m(pizzeria.place);
            assert!((300..pizzeria.radius_m).contains(&distance), "{}: {distance} m", customer.email);
        }
    }

    #[test]
    fn neighbours_have_different_names() {
        let names: HashSet<String> = accounts().into_iter().map(|account| account.display_name).collect();
        assert_eq!(names.len(), accounts().len());
    }
}
