//! What Django really stored, and where it really found it again.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::rig::{Json, Server, explained, memcached};

fn records(name: &str) -> Vec<Json> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../t/fixtures");
    let mut records = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let file_name = path.file_name().unwrap().to_string_lossy();
        if file_name.starts_with(name) && file_name.ends_with(".jsonl") {
            let text = std::fs::read_to_string(&path).unwrap();
            records.extend(text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()));
        }
    }
    assert!(!records.is_empty(), "{name}");
    records
}

fn bytes(json: &Json) -> Vec<u8> {
    STANDARD.decode(json.as_str().unwrap()).unwrap()
}

fn store(server: &Server, entries: &Json) {
    server.tell(b"flush_all\r\n", "OK");
    for entry in entries.as_array().unwrap() {
        let flags = entry["flags"].as_u64().map_or(0, |flags| u32::try_from(flags).unwrap());
        server.set(entry["key"].as_str().unwrap(), flags, 60, &bytes(&entry["value_b64"]));
    }
}

fn url_and_options(request: &Json) -> (String, Vec<String>) {
    let target = request["target"].as_str().unwrap();
    let url = format!("{}://127.0.0.1{target}", request["scheme"].as_str().unwrap());
    let mut options = vec!["-X".to_owned(), request["method"].as_str().unwrap().to_owned()];
    // Nothing was between the recorded clients and Django.
    for field in ["X-A: $http_x_a", "X-B: $http_x_b", "Authorization: $http_authorization"] {
        options.extend(["--set-header".to_owned(), field.to_owned()]);
    }
    for field in request["headers"].as_array().unwrap() {
        let (name, value) = (field[0].as_str().unwrap(), field[1].as_str().unwrap());
        options.extend(["-H".to_owned(), format!("{name}: {value}")]);
    }
    (url, options)
}

/// Each step of a recorded sequence is a hit where it was one in Django, by the same key.
#[test]
fn pages_are_found_where_django_found_them() {
    let server = memcached();
    let (mut hits, mut misses) = (0, 0);
    for record in records("django-core-sequence") {
        let (id, settings) = (&record["id"], &record["settings"]);
        let directive = format!(
            "memcached://127.0.0.1:{} django={} namespace={}:{}: prefix={} lang={} timezone={}",
            server.port,
            record["django"].as_str().unwrap(),
            settings["CACHES.KEY_PREFIX"].as_str().unwrap_or_default(),
            settings["CACHES.VERSION"].as_u64().unwrap(),
            record["middleware_key_prefix"].as_str().unwrap_or_default(),
            record["language"].as_str().unwrap_or_default(),
            record["timezone"].as_str().unwrap_or_default(),
        );
        for pair in record["steps"].as_array().unwrap().windows(2) {
            let [before, step] = pair else { panic!("two steps") };
            // Between some steps keys were deleted: the other tests know of that.
            if before["keys_after"].is_null() || step["request"].is_null() {
                continue;
            }
            if !["GET", "HEAD"].contains(&step["request"]["method"].as_str().unwrap()) {
                continue;
            }
            store(&server, &before["keys_after"]);
            let (url, options) = url_and_options(&step["request"]);
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let said = crate::rig::explain(&directive, &url, &[&options[..], &["--json"]].concat());
            let json = said.json();
            let keys = json["keys"].as_array().unwrap();
            assert_eq!(keys[0]["key"], step["header_key"], "{id}");
            if json["reason"] == "set-cookie" {
                continue;
            }
            assert_eq!(json["status"] == "HIT", step["hit"] == true, "{id} {json:#}");
            if step["hit"] == true {
                hits += 1;
                assert_eq!(json["page"]["key"], step["hit_key"], "{id}");
                if step["response"]["status"] == 200 && step["request"]["method"] == "GET" {
                    assert_eq!(json["page"]["body_bytes"], step["response"]["body_len"], "{id}");
                }
            } else {
                misses += 1;
            }
        }
    }
    assert!(hits >= 5 && misses >= 5, "{hits} {misses}");
}

/// A page of 6.1.3 that varies on Cookie: the server, directive, URL and options of the request
/// that it was stored for.
fn page_that_varies() -> (Server, String, String, Vec<String>) {
    let server = memcached();
    let record = records("django-core-sequence.dj61.");
    let of_name = |record: &&Json| record["id"].as_str().unwrap().ends_with("/cookie-absent-empty");
    let record = record.iter().find(of_name).unwrap();
    let step = &record["steps"][0];
    store(&server, &step["keys_after"]);
    let (url, options) = url_and_options(&step["request"]);
    let directive = format!("memcached://127.0.0.1:{} prefix=site1 lang= timezone=", server.port);
    (server, directive, url, options)
}

/// A page that varies: which headers, and which releases would ask for its key.
#[test]
fn a_page_that_varies() {
    let (_server, directive, url, options) = page_that_varies();
    let directive = format!("{directive} django=6.1.3");
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let json = explained(&directive, &url, &options, "HIT", "");
    let expected = serde_json::json!([{"header": "cookie", "in_request": false, "set": false}]);
    assert_eq!(json["varies_on"], expected);
    assert_eq!(json["page"]["format"], "django");
    let keys = json["keys"].as_array().unwrap();
    assert_eq!((keys.len(), &keys[0]["holds"]), (2, &"header-list".into()), "{json:#}");
    assert_eq!(keys[1]["found"]["state"], "present", "{json:#}");
    assert!(keys[1]["django"].as_str().unwrap().contains("from 6.1.3"), "{json:#}");
    let headers = json["answer"]["headers"].as_array().unwrap();
    assert!(headers.iter().any(|field| field[0] == "Vary" && field[1] == "Cookie"), "{json:#}");

    let cookie = [&options[..], &["-H", "Cookie: a=secret-value"]].concat();
    let said = crate::rig::explain(&directive, &url, &cookie);
    assert_eq!(said.code, 1);
    for words in ["MISS (absent)", "cookie (in the request)", "no page for what this request has"] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
    assert!(!said.out.contains("secret-value"), "{}", said.out);
}

/// Without `django=`, or with that of another release, the tool finds the form, and says what to
/// write; the module does not.
#[test]
fn the_form_that_a_page_is_stored_in() {
    let (_server, directive, url, options) = page_that_varies();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    for (django, reason, explanation) in [
        ("", "vary", "\"django=\" does not say"),
        ("django=6.1.2", "absent", "no page for what this request has"),
        ("django=raw", "absent", "no page for what this request has"),
    ] {
        let directive = format!("{directive} {django}");
        let json = explained(&directive, &url, &options, "MISS", reason);
        assert!(json["explanation"].as_str().unwrap().contains(explanation), "{json:#}");
        let notes: Vec<&str> =
            json["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
        let [note] = notes[..] else { panic!("{json:#}") };
        // An absent header is one thing in two of them.
        for words in [
            "in the form raw-absent or netstring-absent:",
            "django=6.1.3",
            "django=netstring-absent",
        ] {
            assert!(note.contains(words), "{note}");
        }
        let keys = json["keys"].as_array().unwrap().iter();
        let found = keys.filter(|key| key["found"]["state"] == "present").collect::<Vec<_>>();
        assert_eq!(found.len(), 2, "{json:#}");
        assert!(found[1]["django"].as_str().unwrap().contains("from 6.1.3"), "{json:#}");
    }
    // What is stored in no form needs no note.
    let directive = format!("{directive} django=6.1.2");
    let other = [&options[..], &["-H", "Cookie: a=1"]].concat();
    let json = explained(&directive, &url, &other, "MISS", "absent");
    assert_eq!(json["notes"], serde_json::json!([]));
}

/// Headers that nginx may have set.
#[test]
fn what_nginx_sets() {
    let (server, directive, url, options) = page_that_varies();
    let directive = format!("{directive} django=6.1.3");
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let with = |more: &[&'static str]| [&options[..], more].concat();
    // An empty value: Django gets no such field.
    let cookie = ["-H", "Cookie: a=1", "--set-header", "cookie: $http_none"];
    let json = explained(&directive, &url, &with(&cookie), "HIT", "");
    let expected = serde_json::json!([{"header": "cookie", "in_request": true, "set": true}]);
    assert_eq!(json["varies_on"], expected);

    let key = json["keys"][0]["key"].as_str().unwrap();
    server.set(key, 1, 60, b"\x80\x05]\x94\x8c\x12HTTP_X_REMOTE_USER\x94a.");
    let json = explained(&directive, &url, &with(&["-H", "X-Remote-User: alice"]), "MISS", "vary");
    let why = json["explanation"].as_str().unwrap();
    assert!(why.contains("\"rust_page_cache_set_header X-Remote-User VALUE;\""), "{why}");
    let set = with(&["--set-header", "X-Remote-User: alice"]);
    let json = explained(&directive, &url, &set, "MISS", "absent");
    // The list, the page, and where it would be in the one other form that differs.
    assert_eq!(json["keys"].as_array().unwrap().len(), 3, "{json:#}");

    for (field, words) in [
        ("X-Remote-User", "it must be \"Field: value\""),
        ("X_Remote_User: a", "application servers"),
        (": a", "letters, digits"),
        ("X-Remote-User: $remote_user", "$remote_user cannot be told"),
        ("x-a: 2", "duplicate field"),
    ] {
        let said = crate::rig::explain(&directive, &url, &with(&["--set-header", field]));
        assert_eq!(said.code, 2, "{field}");
        assert!(said.err.contains("--set-header") && said.err.contains(words), "{}", said.err);
    }
}

/// What is no page is refused, with the place in the pickle.
#[test]
fn a_value_that_is_no_page() {
    let server = memcached();
    let record = records("django-core-sequence.dj61.").swap_remove(0);
    let step = &record["steps"][0];
    let (url, options) = url_and_options(&step["request"]);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let directive =
        format!("memcached://127.0.0.1:{} prefix=site1 lang= timezone= django=6.1.3", server.port);
    store(&server, &step["keys_after"]);
    let page = step["keys_after"].as_array().unwrap().iter();
    let mut page = page.filter(|entry| entry["key"].as_str().unwrap().contains(".cache_page."));
    let page = page.next().unwrap();
    let key = page["key"].as_str().unwrap();
    let whole = bytes(&page["value_b64"]);
    server.set(key, 1, 60, &whole[..whole.len() - 1]);
    let json = explained(&directive, &url, &options, "ERROR", "undecodable");
    let why = json["explanation"].as_str().unwrap();
    assert!(why.contains("at byte "), "{why}");
    server.set(key, 1, 60, b"\x80\x05cos\nsystem\n.");
    let json = explained(&directive, &url, &options, "ERROR", "undecodable");
    let why = json["explanation"].as_str().unwrap();
    assert!(why.contains(": class os.system: not a response at byte "), "{why}");
    let header = step["header_key"].as_str().unwrap();
    server.set(header, 1, 60, b"\x80\x05]\x94\x8c\x06HTTP_*\x94a.");
    explained(&directive, &url, &options, "MISS", "vary");
    server.tell(format!("delete {header}\r\n").as_bytes(), "DELETED");
    let json = explained(&directive, &url, &options, "MISS", "absent");
    assert!(json["explanation"].as_str().unwrap().contains("no header list"), "{json:#}");
}

/// What `--public-only` and `--hide-header` make of a page.
#[test]
fn a_page_that_is_not_public_and_fields_that_are_hidden() {
    let server = memcached();
    let record = records("django-core-sequence.dj61.").swap_remove(0);
    let step = &record["steps"][0];
    let (url, options) = url_and_options(&step["request"]);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let directive =
        format!("memcached://127.0.0.1:{} prefix=site1 lang= timezone= django=6.1.3", server.port);
    store(&server, &step["keys_after"]);
    let hiding = |names: &[&'static str]| {
        let mut all = options.clone();
        all.extend(names.iter().flat_map(|name| ["--hide-header", name]));
        let json = explained(&directive, &url, &all, "HIT", "");
        let headers = json["answer"]["headers"].as_array().unwrap().clone();
        headers.iter().map(|field| field[0].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for name in ["Cache-Control", "Age", "Content-Type"] {
        assert!(hiding(&[]).iter().any(|field| field == name), "{name}");
        assert!(!hiding(&["x-none", name]).iter().any(|field| field == name), "{name}");
    }
    assert!(hiding(&["etag"]).iter().any(|field| field == "ETag"), "nginx makes its own");

    let public = [&options[..], &["--public-only"]].concat();
    let json = explained(&directive, &url, &public, "MISS", "private");
    assert!(json["explanation"].as_str().unwrap().contains("s-maxage"), "{json:#}");
    let page = step["keys_after"].as_array().unwrap().iter();
    let mut page = page.filter(|entry| entry["key"].as_str().unwrap().contains(".cache_page."));
    let page = page.next().unwrap();
    let value = bytes(&page["value_b64"]);
    let at = value.windows(10).position(|window| window == b"max-age=60").unwrap();
    let value = [&value[..at], b"public,a=6", &value[at + 10..]].concat();
    server.set(page["key"].as_str().unwrap(), 1, 60, &value);
    explained(&directive, &url, &public, "HIT", "");
}
