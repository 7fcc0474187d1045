//! Documents that are known by an id: trusted ones, loaded at the start, and those that clients have left
//! here themselves (automatic persisted queries, of Apollo). Executes nothing.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use document::limits;
use graphql::error::ErrorCode;
use lru::LruCache;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// How much of clients' documents is remembered, in bytes; the longest unused go first.
const REMEMBERED: usize = 4 * 1024 * 1024;
/// What remembering a document costs besides its text, in bytes; roughly.
const OVERHEAD: usize = 256;
/// What documents known by their hash begin with (GraphQL over HTTP, appendix on persisted documents).
const SHA256: &str = "sha256:";

/// What is executed besides trusted documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Anything.
    #[default]
    Allow,
    /// Nothing.
    Only,
}

/// Trusted documents that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentsError {
    /// A file or folder cannot be read.
    #[error("trusted documents: cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A manifest is none.
    #[error("trusted documents: {} is not a JSON object of ids and documents", path.display())]
    NoManifest {
        /// Which.
        path: PathBuf,
    },
    /// A document cannot be executed.
    #[error("trusted documents: {} in {}: {reason}", id, path.display())]
    Unusable {
        /// Where it is.
        path: PathBuf,
        /// Its id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why there is no document for a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDocument {
    /// Neither a document nor an id.
    #[error("query is missing")]
    Missing,
    /// Two ids, or an id that is not its document's.
    #[error("{0}")]
    Contradiction(&'static str),
    /// Not the hash of anything.
    #[error("the hash is not 64 lower-case hexadecimal digits")]
    NoHash,
    /// Nothing is known by this id. The message is what Apollo's clients look for.
    #[error("PersistedQueryNotFound")]
    Unknown,
    /// Only trusted documents are executed, and this is none.
    #[error("only trusted documents are executed here: send the documentId of one")]
    NotTrusted,
}

impl NoDocument {
    /// The code that clients see.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing | Self::Contradiction(_) | Self::NoHash => ErrorCode::BadUserInput,
            Self::Unknown => ErrorCode::PersistedQueryNotFound,
            Self::NotTrusted => ErrorCode::Forbidden,
        }
    }
}

/// How a request names its document.
#[derive(Debug, Default)]
pub struct Named {
    /// `query`: the document itself.
    pub query: Option<String>,
    /// `documentId`.
    pub document_id: Option<String>,
    /// `extensions.persistedQuery.sha256Hash`.
    pub hash: Option<String>,
}

/// The SHA-256 of a document in lower-case hexadecimal.
fn hash_of(document: &str) -> String {
    Sha256::digest(document).iter().fold(String::with_capacity(64), |mut hash, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hash, "{byte:02x}");
        hash
    })
}

/// What clients have left here.
#[derive(Debug)]
struct Remembered {
    documents: LruCache<String, Arc<str>>,
    bytes: usize,
}

impl Remembered {
    fn insert(&mut self, hash: String, document: &str) {
        let size = |document: &str| document.len() + OVERHEAD;
        self.bytes += size(document);
        if let Some((_, replaced)) = self.documents.push(hash, document.into()) {
            self.bytes -= size(&replaced);
        }
        while self.bytes > REMEMBERED
            && let Some((_, oldest)) = self.documents.pop_lru()
        {
            self.bytes -= size(&oldest);
        }
    }
}

/// The documents that a process knows. Clones share them.
#[derive(Debug, Clone)]
pub struct Documents {
    trusted: Arc<HashMap<String, Arc<str>>>,
    mode: Mode,
    remembered: Arc<Mutex<Remembered>>,
}

impl Default for Documents {
    fn default() -> Self {
        Self::trusting(HashMap::new(), Mode::Allow)
    }
}

impl Documents {
    fn trusting(trusted: HashMap<String, Arc<str>>, mode: Mode) -> Self {
        let remembered = Remembered { documents: LruCache::unbounded(), bytes: 0 };
        Self { trusted: Arc::new(trusted), mode, remembered: Arc::new(Mutex::new(remembered)) }
    }

    /// Trusts the documents of a manifest, or of a folder of manifests (`*.json`) and documents
    /// (`*.graphql`). A manifest is a JSON object of ids and documents, as graphql-codegen's
    /// `persistedDocuments` writes it. Each document is also known by its SHA-256.
    ///
    /// # Errors
    /// When something cannot be read, or a document cannot be executed.
    pub fn load(path: &Path, mode: Mode) -> Result<Self, DocumentsError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| DocumentsError::Unreadable { path, source }
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
                serde_json::from_str(&text).map_err(|_| DocumentsError::NoManifest { path: file.clone() })?
            };
            for (id, document) in documents {
                let reason = limits::check_text(&document)
                    .map_err(|error| error.to_string())
                    .and_then(|()| document::check_syntax(&document));
                if let Err(reason) = reason {
                    return Err(DocumentsError::Unusable { path: file, id, reason });
                }
                let document: Arc<str> = document.into();
                trusted.insert(hash_of(&document), document.clone());
                let id = id.strip_prefix(SHA256).map(str::to_owned).unwrap_or(id);
                if trusted.insert(id.clone(), document.clone()).is_some_and(|other| other != document) {
                    let reason = "two documents have this id".to_owned();
                    return Err(DocumentsError::Unusable { path: file, id, reason });
                }
            }
        }
        Ok(Self::trusting(trusted, mode))
    }

    /// The document of a request, however it is named. One that comes with its hash is remembered.
    ///
    /// # Errors
    /// [`NoDocument`].
    pub fn find(&self, named: Named) -> Result<String, NoDocument> {
        let Named { query, document_id, hash } = named;
        let id = match (document_id, hash) {
            (Some(_), Some(_)) => {
                return Err(NoDocument::Contradiction("documentId and persistedQuery are two ids: send one"));
            }
            (None, Some(hash)) => Some(SHA256.to_owned() + &hash),
            (id, None) => id,
        };
        let hash = id.as_deref().and_then(|id| id.strip_prefix(SHA256));
        let is_digit = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if hash.is_some_and(|hash| hash.len() != 64 || !hash.bytes().all(is_digit)) {
            return Err(NoDocument::NoHash);
        }
        match (query, &id, hash) {
            (None, None, _) => Err(NoDocument::Missing),
            (None, Some(id), hash) => {
                let trusted = self.trusted.get(hash.unwrap_or(id)).cloned();
                let document = trusted.or_else(|| self.recall(hash?));
                document.map(|document| document.to_string()).ok_or(NoDocument::Unknown)
            }
            (Some(query), None, _) => {
                self.let_in(&query)?;
                Ok(query)
            }
            (Some(query), Some(_), Some(hash)) => {
                if hash_of(&query) != hash {
                    return Err(NoDocument::Contradiction("the hash is not that of the query"));
                }
                self.let_in(&query)?;
                self.remembered().insert(hash.to_owned(), &query);
                Ok(query)
            }
            (Some(_), Some(_), None) => {
                Err(NoDocument::Contradiction("documentId and query are two documents: send one"))
            }
        }
    }

    fn let_in(&self, query: &str) -> Result<(), NoDocument> {
        match self.mode {
            Mode::Allow => Ok(()),
            Mode::Only if self.trusted.contains_key(&hash_of(query)) => Ok(()),
            Mode::Only => Err(NoDocument::NotTrusted),
        }
    }

    fn recall(&self, hash: &str) -> Option<Arc<str>> {
        self.remembered().documents.get(hash).cloned()
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered> {
        // Nothing in between can be left half done.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_hash(hash: &str) -> Named {
        Named { hash: Some(hash.to_owned()), ..Named::default() }
    }

    fn by_id(id: &str) -> Named {
        Named { document_id: Some(id.to_owned()), ..Named::default() }
    }

    fn text(query: &str) -> Named {
        Named { query: Some(query.to_owned()), ..Named::default() }
    }

    #[test]
    fn the_hash_is_that_of_the_specification() {
        let document = "query ($id: ID!) {\n  user(id: $id) {\n    name\n  }\n}";
        assert_eq!(hash_of(document), "7dba4bd717b41f10434822356a93c32b1fb4907b983e854300ad839f84cdcd6e");
    }

    #[test]
    fn a_document_is_remembered_by_its_hash() {
        let documents = Documents::default();
        let hash = hash_of("{ a }");
        assert_eq!(documents.find(by_hash(&hash)), Err(NoDocument::Unknown));
        let both = Named { query: Some("{ a }".to_owned()), ..by_hash(&hash) };
        assert_eq!(documents.find(both), Ok("{ a }".to_owned()));
        assert_eq!(documents.find(by_hash(&hash)), Ok("{ a }".to_owned()));
        assert_eq!(documents.find(by_id(&format!("sha256:{hash}"))), Ok("{ a }".to_owned()));
        // An id without a prefix is a trusted document's own.
        assert_eq!(documents.find(by_id(&hash)), Err(NoDocument::Unknown));
    }

    #[test]
    fn what_contradicts_itself_is_refused_and_not_remembered() {
        let documents = Documents::default();
        let hash = hash_of("{ a }");
        let forged = Named { query: Some("{ b }".to_owned()), ..by_hash(&hash) };
        assert!(matches!(documents.find(forged), Err(NoDocument::Contradiction(_))));
        assert_eq!(documents.find(by_hash(&hash)), Err(NoDocument::Unknown));
        assert_eq!(documents.find(by_hash(&hash.to_uppercase())), Err(NoDocument::NoHash));
        assert_eq!(documents.find(by_hash("é")), Err(NoDocument::NoHash));
        assert_eq!(documents.find(Named::default()), Err(NoDocument::Missing));
        let two = Named { query: Some("{ a }".to_owned()), ..by_id("mine") };
        assert!(matches!(documents.find(two), Err(NoDocument::Contradiction(_))));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let documents = Documents::default();
        let document = |number: usize| format!("{{ a }} #{number}{}", "x".repeat(60_000));
        for number in 0..200 {
            let hash = hash_of(&document(number));
            documents.find(Named { query: Some(document(number)), ..by_hash(&hash) }).unwrap();
            // Again, which costs nothing more.
            documents.find(Named { query: Some(document(number)), ..by_hash(&hash) }).unwrap();
            assert!(documents.remembered().bytes <= REMEMBERED);
        }
        assert_eq!(documents.find(by_hash(&hash_of(&document(0)))), Err(NoDocument::Unknown));
        assert!(documents.find(by_hash(&hash_of(&document(199)))).is_ok());
        let kept = documents.remembered();
        let sizes = kept.documents.iter().map(|(_, document)| document.len() + OVERHEAD);
        assert_eq!(kept.bytes, sizes.sum::<usize>());
    }

    #[test]
    fn only_trusted_documents_are_executed_when_so_said() {
        let folder = std::env::temp_dir().join(format!("ocpizza-trusted-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("persisted-documents.json"), r#"{"f1": "{ a }", "f2": "{ b }"}"#).unwrap();
        std::fs::write(folder.join("c.graphql"), "{ c }").unwrap();
        std::fs::write(folder.join("README.md"), "not one").unwrap();
        let documents = Documents::load(&folder, Mode::Only).unwrap();
        assert_eq!(documents.find(by_id("f1")), Ok("{ a }".to_owned()));
        assert_eq!(documents.find(by_hash(&hash_of("{ b }"))), Ok("{ b }".to_owned()));
        assert_eq!(documents.find(by_id(&format!("sha256:{}", hash_of("{ c }")))), Ok("{ c }".to_owned()));
        assert_eq!(documents.find(text("{ a }")), Ok("{ a }".to_owned()));
        assert_eq!(documents.find(text("{ a b }")), Err(NoDocument::NotTrusted));
        let hash = hash_of("{ a b }");
        let both = Named { query: Some("{ a b }".to_owned()), ..by_hash(&hash) };
        assert_eq!(documents.find(both), Err(NoDocument::NotTrusted));
        assert_eq!(documents.find(by_hash(&hash)), Err(NoDocument::Unknown));
        let both = Documents::load(&folder, Mode::Allow).unwrap();
        assert_eq!(both.find(text("{ a b }")), Ok("{ a b }".to_owned()));
        for (text, named) in
            [("[]", "not a JSON object"), (r#"{"x": "{ a"}"#, "x in "), (r#"{"f1": "{ d }"}"#, "two")]
        {
            std::fs::write(folder.join("z.json"), text).unwrap();
            let error = Documents::load(&folder, Mode::Allow).unwrap_err().to_string();
            assert!(error.contains(named) && error.contains("z.json"), "{error}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(matches!(Documents::load(&folder, Mode::Only), Err(DocumentsError::Unreadable { .. })));
    }
}
