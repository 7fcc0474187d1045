//! Documents as they were parsed: the programs that talk to us send the same few again and again. Knows of a
//! document that it parses and keeps the limits, and nothing of who sent it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Response, ServerError};
use lru::LruCache;

use super::execute::refusal;
use super::limits::{TooMuch, check_document, check_text};
use crate::error::{ErrorCode, set_code};

/// How long a document may be to be kept, in bytes.
const LONGEST: usize = 8 * 1024;
/// How long all that are kept may be, in bytes. Parsed, two bytes take about 400 at most (`{a a a}`), and most
/// documents a tenth of that.
const KEPT: usize = 128 * 1024;

/// The documents that a process has parsed lately. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Parsed(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    documents: LruCache<String, Arc<ExecutableDocument>>,
    bytes: usize,
}

impl Default for Parsed {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Kept { documents: LruCache::unbounded(), bytes: 0 })))
    }
}

impl Parsed {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing in between can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The document of a text.
    ///
    /// # Errors
    /// What is answered to a text that is none, or is too much.
    pub fn of(&self, text: &str) -> Result<Arc<ExecutableDocument>, Box<Response>> {
        match self.get(text) {
            Some(document) => Ok(document),
            None => Ok(self.keep(text, parse(text)?)),
        }
    }

    fn get(&self, text: &str) -> Option<Arc<ExecutableDocument>> {
        self.kept().documents.get(text).cloned()
    }

    /// Keeps a document that was held against the limits, and forgets those that were not asked for longest.
    fn keep(&self, text: &str, document: ExecutableDocument) -> Arc<ExecutableDocument> {
        let document = Arc::new(document);
        if text.len() > LONGEST {
            return document;
        }
        let mut kept = self.kept();
        kept.bytes += text.len();
        if let Some((replaced, _)) = kept.documents.push(text.to_owned(), document.clone()) {
            kept.bytes -= replaced.len();
        }
        while kept.bytes > KEPT
            && let Some((oldest, _)) = kept.documents.pop_lru()
        {
            kept.bytes -= oldest.len();
        }
        document
    }
}

/// A document, if it is one and within the limits that hold whatever the schema and the variables are.
fn parse(text: &str) -> Result<ExecutableDocument, Box<Response>> {
    let too_complex = |error: TooMuch| Box::new(refusal(ErrorCode::QueryTooComplex, error.to_string()));
    if text.chars().any(|character| character.is_control() && !"\t\n\r".contains(character)) {
        return Err(Box::new(refusal(ErrorCode::GraphqlParseFailed, "syntax error: a control character")));
    }
    check_text(text).map_err(too_complex)?;
    let document = parse_query(text).map_err(|error| Box::new(unparsed(error)))?;
    check_document(&document).map_err(too_complex)?;
    Ok(document)
}

/// The answer to a document that is none.
fn unparsed(error: async_graphql::parser::Error) -> Response {
    use async_graphql::parser::Error;
    let code = match &error {
        // Rules of validation that the parser sees to.
        Error::MultipleOperations { .. }
        | Error::OperationDuplicated { .. }
        | Error::FragmentDuplicated { .. } => ErrorCode::GraphqlValidationFailed,
        Error::RecursionLimitExceeded => ErrorCode::QueryTooComplex,
        _ => ErrorCode::GraphqlParseFailed,
    };
    // The parser draws the line in which it stopped: the place says as much, and is not as long.
    let drawn = match &error {
        Error::Syntax { message, .. } => message.rsplit_once(" = ").map(|(_, what)| what.trim().to_owned()),
        _ => None,
    };
    let mut error = ServerError::from(error);
    if let Some(what) = drawn {
        error.message = format!("syntax error: {what}");
    }
    set_code(&mut error, code);
    Response::from_errors(vec![error])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_last_is_kept_and_no_more_than_there_is_room_for() {
        let parsed = Parsed::default();
        let keep = |text: &str| parsed.keep(text, parse_query(text).unwrap());
        let text = |number: usize| format!("{{ {} a{number:06} }}", "field ".repeat(200));
        let length = text(0).len();
        keep(&text(0));
        keep(&text(0));
        assert_eq!(parsed.kept().bytes, length);
        for number in 1..=2 * KEPT / length {
            keep(&text(number));
            assert!(parsed.get(&text(0)).is_some(), "{number}");
        }
        let kept = parsed.kept();
        assert_eq!((kept.documents.len(), kept.bytes), (KEPT / length, KEPT / length * length));
    }

    #[test]
    fn a_long_document_is_not_kept() {
        let parsed = Parsed::default();
        let long = format!("{{ {} }}", "a ".repeat(LONGEST));
        parsed.keep(&long, parse_query(&long).unwrap());
        assert!(parsed.get(&long).is_none());
    }
}
