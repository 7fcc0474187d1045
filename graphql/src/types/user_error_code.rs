//! The codes of user errors.

use async_graphql::Enum;

use crate::types::enums::mirror;

domain::for_each_refusal_code!(mirror! {
    /// Codes of refusals: those of the domain contract, then additional ones.
    UserErrorCode = "domain::usecase::RefusalCode"
});
