//! The parameters of a request (GraphQL over HTTP, section 5), the same on every transport: the body of a POST, the URL
//! of a GET, the payload of a WebSocket's `subscribe`.

use async_graphql::{Request, Variables};
use document::limits;
use graphql::error::ErrorCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::persisted_documents::{DocumentReference, LookupError, PersistedDocuments};

/// The parameters as sent, of any type. Deserializing fails if a parameter is repeated.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Parameters {
    /// Text of the document.
    pub query: Option<Value>,
    /// Id of the document.
    pub document_id: Option<Value>,
    /// Name of the operation.
    pub operation_name: Option<Value>,
    /// Variables of the operation.
    pub variables: Option<Value>,
    /// Extensions, of which only `persistedQuery` is used.
    pub extensions: Option<Value>,
}

/// Why parameters are not a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A parameter is invalid.
    #[error("{0}")]
    Parameter(String),
    /// The document is not found.
    #[error(transparent)]
    Document(#[from] LookupError),
}

impl RequestError {
    /// Returns the error code of the response.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Parameter(_) => ErrorCode::BadUserInput,
            Self::Document(error) => error.code(),
        }
    }
}

fn text(name: &str, value: Option<Value>) -> Result<Option<String>, RequestError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(RequestError::Parameter(format!("{name} is not a string"))),
    }
}

fn object(name: &str, value: Option<Value>) -> Result<Map<String, Value>, RequestError> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(RequestError::Parameter(format!("{name} is not an object"))),
    }
}

/// Returns the hash of an automatic persisted query, in the protocol of Apollo's clients.
fn hash_of(mut extensions: Map<String, Value>) -> Result<Option<String>, RequestError> {
    let mut given = object("extensions.persistedQuery", extensions.remove("persistedQuery"))?;
    if given.is_empty() {
        return Ok(None);
    }
    if given.get("version") != Some(&Value::from(1)) {
        return Err(RequestError::Parameter("extensions.persistedQuery.version is not 1".to_owned()));
    }
    text("extensions.persistedQuery.sha256Hash", given.remove("sha256Hash"))
}

impl Parameters {
    /// Returns the request, which is still to be [checked](super::api::Api::check). A document that is named by its id is
    /// taken from `documents`.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn into_request(self, documents: &PersistedDocuments) -> Result<Request, RequestError> {
        let reference = DocumentReference {
            query: text("query", self.query)?,
            document_id: text("documentId", self.document_id)?,
            hash: hash_of(object("extensions", self.extensions)?)?,
        };
        let operation_name = text("operationName", self.operation_name)?;
        let variables = Value::Object(object("variables", self.variables)?);
        limits::check_variables(&variables).map_err(|error| RequestError::Parameter(error.to_string()))?;
        let mut request = Request::new(documents.find(reference)?).variables(Variables::from_json(variables));
        request.operation_name = operation_name;
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(parameters: Value) -> Result<Request, RequestError> {
        let parameters: Parameters = serde_json::from_value(parameters).unwrap();
        parameters.into_request(&PersistedDocuments::default())
    }

    #[test]
    fn builds_a_request_of_its_parameters() {
        let made = request(json!({
            "query": "{ a }", "operationName": "A", "variables": { "x": [1] }, "extensions": { "other": 1 }, "more": 1
        }));
        let made = made.unwrap();
        assert_eq!((made.query.as_str(), made.operation_name.as_deref()), ("{ a }", Some("A")));
        assert_eq!(made.variables, Variables::from_json(json!({ "x": [1] })));
        assert!(
            request(
                json!({ "query": "{ a }", "operationName": null, "variables": null, "extensions": null })
            )
            .is_ok()
        );
    }

    #[test]
    fn an_error_names_the_invalid_parameter() {
        for (parameters, message) in [
            (json!({}), "query is missing"),
            (json!({ "query": 1 }), "query is not a string"),
            (json!({ "query": "{ a }", "operationName": {} }), "operationName is not a string"),
            (json!({ "query": "{ a }", "variables": [] }), "variables is not an object"),
            (json!({ "query": "{ a }", "extensions": "" }), "extensions is not an object"),
            (json!({ "documentId": [] }), "documentId is not a string"),
            (json!({ "extensions": { "persistedQuery": 1 } }), "extensions.persistedQuery is not an object"),
            (
                json!({ "extensions": { "persistedQuery": { "version": 2, "sha256Hash": "" } } }),
                "extensions.persistedQuery.version is not 1",
            ),
        ] {
            let error = request(parameters.clone()).unwrap_err();
            assert_eq!(
                (error.to_string().as_str(), error.code()),
                (message, ErrorCode::BadUserInput),
                "{parameters}"
            );
        }
    }

    #[test]
    fn rejects_repeated_parameters() {
        assert!(serde_json::from_str::<Parameters>(r#"{"query": "{ a }", "query": "{ b }"}"#).is_err());
    }

    #[test]
    fn an_unregistered_persisted_query_is_not_found() {
        let hash = "0".repeat(64);
        let error =
            request(json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } }));
        let error = error.unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.code().as_str()),
            ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
        );
    }
}
