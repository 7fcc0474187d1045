//! Cache of parsed and validated documents, because client programs send the same few documents repeatedly. Contains
//! nothing about the caller.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_graphql::Response;
use document::{Document, DocumentError, Validator};
use graphql::error::ErrorCode;
use lru::LruCache;

use super::refusal::refusal;

/// Upper bound on a cached document, in bytes of its text.
const MAX_DOCUMENT_BYTES: usize = 8 * 1024;
/// Upper bound on all cached documents, in bytes of their text. Parsed, two bytes take at most about 400 (`{a a a}`),
/// and about 40 in most documents.
const MAX_CACHE_BYTES: usize = 128 * 1024;

/// Recently parsed documents of a process. Clones share them.
#[derive(Debug, Clone)]
pub struct DocumentCache {
    validator: Validator,
    entries: Arc<Mutex<Entries>>,
}

#[derive(Debug)]
struct Entries {
    documents: LruCache<String, Arc<Document>>,
    bytes: usize,
}

impl DocumentCache {
    /// Creates an empty cache.
    pub fn new(validator: Validator) -> Self {
        let entries = Entries { documents: LruCache::unbounded(), bytes: 0 };
        Self { validator, entries: Arc::new(Mutex::new(entries)) }
    }

    /// Returns the validator of documents.
    pub fn validator(&self) -> &Validator {
        &self.validator
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // No holder of the lock can panic between two changes.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the parsed document of a text; its violations are not errors here.
    ///
    /// # Errors
    /// The response to a text that is not a document, or exceeds a limit.
    pub fn get_or_parse(&self, text: &str) -> Result<Arc<Document>, Box<Response>> {
        match self.get(text) {
            Some(document) => Ok(document),
            None => {
                let parsed = self.validator.document(text).map_err(|error| Box::new(rejection(error)));
                Ok(self.insert(text, parsed?))
            }
        }
    }

    fn get(&self, text: &str) -> Option<Arc<Document>> {
        self.entries().documents.get(text).cloned()
    }

    /// Caches a document and evicts the least recently used ones.
    fn insert(&self, text: &str, document: Document) -> Arc<Document> {
        let document = Arc::new(document);
        if text.len() > MAX_DOCUMENT_BYTES {
            return document;
        }
        let mut entries = self.entries();
        entries.bytes += text.len();
        if let Some((replaced, _)) = entries.documents.push(text.to_owned(), document.clone()) {
            entries.bytes -= replaced.len();
        }
        while entries.bytes > MAX_CACHE_BYTES
            && let Some((oldest, _)) = entries.documents.pop_lru()
        {
            entries.bytes -= oldest.len();
        }
        document
    }
}

/// Returns the response to a text that is not a document, or exceeds a limit.
fn rejection(error: DocumentError) -> Response {
    match error {
        DocumentError::LimitExceeded(error) => refusal(ErrorCode::QueryTooComplex, error.to_string()),
        DocumentError::Syntax(violation) => Response::from_errors(vec![violation.to_error(false)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> DocumentCache {
        DocumentCache::new(Validator::new("type Query { field: Int }", graphql::scalars::check).unwrap())
    }

    #[test]
    fn keeps_the_recently_used_documents_within_its_size() {
        let cache = cache();
        let insert = |text: &str| cache.insert(text, cache.validator.document(text).unwrap());
        let text = |number: usize| format!("{{ field }} #{} {number:06}", "x".repeat(1_000));
        let length = text(0).len();
        insert(&text(0));
        insert(&text(0));
        assert_eq!(cache.entries().bytes, length);
        for number in 1..=2 * MAX_CACHE_BYTES / length {
            insert(&text(number));
            assert!(cache.get(&text(0)).is_some(), "{number}");
        }
        let entries = cache.entries();
        assert_eq!(
            (entries.documents.len(), entries.bytes),
            (MAX_CACHE_BYTES / length, MAX_CACHE_BYTES / length * length)
        );
    }

    #[test]
    fn does_not_cache_long_documents() {
        let cache = cache();
        let long = format!("{{ field }} #{}", "a".repeat(MAX_DOCUMENT_BYTES));
        cache.insert(&long, cache.validator.document(&long).unwrap());
        assert!(cache.get(&long).is_none());
    }
}
