//! A GraphQL client over HTTP that knows only JSON, as a frontend.

use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::eventually::within;
use crate::websocket::Subscription;

/// A caller of one process.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    /// `http://127.0.0.1:<port>`.
    pub base: String,
    token: Option<String>,
    language: Option<&'static str>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP's status.
    pub status: u16,
    /// The body; `null` if it is not JSON.
    pub body: Value,
}

impl Answer {
    /// `extensions.code` of the first error; panics without one.
    #[track_caller]
    pub fn code(&self) -> &str {
        let code = self.body["errors"][0]["extensions"]["code"].as_str();
        code.unwrap_or_else(|| panic!("no error with a code: {} {}", self.status, self.body))
    }

    /// The data; panics if there are errors.
    #[track_caller]
    pub fn data(self) -> Value {
        assert!(self.body["errors"].is_null(), "{} {}", self.status, self.body);
        let Value::Object(mut body) = self.body else { panic!("no answer: {} {}", self.status, self.body) };
        body.remove("data").unwrap_or_else(|| panic!("an answer without data: {body:?}"))
    }
}

/// Fields of a payload besides the changed object.
const REFUSALS: &str = "position userErrors { code message field detail { \
    missing { ingredient { code } needed available } rule min max maxLength triesLeft orderStatus deliveryStatus \
    due { amount } actualVersion allowedActions { action enabled } } }";

impl Api {
    /// An anonymous caller.
    pub fn new(base: impl Into<String>) -> Self {
        Self { http: reqwest::Client::new(), base: base.into(), token: None, language: None }
    }

    /// The same process with a bearer token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// The bearer token.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The same caller over its own connection.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { http: reqwest::Client::new(), ..self.clone() }
    }

    /// The same caller with `Accept-Language`.
    #[must_use]
    pub fn speaking(&self, language: &'static str) -> Self {
        Self { language: Some(language), ..self.clone() }
    }

    /// The same caller at another process.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(language) = self.language {
            request = request.header(ACCEPT_LANGUAGE, language);
        }
        request
    }

    /// Posts a body unchanged.
    pub async fn post(
        &self,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Result<Answer, reqwest::Error> {
        let request = self.request(reqwest::Method::POST, "/graphql");
        let request = request.header(CONTENT_TYPE, content_type);
        answer(request.header(ACCEPT, "application/graphql-response+json").body(body)).await
    }

    /// Gets another path of the process.
    pub async fn get(&self, path: &str) -> Result<Answer, reqwest::Error> {
        answer(self.request(reqwest::Method::GET, path)).await
    }

    /// Executes an operation at a process that may end.
    pub async fn try_ask(&self, document: &str, variables: Value) -> Result<Answer, reqwest::Error> {
        let body = json!({ "query": document, "variables": variables });
        self.post("application/json", body.to_string()).await
    }

    /// Executes an operation.
    #[track_caller]
    pub fn ask(&self, document: &str, variables: Value) -> impl Future<Output = Answer> + use<> {
        let answer = within(self.try_ask_owned(document.to_owned(), variables));
        async move { answer.await.expect("the API answers") }
    }

    fn try_ask_owned(
        &self,
        document: String,
        variables: Value,
    ) -> impl Future<Output = Result<Answer, reqwest::Error>> + use<> {
        let api = self.clone();
        async move { api.try_ask(&document, variables).await }
    }

    /// Executes an operation that must succeed; returns its data.
    #[track_caller]
    pub fn data(&self, document: &str, variables: Value) -> impl Future<Output = Value> + use<> {
        let caller = std::panic::Location::caller();
        let answer = self.ask(document, variables);
        async move {
            let answer = answer.await;
            assert!(answer.body["errors"].is_null(), "{caller}: {} {}", answer.status, answer.body);
            answer.data()
        }
    }

    /// The document of [`Api::mutate`].
    pub fn mutation(name: &str, selection: &str) -> String {
        let (first, rest) = name.split_at(1);
        let input = format!("{}{rest}Input", first.to_uppercase());
        format!("mutation M($input: {input}!) {{ {name}(input: $input) {{ {selection} {REFUSALS} }} }}")
    }

    /// Executes a mutation; returns its whole answer.
    #[track_caller]
    pub fn try_mutate(
        &self,
        name: &str,
        selection: &str,
        input: Value,
    ) -> impl Future<Output = Answer> + use<> {
        self.ask(&Self::mutation(name, selection), json!({ "input": input }))
    }

    /// Executes a mutation without GraphQL errors; returns its payload.
    #[track_caller]
    pub fn mutate(&self, name: &str, selection: &str, input: Value) -> impl Future<Output = Value> + use<> {
        let caller = std::panic::Location::caller();
        let name = name.to_owned();
        let answer = self.try_mutate(&name, selection, input);
        async move {
            let mut answer = answer.await;
            assert!(answer.body["errors"].is_null(), "{caller}: {name}: {} {}", answer.status, answer.body);
            answer.body["data"][&name].take()
        }
    }

    /// Subscribes over a new WebSocket.
    #[track_caller]
    pub fn subscribe(&self, document: &str, variables: Value) -> impl Future<Output = Subscription> + use<> {
        within(Subscription::open(self.socket(), self.token.clone(), document.to_owned(), variables))
    }

    /// As [`Api::subscribe`], for a process that may end.
    pub async fn try_subscribe(&self, document: &str, variables: Value) -> anyhow::Result<Subscription> {
        Subscription::try_open(self.socket(), self.token.clone(), document.to_owned(), variables).await
    }

    fn socket(&self) -> String {
        self.base.replacen("http", "ws", 1) + "/graphql"
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
    Ok(Answer { status, body })
}
