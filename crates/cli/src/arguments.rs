//! Parsers of arguments. Their errors follow the argument's name: they say what the value must be, in words of this
//! program and not of a library.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use chrono::NaiveDate;

/// Reads a number within bounds.
pub(crate) fn number<T: FromStr + PartialOrd + Display>(
    bounds: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone
where
    RangeInclusive<T>: Clone,
{
    move |text| {
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        number.ok_or_else(|| format!("it must be a number from {} to {}", bounds.start(), bounds.end()))
    }
}

/// Reads the address of a network interface.
pub(crate) fn ip_address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_| "it must be an IPv4 or IPv6 address such as 127.0.0.1")
}

/// Reads a day.
pub(crate) fn day(text: &str) -> Result<NaiveDate, &'static str> {
    text.parse().map_err(|_| "it must be a day such as 2026-11-24")
}
