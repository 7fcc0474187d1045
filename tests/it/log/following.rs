//! Following the log: each position once and in order, with any number of writers.

use domain::LogPosition;
use event_store::{EventStore, FollowError, Follower, LogEntry, Settings};
use futures_util::{Stream, StreamExt};
use tests::Database;

use crate::log::pizzas::*;
use crate::log::unreadable_events::append_unreadable;

async fn expect_positions(
    feed: impl Stream<Item = Result<LogEntry, FollowError>>,
    expected: std::ops::RangeInclusive<i64>,
) {
    let mut feed = std::pin::pin!(feed);
    for position in expected {
        let event = tests::within(feed.next()).await.unwrap().unwrap();
        assert_eq!(event.position(), LogPosition(position));
    }
}

#[tokio::test]
async fn a_follower_reads_each_position_once_and_in_order() {
    let database = Database::create().await;
    let stores: Vec<_> =
        (0..2).map(|_| EventStore::start(database.pool.clone(), Settings::default())).collect();
    let follower = Follower::start(database.pool.clone(), &[]).await.unwrap();
    let early = follower.entries_after(LogPosition::START);
    open(&stores[0], stock_for(1000)).await;
    let appending = {
        let stores = stores.clone();
        tokio::spawn(async move {
            for _ in 0..4 {
                race(&stores, 64).await;
            }
        })
    };
    let last = 3 + 4 * 64 * 2;
    let late = follower.entries_after(LogPosition(100));
    tokio::join!(expect_positions(early, 1..=last), expect_positions(late, 101..=last));
    appending.await.unwrap();
    assert_eq!(assert_whole(&database).await, last);
}

#[tokio::test]
async fn a_follower_delivers_unreadable_events_in_their_place() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    let follower = Follower::start(database.pool.clone(), &[]).await.unwrap();
    let mut feed = std::pin::pin!(follower.entries_after(LogPosition::START));
    open(&store, stock_for(1)).await;
    for _ in 0..3 {
        tests::within(feed.next()).await.unwrap().unwrap();
    }
    let at = append_unreadable(&database.pool, "order", &order_id().to_string()).await;
    run(&store, margherita(order_id())).await;
    let entry = tests::within(feed.next()).await.unwrap().unwrap();
    assert!(matches!(entry, LogEntry::Unreadable(record) if record.position == at));
    let behind = tests::within(feed.next()).await.unwrap().unwrap();
    assert!(matches!(behind, LogEntry::Event(event) if event.position.0 == at.0 + 1));
}
