//! Logs of a busy process at every level: no tokens, contacts or payloads.

use serde_json::{Value, json};
use tests::orders::{basket, pizza, with};
use tests::processes::Process;
use tests::{Api, Demo};

#[tokio::test]
async fn logs_contain_no_tokens_contacts_or_payloads_at_any_level() {
    let demo = Demo::create().await;
    let token = demo.token_for("customer1@ocpizza.example").await;
    let process =
        Process::serve_logging(&demo.database.url, "trace,sqlx=trace,hyper=trace,tungstenite=trace").await;
    let anonymous = Api::new(&process.base);
    let customer = anonymous.with_token(&token);
    let secrets = [
        token.as_str(),
        "ocp_forged",
        "Zébulon Fictif",
        "zebulon@fictif.example",
        "+33639985555",
        "3 venelle Secrète",
        "digicode 4711",
        "correct horse battery",
        "secret-card-token",
    ];
    let address = json!({ "street": secrets[5], "latitude": 48.893, "longitude": 2.345 });
    let contact = json!({ "name": secrets[2], "email": secrets[3], "phone": secrets[4], "address": address });
    let input = with(
        basket("P1", "DELIVERY", &[pizza("REI", "M", 2)]),
        json!({ "contact": contact, "note": secrets[6], "idempotencyKey": "logs" }),
    );
    let order = customer.placed(input.clone()).await;
    // Refused, malformed, forbidden, too deep, wrongly typed and non-JSON requests with the same data.
    let place = Api::mutation("placeOrder", "order { id contact { name } }");
    let wrong = [
        with(input.clone(), json!({ "expectedTotal": "1.00", "idempotencyKey": null })),
        with(input.clone(), json!({ "lines": [], "idempotencyKey": null })),
        with(input.clone(), json!({ "note": 7 })),
        with(input.clone(), json!({ "pizzeriaId": secrets[2] })),
        with(input.clone(), json!({ "nonsense": secrets[3] })),
    ];
    for input in wrong {
        for api in [&customer, &anonymous, &demo.person(&process.base, "auditor")] {
            api.ask(&place, json!({ "input": input })).await;
        }
    }
    let forged = anonymous.with_token("ocp_forged");
    forged.ask("{ me { id } }", Value::Null).await;
    for body in [
        format!("{{ \"query\": \"{{ order(id: \\\"{}\\\") {{ id }} }}\" }}", secrets[2]),
        format!("not JSON but {}", secrets[3]),
        format!("{{ \"query\": \"{{ {} }}\" }}", secrets[7]),
    ] {
        customer.post("application/json", body).await.unwrap();
    }
    let in_a_url =
        format!("/graphql?query={{me}}&variables={{%22password%22:%22{}%22}}", "correct%20horse%20battery");
    customer.get(&in_a_url).await.unwrap();
    customer.to_order("payOnline", &order, json!({ "cardToken": secrets[8] })).await;
    let document = "subscription($id: ID!) { orderChanged(id: $id) { order { contact { name } note } } }";
    let item = customer.subscribe(document, json!({ "id": order["id"] })).await.value().await;
    assert_eq!(item["order"]["contact"]["name"], secrets[2]);

    let log = process.end_and_read_log().await;
    assert!(log.contains("answered") && log.lines().count() > 20, "it was to say much: {log}");
    let found: Vec<&str> =
        log.lines().filter(|line| secrets.iter().any(|secret| line.contains(secret))).collect();
    assert_eq!(found, Vec::<&str>::new());
    let escaped: Vec<&str> = log.lines().filter(|line| line.contains("bulon Fictif")).collect();
    assert_eq!(escaped, Vec::<&str>::new());
}
