//! Places in whole millionths of a degree, and the distance between them. Floats never leave this module.

use serde::{Deserialize, Serialize};

/// Point in WGS 84, in millionths of a degree (about 0.1 m): integers, because events carry no floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Latitude, −90,000,000 to 90,000,000.
    pub lat: i32,
    /// Longitude, −180,000,000 to 180,000,000.
    pub lon: i32,
}

/// Coordinates outside the globe's bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("latitude must be −90 to 90, longitude −180 to 180")]
pub struct InvalidPlace;

/// Mean radius of the earth, in metres (IUGG).
const EARTH_RADIUS_M: f64 = 6_371_008.8;

impl Place {
    /// Converts degrees to a place.
    ///
    /// # Errors
    /// [`InvalidPlace`] for what is not a finite number within the globe's bounds.
    #[allow(clippy::cast_possible_truncation)] // bounds are checked just before
    pub fn from_degrees(latitude: f64, longitude: f64) -> Result<Self, InvalidPlace> {
        if (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude) {
            Ok(Self { lat: (latitude * 1e6).round() as i32, lon: (longitude * 1e6).round() as i32 })
        } else {
            Err(InvalidPlace)
        }
    }

    /// Returns the latitude in degrees.
    pub fn latitude(self) -> f64 {
        f64::from(self.lat) / 1e6
    }

    /// Returns the longitude in degrees.
    pub fn longitude(self) -> f64 {
        f64::from(self.lon) / 1e6
    }

    /// Returns the great-circle distance in metres, by the haversine formula.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most half the earth's girth, 20,015,115 m
    pub fn distance_m(self, other: Self) -> u32 {
        let (lat_a, lat_b) = (self.latitude().to_radians(), other.latitude().to_radians());
        let half_lat = (lat_b - lat_a) / 2.0;
        let half_lon = (other.longitude() - self.longitude()).to_radians() / 2.0;
        let h = half_lat.sin().powi(2) + lat_a.cos() * lat_b.cos() * half_lon.sin().powi(2);
        (2.0 * EARTH_RADIUS_M * h.clamp(0.0, 1.0).sqrt().asin()).round() as u32
    }
}
