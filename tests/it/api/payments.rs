//! Interrupted payments: whatever fails, a charge is captured once or refunded.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use domain::order::OnlinePayment;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use payments::{Charge, ChargeStatus, DemoPayments, PaymentService, PaymentUnavailable};
use serde_json::{Value, json};
use sqlx::PgPool;
use tests::orders::{basket, refusals, side, with};
use tests::server::Server;
use tests::{Answer, Api, Demo, eventually};
use uuid::Uuid;

/// The fault of the next charge.
enum Fault {
    /// The request does not reach the service.
    RequestLost,
    /// The service charges, and its answer is lost.
    AnswerLost,
    /// The service charges, and another action runs before its answer.
    Meanwhile(BoxFuture<'static, ()>),
}

/// The demo's payment service behind an unreliable connection.
struct BadLine {
    service: DemoPayments,
    next: Mutex<Option<Fault>>,
    away: AtomicBool,
}

impl fmt::Debug for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BadLine").finish_non_exhaustive()
    }
}

impl BadLine {
    async fn through<T>(
        &self,
        answer: BoxFuture<'_, Result<T, PaymentUnavailable>>,
    ) -> Result<T, PaymentUnavailable> {
        if self.away.load(Ordering::SeqCst) { Err(PaymentUnavailable::silent()) } else { answer.await }
    }
}

impl PaymentService for BadLine {
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<OnlinePayment, PaymentUnavailable>> {
        async move {
            let fault = self.next.lock().unwrap().take();
            if matches!(fault, Some(Fault::RequestLost)) {
                return Err(PaymentUnavailable::silent());
            }
            let answer = self.service.charge(charge).await?;
            match fault {
                Some(Fault::AnswerLost) => return Err(PaymentUnavailable::silent()),
                Some(Fault::Meanwhile(something)) => something.await,
                Some(Fault::RequestLost) | None => {}
            }
            Ok(answer)
        }
        .boxed()
    }

    fn find(&self, key: Uuid) -> BoxFuture<'_, Result<Option<ChargeStatus>, PaymentUnavailable>> {
        self.through(self.service.find(key)).boxed()
    }

    fn cancel(&self, key: Uuid) -> BoxFuture<'_, Result<(), PaymentUnavailable>> {
        self.through(self.service.cancel(key)).boxed()
    }

    fn refund(&self, key: Uuid) -> BoxFuture<'_, Result<(), PaymentUnavailable>> {
        self.through(self.service.refund(key)).boxed()
    }
}

/// A server with an unreliable payment service, and a customer with an unpaid order.
struct Till {
    demo: Demo,
    _server: Server,
    line: Arc<BadLine>,
    customer: Api,
    order: Value,
}

impl Till {
    async fn open() -> Self {
        let demo = Demo::create().await;
        let pool = demo.database.pool.clone();
        let line = BadLine {
            service: DemoPayments::new(pool),
            next: Mutex::new(None),
            away: AtomicBool::new(false),
        };
        let line = Arc::new(line);
        let payments = Some(Arc::clone(&line) as Arc<dyn PaymentService>);
        let server =
            Server::start_with(&demo.database, |config| server::app::Config { payments, ..config }).await;
        let customer = demo.person(&server.base, "customer1");
        let online = json!({ "channel": "WEB", "payment": "ONLINE" });
        let order = customer.placed(with(basket("P1", "TAKEAWAY", &[side("WATER", 2)]), online)).await;
        Self { demo, _server: server, line, customer, order }
    }

    fn pool(&self) -> &PgPool {
        &self.demo.database.pool
    }

    fn next_charge(&self, fault: Fault) {
        *self.line.next.lock().unwrap() = Some(fault);
    }

    async fn try_pay(&self, key: &str) -> Answer {
        let input = json!({ "orderId": self.order["id"], "idempotencyKey": key });
        self.customer.try_mutate("payOnline", "order { status }", input).await
    }

    /// The refusals of a payment, and the order's status.
    async fn pay(&self, key: &str) -> (Vec<String>, String) {
        let mut payload = self.try_pay(key).await.data()["payOnline"].take();
        let status = payload["order"]["status"].take();
        let refusals = refusals(&payload).into_iter().map(str::to_owned).collect();
        (refusals, status.as_str().unwrap().to_owned())
    }

    /// Makes open intents old enough to be settled.
    async fn age(&self) {
        age(self.pool()).await;
    }

    /// Outcomes of the order's intents, oldest first.
    async fn endings(&self) -> Vec<Option<String>> {
        let sql = "SELECT ending FROM payment_intents ORDER BY created_at, id";
        sqlx::query_scalar(sql).fetch_all(self.pool()).await.unwrap()
    }

    async fn ended(&self, expected: &[&str]) {
        eventually("the payments are settled", || async {
            let endings = self.endings().await;
            (endings.len() == expected.len()
                && endings.iter().zip(expected).all(|(ending, expected)| ending.as_deref() == Some(expected)))
            .then_some(())
        })
        .await;
    }

    /// Charges and refunds booked by the payment service.
    async fn books(&self) -> Vec<String> {
        let sql = "SELECT status FROM demo_charges ORDER BY status";
        sqlx::query_scalar(sql).fetch_all(self.pool()).await.unwrap()
    }

    /// Number of captures in the order's events.
    async fn captured(&self) -> i64 {
        let sql = "SELECT count(*) FROM events WHERE event_type = 'PaymentCaptured'";
        sqlx::query_scalar(sql).fetch_one(self.pool()).await.unwrap()
    }

    async fn cancel(&self) {
        let reason = json!({ "reason": "CUSTOMER_REQUEST" });
        let cancelled = self.customer.to_order("cancelOrder", &self.order, reason).await;
        assert_eq!(refusals(&cancelled), Vec::<&str>::new());
    }
}

async fn age(pool: &PgPool) {
    let sql = "UPDATE payment_intents SET created_at = created_at - interval '1 minute', due_at = now() \
               WHERE ending IS NULL";
    sqlx::query(sql).execute(pool).await.unwrap();
}

fn paid() -> (Vec<String>, String) {
    (vec![], "PLACED".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn captures_a_charge_that_could_not_be_stored() {
    let till = Till::open().await;
    let pool = till.pool().clone();
    let cut = async move {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::query(sql).execute(&pool).await.unwrap();
    };
    till.next_charge(Fault::Meanwhile(cut.boxed()));
    assert_eq!(till.try_pay("k").await.code(), "UNAVAILABLE");
    assert_eq!((till.captured().await, till.endings().await), (0, vec![None]));
    till.age().await;
    till.ended(&["CAPTURED"]).await;
    assert_eq!(till.pay("k").await, paid(), "the same key is answered as if nothing had happened");
    assert_eq!(till.pay("other").await.0, ["OVERPAID"]);
    assert_eq!((till.captured().await, till.books().await), (1, vec!["ACCEPTED".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finds_a_charge_whose_answer_was_lost() {
    let till = Till::open().await;
    till.next_charge(Fault::AnswerLost);
    assert_eq!(till.try_pay("k").await.code(), "UNAVAILABLE");
    // Nothing is decided while the service does not answer.
    till.line.away.store(true, Ordering::SeqCst);
    till.age().await;
    eventually("the settlement is retried", || async {
        let tries: i32 =
            sqlx::query_scalar("SELECT tries FROM payment_intents").fetch_one(till.pool()).await.unwrap();
        (tries > 0).then_some(())
    })
    .await;
    assert_eq!(till.endings().await, [None]);
    till.line.away.store(false, Ordering::SeqCst);
    till.age().await;
    till.ended(&["CAPTURED"]).await;
    assert_eq!((till.captured().await, till.books().await), (1, vec!["ACCEPTED".to_owned()]));
    assert_eq!(till.pay("k").await, paid());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_finds_the_same_charge() {
    let till = Till::open().await;
    till.next_charge(Fault::AnswerLost);
    assert_eq!(till.try_pay("k").await.code(), "UNAVAILABLE");
    assert_eq!(till.pay("k").await, paid());
    assert_eq!((till.captured().await, till.books().await), (1, vec!["ACCEPTED".to_owned()]));
    till.ended(&["CAPTURED"]).await;

    // A different request settles it too: first what was charged, then nothing is due.
    let till = Till::open().await;
    till.next_charge(Fault::AnswerLost);
    assert_eq!(till.try_pay("k").await.code(), "UNAVAILABLE");
    assert_eq!(till.pay("other").await, (vec!["OVERPAID".to_owned()], "PLACED".to_owned()));
    assert_eq!((till.captured().await, till.books().await), (1, vec!["ACCEPTED".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_uncharged_intent_is_cancelled_for_good() {
    let till = Till::open().await;
    till.next_charge(Fault::RequestLost);
    assert_eq!(till.try_pay("k").await.code(), "UNAVAILABLE");
    assert_eq!(till.try_pay("other").await.code(), "CONFLICT", "the first may still be under way");
    till.age().await;
    till.ended(&["NOT_CHARGED"]).await;
    let key = sqlx::query_scalar("SELECT id FROM payment_intents").fetch_one(till.pool()).await.unwrap();
    let order = domain::ids::OrderId(Uuid::nil());
    let late = Charge { order, amount: domain::Cents(360), card_token: None, key };
    let answer = till.line.service.charge(late).await.unwrap();
    assert!(matches!(answer, OnlinePayment::Declined { .. }), "{answer:?}");
    assert_eq!(till.pay("k").await, paid());
    assert_eq!(till.captured().await, 1);
    assert_eq!(till.books().await, ["ACCEPTED", "CANCELLED"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_money_that_the_order_does_not_take() {
    // Cancelled between the charge and its recording.
    let till = Arc::new(Till::open().await);
    let meanwhile = Arc::clone(&till);
    till.next_charge(Fault::Meanwhile(async move { meanwhile.cancel().await }.boxed()));
    assert_eq!(till.pay("k").await, (vec!["ALREADY_CLOSED".to_owned()], "CANCELLED".to_owned()));
    till.ended(&["REFUNDED"]).await;
    assert_eq!((till.captured().await, till.books().await), (0, vec!["REFUNDED".to_owned()]));

    // Cancelled before the process knows about the charge.
    let till = Till::open().await;
    till.next_charge(Fault::AnswerLost);
    assert_eq!(till.try_pay("k").await.code(), "UNAVAILABLE");
    till.cancel().await;
    till.age().await;
    till.ended(&["REFUNDED"]).await;
    assert_eq!((till.captured().await, till.books().await), (0, vec!["REFUNDED".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn captures_once_when_settled_beside_the_request() {
    let till = Arc::new(Till::open().await);
    let meanwhile = Arc::clone(&till);
    let settled = async move {
        meanwhile.age().await;
        meanwhile.ended(&["CAPTURED"]).await;
    };
    till.next_charge(Fault::Meanwhile(settled.boxed()));
    assert_eq!(till.pay("k").await, paid());
    assert_eq!((till.captured().await, till.books().await), (1, vec!["ACCEPTED".to_owned()]));

    // As if the process had ended before closing the intent.
    let reopen = "UPDATE payment_intents SET ending = NULL, due_at = now()";
    sqlx::query(reopen).execute(till.pool()).await.unwrap();
    till.ended(&["CAPTURED"]).await;
    assert_eq!((till.captured().await, till.books().await), (1, vec!["ACCEPTED".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn captures_one_of_many_concurrent_payments() {
    let till = Till::open().await;
    let order = json!({ "orderId": till.order["id"] });
    // As many as an account may have declined: each counts until it is known not to be.
    let paying = (0..10).map(|n| {
        // Half of the requests share a key, the others have one each.
        let key = if n % 2 == 0 { json!({ "idempotencyKey": "same" }) } else { json!({}) };
        till.customer.apart().try_mutate("payOnline", "order { status }", with(order.clone(), key))
    });
    for answer in join_all(paying).await {
        if answer.body["errors"].is_null() {
            let payload = &answer.body["data"]["payOnline"];
            let refused = refusals(payload);
            assert!(refused.is_empty() || refused == ["OVERPAID"], "{payload}");
        } else {
            assert_eq!(answer.code(), "CONFLICT");
        }
    }
    // Intents that were superseded are closed too.
    till.age().await;
    eventually("no payment is open", || async {
        till.endings().await.iter().all(Option::is_some).then_some(())
    })
    .await;
    assert_eq!(till.captured().await, 1);
    let accepted = till.books().await.iter().filter(|status| *status == "ACCEPTED").count();
    assert_eq!(accepted, 1);
}
