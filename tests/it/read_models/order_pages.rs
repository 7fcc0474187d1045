//! Pages of orders below the API: directions, orders, cursors, filters.

use chrono::TimeDelta;
use domain::order::{Fulfilment, OrderChannel, OrderStatus};
use domain::usecase::PlaceOrder;
use event_store::{EventStore, Settings};
use projections::catch_up;
use projections::order_details::{OrderFilter, OrderSort, Row, page};
use projections::page::{Page, PageArgs, PageError};
use sqlx::PgPool;
use tests::Database;

use crate::log::pizzas::{margherita, order_id};
use crate::read_models::evening::{delivered, done, later, open_p1};

const SORTS: [OrderSort; 5] = [
    OrderSort::PlacedAtDesc,
    OrderSort::PlacedAtAsc,
    OrderSort::PromisedAtAsc,
    OrderSort::NumberAsc,
    OrderSort::NumberDesc,
];

/// Seven orders, two of them at the same instant.
async fn seven(database: &Database) {
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open_p1(&store).await;
    for minute in [0, 1, 1, 2, 3, 4] {
        done(&store, PlaceOrder { now: later(minute), ..margherita(order_id()) }).await;
    }
    done(&store, PlaceOrder { channel: OrderChannel::Web, now: later(5), ..delivered(order_id()) }).await;
    catch_up(&database.pool).await.unwrap();
}

fn numbers(page: &Page<Row>) -> Vec<String> {
    page.items.iter().map(|item| item.node.order.number.clone()).collect()
}

async fn read(pool: &PgPool, sort: OrderSort, args: PageArgs) -> Page<Row> {
    page(pool, &OrderFilter::default(), sort, &args).await.unwrap()
}

#[tokio::test]
async fn pages_from_both_ends_give_the_whole_list_once() {
    let database = Database::create().await;
    let pool = &database.pool;
    seven(&database).await;
    for sort in SORTS {
        let whole = read(pool, sort, PageArgs::new(Some(100), None, None, None).unwrap()).await;
        let expected = numbers(&whole);
        assert_eq!(expected.len(), 7);
        assert_eq!((whole.has_previous, whole.has_next), (false, false));

        let (mut forward, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = read(pool, sort, PageArgs::new(Some(2), after.as_deref(), None, None).unwrap()).await;
            assert_eq!(page.has_previous, after.is_some());
            forward.extend(numbers(&page));
            after = page.items.last().map(|item| item.cursor.clone());
            if !page.has_next {
                break;
            }
            assert_eq!(page.items.len(), 2);
        }
        assert_eq!(forward, expected, "{sort:?}");

        let (mut backward, mut before) = (Vec::new(), None::<String>);
        loop {
            let page = read(pool, sort, PageArgs::new(None, None, Some(3), before.as_deref()).unwrap()).await;
            assert_eq!(page.has_next, before.is_some());
            backward.splice(0..0, numbers(&page));
            before = page.items.first().map(|item| item.cursor.clone());
            if !page.has_previous {
                break;
            }
        }
        assert_eq!(backward, expected, "{sort:?}");

        let (after, before) = (&whole.items[1].cursor, &whole.items[5].cursor);
        let page = read(pool, sort, PageArgs::new(Some(2), Some(after), None, Some(before)).unwrap()).await;
        assert_eq!(numbers(&page), expected[2..4]);
        assert_eq!((page.has_previous, page.has_next), (true, true));
        let page = read(pool, sort, PageArgs::new(None, Some(after), Some(9), Some(before)).unwrap()).await;
        assert_eq!(numbers(&page), expected[2..5]);
        assert_eq!((page.has_previous, page.has_next), (true, true));
    }
}

#[tokio::test]
async fn refuses_a_cursor_of_another_sort_order() {
    let database = Database::create().await;
    let pool = &database.pool;
    seven(&database).await;
    let one = PageArgs::new(Some(1), None, None, None).unwrap();
    let by_time = read(pool, OrderSort::PlacedAtAsc, one.clone()).await.items[0].cursor.clone();
    let by_number = read(pool, OrderSort::NumberAsc, one).await.items[0].cursor.clone();
    for (sort, cursor) in [(OrderSort::NumberAsc, by_time), (OrderSort::PlacedAtDesc, by_number)] {
        let args = PageArgs::new(Some(1), Some(&cursor), None, None).unwrap();
        let refused = page(pool, &OrderFilter::default(), sort, &args).await.unwrap_err();
        assert!(matches!(refused, PageError::Cursor));
    }
}

#[tokio::test]
async fn each_filter_restricts_the_list() {
    let database = Database::create().await;
    let pool = &database.pool;
    seven(&database).await;
    let count = async |filter: OrderFilter| {
        let all = PageArgs::new(Some(100), None, None, None).unwrap();
        page(pool, &filter, OrderSort::default(), &all).await.unwrap().items.len()
    };
    let none = OrderFilter::default;
    assert_eq!(count(OrderFilter { pizzerias: vec!["P1".parse().unwrap()], ..none() }).await, 7);
    assert_eq!(count(OrderFilter { pizzerias: vec!["P2".parse().unwrap()], ..none() }).await, 0);
    assert_eq!(count(OrderFilter { statuses: vec![OrderStatus::Placed], ..none() }).await, 7);
    assert_eq!(count(OrderFilter { statuses: vec![OrderStatus::Ready], ..none() }).await, 0);
    assert_eq!(count(OrderFilter { channel: Some(OrderChannel::Web), ..none() }).await, 1);
    assert_eq!(count(OrderFilter { fulfilment: Some(Fulfilment::Takeaway), ..none() }).await, 6);
    assert_eq!(count(OrderFilter { number: Some("P1-000003".into()), ..none() }).await, 1);
    assert_eq!(count(OrderFilter { number: Some("\0".into()), ..none() }).await, 0);
    assert_eq!(count(OrderFilter { placed_from: Some(later(1)), ..none() }).await, 6);
    assert_eq!(count(OrderFilter { placed_to: Some(later(1)), ..none() }).await, 1);
    let between = OrderFilter {
        placed_from: Some(later(1)),
        placed_to: Some(later(1) + TimeDelta::seconds(1)),
        ..none()
    };
    assert_eq!(count(between).await, 2);
}
