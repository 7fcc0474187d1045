//! Cards on a real log.

use std::collections::HashMap;

use cqrs_es::{AggregateContext, AggregateError, EventStore as _};
use domain::LogPosition;
use event_store::{EventStore, ForeignStreams, LogEntry, Settings, log};
use loyalty::{Card, CardCommand, CardError, CardEvent, cards};
use tests::Database;

#[tokio::test]
async fn cards_are_stored_on_the_log_and_loaded_again() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    let framework = cards(store.clone());
    let metadata = HashMap::from([("till".to_owned(), "2".to_owned())]);
    let stamp = CardCommand::Stamp { pizzas: 7 };
    framework.execute_with_metadata("card-1", stamp, metadata).await.unwrap();
    framework.execute("card-1", stamp).await.unwrap();
    framework.execute("card-2", stamp).await.unwrap();
    framework.execute("card-1", CardCommand::Redeem).await.unwrap();
    let refused = framework.execute("card-1", CardCommand::Redeem).await;
    assert!(matches!(refused, Err(AggregateError::UserError(CardError::NotFull { stamps: 4 }))));

    let streams = ForeignStreams::of(store.clone());
    let mut card: <ForeignStreams as cqrs_es::EventStore<Card>>::AC =
        streams.load_aggregate("card-1").await.unwrap();
    assert_eq!(card.aggregate(), &Card { stamps: 4 });
    let events = cqrs_es::EventStore::<Card>::load_events(&streams, "card-1").await.unwrap();
    assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((&*events[0].metadata["till"], &*events[0].metadata["role"]), ("2", "SYSTEM"));

    let entries = log::read_after(&database.pool, LogPosition::START, 10).await.unwrap();
    let positions: Vec<_> = entries.iter().map(|entry| (entry.position().0, entry.stream_name())).collect();
    let expected = [(1, "card-1"), (2, "card-1"), (3, "card-2"), (4, "card-1")];
    assert_eq!(positions, expected.map(|(position, card)| (position, format!("loyalty:{card}"))));
    assert!(entries.iter().all(|entry| matches!(entry, LogEntry::Unreadable(_))));
    assert_eq!(entries[3].metadata().unwrap().command, "commit");
    assert_eq!(store.last_stored(), LogPosition(4));
}

#[tokio::test]
async fn a_concurrent_command_on_a_card_is_a_conflict() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    let streams = ForeignStreams::of(store);
    let load = || async { streams.load_aggregate("card-1").await.unwrap() };
    let (one, other): (<ForeignStreams as cqrs_es::EventStore<Card>>::AC, _) = (load().await, load().await);
    let stamped = || vec![CardEvent::CardStamped { stamps: 1 }];
    streams.commit(stamped(), one, HashMap::new()).await.unwrap();
    let lost = streams.commit(stamped(), other, HashMap::new()).await;
    assert!(matches!(lost, Err(AggregateError::AggregateConflict)), "{lost:?}");
    // The next one follows the stored event.
    streams.commit(stamped(), load().await, HashMap::new()).await.unwrap();
    assert_eq!(log::head(&database.pool).await.unwrap(), LogPosition(2));
}
