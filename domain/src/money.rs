//! Money in whole cents of EUR; decimal text such as `12.50` at the edge. Never a float.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Amount in cents of EUR; negative if it is owed back.
///
/// Amounts given by callers are at most [`Cents::MAX_INPUT`] in size, so that no sum of an order overflows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cents(pub i64);

/// Text that is not an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an amount with at most two decimals")]
pub struct InvalidAmount;

impl Cents {
    /// Whether the amount is zero.
    pub fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// Zero.
    pub const ZERO: Self = Self(0);
    /// Largest amount that is parsed: one million euros.
    pub const MAX_INPUT: Self = Self(100_000_000);

    /// Returns `times` this amount, saturating.
    pub fn times(self, times: u32) -> Self {
        Self(self.0.saturating_mul(i64::from(times)))
    }
}

impl Add for Cents {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Cents {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Cents {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", size / 100, size % 100)
    }
}

impl FromStr for Cents {
    type Err = InvalidAmount;

    /// Parses `12`, `12.5`, `12.50` or `-3.00`: at most two decimals, at most [`Cents::MAX_INPUT`] in size.
    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (euros, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(euros) || !all_digits(fraction) || euros.len() > 7 || fraction.len() > 2 {
            return Err(InvalidAmount);
        }
        let euros: i64 = euros.parse().map_err(|_| InvalidAmount)?;
        let cents: i64 = fraction.parse().map_err(|_| InvalidAmount)?;
        let cents = if fraction.len() == 1 { cents * 10 } else { cents };
        let amount = euros * 100 + cents;
        if amount > Self::MAX_INPUT.0 { Err(InvalidAmount) } else { Ok(Self(sign * amount)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_between_text_and_cents() {
        for (text, cents) in
            [("0.00", 0), ("12.50", 1250), ("0.05", 5), ("-3.00", -300), ("1000000.00", 100_000_000)]
        {
            assert_eq!(text.parse(), Ok(Cents(cents)));
            assert_eq!(Cents(cents).to_string(), text);
        }
        assert_eq!("12".parse(), Ok(Cents(1200)));
        assert_eq!("12.5".parse(), Ok(Cents(1250)));
    }

    #[test]
    fn rejects_invalid_amounts() {
        for text in ["", ".", "1.", ".5", "1.005", "1,50", "1e3", "+1", "--1", "1000000.01", "99999999", "١"]
        {
            assert_eq!(text.parse::<Cents>(), Err(InvalidAmount), "{text:?}");
        }
    }
}
