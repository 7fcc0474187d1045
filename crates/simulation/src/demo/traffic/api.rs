//! Client of the evening: GraphQL over HTTP, with a person's bearer token. Counts refusals and errors; never retries.

use std::time::Duration;

use identity::accounts::Account;
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::tally::Shared;

/// Time within which a request must be answered.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Selection of mutations of orders.
pub(super) const ORDER: &str = "order { id number status total { amount } due { amount } }";
/// Selection of mutations of deliveries.
pub(super) const DELIVERY: &str = "delivery { id number status }";
/// Selection of mutations of stocks.
pub(super) const STOCK: &str = "stock { version }";

/// A person who acts in the evening.
#[derive(Debug, Clone)]
pub struct Person {
    /// Account of the person.
    pub account: Account,
    /// Bearer token of the account.
    pub token: SecretString,
}

pub(super) struct Api {
    http: Client,
    url: String,
    pub(super) tally: Shared,
}

impl Api {
    pub(super) fn new(url: String, tally: Shared) -> Self {
        Self { http: Client::new(), url: format!("{url}/graphql"), tally }
    }

    /// Executes a query; returns its data, or `None` if it failed.
    pub(super) async fn query(&self, who: &Person, document: &str, variables: Value) -> Option<Value> {
        match self.post(who, json!({ "query": document, "variables": variables })).await {
            Ok(data) => Some(data),
            Err(error) => {
                self.tally.failed(format!("{}: {error}", document.lines().next().unwrap_or_default()));
                None
            }
        }
    }

    /// Executes a mutation; returns its payload, or `None` if it was refused or failed.
    pub(super) async fn mutate(
        &self,
        who: &Person,
        mutation: &str,
        selection: &str,
        input: Value,
    ) -> Option<Value> {
        let kind = pascal(mutation);
        let document = format!(
            "mutation {kind}($input: {kind}Input!) \
             {{ {mutation}(input: $input) {{ {selection} userErrors {{ code }} }} }}"
        );
        let data = self.post(who, json!({ "query": document, "variables": { "input": input } })).await;
        let mut payload = match data {
            Ok(mut data) => data[mutation].take(),
            Err(error) => {
                self.tally.failed(format!("{mutation}: {error}"));
                return None;
            }
        };
        let refusals: Vec<Value> =
            payload["userErrors"].as_array_mut().map(std::mem::take).unwrap_or_default();
        for refusal in &refusals {
            self.tally.refused(text(refusal, "/code"));
        }
        if !refusals.is_empty() {
            return None;
        }
        self.tally.done();
        Some(payload)
    }

    async fn post(&self, who: &Person, body: Value) -> Result<Value, String> {
        let request = self.http.post(&self.url).timeout(REQUEST_TIMEOUT).json(&body);
        let answer = request.bearer_auth(who.token.expose_secret()).send().await;
        // Without the URL: the summary has one line.
        let answer = answer.map_err(|error| error.without_url().to_string())?;
        let status = answer.status();
        let mut answer: Value = answer.json().await.map_err(|_| format!("{status}, and no JSON"))?;
        match answer["errors"].get(0) {
            Some(error) => Err(format!("{} ({})", text(error, "/message"), text(error, "/extensions/code"))),
            None => Ok(answer["data"].take()),
        }
    }
}

/// Returns a text of an answer; empty if absent.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Returns a list of an answer; empty if absent.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn pascal(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}
