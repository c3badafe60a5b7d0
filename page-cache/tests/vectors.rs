//! Records of real runs of the old packages, of Django and of nginx: the selection in
//! `t/fixtures`, and all of them where the folder that they were selected from lies beside
//! the repository.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use page_cache::key::{Recipe, full_path};
use page_cache::page::body::{BodyOptions, decode};
use page_cache::page::{GzipFlag, Page};
use page_cache::pipeline::Value;
use page_cache::policy::admit_target;
use page_cache::request::{Method, Rank, RequestView, Target};
use page_cache::wire::Protocol;
use page_cache::{Bypass, Miss, Outcome};

type Json = serde_json::Value;

/// Targets that Django 1.6, before `escape_uri_path()` of 1.8, knows by another path.
const OTHER_PATH_BEFORE_DJANGO_1_8: &[&str] =
    &["/a;b=c/", "/a%3Bb/", "/a%3Fb/", "/a%23b/", "/a%20b/", "/a%0Ab/"];

fn folders() -> Vec<PathBuf> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [crate_folder.join("../t/fixtures"), crate_folder.join("../../shared/vectors")];
    assert!(folders[0].is_dir(), "{}", folders[0].display());
    folders.into_iter().filter(|folder| folder.is_dir()).collect()
}

/// The records of all files whose name begins with `name`.
fn records(name: &str) -> Vec<Json> {
    let mut records = Vec::new();
    for folder in folders() {
        for file in std::fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let file_name = path.file_name().unwrap().to_string_lossy();
            if file_name.starts_with(name) && file_name.ends_with(".jsonl") {
                let text = std::fs::read_to_string(&path).unwrap();
                records
                    .extend(text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()));
            }
        }
    }
    assert!(!records.is_empty(), "{name}");
    records
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or_else(|| panic!("not a text: {json}"))
}

fn bytes(json: &Json) -> Vec<u8> {
    STANDARD.decode(text(json)).unwrap()
}

/// A request as it was sent: its target and its Host.
struct Request {
    target: Vec<u8>,
    host: Option<Vec<u8>>,
}

impl Request {
    fn of(record: &Json) -> Self {
        let raw = bytes(&record["request"]["raw_b64"]);
        let mut lines = raw.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
        let line = lines.next().unwrap();
        let start = line.iter().position(|&byte| byte == b' ').unwrap() + 1;
        let end = line.iter().rposition(|&byte| byte == b' ').unwrap();
        let host = lines.find_map(|line| {
            let (name, value) = line.split_at_checked(5)?;
            name.eq_ignore_ascii_case(b"host:").then(|| value.trim_ascii().to_vec())
        });
        Self { target: line[start..end].to_vec(), host }
    }

    fn full_path(&self) -> Vec<u8> {
        full_path(Target::Raw(&self.target)).unwrap().into_owned()
    }

    /// What the policy says of the target alone.
    fn admitted(&self) -> Result<(), Bypass> {
        admitted(&self.target, b"h", b"h")
    }
}

fn admitted(target: &[u8], host: &[u8], server_name: &[u8]) -> Result<(), Bypass> {
    admit_target(&RequestView {
        method: Method::Get,
        has_body: false,
        rank: Rank::Main,
        target: Target::Raw(target),
        host: Some(host),
        server_name,
    })
}

/// `KEY_PREFIX:VERSION:`, as Django's `default_key_func()` writes it.
fn namespace(record: &Json) -> String {
    let settings = &record["settings"];
    let mut key_prefix = &settings["CACHES.KEY_PREFIX"];
    if record["scheme"] == "nginx-redis-cache" {
        // Its client class puts the middleware's or decorator's prefix in place of it.
        for own in [&settings["ARGS"]["key_prefix"], &settings["CACHE_MIDDLEWARE_KEY_PREFIX"]] {
            key_prefix = if own.is_string() { own } else { key_prefix };
        }
    }
    format!("{}:{}:", text(key_prefix), settings["CACHES.VERSION"])
}

fn prefix(record: &Json) -> &str {
    let settings = &record["settings"];
    [
        &settings["ARGS"]["key_prefix"],
        &settings["CACHE_MIDDLEWARE_KEY_PREFIX"],
        &settings["CACHE_KEY_PREFIX"],
    ]
    .into_iter()
    .find_map(Json::as_str)
    .unwrap_or_default()
}

/// The key by the recipe that the documentation gives for the package.
fn key(record: &Json, request: &Request) -> Vec<u8> {
    let (namespace, prefix) = (namespace(record), prefix(record));
    let host = request.host.clone().unwrap_or_default();
    let full_path = request.full_path();
    let (recipe, namespace, prefix, uri) = match text(&record["scheme"]) {
        "soyrex-prefix" => (Recipe::Prefix, namespace, prefix, full_path),
        "djanginxed-md5" => (Recipe::Md5, namespace + prefix, "", full_path),
        "djanginxed-readme-md5" => (Recipe::Md5, namespace, prefix, full_path),
        "nginx-redis-cache" => (Recipe::Md5, namespace, "", [host, full_path].concat()),
        "django-nginx-memcache" => {
            (Recipe::Md5, namespace, "", [&host, &full_path, &b"&pv="[..]].concat())
        }
        other => panic!("no recipe for {other}"),
    };
    let key = recipe.key(Protocol::Redis, namespace.as_bytes(), prefix.as_bytes(), &uri);
    key.unwrap().as_bytes().to_vec()
}

fn check_keys(name: &str) {
    let mut equal = 0;
    for record in records(name).iter().filter(|record| record["stored"] == true) {
        let request = Request::of(record);
        let recorded = bytes(&record["expect"]["key_b64"]);
        if key(record, &request) == recorded {
            equal += 1;
            continue;
        }
        let before_1_8 = text(&record["django"]).starts_with("1.6.")
            && OTHER_PATH_BEFORE_DJANGO_1_8.iter().any(|path| path.as_bytes() == request.target);
        let refused = request.admitted() == Err(Bypass::Target);
        assert!(before_1_8 || refused, "{}: {}", record["id"], recorded.escape_ascii());
    }
    assert!(equal >= 10, "{name}: {equal}");
}

#[test]
fn keys_of_soyrex() {
    check_keys("soyrex-prefix");
}

#[test]
fn keys_of_djanginxed() {
    check_keys("djanginxed-md5");
    check_keys("djanginxed-readme-md5");
}

#[test]
fn keys_of_nginx_redis_cache() {
    check_keys("nginx-redis-cache");
}

#[test]
fn keys_of_today_s_django_are_all_equal_where_the_target_is_plain() {
    for name in ["soyrex-prefix", "djanginxed-", "nginx-redis-cache"] {
        for record in records(name).iter().filter(|record| record["stored"] == true) {
            let request = Request::of(record);
            if !text(&record["django"]).starts_with("1.6.") && request.admitted().is_ok() {
                let recorded = bytes(&record["expect"]["key_b64"]);
                assert_eq!(key(record, &request), recorded, "{}", record["id"]);
            }
        }
    }
}

fn read(record: &Json) -> Result<Page, Outcome> {
    let expect = &record["expect"];
    let flags = expect["flags"].as_u64().map(|flags| u32::try_from(flags).unwrap());
    let value = Rc::new(Value { flags, bytes: bytes(&expect["value_b64"]) });
    Ok(decode(&value, &BodyOptions { max_size: 8 << 20, gzip_flag: GzipFlag::Bits(0) })?)
}

/// Stored raw, or as the pickle of a bytes or str object: the body. A pickled page: not.
#[test]
fn values_of_the_old_packages() {
    let (mut bodies, mut pages, mut unwrapped) = (0, 0, 0);
    for name in ["soyrex-prefix", "djanginxed-", "nginx-redis-cache", "django-nginx-memcache"] {
        if name == "django-nginx-memcache" && folders().len() < 2 {
            continue;
        }
        for record in records(name).iter().filter(|record| record["stored"] == true) {
            let id = &record["id"];
            let expect = &record["expect"];
            if expect["safe_decoder_refuses"].is_string() {
                assert_eq!(read(record).unwrap_err(), Outcome::Miss(Miss::Pickled), "{id}");
                pages += 1;
                continue;
            }
            let body = bytes(&expect["response"]["body_b64"]);
            if body.is_empty() {
                assert_eq!(read(record).unwrap_err(), Outcome::Miss(Miss::Absent), "{id}");
                continue;
            }
            let page = read(record).unwrap_or_else(|why| panic!("{id}: {why:?}"));
            assert_eq!((page.status, page.gzip), (200, false), "{id}");
            assert_eq!(page.body.as_slice(), body, "{id}");
            unwrapped += usize::from(body != bytes(&expect["value_b64"]));
            bodies += 1;
        }
    }
    assert!(bodies > 100 && pages > 20 && unwrapped > 20, "{bodies} {pages} {unwrapped}");
}

/// What Django's own middleware stores is no body: it wants `format=django`.
#[test]
fn pickled_responses_are_no_bodies() {
    let mut refused = 0;
    for name in ["djanginxed-readme-md5", "django-core.", "fancy-cache"] {
        if name != "djanginxed-readme-md5" && folders().len() < 2 {
            continue;
        }
        for record in records(name).iter().filter(|record| record["stored"] == true) {
            let encoding = text(&record["expect"]["value_encoding"]);
            let flagged = record["expect"]["flags"].is_u64();
            if encoding.starts_with("pickle") || flagged && encoding.starts_with("zlib+pickle") {
                assert_eq!(
                    read(record).unwrap_err(),
                    Outcome::Miss(Miss::Pickled),
                    "{}",
                    record["id"]
                );
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "{refused}");
}

/// `full-path.nginx` are the targets of `nginx-variables` with the path by the formula that
/// agrees with every recorded key; `full-path.django` and `absolute_uri` are what running
/// applications answered.
#[test]
fn full_paths_are_django_s() {
    let mut paths = 0;
    for record in &records("full-path") {
        let request = Request { target: bytes(&record["target_b64"]), host: None };
        let path = String::from_utf8(request.full_path()).unwrap();
        assert_eq!(path, text(&record["full_path"]), "{}", record["id"]);
        paths += 1;
    }
    assert!(paths > 200, "{paths}");
    if folders().len() < 2 {
        return;
    }
    for record in &records("django-core.") {
        let request = Request::of(record);
        let moved = record["settings"]["FORCE_SCRIPT_NAME"].is_string();
        if let (Some(uri), false, Ok(())) =
            (record["absolute_uri"].as_str(), moved, request.admitted())
        {
            let (_, rest) = uri.split_once("://").unwrap();
            let path = &rest[rest.find('/').unwrap()..];
            assert_eq!(String::from_utf8(request.full_path()).unwrap(), path, "{}", record["id"]);
        }
    }
}

/// nginx's `$host` is the name by which it chose the server block.
#[test]
fn hosts_are_normalised_as_nginx_does() {
    let mut hosts = 0;
    for record in &records("nginx-variables") {
        let request = Request::of(record);
        let (Some(host), Some(name)) = (&request.host, record["variables"]["host"].as_str()) else {
            continue;
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let name = if host.starts_with(b"[") { format!("[{name}]") } else { name.to_owned() };
        let other = record["id"] == "nginx/absolute-form-other";
        let expected = if other { Err(Bypass::Host) } else { Ok(()) };
        assert_eq!(admitted(b"/", host, name.as_bytes()), expected, "{}", record["id"]);
        hosts += 1;
    }
    assert!(hosts > 80, "{hosts}");
}
