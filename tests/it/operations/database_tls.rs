//! `DATABASE_URL` alone decides about encryption and the certificate's verification.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use sqlx::Executor;
use tests::OwnPostgres;
use tests::processes::run;

/// The output of `migrate`, and whether it succeeded.
async fn migrate(url: &str) -> (Option<i32>, String) {
    let output = run(url, &["migrate"]).await;
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn the_url_determines_the_protection_of_the_connection() {
    let postgres = OwnPostgres::start(20).await;
    let mut admin = postgres.admin().await;
    let place: String = sqlx::query_scalar("SHOW data_directory").fetch_one(&mut admin).await.unwrap();

    // Not encrypted yet; without a name, the database is the manual's.
    let (code, text) = migrate(&postgres.url("127.0.0.1", "?sslmode=disable")).await;
    assert_eq!(code, Some(0), "{text}");
    let made: bool = {
        let url = postgres.url("127.0.0.1", "/ocpizza_manager_db");
        let mut db = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
        sqlx::query_scalar("SELECT to_regclass('events') IS NOT NULL").fetch_one(&mut db).await.unwrap()
    };
    assert!(made, "the tables are in ocpizza_manager_db");
    let (code, text) = migrate(&postgres.url("127.0.0.1", "?sslmode=require")).await;
    assert_eq!(code, Some(1), "{text}");

    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap().cert;
    for (name, text) in [("server.crt", cert.pem()), ("server.key", signing_key.serialize_pem())] {
        let lines = format!(
            "COPY (SELECT unnest(string_to_array('{}', E'\\n'))) TO PROGRAM 'umask 077 && cat > {place}/{name}'",
            text.trim_end().replace('\r', "")
        );
        admin.execute(&*lines).await.unwrap();
    }
    // The server now accepts encrypted connections only.
    let hba = format!(
        "COPY (SELECT unnest(array['local all all trust', 'hostssl all all 127.0.0.1/32 scram-sha-256'])) \
         TO '{place}/pg_hba.conf'"
    );
    admin.execute(&*hba).await.unwrap();
    admin.execute("ALTER SYSTEM SET ssl = on").await.unwrap();
    admin.execute("SELECT pg_reload_conf()").await.unwrap();

    let files = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (root, wrong) = (file("root.crt", cert.pem()), file("other.crt", other.pem()));
    let full = format!("?sslmode=verify-full&sslrootcert={root}");
    for (host, rest, done) in [
        ("127.0.0.1", "?sslmode=disable", false),
        ("127.0.0.1", "?sslmode=prefer", true),
        ("127.0.0.1", "?sslmode=require", true),
        ("localhost", &format!("?sslmode=verify-ca&sslrootcert={root}"), true),
        ("localhost", &format!("?sslmode=verify-ca&sslrootcert={wrong}"), false),
        ("localhost", &full, true),
        // The certificate is for another host.
        ("127.0.0.1", &full, false),
        ("localhost", &format!("?sslmode=verify-full&sslrootcert={wrong}"), false),
        // The certificate's issuer is not trusted by this machine.
        ("localhost", "?sslmode=verify-full", false),
    ] {
        let (code, text) = migrate(&postgres.url(host, rest)).await;
        assert_eq!(code, Some(i32::from(!done)), "{host} {rest}: {text}");
        assert!(!text.contains(tests::own_postgres::PASSWORD), "{text}");
        assert!(done || (text.lines().count() == 1 && text.contains("DATABASE_URL")), "{text}");
    }
}
