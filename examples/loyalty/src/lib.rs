//! An example: loyalty cards, an aggregate that the domain does not know, on the same log as the orders.
//!
//! The aggregate is written for cqrs-es alone. [`cards`] puts it on the store: its events get positions in the log, are
//! sealed and backed up with the others, and a concurrent command on one card is a conflict. Free text and personal data
//! stay out of its events, as everywhere in the log.

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, CqrsFramework, DomainEvent};
use event_store::{EventStore, ForeignStreams};
use serde::{Deserialize, Serialize};

/// Stamps that a free pizza costs.
const FULL_CARD: u32 = 10;

/// A customer's card.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Stamps that are not yet redeemed.
    pub stamps: u32,
}

/// A command to a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardCommand {
    /// Adds a stamp for each pizza.
    Stamp {
        /// Pizzas bought.
        pizzas: u32,
    },
    /// Exchanges a full card for a pizza.
    Redeem,
}

/// An event of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum CardEvent {
    /// Stamps were added.
    CardStamped {
        /// Number of stamps.
        stamps: u32,
    },
    /// A full card was exchanged.
    CardRedeemed {
        /// Stamps that it cost.
        stamps: u32,
    },
}

impl DomainEvent for CardEvent {
    fn event_type(&self) -> String {
        match self {
            Self::CardStamped { .. } => "CardStamped".to_owned(),
            Self::CardRedeemed { .. } => "CardRedeemed".to_owned(),
        }
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

/// Refusal of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// The card is not full.
    #[error("a free pizza costs {FULL_CARD} stamps; the card has {stamps}")]
    NotFull {
        /// Stamps on the card.
        stamps: u32,
    },
}

impl Aggregate for Card {
    const TYPE: &'static str = "loyalty";
    type Command = CardCommand;
    type Event = CardEvent;
    type Error = CardError;
    type Services = ();

    async fn handle(
        &mut self,
        command: CardCommand,
        _services: &(),
        sink: &EventSink<Self>,
    ) -> Result<(), CardError> {
        let event = match command {
            CardCommand::Stamp { pizzas } => CardEvent::CardStamped { stamps: pizzas },
            CardCommand::Redeem if self.stamps >= FULL_CARD => CardEvent::CardRedeemed { stamps: FULL_CARD },
            CardCommand::Redeem => return Err(CardError::NotFull { stamps: self.stamps }),
        };
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: CardEvent) {
        match event {
            CardEvent::CardStamped { stamps } => self.stamps = self.stamps.saturating_add(stamps),
            CardEvent::CardRedeemed { stamps } => self.stamps = self.stamps.saturating_sub(stamps),
        }
    }
}

/// Returns the framework that executes commands on cards.
pub fn cards(store: EventStore) -> CqrsFramework<Card, ForeignStreams> {
    CqrsFramework::new(ForeignStreams::of(store), Vec::new(), ())
}
