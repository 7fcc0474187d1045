//! Which errors are retryable.

use async_graphql::ServerError;
use event_store::StoreError;
use identity::accounts::AuthError;
use projections::why::ChangesError;
use transparency::SealError;

use super::*;

/// Returns an error's extensions as clients see them.
fn told(error: ApiError) -> serde_json::Value {
    let mut failed = ServerError::new(error.to_string(), None);
    failed.source = Some(Arc::new(error));
    let response = finish(Response::from_errors(vec![failed]), "request");
    serde_json::to_value(response.errors.into_iter().next().and_then(|error| error.extensions)).unwrap()
}

#[test]
fn permanent_faults_are_not_retryable() {
    let wrong = || serde_json::from_str::<u8>("x").unwrap_err();
    for error in [
        crate::scalars::int(i64::from(i32::MAX) + 1).unwrap_err(),
        sqlx::Error::Decode(Box::new(wrong())).into(),
        sqlx::Error::ColumnNotFound("x".to_owned()).into(),
        StoreError::Convert(wrong()).into(),
        SealError::Disagrees(1).into(),
        ChangesError::Damaged.into(),
        AuthError::Unreadable(uuid::Uuid::nil()).into(),
    ] {
        let expected = serde_json::json!({ "code": "INTERNAL", "requestId": "request", "retryable": false });
        assert_eq!(told(error), expected);
    }
}

#[test]
fn transient_faults_are_retryable() {
    for (error, code) in [
        (ApiError::internal(UnknownCause), "INTERNAL"),
        (sqlx::Error::PoolTimedOut.into(), "UNAVAILABLE"),
        (StoreError::Conflict.into(), "CONFLICT"),
        (StoreError::Overloaded.into(), "OVERLOADED"),
    ] {
        let told = told(error);
        assert_eq!((&told["code"], &told["retryable"]), (&code.into(), &true.into()));
    }
    assert!(told(ApiError::bad_input("x")).get("retryable").is_none());
}
