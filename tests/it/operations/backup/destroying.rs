//! Removing the data under maintenance: connected processes wait, and continue after the restore.

use backup::verify;
use serde_json::json;
use tests::processes::{Process, command, run};
use tests::{Api, Demo, eventually};

use super::{Dir, done, last, refused, settled, verified, water};

/// A production key: the development key is removed with the data.
const KEY: (&str, &str) = ("OCPIZZA_MANAGER_KEY", "0123456789abcdef0123456789abcdef");

async fn ready(process: &Process, status: u16) {
    let api = Api::new(&process.base);
    eventually("the readiness is as expected", || async {
        let answer = api.get("/readyz").await.unwrap();
        (answer.status == status).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_continue_after_a_restore_under_maintenance() {
    let (dir, demo) = (Dir::new(), Demo::create().await);
    let (url, pool) = (&demo.database.url, &demo.database.pool);
    let name: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(pool).await.unwrap();
    let processes = [Process::serve_with(url, &[KEY]).await, Process::serve_with(url, &[KEY]).await];
    let cashier = Process::serve(url).await;
    demo.person(&cashier.base, "customer1").placed(water()).await;
    cashier.kill().await;
    settled(pool).await;
    let file = dir.file("a.backup");
    let destroy = ["destroy", "--name", &name, "--backup", &file];
    done(&run(url, &["maintenance", "on", "--message", "Moving"]).await);
    done(&run(url, &["backup", &file]).await);
    // The log is sealed in time, also after the backup; nothing is lost by it.
    done(&run(url, &["audit", "seal"]).await);
    let sealed: i64 = sqlx::query_scalar("SELECT max(size) FROM tree_heads").fetch_one(pool).await.unwrap();
    assert_eq!(sealed, last(pool).await);
    let backup = verify(std::fs::File::open(&file).unwrap(), None).unwrap().unwrap();
    assert_eq!(backup.header.position, sealed);
    done(&run(url, &["maintenance", "off"]).await);
    assert!(refused(&run(url, &destroy).await).contains("the database is in use"));
    done(&run(url, &["maintenance", "on", "--message", "Moving"]).await);
    done(&run(url, &destroy).await);

    for process in &processes {
        ready(process, 503).await;
        let answer = Api::new(&process.base).ask("{ pizzerias { code } }", json!(null)).await;
        assert_eq!(answer.code(), "UNAVAILABLE");
    }
    done(&run(url, &["restore", &file]).await);
    for process in &processes {
        ready(process, 200).await;
        let token = command(url).args(["token", "customer1@ocpizza.example"]).env(KEY.0, KEY.1).output();
        let token = done(&token.await.unwrap());
        let customer = Api::new(&process.base).with_token(token.trim());
        eventually("maintenance is over", || async {
            let answer = customer.ask("{ maintenance { message } }", json!(null)).await;
            answer.data()["maintenance"].is_null().then_some(())
        })
        .await;
        customer.placed(water()).await;
    }
    settled(pool).await;
    verified(url).await;
}
