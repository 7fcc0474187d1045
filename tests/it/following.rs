//! Following the log: every position once, in order, whoever appends.

use std::sync::Arc;

use domain::LogPosition;
use event_store::{EventStore, Follower, LogError, RecordedEvent, Settings};
use futures_util::{Stream, StreamExt};
use tests::Database;

use crate::pizzas::*;

async fn expect_positions(
    feed: impl Stream<Item = Result<Arc<RecordedEvent>, LogError>>,
    expected: std::ops::RangeInclusive<i64>,
) {
    let mut feed = std::pin::pin!(feed);
    for position in expected {
        let event = tests::within(feed.next()).await.unwrap().unwrap();
        assert_eq!(event.position, LogPosition(position));
    }
}

#[tokio::test]
async fn a_follower_sees_every_position_once_and_in_order_whoever_appends() {
    let database = Database::create().await;
    let stores: Vec<_> =
        (0..2).map(|_| EventStore::start(database.pool.clone(), Settings::default())).collect();
    let follower = Follower::start(database.pool.clone(), &[]).await.unwrap();
    let early = follower.events_after(LogPosition::START);
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
    let late = follower.events_after(LogPosition(100));
    tokio::join!(expect_positions(early, 1..=last), expect_positions(late, 101..=last));
    appending.await.unwrap();
    assert_eq!(assert_whole(&database).await, last);
}

#[tokio::test]
async fn a_follower_that_cannot_read_on_says_so_to_those_who_wait() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    let follower = Follower::start(database.pool.clone(), &[]).await.unwrap();
    let mut feed = std::pin::pin!(follower.events_after(LogPosition::START));
    open(&store, stock_for(1)).await;
    for _ in 0..3 {
        tests::within(feed.next()).await.unwrap().unwrap();
    }
    // As a newer version of the program would write it.
    sqlx::raw_sql(
        "UPDATE event_log_head SET position = position + 1;
         INSERT INTO events SELECT 4, 'menu', 'group', 2, 'MenuSung', '1.0.0', now(), '{\"type\": \"MenuSung\"}', metadata
         FROM events WHERE position = 1",
    )
    .execute(&database.pool)
    .await
    .unwrap();

    let told = tests::within(feed.next()).await.unwrap();
    assert!(matches!(told, Err(LogError::Unreadable { position: LogPosition(4), .. })), "{told:?}");
}
