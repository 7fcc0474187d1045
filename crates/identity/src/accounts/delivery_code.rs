//! The four digits by which a customer proves a delivery: derived from the order's id under the server's key and
//! never stored, so that neither the log, nor a backup, nor an export gives a valid one away.

use chrono::{DateTime, Utc};
use domain::ids::OrderId;

use super::server_key::{Hash, ServerKey};

/// Number of codes: `0000` to `9999`.
const CODES: u64 = 10_000;

impl ServerKey {
    /// Returns the code of an order under the present key.
    pub fn delivery_code(&self, order: OrderId) -> String {
        digits(self.hash(&input(order)))
    }

    /// Returns every code of an order that is valid now: that of the present key, then that of the previous key while
    /// it is accepted.
    pub fn delivery_codes(&self, order: OrderId, now: DateTime<Utc>) -> Vec<String> {
        self.hashes(&input(order), now).into_iter().map(digits).collect()
    }
}

fn input(order: OrderId) -> String {
    format!("delivery code {order}")
}

fn digits(hash: Hash) -> String {
    let [a, b, c, d, e, f, g, h, ..] = hash;
    format!("{:04}", u64::from_be_bytes([a, b, c, d, e, f, g, h]) % CODES)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    fn order() -> OrderId {
        OrderId(Uuid::from_u128(7))
    }

    /// Computed with Python's `hmac`: codes that customers have seen stay valid from release to release.
    #[test]
    fn gives_an_order_the_same_four_digits_for_ever() {
        let key = ServerKey::new(&"k".repeat(32).into());
        assert_eq!(key.delivery_code(order()), "3798");
        assert_eq!(key.delivery_codes(order(), DateTime::UNIX_EPOCH), ["3798"]);
    }

    #[test]
    fn accepts_the_code_of_the_previous_key_until_the_rotation_ends() {
        let (now, until) = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH + TimeDelta::hours(1));
        let [old, new] = ["k", "l"].map(|letter| letter.repeat(32).into());
        let key = ServerKey::rotated(&new, &old, until);
        let (before, after) = (ServerKey::new(&old).delivery_code(order()), key.delivery_code(order()));
        assert_ne!(before, after);
        assert_eq!(key.delivery_codes(order(), now), [after.clone(), before]);
        assert_eq!(key.delivery_codes(order(), until), [after]);
    }
}
