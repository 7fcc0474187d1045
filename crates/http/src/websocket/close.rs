//! Why a connection is closed, in the protocol's own codes where it has them.

use axum::extract::ws::CloseFrame;

/// The longest reason that a close frame holds, in bytes.
const REASON: usize = 123;

/// Why a connection is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Close {
    /// The process ends; clients connect again.
    GoingAway,
    /// What came is no WebSocket message.
    Broken,
    /// Text that is not UTF-8.
    NotText,
    /// A message larger than 64 KiB.
    TooBig,
    /// Sessions cannot be read now.
    TryAgain,
    /// Not a message of the protocol; says why.
    Invalid(String),
    /// An operation before the connection was acknowledged.
    Unauthorized,
    /// A token that lets nobody in, or does so no more.
    Forbidden,
    /// No `connection_init` in time.
    InitialisationTimeout,
    /// An id that is in use.
    SubscriberExists(String),
    /// A second `connection_init`.
    InitialisedTwice,
}

impl Close {
    pub fn frame(&self) -> CloseFrame {
        let (code, reason) = match self {
            Self::GoingAway => (1001, "Going away".to_owned()),
            Self::Broken => (1002, "Protocol error".to_owned()),
            Self::NotText => (1007, "Text that is not UTF-8".to_owned()),
            Self::TooBig => (1009, "Message too big".to_owned()),
            Self::TryAgain => (1013, "Try again later".to_owned()),
            Self::Invalid(why) => (4400, why.clone()),
            Self::Unauthorized => (4401, "Unauthorized".to_owned()),
            Self::Forbidden => (4403, "Forbidden".to_owned()),
            Self::InitialisationTimeout => (4408, "Connection initialisation timeout".to_owned()),
            Self::SubscriberExists(id) => (4409, format!("Subscriber for {id} already exists")),
            Self::InitialisedTwice => (4429, "Too many initialisation requests".to_owned()),
        };
        let fits = (0..=reason.len().min(REASON)).rev().find(|end| reason.is_char_boundary(*end));
        CloseFrame { code, reason: reason[..fits.unwrap_or(0)].into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_its_frame() {
        let frame = Close::SubscriberExists("é".repeat(200)).frame();
        assert_eq!(frame.code, 4409);
        assert!(frame.reason.len() <= REASON && frame.reason.starts_with("Subscriber for éé"));
    }
}
