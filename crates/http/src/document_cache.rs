//! Documents as they were parsed and validated: the programs that talk to us send the same few again and again. Knows of a
//! document that it parses, keeps the limits and is valid, and nothing of who sent it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_graphql::Response;
use document::{Document, Unreadable, Validator};
use graphql::error::ErrorCode;
use lru::LruCache;

use super::execute::refusal;

/// How long a document may be to be kept, in bytes.
const LONGEST: usize = 8 * 1024;
/// How long all that are kept may be, in bytes. Parsed, two bytes take about 400 at most (`{a a a}`), and most
/// documents a tenth of that.
const KEPT: usize = 128 * 1024;

/// The documents that a process has parsed lately. Clones share them.
#[derive(Debug, Clone)]
pub struct Parsed {
    validator: Validator,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    documents: LruCache<String, Arc<Document>>,
    bytes: usize,
}

impl Parsed {
    /// Keeps no document yet.
    pub fn new(validator: Validator) -> Self {
        let kept = Kept { documents: LruCache::unbounded(), bytes: 0 };
        Self { validator, kept: Arc::new(Mutex::new(kept)) }
    }

    /// What documents are validated by.
    pub fn validator(&self) -> &Validator {
        &self.validator
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing in between can be left half done.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The document of a text, which may still violate the rules of the specification.
    ///
    /// # Errors
    /// The answer to a text that is not a document, or is too much.
    pub fn of(&self, text: &str) -> Result<Arc<Document>, Box<Response>> {
        match self.get(text) {
            Some(document) => Ok(document),
            None => {
                let parsed = self.validator.document(text).map_err(|error| Box::new(unreadable(error)));
                Ok(self.keep(text, parsed?))
            }
        }
    }

    fn get(&self, text: &str) -> Option<Arc<Document>> {
        self.kept().documents.get(text).cloned()
    }

    /// Keeps a document that was held against the limits, and forgets those that were not asked for longest.
    fn keep(&self, text: &str, document: Document) -> Arc<Document> {
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

/// The answer to a text that is not a document, or is too much.
fn unreadable(error: Unreadable) -> Response {
    match error {
        Unreadable::TooMuch(error) => refusal(ErrorCode::QueryTooComplex, error.to_string()),
        Unreadable::Syntax(complaint) => Response::from_errors(vec![complaint.to_error(false)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed() -> Parsed {
        Parsed::new(Validator::new("type Query { field: Int }", graphql::scalars::check).unwrap())
    }

    #[test]
    fn what_was_asked_for_last_is_kept_and_no_more_than_there_is_room_for() {
        let parsed = parsed();
        let keep = |text: &str| parsed.keep(text, parsed.validator.document(text).unwrap());
        let text = |number: usize| format!("{{ field }} #{} {number:06}", "x".repeat(1_000));
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
        let parsed = parsed();
        let long = format!("{{ field }} #{}", "a".repeat(LONGEST));
        parsed.keep(&long, parsed.validator.document(&long).unwrap());
        assert!(parsed.get(&long).is_none());
    }
}
