//! What the stores hold, told.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::rig::{
    Json, array, explain, explained, memcached, memcached_on_a_socket, redis, run, set_command,
};

/// `zlib.compress(b"page")`
const ZLIB: &[u8] = b"x\x9c+HLO\x05\x00\x04\x1a\x01\x9e";
/// `pickle.dumps(b"page")`
const PICKLE: &[u8] = b"\x80\x05\x95\x08\0\0\0\0\0\0\0C\x04page\x94.";

fn header<'a>(json: &'a Json, name: &str) -> Option<&'a str> {
    let headers = json["answer"]["headers"].as_array()?;
    headers.iter().find(|field| field[0] == name)?[1].as_str()
}

#[test]
fn a_body_in_memcached() {
    let store = memcached();
    let port = store.port;
    store.set(":1:d8935cc0b29e8ade5cf373be087761e9", 0, 300, b"page");
    let directive = format!(
        "rust_page_cache memcached://127.0.0.1:{port} key=md5 namespace=:1:\n\
         uri=$http_host$rust_page_cache_full_path fallback=@app;"
    );
    let json = explained(&directive, "http://example.com/plain/", &[], "HIT", "");
    assert_eq!(json["recipe"]["uri"], "example.com/plain/");
    assert_eq!(json["store"]["address"], format!("127.0.0.1:{port}"));
    let key = &json["keys"][0];
    assert_eq!(key["key"], ":1:d8935cc0b29e8ade5cf373be087761e9");
    assert_eq!((&key["found"]["bytes"], &key["found"]["flags"]), (&4.into(), &0.into()));
    let expires_in = key["found"]["expires_in"].as_u64().unwrap();
    assert!((270..=300).contains(&expires_in), "{expires_in}");
    assert_eq!((&json["page"]["format"], &json["page"]["status"]), (&"body".into(), &200.into()));
    assert_eq!(json["answer"]["by"], "nginx");
    assert_eq!(header(&json, "Content-Length"), Some("4"));
    assert_eq!(header(&json, "ETag").map(str::len), Some(34));

    let said = explain(&directive, "http://example.com/plain/", &["-H", "Range: bytes=0-1"]);
    for words in
        ["HIT: ", "in the store, 4 bytes, flags 0, expires in ", "a body of 4 bytes", "Range"]
    {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }

    let json = explained(&directive, "http://example.com/other/", &[], "MISS", "absent");
    assert_eq!(json["keys"][0]["found"]["state"], "absent");
    assert_eq!(json["answer"]["to"], "@app");
    let head = explained(&directive, "http://example.com/plain/", &["-X", "HEAD"], "HIT", "");
    assert_eq!(head["answer"]["body_bytes"], 0);
    assert_eq!(header(&head, "Content-Length"), Some("4"));
}

#[test]
fn values_of_memcached_that_are_not_plain() {
    let store = memcached();
    let directive = format!("memcached://127.0.0.1:{} key=raw", store.port);
    for (key, flags, value, options, status, reason) in [
        ("/zlib", 8, ZLIB, &[][..], "HIT", ""),
        ("/pickled", 1, PICKLE, &[], "HIT", ""),
        ("/empty", 0, b"", &[], "MISS", "absent"),
        ("/list", 1, b"\x80\x05]\x94.", &[], "MISS", "pickled"),
        ("/broken", 8, b"page", &[], "ERROR", "undecodable"),
        ("/large", 0, b"page", &["--max-size", "3"], "ERROR", "too-large"),
        ("/gzip", 16, b"z", &["--gzip-flag", "16", "--no-etag"], "HIT", ""),
        ("/plain", 0, b"\x1f\x8b\x08", &[], "HIT", ""),
        ("/magic/gzip", 0, b"\x1f\x8b\x08", &["--gzip-flag", "magic", "--no-etag"], "HIT", ""),
        ("/flags", 48, ZLIB, &[], "MISS", "flags"),
    ] {
        store.set(key, flags, 0, value);
        let json = explained(&directive, &format!("http://h{key}"), options, status, reason);
        if status == "HIT" {
            assert_eq!(json["keys"][0]["found"]["time_to_live"], "never expires", "{key}");
            let gzip = header(&json, "Content-Encoding") == Some("gzip");
            let expected = key.ends_with("/gzip");
            assert_eq!((gzip, header(&json, "ETag").is_none()), (expected, expected), "{key}");
        }
    }
    let said = explain(&directive, "http://h/flags", &[]);
    for words in ["MISS (flags): ", "flags 48", "48 (32 has no meaning here): php-memcached"] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
}

#[test]
fn a_key_that_is_not_utf_8() {
    let store = memcached();
    store.tell(b"set /\xff 0 0 4\r\npage\r\n", "STORED");
    let directive = format!("memcached://127.0.0.1:{} key=raw uri=$http_x", store.port);
    let words = ["explain", &directive, "http://h/", "--json", "--timeout", "20s", "-H"];
    let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
    arguments.push(OsString::from_vec(b"X: /\xff".to_vec()));
    let json = run(&arguments).json();
    assert_eq!((&json["status"], &json["keys"][0]["key"]), (&"HIT".into(), &"/\\xff".into()));
}

#[test]
fn stores_on_unix_sockets() {
    let store = memcached_on_a_socket();
    store.tell_socket(&set_command("/a", 0, 60, b"page"), "STORED");
    let path = store.socket.to_str().unwrap();
    let json = explained(&format!("memcached://unix:{path} key=raw"), "http://h/a", &[], "HIT", "");
    assert_eq!(json["store"]["address"], format!("unix:{path}"));
    assert!(json["keys"][0]["found"]["expires_in"].as_u64().unwrap() > 30);

    let store = redis(&[]);
    store.redis(3, &[b"SET", b"/a", b"page", b"EX", b"60"]);
    let path = store.socket.to_str().unwrap();
    let json = explained(&format!("redis://unix:{path}:/3 key=raw"), "http://h/a", &[], "HIT", "");
    assert_eq!(json["store"]["address"], format!("unix:{path}"));
    assert!(json["keys"][0]["found"]["expires_in"].as_u64().unwrap() > 30);
}

#[test]
fn values_of_redis() {
    let store = redis(&[]);
    store.redis(0, &[b"SET", b"/zero", b"page"]);
    store.redis(1, &[b"SET", b"/one", PICKLE, b"EX", b"90000"]);
    store.redis(1, &[b"LPUSH", b"/list", b"page"]);
    store.redis(1, &[b"SET", b"/a b", b"page"]);
    let zero = format!("redis://127.0.0.1:{} key=raw", store.port);
    let one = format!("redis://127.0.0.1:{}/1 key=raw", store.port);
    let json = explained(&zero, "http://h/zero", &[], "HIT", "");
    let found = &json["keys"][0]["found"];
    assert_eq!((&found["flags"], &found["time_to_live"]), (&Json::Null, &"never expires".into()));
    explained(&one, "http://h/zero", &[], "MISS", "absent");
    let json = explained(&one, "http://h/one", &[], "HIT", "");
    assert_eq!(json["page"]["body_bytes"], 4);
    assert!(json["keys"][0]["found"]["time_to_live"].as_str().unwrap().contains("expires in "));
    let json = explained(&one, "http://h/list", &[], "ERROR", "undecodable");
    assert!(json["explanation"].as_str().unwrap().contains("WRONGTYPE"), "{json:#}");
    let spaced = format!("{one} 'uri=/a b'");
    explained(&spaced, "http://h/", &[], "HIT", "");
    let json = explained(
        &spaced.replace("redis", "memcached").replace("/1 ", " "),
        "http://h/",
        &[],
        "BYPASS",
        "key",
    );
    assert!(json["explanation"].as_str().unwrap().contains("0x20"), "{json:#}");
}

#[test]
fn who_is_let_in() {
    let store = redis(&["--requirepass", "s3cret:@/"]);
    let mut request = array(&[b"AUTH", b"s3cret:@/"]);
    request.extend(array(&[b"ACL", b"SETUSER", b"reader", b"on", b">pa55word", b"+get", b"~/r*"]));
    request.extend(array(&[b"SET", b"/r", b"page"]));
    request.extend(array(&[b"SET", b"/w", b"page"]));
    let reply = store.tell(&request, "+OK");
    assert_eq!(reply, "+OK\r\n");
    let at =
        |user: &str, rest: &str| format!("redis://{user}127.0.0.1:{}{rest} key=raw", store.port);
    let all = at(":s3cret%3A%40%2F@", "");
    explained(&all, "http://h/r", &[], "HIT", "");
    let reader = at("reader:pa55word@", "");
    let json = explained(&reader, "http://h/r", &[], "HIT", "");
    let ttl = json["keys"][0]["found"]["time_to_live"].as_str().unwrap().to_owned();
    assert!(ttl.contains("unknown") && ttl.contains("NOPERM"), "{ttl}");
    for (directive, url) in [
        (at("", ""), "http://h/r"),
        (at(":wrongs3cret@", ""), "http://h/r"),
        (reader.clone(), "http://h/w"),
        (at("reader:pa55word@", "/1"), "http://h/r"),
        (at(":s3cret%3A%40%2F@", "/99"), "http://h/r"),
    ] {
        explained(&directive, url, &[], "ERROR", "auth");
        let said = explain(&directive, url, &[]);
        let shown = said.out + &said.err;
        for secret in ["s3cret", "pa55word", "reader"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        assert!(shown.contains("the store says: "), "{shown}");
    }
}

#[test]
fn what_is_not_looked_up() {
    // Nobody listens there: a store that is not asked need not be up.
    let directive = format!("memcached://127.0.0.1:{} key=raw", crate::rig::free_port());
    for (url, options, reason) in [
        ("http://h/", &["-X", "POST"][..], "method"),
        ("http://h/", &["-H", "Content-Length: 3"], "body"),
        (
            "http://h/",
            &["--bypass", "", "--bypass", "0", "--bypass", "$cookie_a", "-H", "Cookie: a=1"],
            "bypass",
        ),
        ("http://h/admin/x", &["--ignore", "/x", "--ignore", "/admin/"], "ignore"),
        ("http://h//a", &[], "target"),
        ("http://h/\u{e9}", &[], "target"),
        ("http://h/", &["-H", "Host:"], "host"),
        ("http://h/", &["--server-name", "other"], "host"),
        (&format!("http://h/{}", "x".repeat(250)), &[], "key"),
    ] {
        let json = explained(&directive, url, options, "BYPASS", reason);
        assert_eq!(
            (&json["answer"]["by"], &json["keys"]),
            (&"fallback".into(), &Json::Array(vec![]))
        );
    }
}
