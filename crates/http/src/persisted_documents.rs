//! Documents that requests name by an id: trusted ones, loaded at the start, and those that clients registered (Apollo's
//! automatic persisted queries).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use document::limits;
use graphql::error::ErrorCode;
use lru::LruCache;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Upper bound on registered documents, in bytes; the least recently used are evicted.
const MAX_REGISTERED_BYTES: usize = 4 * 1024 * 1024;
/// Approximate memory of a registered document besides its text.
const OVERHEAD_BYTES: usize = 256;
/// Prefix of ids that are a document's SHA-256 (GraphQL over HTTP, appendix on persisted documents).
const SHA256: &str = "sha256:";

/// Whether untrusted documents are executed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Untrusted documents are executed.
    #[default]
    Allow,
    /// Only trusted documents are executed.
    Only,
}

/// Why trusted documents cannot be loaded.
#[allow(missing_docs)] // the messages describe the variants
#[derive(Debug, thiserror::Error)]
pub enum PersistedDocumentsError {
    #[error("trusted documents: cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("trusted documents: {} is not a JSON object of ids and documents", path.display())]
    InvalidManifest { path: PathBuf },
    #[error("trusted documents: {} in {}: {reason}", id, path.display())]
    Unusable { path: PathBuf, id: String, reason: String },
}

/// Why a request's document is not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The request has neither a document nor an id.
    #[error("query is missing")]
    Missing,
    /// The request has two ids, or an id of another document.
    #[error("{0}")]
    Contradiction(&'static str),
    /// The hash is malformed.
    #[error("the hash is not 64 lower-case hexadecimal digits")]
    InvalidHash,
    /// The id is unknown. Apollo's clients require this message.
    #[error("PersistedQueryNotFound")]
    Unknown,
    /// Only trusted documents are executed, and this document is not trusted.
    #[error("only trusted documents are executed: send the documentId of one")]
    NotTrusted,
}

impl LookupError {
    /// Returns the error code of the response.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing | Self::Contradiction(_) | Self::InvalidHash => ErrorCode::BadUserInput,
            Self::Unknown => ErrorCode::PersistedQueryNotFound,
            Self::NotTrusted => ErrorCode::Forbidden,
        }
    }
}

/// The document of a request: its text, its id, or both.
#[derive(Debug, Default)]
pub struct DocumentReference {
    /// `query`: text of the document.
    pub query: Option<String>,
    /// `documentId`.
    pub document_id: Option<String>,
    /// `extensions.persistedQuery.sha256Hash`.
    pub hash: Option<String>,
}

/// Returns the SHA-256 of a document in lower-case hexadecimal.
fn hash_of(document: &str) -> String {
    hex::encode(Sha256::digest(document))
}

/// Documents that clients registered.
#[derive(Debug)]
struct Registered {
    documents: LruCache<String, Arc<str>>,
    bytes: usize,
}

impl Registered {
    fn insert(&mut self, hash: String, document: &str) {
        let size = |document: &str| document.len() + OVERHEAD_BYTES;
        self.bytes += size(document);
        if let Some((_, replaced)) = self.documents.push(hash, document.into()) {
            self.bytes -= size(&replaced);
        }
        while self.bytes > MAX_REGISTERED_BYTES
            && let Some((_, oldest)) = self.documents.pop_lru()
        {
            self.bytes -= size(&oldest);
        }
    }
}

/// The documents that a process knows by an id. Clones share them.
#[derive(Debug, Clone)]
pub struct PersistedDocuments {
    trusted: Arc<HashMap<String, Arc<str>>>,
    mode: Mode,
    registered: Arc<Mutex<Registered>>,
}

impl Default for PersistedDocuments {
    fn default() -> Self {
        Self::trusting(HashMap::new(), Mode::Allow)
    }
}

impl PersistedDocuments {
    fn trusting(trusted: HashMap<String, Arc<str>>, mode: Mode) -> Self {
        let registered = Registered { documents: LruCache::unbounded(), bytes: 0 };
        Self { trusted: Arc::new(trusted), mode, registered: Arc::new(Mutex::new(registered)) }
    }

    /// Loads the trusted documents of a manifest, or of a folder of manifests (`*.json`) and documents (`*.graphql`). A
    /// manifest is a JSON object of ids and documents, as graphql-codegen's `persistedDocuments` writes it. Each document
    /// is also known by its SHA-256.
    ///
    /// # Errors
    /// [`PersistedDocumentsError`].
    pub fn load(path: &Path, mode: Mode) -> Result<Self, PersistedDocumentsError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| PersistedDocumentsError::Unreadable { path, source }
        };
        let mut files = Vec::new();
        if path.is_dir() {
            for entry in std::fs::read_dir(path).map_err(unreadable(path))? {
                files.push(entry.map_err(unreadable(path))?.path());
            }
            files.sort();
        } else {
            files.push(path.to_owned());
        }
        let mut trusted = HashMap::new();
        for file in files {
            let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            let is_document = matches!(extension, "graphql" | "gql");
            if !is_document && extension != "json" && file != path {
                continue;
            }
            let text = std::fs::read_to_string(&file).map_err(unreadable(&file))?;
            let documents = if is_document {
                HashMap::from([(hash_of(&text), text)])
            } else {
                serde_json::from_str(&text)
                    .map_err(|_| PersistedDocumentsError::InvalidManifest { path: file.clone() })?
            };
            for (id, document) in documents {
                let reason = limits::check_text(&document)
                    .map_err(|error| error.to_string())
                    .and_then(|()| document::check_syntax(&document));
                if let Err(reason) = reason {
                    return Err(PersistedDocumentsError::Unusable { path: file, id, reason });
                }
                let document: Arc<str> = document.into();
                trusted.insert(hash_of(&document), document.clone());
                let id = id.strip_prefix(SHA256).map(str::to_owned).unwrap_or(id);
                if trusted.insert(id.clone(), document.clone()).is_some_and(|other| other != document) {
                    let reason = "two documents have this id".to_owned();
                    return Err(PersistedDocumentsError::Unusable { path: file, id, reason });
                }
            }
        }
        Ok(Self::trusting(trusted, mode))
    }

    /// Returns the text of a request's document. A document that is sent with its hash is registered.
    ///
    /// # Errors
    /// [`LookupError`].
    pub fn find(&self, reference: DocumentReference) -> Result<String, LookupError> {
        let DocumentReference { query, document_id, hash } = reference;
        let id = match (document_id, hash) {
            (Some(_), Some(_)) => {
                return Err(LookupError::Contradiction(
                    "documentId and persistedQuery are two ids: send one",
                ));
            }
            (None, Some(hash)) => Some(SHA256.to_owned() + &hash),
            (id, None) => id,
        };
        let hash = id.as_deref().and_then(|id| id.strip_prefix(SHA256));
        let is_digit = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if hash.is_some_and(|hash| hash.len() != 64 || !hash.bytes().all(is_digit)) {
            return Err(LookupError::InvalidHash);
        }
        match (query, &id, hash) {
            (None, None, _) => Err(LookupError::Missing),
            (None, Some(id), hash) => {
                let trusted = self.trusted.get(hash.unwrap_or(id)).cloned();
                let document = trusted.or_else(|| self.recall(hash?));
                document.map(|document| document.to_string()).ok_or(LookupError::Unknown)
            }
            (Some(query), None, _) => {
                self.authorize(&query)?;
                Ok(query)
            }
            (Some(query), Some(_), Some(hash)) => {
                if hash_of(&query) != hash {
                    return Err(LookupError::Contradiction("the hash is not that of the query"));
                }
                self.authorize(&query)?;
                self.registered().insert(hash.to_owned(), &query);
                Ok(query)
            }
            (Some(_), Some(_), None) => {
                Err(LookupError::Contradiction("documentId and query are two documents: send one"))
            }
        }
    }

    fn authorize(&self, query: &str) -> Result<(), LookupError> {
        match self.mode {
            Mode::Allow => Ok(()),
            Mode::Only if self.trusted.contains_key(&hash_of(query)) => Ok(()),
            Mode::Only => Err(LookupError::NotTrusted),
        }
    }

    fn recall(&self, hash: &str) -> Option<Arc<str>> {
        self.registered().documents.get(hash).cloned()
    }

    fn registered(&self) -> std::sync::MutexGuard<'_, Registered> {
        // No holder of the lock can panic between two changes.
        self.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_hash(hash: &str) -> DocumentReference {
        DocumentReference { hash: Some(hash.to_owned()), ..DocumentReference::default() }
    }

    fn by_id(id: &str) -> DocumentReference {
        DocumentReference { document_id: Some(id.to_owned()), ..DocumentReference::default() }
    }

    fn text(query: &str) -> DocumentReference {
        DocumentReference { query: Some(query.to_owned()), ..DocumentReference::default() }
    }

    #[test]
    fn hashes_as_the_specification_does() {
        let document = "query ($id: ID!) {\n  user(id: $id) {\n    name\n  }\n}";
        assert_eq!(hash_of(document), "7dba4bd717b41f10434822356a93c32b1fb4907b983e854300ad839f84cdcd6e");
    }

    #[test]
    fn registers_a_document_by_its_hash() {
        let documents = PersistedDocuments::default();
        let hash = hash_of("{ a }");
        assert_eq!(documents.find(by_hash(&hash)), Err(LookupError::Unknown));
        let both = DocumentReference { query: Some("{ a }".to_owned()), ..by_hash(&hash) };
        assert_eq!(documents.find(both), Ok("{ a }".to_owned()));
        assert_eq!(documents.find(by_hash(&hash)), Ok("{ a }".to_owned()));
        assert_eq!(documents.find(by_id(&format!("sha256:{hash}"))), Ok("{ a }".to_owned()));
        // An id without the prefix names trusted documents only.
        assert_eq!(documents.find(by_id(&hash)), Err(LookupError::Unknown));
    }

    #[test]
    fn rejects_contradictions() {
        let documents = PersistedDocuments::default();
        let hash = hash_of("{ a }");
        let forged = DocumentReference { query: Some("{ b }".to_owned()), ..by_hash(&hash) };
        assert!(matches!(documents.find(forged), Err(LookupError::Contradiction(_))));
        assert_eq!(documents.find(by_hash(&hash)), Err(LookupError::Unknown));
        assert_eq!(documents.find(by_hash(&hash.to_uppercase())), Err(LookupError::InvalidHash));
        assert_eq!(documents.find(by_hash("é")), Err(LookupError::InvalidHash));
        assert_eq!(documents.find(DocumentReference::default()), Err(LookupError::Missing));
        let two = DocumentReference { query: Some("{ a }".to_owned()), ..by_id("mine") };
        assert!(matches!(documents.find(two), Err(LookupError::Contradiction(_))));
    }

    #[test]
    fn limits_the_memory_of_registered_documents() {
        let documents = PersistedDocuments::default();
        let document = |number: usize| format!("{{ a }} #{number}{}", "x".repeat(60_000));
        for number in 0..200 {
            let hash = hash_of(&document(number));
            documents.find(DocumentReference { query: Some(document(number)), ..by_hash(&hash) }).unwrap();
            // A repetition takes no further memory.
            documents.find(DocumentReference { query: Some(document(number)), ..by_hash(&hash) }).unwrap();
            assert!(documents.registered().bytes <= MAX_REGISTERED_BYTES);
        }
        assert_eq!(documents.find(by_hash(&hash_of(&document(0)))), Err(LookupError::Unknown));
        assert!(documents.find(by_hash(&hash_of(&document(199)))).is_ok());
        let registered = documents.registered();
        let sizes = registered.documents.iter().map(|(_, document)| document.len() + OVERHEAD_BYTES);
        assert_eq!(registered.bytes, sizes.sum::<usize>());
    }

    #[test]
    fn executes_only_trusted_documents_in_mode_only() {
        let folder = std::env::temp_dir().join(format!("ocpizza-trusted-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("persisted-documents.json"), r#"{"f1": "{ a }", "f2": "{ b }"}"#).unwrap();
        std::fs::write(folder.join("c.graphql"), "{ c }").unwrap();
        std::fs::write(folder.join("README.md"), "not one").unwrap();
        let documents = PersistedDocuments::load(&folder, Mode::Only).unwrap();
        assert_eq!(documents.find(by_id("f1")), Ok("{ a }".to_owned()));
        assert_eq!(documents.find(by_hash(&hash_of("{ b }"))), Ok("{ b }".to_owned()));
        assert_eq!(documents.find(by_id(&format!("sha256:{}", hash_of("{ c }")))), Ok("{ c }".to_owned()));
        assert_eq!(documents.find(text("{ a }")), Ok("{ a }".to_owned()));
        assert_eq!(documents.find(text("{ a b }")), Err(LookupError::NotTrusted));
        let hash = hash_of("{ a b }");
        let both = DocumentReference { query: Some("{ a b }".to_owned()), ..by_hash(&hash) };
        assert_eq!(documents.find(both), Err(LookupError::NotTrusted));
        assert_eq!(documents.find(by_hash(&hash)), Err(LookupError::Unknown));
        let both = PersistedDocuments::load(&folder, Mode::Allow).unwrap();
        assert_eq!(both.find(text("{ a b }")), Ok("{ a b }".to_owned()));
        for (text, named) in
            [("[]", "not a JSON object"), (r#"{"x": "{ a"}"#, "x in "), (r#"{"f1": "{ d }"}"#, "two")]
        {
            std::fs::write(folder.join("z.json"), text).unwrap();
            let error = PersistedDocuments::load(&folder, Mode::Allow).unwrap_err().to_string();
            assert!(error.contains(named) && error.contains("z.json"), "{error}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(matches!(
            PersistedDocuments::load(&folder, Mode::Only),
            Err(PersistedDocumentsError::Unreadable { .. })
        ));
    }
}
