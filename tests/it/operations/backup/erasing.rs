//! Erased customers stay erased after a restore of an older backup.

use serde_json::json;
use sqlx::PgPool;
use tests::orders::{basket, pizza};
use tests::processes::{Process, run};
use tests::{Database, Demo};

use super::{Dir, bare, done, text};

const EMAIL: &str = "customer1@ocpizza.example";

/// Rows that identify the customer.
async fn traces(pool: &PgPool) -> i64 {
    let sql = "SELECT (SELECT count(*) FROM accounts WHERE email = $1) + (SELECT count(*) FROM contacts)";
    sqlx::query_scalar(sql).bind(EMAIL).fetch_one(pool).await.unwrap()
}

/// A backup with a customer's order, taken before the customer was erased.
async fn erased(dir: &Dir) -> (Demo, String) {
    let demo = Demo::create().await;
    let process = Process::serve(&demo.database.url).await;
    let customer = demo.person(&process.base, "customer1");
    customer.placed(basket("P1", "DELIVERY", &[pizza("MAR", "M", 2)])).await;
    let older = dir.file("older.backup");
    done(&run(&demo.database.url, &["backup", &older]).await);
    let password = json!({ "currentPassword": simulation::demo::PASSWORD });
    let erased = customer.mutate("eraseMyAccount", "customerId", password).await;
    assert!(erased["position"].is_string(), "{erased}");
    process.kill().await;
    (demo, older)
}

async fn restored(older: &str, more: &[&str]) -> (Database, String) {
    let database = bare().await;
    let output = run(&database.url, &[&["restore", older][..], more].concat()).await;
    let said = done(&output);
    assert!(text(&output.stderr).contains("the backup is 0 minutes old"), "{}", text(&output.stderr));
    (database, said)
}

#[tokio::test]
async fn erases_again_by_a_list_or_a_later_backup() {
    let dir = Dir::new();
    let (demo, older) = erased(&dir).await;
    // Without either, the erasure is unknown.
    let (database, said) = restored(&older, &[]).await;
    assert_eq!(traces(&database.pool).await, 2, "{said}");

    let (list, later) = (dir.file("erased.txt"), dir.file("later.backup"));
    done(&run(&demo.database.url, &["backup", "--erasures", &list]).await);
    done(&run(&demo.database.url, &["backup", &later]).await);
    let lines = std::fs::read_to_string(&list).unwrap();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(!lines.contains('@'), "ids and times only: {lines}");
    for source in [list, later] {
        let (database, said) = restored(&older, &["--erasures", &source]).await;
        assert!(said.contains("1 erased customers stay erased"), "{said}");
        assert_eq!(traces(&database.pool).await, 0, "{source}");
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM erased_customers")
            .fetch_one(&database.pool)
            .await
            .unwrap();
        assert_eq!(known, 1);
    }
}

#[tokio::test]
async fn erases_again_by_the_records_of_a_removal() {
    let dir = Dir::new();
    let (demo, older) = erased(&dir).await;
    let (url, pool) = (&demo.database.url, &demo.database.pool);
    let later = dir.file("later.backup");
    done(&run(url, &["backup", &later]).await);
    let name: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(pool).await.unwrap();
    let arguments = ["destroy", "--name", &name, "--backup", &later, "--force-while-serving"];
    let said = done(&run(url, &arguments).await);
    assert!(said.contains("the register of 1 erased customers"), "{said}");
    let said = done(&run(url, &["restore", &older]).await);
    assert!(said.contains("1 erased customers stay erased"), "{said}");
    assert_eq!(traces(pool).await, 0);
}
