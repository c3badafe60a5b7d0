//! What there is to say of a request, for words and for JSON. Texts are fit for a terminal.

use page_cache::Outcome;
use serde::Serialize;

/// The whole of an explanation.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// As `$rust_page_cache_status`.
    pub status: &'static str,
    /// As `$rust_page_cache_reason`; empty for a hit.
    pub reason: &'static str,
    /// The same in a sentence.
    pub explanation: String,
    /// The request that was explained.
    pub request: RequestPart,
    /// The store of the directive.
    pub store: StorePart,
    /// What the keys are made of.
    pub recipe: RecipePart,
    /// The keys, in the order in which they are asked for.
    pub keys: Vec<KeyPart>,
    /// The headers that the page varies on, where Django's middleware has stored a list of them.
    pub varies_on: Option<Vec<VariesOn>>,
    /// The stored page.
    pub page: Option<PagePart>,
    /// Who would answer, and what.
    pub answer: AnswerPart,
    /// What else the reader should know.
    pub notes: Vec<String>,
}

/// A request.
#[derive(Clone, Debug, Serialize)]
pub struct RequestPart {
    pub method: String,
    pub scheme: &'static str,
    /// The Host field.
    pub host: String,
    pub target: String,
    /// `$rust_page_cache_full_path`
    pub full_path: Option<String>,
}

/// A store.
#[derive(Clone, Debug, Serialize)]
pub struct StorePart {
    /// As in the directive, without user and password.
    pub store: String,
    /// The address that was asked.
    pub address: Option<String>,
    /// Milliseconds from connecting to the last answer that was needed.
    pub time_ms: Option<u128>,
}

/// A recipe and its parts, evaluated, as far as that was needed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RecipePart {
    pub key: &'static str,
    pub format: &'static str,
    pub namespace: Option<String>,
    pub prefix: Option<String>,
    pub uri: Option<String>,
    pub lang: Option<String>,
    pub timezone: Option<String>,
}

/// A key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyPart {
    pub key: String,
    /// What lies there.
    pub holds: Holds,
    /// The method that Django stored the page for.
    pub method: Option<&'static str>,
    /// The releases of Django that make this key of the headers; none if all do, or none would.
    pub django: Option<String>,
    pub found: Found,
}

/// What lies under a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    HeaderList,
    Page,
}

/// Whether a key is in the store.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Found {
    /// The store was not asked.
    NotAsked,
    /// No such key.
    Absent,
    /// The store did not answer.
    Failed { why: String },
    /// A value.
    Present {
        bytes: usize,
        /// memcached's flags.
        flags: Option<u32>,
        /// Seconds; none if unlimited or unknown.
        expires_in: Option<u64>,
        /// The same in words.
        time_to_live: String,
    },
}

/// A header that the page varies on.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct VariesOn {
    pub header: String,
    /// Whether the request has it. Values may be secrets, and are not shown.
    pub in_request: bool,
    /// Whether it is as `--set-header` says instead.
    pub set: bool,
}

/// A stored page.
#[derive(Clone, Debug, Serialize)]
pub struct PagePart {
    /// The key that it lies under.
    pub key: String,
    pub format: &'static str,
    pub status: u16,
    /// The reason phrase, if it was stored.
    pub phrase: Option<String>,
    /// The stored header fields that go to the client.
    pub headers: Vec<(String, String)>,
    pub body_bytes: usize,
    /// Stored as gzip (`rust_page_cache_gzip_flag`).
    pub gzip: bool,
    /// Seconds, where the stored headers tell.
    pub age: Option<u64>,
}

/// What the client gets.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum AnswerPart {
    /// nginx, with the stored page, before its filters.
    Nginx { status: u16, headers: Vec<(String, String)>, body_bytes: usize },
    /// Whatever the fallback is.
    Fallback { to: String },
}

impl Report {
    /// The exit status: 0 hit, 1 miss or bypass, 2 error.
    pub fn exit_code(&self) -> u8 {
        match self.status {
            "HIT" => 0,
            "ERROR" => 2,
            _ => 1,
        }
    }

    /// Sets what was decided.
    pub fn decide(&mut self, outcome: Outcome, explanation: String) {
        self.status = outcome.status();
        self.reason = outcome.reason();
        self.explanation = explanation;
    }
}
