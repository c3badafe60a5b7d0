//! Pages that Django may store, and what is made of them.

use std::rc::Rc;

use page_cache::page::age::age;
use page_cache::page::django::{DjangoOptions, decode};
use page_cache::page::{Page, Rejection};
use page_cache::{Failure, Miss, Outcome};

use crate::decoder::{OPTIONS, fields_of};
use crate::pickles::{
    FALSE, NONE, TRUE, attributes, binary, build, dict, global, headers, list, object, page, pair,
    response, set_items, string, value,
};

pub const TYPE: (&str, &str) = ("Content-Type", "text/html");

pub fn read(pickle: &[u8]) -> Result<Page, Rejection> {
    decode(&value(pickle), &OPTIONS)
}

/// What became of a pickle, in a word.
pub fn what(pickle: &[u8]) -> &'static str {
    match read(pickle) {
        Ok(_) => "served",
        Err(why) if Outcome::from(why.why) == Failure::Undecodable.into() => {
            why.error.unwrap().what
        }
        Err(why) => Outcome::from(why).reason(),
    }
}

/// A page with one attribute set, or set again.
pub fn with(name: &'static str, value: Vec<u8>) -> Vec<u8> {
    let mut attributes = attributes(&[TYPE], &[b"hi"]);
    attributes.push((name, value));
    response("django.http.response", "HttpResponse", &attributes)
}

fn without(name: &str) -> Vec<u8> {
    let mut attributes = attributes(&[TYPE], &[b"hi"]);
    attributes.retain(|(attribute, _)| *attribute != name);
    response("django.http.response", "HttpResponse", &attributes)
}

#[test]
fn the_body_is_not_copied() {
    let value = value(&page(&[TYPE, ("X-A", "1")], &[&[b'x'; 100_000]]));
    let page = decode(&value, &OPTIONS).unwrap();
    let inside = value.bytes.as_ptr_range();
    assert!(inside.contains(&page.body.as_ptr()));
    assert!(page.headers.iter().all(|field| inside.contains(&field.value.as_ptr())));
    assert_eq!(page.body.len(), 100_000);
    drop(page);
    assert_eq!(Rc::strong_count(&value), 1);
}

#[test]
fn chunks_are_joined() {
    for (chunks, body) in [
        (&[][..], &b""[..]),
        (&[b"".as_slice()], b""),
        (&[b"", b"page"], b"page"),
        (&[b"a", b"bc", b"", b"d"], b"abcd"),
    ] {
        assert_eq!(*read(&page(&[TYPE], chunks)).unwrap().body, *body);
    }
}

#[test]
fn the_limit_is_the_body_s() {
    let limited = |max_size, chunks: &[&[u8]]| {
        let options = DjangoOptions { max_size, ..OPTIONS };
        decode(&value(&page(&[TYPE], chunks)), &options).map(|page| page.body.len())
    };
    assert_eq!(limited(4, &[b"page"]), Ok(4));
    assert_eq!(limited(3, &[b"page"]).unwrap_err().why, Failure::TooLarge.into());
    assert_eq!(limited(4, &[b"pa", b"ge"]), Ok(4));
    assert_eq!(limited(3, &[b"pa", b"ge"]).unwrap_err().why, Failure::TooLarge.into());
}

#[test]
fn status_and_reason() {
    let int = |number: i32| [b"J", &number.to_le_bytes()[..]].concat();
    for (status, expected) in [
        (b"K\xc8".to_vec(), Some(200)),
        (b"M\x94\x01".to_vec(), Some(404)),
        (b"\x8a\x02\x57\x02".to_vec(), Some(599)),
        (int(503), Some(503)),
        (int(599), Some(599)),
        (int(600), None),
        (int(199), None),
        (int(101), None),
        (int(-200), None),
        (int(0), None),
        (b"\x8a\x00".to_vec(), None),
        (b"\x8a\x08\xc8\0\0\0\0\0\0\0".to_vec(), None),
        (TRUE.to_vec(), None),
        (NONE.to_vec(), None),
        (string("200"), None),
        (b"G@i\0\0\0\0\0\0".to_vec(), None),
    ] {
        let page = read(&with("status_code", status.clone()));
        assert_eq!(page.ok().map(|page| page.status), expected, "{status:x?}");
    }
    assert_eq!(read(&without("closed")).unwrap().status, 200);
    for (reason, expected) in [
        (string("Fine By Me"), Ok(Some("Fine By Me"))),
        (string(""), Ok(Some(""))),
        (NONE.to_vec(), Ok(None)),
        (string("café"), Ok(Some("caf\\xe9"))),
        (string("a\r\nX: y"), Err("control character in a header")),
        (string("世"), Err("header is not latin-1")),
        (binary(b"OK"), Err("reason is not a string")),
    ] {
        let pickle = with("_reason_phrase", reason);
        let shown = read(&pickle).map(|page| page.reason.map(|r| r.escape_ascii().to_string()));
        match expected {
            Ok(expected) => assert_eq!(shown.unwrap().as_deref(), expected),
            Err(why) => assert_eq!(what(&pickle), why),
        }
    }
}

#[test]
fn no_content_and_not_modified_have_no_body() {
    for (status, len) in [(203_u16, 2), (204, 0), (205, 2), (304, 0)] {
        let status = [b"M", &status.to_le_bytes()[..]].concat();
        assert_eq!(read(&with("status_code", status)).unwrap().body.len(), len);
    }
}

#[test]
fn fields_of_a_connection_and_nginx_s_own_are_dropped() {
    let stored = [
        TYPE,
        ("Connection", "close, X-Hop"),
        ("X-Hop", "1"),
        ("x-end", "2"),
        ("Keep-Alive", "1"),
        ("Proxy-Authenticate", "1"),
        ("Proxy-Authorization", "1"),
        ("Proxy-Connection", "1"),
        ("TE", "1"),
        ("Trailer", "1"),
        ("Transfer-Encoding", "chunked"),
        ("UPGRADE", "1"),
        ("Date", "1"),
        ("Server", "1"),
        ("Content-Length", "7"),
        ("X-Accel-Buffering", "no"),
        ("X-Accel-Expires", "5"),
        ("ETag", "\"x\""),
    ];
    let page = read(&page(&stored, &[b"hi"])).unwrap();
    let kept = [("Content-Type", "text/html"), ("x-end", "2"), ("ETag", "\\\"x\\\"")];
    assert_eq!(fields_of(&page), kept.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn pages_for_one_client_or_for_the_server_are_misses() {
    for (fields, why) in [
        (&[("Set-Cookie", "a=1")][..], Miss::SetCookie),
        (&[("set-COOKIE2", "a=1")], Miss::SetCookie),
        (&[("X-Accel-Redirect", "/secret"), TYPE], Miss::XAccel),
        (&[("X-Accel-Redirect", "/secret"), ("Set-Cookie", "a=1")], Miss::SetCookie),
    ] {
        assert_eq!(read(&page(fields, &[b"hi"])).unwrap_err().why, why.into());
    }
}

#[test]
fn malformed_fields_are_refused() {
    for (field, why) in [
        (("X", "a\nb"), "control character in a header"),
        (("X", "a\rb"), "control character in a header"),
        (("X", "a\0b"), "control character in a header"),
        (("X", "a\u{7f}b"), "control character in a header"),
        (("X", "世界"), "header is not latin-1"),
        (("X Y", "a"), "malformed header name"),
        (("X:", "a"), "malformed header name"),
        (("X\n", "a"), "malformed header name"),
        (("", "a"), "header name is not its key's"),
        (("É", "a"), "malformed header name"),
        (("X", "a\tb"), "served"),
        (("X", ""), "served"),
        (("X", "é"), "served"),
    ] {
        assert_eq!(what(&page(&[field], &[b"hi"])), why, "{field:?}");
    }
    let long = "x".repeat(70_000);
    assert_eq!(what(&page(&[("X", &long)], &[b"hi"])), "headers too large");
    let names: Vec<String> = (0..257).map(|i| format!("X-{i}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(what(&page(&many, &[b"hi"])), "headers too large");
    assert_eq!(what(&page(&many[..256], &[b"hi"])), "served");
}

#[test]
fn a_field_set_again_keeps_its_place() {
    let stored = [("A", "1"), ("Connection", "x"), ("B", "2"), ("a", "3")];
    let page = read(&page(&stored, &[b"hi"])).unwrap();
    let fields = [("a", "3"), ("B", "2")];
    assert_eq!(fields_of(&page), fields.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn what_is_needed_must_be_there_and_be_what_it_is() {
    for name in ["headers", "_container", "cookies"] {
        assert_ne!(what(&without(name)), "served", "{name}");
        for wrong in [NONE.to_vec(), dict(&[]), list(&[]), string(""), binary(b"")] {
            if name == "_container" && wrong == list(&[]) {
                continue;
            }
            assert_ne!(what(&with(name, wrong)), "served", "{name}");
        }
    }
    for name in ["_charset", "_resource_closers", "_handler_class", "closed", "_reason_phrase"] {
        assert_eq!(what(&without(name)), "served", "{name}");
    }
    assert_eq!(what(&with("_resource_closers", NONE.to_vec())), "served");
    assert_eq!(what(&with("_resource_closers", list(&[NONE.to_vec()]))), "resources to close");
    assert_eq!(what(&with("_resource_closers", dict(&[]))), "resources to close");
    assert_eq!(what(&with("_container", list(&[string("hi")]))), "content is not bytes");
}

#[test]
fn a_template_must_be_rendered() {
    for (module, name) in [
        ("django.template.response", "TemplateResponse"),
        ("django.template.response", "SimpleTemplateResponse"),
        ("rest_framework.response", "Response"),
    ] {
        let mut given = attributes(&[TYPE], &[b"hi"]);
        assert_eq!(what(&response(module, name, &given)), "template not rendered");
        given.push(("_is_rendered", FALSE.to_vec()));
        assert_eq!(what(&response(module, name, &given)), "template not rendered");
        given.push(("_is_rendered", b"K\x01".to_vec()));
        assert_eq!(what(&response(module, name, &given)), "template not rendered");
        given.push(("_is_rendered", TRUE.to_vec()));
        assert_eq!(what(&response(module, name, &given)), "served");
    }
}

/// What `rest_framework.response.Response` carries beside the page.
#[test]
fn the_data_of_a_rest_view_is_read_over() {
    let call =
        |module, name, arguments: &[u8]| [&global(module, name)[..], arguments, b"R"].concat();
    let ordered = call("collections", "OrderedDict", b")");
    let rows = [
        [&ordered[..], &set_items(&[("id", b"K\x01".to_vec()), ("x", list(&[]))])].concat(),
        call("builtins", "dict", &[&dict(&[("a", NONE.to_vec())])[..], b"\x85"].concat()),
        call("datetime", "datetime", &[&binary(b"0123456789")[..], b"\x85"].concat()),
        call("decimal", "Decimal", &[&string("1.5")[..], b"\x85"].concat()),
        build(
            &object("uuid", "UUID"),
            &dict(&[("int", b"\x8a\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec())]),
        ),
        b"G?\xf0\0\0\0\0\0\0".to_vec(),
        [b"(", &b"K\x01"[..], b"K\x02K\x03K\x04t"].concat(),
    ];
    let returned = call(
        "rest_framework.utils.serializer_helpers",
        "ReturnList",
        &[&list(&rows)[..], b"\x85"].concat(),
    );
    let appended = [&returned[..], b"K\x01a"].concat();
    for data in [returned, appended, list(&rows), dict(&[("a", list(&rows))])] {
        let mut given = attributes(&[TYPE], &[b"[]"]);
        given.push(("data", data));
        given.push(("_is_rendered", TRUE.to_vec()));
        let page = read(&response("rest_framework.response", "Response", &given)).unwrap();
        assert_eq!(*page.body, *b"[]");
    }
}

#[test]
fn cookies_are_a_miss_if_they_make_sense() {
    let morsel = |items: &[(&str, Vec<u8>)], state: &[(&str, Vec<u8>)]| {
        let object = [&object("http.cookies", "Morsel")[..], &set_items(items)].concat();
        build(&object, &dict(state))
    };
    let jar = |morsel: Vec<u8>| {
        let items = set_items(&[("a", morsel)]);
        with("cookies", [&object("http.cookies", "SimpleCookie")[..], &items].concat())
    };
    let path = [("path", string("/"))];
    let state = [("key", string("a")), ("value", string("1"))];
    assert_eq!(what(&jar(morsel(&path, &state))), "set-cookie");
    let split = [("path", string("/\r\nX: y"))];
    assert_eq!(what(&jar(morsel(&split, &state))), "cookie has a control character");
    let split = [("key", string("a")), ("value", string("1\n"))];
    assert_eq!(what(&jar(morsel(&path, &split))), "cookie has a control character");
    assert_eq!(what(&jar(string("a=1"))), "cookie is no Morsel");
    assert_eq!(
        what(&with("cookies", dict(&[("a", NONE.to_vec())]))),
        "cookies are no SimpleCookie"
    );
    assert_eq!(what(&with("cookies", headers(&[]))), "cookies are no SimpleCookie");
}

#[test]
fn fields_are_pairs_of_strings() {
    for field in [
        string("v"),
        NONE.to_vec(),
        b")".to_vec(),
        [&string("X")[..], b"\x85"].concat(),
        [&string("X")[..], b"N\x86"].concat(),
        [&pair("X", "v")[..], b"\x85"].concat(),
        list(&[string("X"), string("v")]),
        [&string("X")[..], &string("v"), &string("w"), b"\x87"].concat(),
        [&string("X")[..], &binary(b"v"), b"\x86"].concat(),
    ] {
        let state = dict(&[("_store", dict(&[("x", field)]))]);
        let headers = build(&object("django.http.response", "ResponseHeaders"), &state);
        assert_eq!(what(&with("headers", headers)), "header is no pair of strings");
    }
}

#[test]
fn every_prefix_of_a_page_is_refused() {
    let whole = page(&[TYPE], &[b"hi", b"there"]);
    assert!(read(&whole).is_ok());
    for len in 0..whole.len() {
        assert_eq!(read(&whole[..len]).unwrap_err().why, Failure::Undecodable.into(), "{len}");
    }
    let longer = [&whole[..], b"."].concat();
    assert_eq!(what(&longer), "trailing data");
    for protocol in 0..=u8::MAX {
        let mut other = whole.clone();
        other[1] = protocol;
        // It has opcodes of protocol 4.
        assert_eq!(read(&other).is_ok(), (4..=5).contains(&protocol), "{protocol}");
    }
}

#[test]
fn errors_say_where() {
    let pickle = page(&[TYPE, ("X", "a\nb")], &[b"hi"]);
    let error = read(&pickle).unwrap_err().error.unwrap();
    assert_eq!(&pickle[error.at..][..3], b"a\nb");
    assert_eq!(error.to_string(), format!("control character in a header at byte {}", error.at));
    let error = read(b"\x80\x05N2.").unwrap_err().error.unwrap();
    assert_eq!(error.to_string(), "opcode that no page has at byte 3");
}

/// `max(0, max-age - (Expires - now))`, as Django 5.1 and later.
#[test]
fn ages() {
    const EXPIRES: &str = "Fri, 20 Nov 2026 12:38:36 GMT";
    const AT: i64 = 1_795_178_316;
    for (cache_control, expires, now, expected) in [
        ("max-age=60", EXPIRES, AT - 60, Some(0)),
        ("max-age=60", EXPIRES, AT - 50, Some(10)),
        ("max-age=60", EXPIRES, AT, Some(60)),
        ("max-age=60", EXPIRES, AT + 100, Some(160)),
        ("max-age=60", EXPIRES, AT - 1000, Some(0)),
        ("public, MAX-AGE=60 , x", EXPIRES, AT, Some(60)),
        ("max-age=1, max-age=60", EXPIRES, AT, Some(60)),
        ("max-age=60, max-age=x", EXPIRES, AT, None),
        ("s-maxage=60", EXPIRES, AT, None),
        ("max-age", EXPIRES, AT, None),
        ("max-age=", EXPIRES, AT, None),
        ("max-age=\"60\"", EXPIRES, AT, None),
        ("max-age=-5", EXPIRES, AT, Some(0)),
        ("max-age=99999999999999999999", EXPIRES, AT, None),
        ("max-age=9223372036854775807", EXPIRES, AT + 5, Some(9_223_372_036_854_775_807)),
        ("max-age=60", "Friday, 20-Nov-26 12:38:36 GMT", AT, Some(60)),
        ("max-age=60", "Fri Nov 20 12:38:36 2026", AT, Some(60)),
        ("max-age=60", "0", AT, None),
        ("max-age=60", "", AT, None),
        ("max-age=60", "Thu, 01 Jan 1970 00:00:00 GMT", AT, Some(60 + 1_795_178_316)),
    ] {
        let fields = [("Cache-Control", cache_control), ("expires", expires)];
        let page = read(&page(&fields, &[b"hi"])).unwrap();
        assert_eq!(age(&page, now), expected, "{cache_control} {expires}");
    }
    let only = |field| age(&read(&page(&[field], &[b"hi"])).unwrap(), AT);
    assert_eq!(only(("Cache-Control", "max-age=60")), None);
    assert_eq!(only(("Expires", EXPIRES)), None);
}
