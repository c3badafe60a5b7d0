//! Records, requests and a store that a test needs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use page_cache::Failure;
use page_cache::directive::{DjangoVersion, Format};
use page_cache::key::django::{DjangoKeys, KeyParts};
use page_cache::key::full_path;
use page_cache::key::vary::{RequestHeaders, Set, VaryForm};
use page_cache::lookup::conversation::{Answer, DjangoPlan, Lookup, Plan, Reading, Step};
use page_cache::lookup::{Hint, Memory};
use page_cache::page::{GzipFlag, Page, Refusal};
use page_cache::pipeline::Value;
use page_cache::policy::admit_target;
use page_cache::request::{Method, Rank, RequestView, Target};
use page_cache::wire::Protocol;

pub type Json = serde_json::Value;

/// The records of all files whose name begins with `name`: the selection in `t/fixtures`, and
/// all of them where the folder that they were selected from lies beside the repository.
pub fn records(name: &str) -> Vec<Json> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [crate_folder.join("../t/fixtures"), crate_folder.join("../../shared/vectors")];
    let mut records = Vec::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for path in files(folder, name) {
            let text = std::fs::read_to_string(&path).unwrap();
            records.extend(text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()));
        }
    }
    assert!(!records.is_empty(), "{name}");
    records
}

/// Whether the features of this build suffice for the value of a record.
pub fn is_read(record: &Json) -> bool {
    let compressor = match record["compressor"].as_str() {
        Some(compressor) => compressor,
        None => record["expect"]["value_encoding"].as_str().unwrap_or_default(),
    };
    let features = [
        ("lz4", cfg!(feature = "lz4")),
        ("lzma", cfg!(feature = "xz")),
        ("xz", cfg!(feature = "xz")),
        ("zstd", cfg!(feature = "zstd")),
    ];
    features.iter().all(|&(name, is_in)| is_in || !compressor.starts_with(name))
}

fn files(folder: &Path, name: &str) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| {
            let file = path.file_name().unwrap().to_string_lossy();
            file.starts_with(name) && file.ends_with(".jsonl")
        })
        .collect();
    paths.sort();
    paths
}

pub fn text(json: &Json) -> &str {
    json.as_str().unwrap_or_else(|| panic!("not a text: {json}"))
}

pub fn bytes(json: &Json) -> Vec<u8> {
    STANDARD.decode(text(json)).unwrap()
}

/// A text that stands for wire bytes.
pub fn latin1(json: &Json) -> Vec<u8> {
    text(json).chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

pub fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// A value as the store returns it.
pub fn value(record: &Json) -> Rc<Value> {
    let flags = record["flags"].as_u64().map(|flags| u32::try_from(flags).unwrap());
    Rc::new(Value { flags, bytes: bytes(&record["value_b64"]) })
}

pub fn version(record: &Json) -> DjangoVersion {
    let mut numbers = text(&record["django"]).split('.').map(|number| number.parse().unwrap());
    let mut next = || numbers.next().unwrap_or(0);
    DjangoVersion { major: next(), minor: next(), patch: next() }
}

/// A request as it was sent.
pub struct Request {
    pub method: String,
    pub scheme: String,
    pub target: Vec<u8>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl RequestHeaders for Request {
    fn for_each(&self, field: &mut dyn FnMut(&[u8], &[u8])) {
        for (name, value) in &self.headers {
            field(name, value);
        }
    }

    /// Nothing was between the recorded clients and Django. It does not look where WSGI puts
    /// the type of a body.
    fn set(&self, name: &[u8]) -> Result<Option<Set<'_>>, Failure> {
        let is_content = name == b"HTTP_CONTENT_TYPE";
        Ok(Some(if is_content { Set::Value(b"") } else { Set::Client }))
    }
}

impl Request {
    pub fn of(record: &Json) -> Self {
        let request = &record["request"];
        let raw = bytes(&request["raw_b64"]);
        let mut lines = raw.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
        let line = lines.next().unwrap();
        let start = line.iter().position(|&byte| byte == b' ').unwrap() + 1;
        let end = line.iter().rposition(|&byte| byte == b' ').unwrap();
        let field = |line: &[u8]| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            Some((line[..colon].to_vec(), line[colon + 1..].trim_ascii().to_vec()))
        };
        Self {
            method: text(&request["method"]).to_owned(),
            scheme: text(&request["scheme"]).to_owned(),
            target: line[start..end].to_vec(),
            headers: lines.take_while(|line| !line.is_empty()).filter_map(field).collect(),
        }
    }

    pub fn host(&self) -> Option<&[u8]> {
        let host = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"host"))?;
        Some(&host.1)
    }

    pub fn full_path(&self) -> Vec<u8> {
        full_path(Target::Raw(&self.target)).unwrap().into_owned()
    }

    /// Whether nginx looks it up, if it serves every host.
    pub fn is_admitted(&self) -> bool {
        let Some(host) = self.host() else { return false };
        let name = match host.first() {
            Some(b'[') => host.split_inclusive(|&byte| byte == b']').next().unwrap(),
            _ => host.split(|&byte| byte == b':').next().unwrap(),
        };
        let name = name.strip_suffix(b".").unwrap_or(name).to_ascii_lowercase();
        let view = RequestView {
            method: if self.method == "HEAD" { Method::Head } else { Method::Get },
            has_body: false,
            rank: Rank::Main,
            target: Target::Raw(&self.target),
            host: Some(host),
            server_name: &name,
        };
        admit_target(&view).is_ok()
    }
}

/// How a site's keys are made.
pub struct Site {
    pub protocol: Protocol,
    pub namespace: String,
    pub prefix: String,
    pub lang: String,
    pub timezone: String,
}

impl Site {
    pub fn of(record: &Json) -> Self {
        let settings = &record["settings"];
        let prefix = match &settings["CACHE_PAGE"] {
            Json::Null => &settings["CACHE_MIDDLEWARE_KEY_PREFIX"],
            page => &page["key_prefix"],
        };
        let name = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        let memcached = record["backend"]["kind"] == "memcached";
        Self {
            protocol: if memcached { Protocol::Memcached } else { Protocol::Redis },
            namespace: format!(
                "{}:{}:",
                text(&settings["CACHES.KEY_PREFIX"]),
                settings["CACHES.VERSION"]
            ),
            prefix: name(prefix),
            lang: name(&record["language"]),
            timezone: name(&record["timezone"]),
        }
    }

    pub fn keys(&self, uri: &[u8]) -> DjangoKeys {
        let parts = KeyParts {
            namespace: self.namespace.as_bytes(),
            prefix: self.prefix.as_bytes(),
            uri,
            lang: self.lang.as_bytes(),
            timezone: self.timezone.as_bytes(),
        };
        DjangoKeys::new(self.protocol, &parts).unwrap()
    }
}

pub const READING: Reading = Reading {
    format: Format::Django,
    max_size: 8 << 20,
    gzip_flag: GzipFlag::Bits(0),
    public_only: false,
};

pub fn plan(keys: DjangoKeys, head: bool, form: Option<VaryForm>) -> Plan {
    Plan::Django(DjangoPlan { keys, head, form, reading: READING })
}

/// What lies in the store.
pub type Store = HashMap<Vec<u8>, Rc<Value>>;

/// What came of a conversation.
#[derive(Debug)]
pub struct Talk {
    pub result: Result<Page, Refusal>,
    /// The key of the page that is served.
    pub key: Option<Vec<u8>>,
    /// The key of the value that was read last.
    pub read: Option<Vec<u8>>,
    /// The keys of each round trip.
    pub rounds: Vec<Vec<Vec<u8>>>,
    /// What the log may say.
    pub hint: Option<Hint>,
}

impl Talk {
    pub fn refusal(&self) -> Option<Refusal> {
        self.result.as_ref().err().copied()
    }
}

/// Holds a conversation with a store; answers come in the order that `order` makes of them.
pub fn converse(
    store: &Store,
    plan: Plan,
    memory: &mut Memory,
    headers: &dyn RequestHeaders,
    now: u64,
    order: &mut dyn FnMut(&mut Vec<usize>),
) -> Talk {
    let (mut lookup, mut step) = Lookup::start(plan, memory, headers, now);
    let mut asked = Vec::new();
    let mut rounds = Vec::new();
    let mut waiting = Vec::new();
    loop {
        match step {
            Step::Done(result) => {
                let key = lookup.key_of_page().map(|i| Vec::clone(&asked[i]));
                assert_eq!(key.is_some(), result.is_ok());
                let read = lookup.key_read().map(|i| Vec::clone(&asked[i]));
                assert!(key.is_none() || key == read);
                let hint = lookup.hint().cloned();
                assert!(hint.is_none() || result.is_err());
                return Talk { result, key, read, rounds, hint };
            }
            Step::Ask(keys) => {
                assert!(!keys.is_empty());
                let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.as_bytes().to_vec()).collect();
                waiting.extend(asked.len()..asked.len() + keys.len());
                order(&mut waiting);
                asked.extend(keys.iter().cloned());
                rounds.push(keys);
            }
            Step::Wait => assert!(!waiting.is_empty(), "waits for nothing"),
        }
        let i = waiting.remove(0);
        let answer = match store.get(&asked[i]) {
            Some(value) => Answer::Value(Rc::clone(value)),
            None => Answer::Absent,
        };
        step = lookup.answer(i, answer, memory, headers, now);
    }
}

pub fn in_order(_: &mut Vec<usize>) {}
