//! The demo's data, invented, to the letter of DOMAIN.md. Pure values; loads nothing.
