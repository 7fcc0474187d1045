//! Reasons for closing a connection, with the close codes of the protocol.

use axum::extract::ws::CloseFrame;

/// Upper bound on the reason in a close frame.
const MAX_REASON_BYTES: usize = 123;

/// Reason for closing a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Close {
    /// The process is stopping; clients reconnect.
    GoingAway,
    /// The bytes are not a WebSocket frame.
    Broken,
    /// A text message is not UTF-8.
    NotText,
    /// A message is larger than 64 KiB.
    TooBig,
    /// Sessions cannot be read now.
    TryAgain,
    /// Not a message of the protocol, with a description.
    Invalid(String),
    /// An operation before `connection_ack`.
    Unauthorized,
    /// The token is invalid or has expired.
    Forbidden,
    /// No `connection_init` within the time limit.
    InitialisationTimeout,
    /// The id of an operation is in use.
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
        let fits = (0..=reason.len().min(MAX_REASON_BYTES)).rev().find(|end| reason.is_char_boundary(*end));
        CloseFrame { code, reason: reason[..fits.unwrap_or(0)].into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncates_reasons_to_the_frame() {
        let frame = Close::SubscriberExists("é".repeat(200)).frame();
        assert_eq!(frame.code, 4409);
        assert!(frame.reason.len() <= MAX_REASON_BYTES && frame.reason.starts_with("Subscriber for éé"));
    }
}
