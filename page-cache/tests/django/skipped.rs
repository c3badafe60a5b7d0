//! Values that play no part in the answer: whatever they are, they are read over; nothing of them
//! is made, and where one stands for a part of the answer the page is refused.

use page_cache::Outcome;

use crate::pages::{TYPE, read, what, with};
use crate::pickles::{
    NONE, TRUE, attributes, binary, build, dict, global, headers, list, object, pickle, response,
    set_items, string,
};

fn call(module: &str, name: &str, arguments: &[u8]) -> Vec<u8> {
    [&global(module, name)[..], arguments, b"R"].concat()
}

#[test]
fn values_of_any_class_are_read_over() {
    let model = build(
        &call("django.db.models.base", "model_unpickle", b"\x8c\x04blog\x8c\x04Post\x86\x85"),
        b"}(\x8c\x02idK\x01\x8c\x06_statecx\ny\n)\x81}bu",
    );
    for value in [
        model,
        call("myapp.colors", "Color", b"K\x01\x85"),
        b"\x8f(K\x01\x8c\x01a\x90".to_vec(),
        b"(K\x01\x8c\x01a\x91".to_vec(),
        [&call("collections", "Counter", b"}\x85")[..], b"\x8c\x01aK\x02s"].concat(),
        [&call("collections", "deque", b")")[..], b"(K\x01K\x02e"].concat(),
        [&global("myapp", "Point")[..], b"K\x01K\x02\x86\x81"].concat(),
        [&global("myapp", "Point")[..], b")}\x8c\x01xK\x01s\x92"].concat(),
        [&call("myapp", "Bag", b")")[..], b"(K\x01K\x02\x90"].concat(),
        b"}(K\x01K\x02NN)]\x8c\x01a)u".to_vec(),
        b"}(K\x01\x85N\x8c\x01ab".to_vec(),
        b"G?\xf0\0\0\0\0\0\0".to_vec(),
        [b"\x8b\x00\x01\0\0", &[7; 256][..]].concat(),
        b"\x96\x02\0\0\0\0\0\0\0hi".to_vec(),
        b"\x8c\x05a\xed\xa0\x80b".to_vec(),
        global("os", "system"),
        call("os", "system", b"\x8c\x04true\x85"),
        b"cos\nsystem\n\x8c\x04true\x85R".to_vec(),
        // A call of what a call made, a method of an object.
        [&call("functools", "partial", &[&global("a", "B")[..], b"\x85"].concat())[..], b")R"]
            .concat(),
        build(&call("a", "B", b")"), b"K\x01"),
        build(&object("a", "B"), b"}}\x86"),
    ] {
        let found = what(&with("x", value.clone()));
        let broken = value.ends_with(b"ab");
        assert_eq!(found == "served", !broken, "{} {found}", value.escape_ascii());
    }
}

#[test]
fn values_may_contain_themselves() {
    for value in [
        &b"]\x94h\x00a"[..],
        b"]\x94(h\x00e",
        b"]\x94]\x94h\x00aa",
        b"]\x94h\x00\x85a",
        b"}\x94\x8c\x01kh\x00s",
        b"cuuid\nUUID\n)\x81\x94}\x8c\x01kh\x00sb",
        // As CPython writes a tuple in itself, and a dict of a class.
        b"]\x94h\x00\x85\x94a0h\x01",
        b"(K\x01K\x02]\x94(K\x01K\x02h\x00K\x04t\x94aK\x041h\x01",
        b"\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94\x8c\x01a\x94h\x03s",
        // Shared, and not inside itself.
        b"](]\x94h\x00h\x00e",
        b"]\x94(K\x01K\x02eh\x00\x86",
    ] {
        assert_eq!(what(&with("x", value.to_vec())), "served", "{}", value.escape_ascii());
    }
    assert_eq!(what(b"\x80\x05]\x94h\x00a."), "not a response");
    // The page in itself, as an attribute.
    let state = dict(&attributes(&[TYPE], &[b"hi"]));
    let page = object("django.http.response", "HttpResponse");
    let me = [&page[..], b"\x94", &state, b"\x8c\x02meh\x00sb"].concat();
    assert_eq!(what(&pickle(&[&me])), "served");
    let chunk = [&page[..], b"\x94", &state, b"\x8c\x0a_container]h\x00asb"].concat();
    assert_eq!(what(&pickle(&[&chunk])), "content is not bytes");
}

#[test]
fn nothing_that_matters_is_of_another_class() {
    for made in [
        call("builtins", "dict", b")"),
        object("myapp", "Thing"),
        global("myapp", "Thing"),
        b"\x8f".to_vec(),
        b"G?\xf0\0\0\0\0\0\0".to_vec(),
        b"\x96\x02\0\0\0\0\0\0\0hi".to_vec(),
        b"\x8c\x03\xed\xa0\x80".to_vec(),
    ] {
        let names = [
            "headers",
            "_container",
            "cookies",
            "status_code",
            "_reason_phrase",
            "_resource_closers",
        ];
        for name in names {
            assert_ne!(what(&with(name, made.clone())), "served", "{name}");
        }
        assert_ne!(what(&with("_container", list(std::slice::from_ref(&made)))), "served");
        assert_ne!(what(&pickle(&[&build(&made, &dict(&[]))])), "served");
        assert_eq!(what(&with("x", made)), "served");
    }
    // A name of an attribute, of a field or of a cookie that may be equal to any other.
    let odd = call("myapp", "Text", b"\x8c\x07headers\x85");
    let state = [&dict(&attributes(&[TYPE], &[b"hi"]))[..], &odd, b"Ns"].concat();
    let page = build(&object("django.http.response", "HttpResponse"), &state);
    assert_eq!(what(&pickle(&[&page])), "name of an attribute is not a string");
    let store = [b"}", &odd[..], b"\x8c\x01X\x8c\x01v\x86s"].concat();
    let fields = build(
        &object("django.http.response", "ResponseHeaders"),
        &[b"}\x8c\x06_store", &store[..], b"s"].concat(),
    );
    assert_eq!(what(&with("headers", fields)), "header is no pair of strings");
}

/// Python would run the code of a class that is not known, which may change what it is given.
#[test]
fn no_part_of_the_answer_is_given_to_a_class_that_is_not_known() {
    let memoized = |value: Vec<u8>| [&value[..], b"\x94"].concat();
    let page = |name, part: Vec<u8>, more: &[u8]| {
        let given =
            [attributes(&[TYPE], &[b"hi"]), vec![(name, memoized(part)), ("x", more.to_vec())]];
        what(&response("django.http.response", "HttpResponse", &given.concat()))
    };
    let parts = [
        ("headers", headers(&[TYPE])),
        ("_container", list(&[binary(b"hi")])),
        ("cookies", object("http.cookies", "SimpleCookie")),
        ("_resource_closers", list(&[])),
    ];
    for (name, part) in parts {
        for more in [
            &b"cmyapp\nf\nh\x00\x85R"[..],
            b"cmyapp\nf\nh\x00\x85\x81",
            b"cmyapp\nf\n)}\x8c\x01ah\x00s\x92",
            b"cmyapp\nF\n)\x81h\x00b",
            b"cmyapp\nF\n)\x81}\x8c\x01ah\x00sb",
            b"cmyapp\nF\n)\x81h\x00a",
            b"cmyapp\nF\n)\x81(h\x00\x90",
            b"cmyapp\nF\n)\x81K\x01h\x00s",
            b"cmyapp\nF\n)R]](h\x00\x85eab",
            // And thrown away.
            b"Ncmyapp\nf\nh\x00\x85R0",
            b"N(cmyapp\nf\nh\x00\x85R1",
            // By way of another that is harmless, or of one that is not.
            b"cmyapp\nf\ncmyapp\nF\n)\x81h\x00b\x85R",
        ] {
            let found = page(name, part.clone(), more);
            assert_eq!(
                found,
                "an object in it holds a part of it",
                "{name} {}",
                more.escape_ascii()
            );
        }
        for harmless in [&b"h\x00"[..], b"]h\x00a", b"}K\x01h\x00s", b"\x8fcmyapp\nf\n)R\x86"] {
            assert_eq!(page(name, part.clone(), harmless), "served", "{name}");
        }
    }
    // The page itself, its state, and the parts within the headers.
    let state = dict(&attributes(&[TYPE], &[b"hi"]));
    let response = object("django.http.response", "HttpResponse");
    let given = b"\x8c\x01xcmyapp\nf\nh\x00\x85Rs";
    let itself = [&response[..], b"\x94", &state, given, b"b"].concat();
    assert_eq!(what(&pickle(&[&itself])), "an object in it holds a part of it");
    let its_state = [&response[..], &dict(&[])[..1], b"\x94", &state[1..], given, b"b"].concat();
    assert_eq!(what(&pickle(&[&its_state])), "an object in it holds a part of it");
    for at in ["_store", "state"] {
        let fields = dict(&[("x", crate::pickles::pair("X", "v"))]);
        let (store, outer) =
            if at == "_store" { (memoized(fields), &b""[..]) } else { (fields, &b"\x94"[..]) };
        let state = [b"}", outer, b"\x8c\x06_store", &store[..], b"s"].concat();
        let headers = build(&object("django.http.response", "ResponseHeaders"), &state);
        let mut all = attributes(&[TYPE], &[b"hi"]);
        all.push(("headers", headers));
        all.push(("x", b"cmyapp\nf\nh\x00\x85R".to_vec()));
        let pickle = crate::pickles::response("django.http.response", "HttpResponse", &all);
        assert_eq!(what(&pickle), "an object in it holds a part of it", "{at}");
    }
}

/// Lists and dicts are what they are in the end, wherever they were filled.
#[test]
fn shared_containers_are_followed() {
    let late = |name: &'static str, part: &[u8], more: &[u8]| {
        let mut all = attributes(&[TYPE], &[b"hi"]);
        all.push((name, [part, b"\x94"].concat()));
        all.push(("x", [b"h\x00", more].concat()));
        read(&response("django.http.response", "HttpResponse", &all))
    };
    let page = late("_container", &list(&[binary(b"one ")]), &[&binary(b"two")[..], b"a"].concat());
    assert_eq!(&*page.unwrap().body, b"one two");
    let jar = object("http.cookies", "SimpleCookie");
    let more = [&b"\x8c\x01a"[..], &object("http.cookies", "Morsel"), b"s"].concat();
    assert_eq!(Outcome::from(late("cookies", &jar, &more).unwrap_err()).reason(), "set-cookie");
    let refused = late("headers", &headers(&[TYPE]), b"NNs").unwrap_err();
    assert_eq!(refused.error.unwrap().what, "set item of what is no dict");
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    assert_eq!(what(&with("x", b"N)R".to_vec())), "call of what is no class");
    assert_eq!(what(&with("x", b"])R".to_vec())), "call of what is no class");
    assert_eq!(what(&with("x", b"N)\x81".to_vec())), "object of no class");
    assert_eq!(what(&with("x", b"N)}\x92".to_vec())), "object of no class");
    assert_eq!(what(&with("x", b"cm\nc\nNR".to_vec())), "arguments are no tuple");
    assert_eq!(what(&with("x", b"cm\nc\n))\x92".to_vec())), "arguments are no tuple and dict");
    assert_eq!(what(&with("x", b"]}b".to_vec())), "state of no object");
    assert_eq!(what(&with("x", b"cm\nc\n}b".to_vec())), "state of no object");
    assert_eq!(what(&with("x", [b"c", &[b'x'; 300][..]].concat())), "unfinished name");
    assert_eq!(what(&with("x", b"c\xff\nx\n".to_vec())), "string is not UTF-8");
    assert_eq!(what(&with("x", b"\x8c\x02\xed\xa0".to_vec())), "string is not UTF-8");
    assert_eq!(what(&with("x", b"K\x01K\x02\x93".to_vec())), "name is not a string");
}

/// Protocol 2 has no bytes: Python makes them of a text, or of nothing.
#[test]
fn bytes_of_protocol_2() {
    let bytes = |text: &str, encoding: &str| {
        let arguments = [&string(text)[..], &string(encoding), b"\x86"].concat();
        [b"c_codecs\nencode\n", &arguments[..], b"R"].concat()
    };
    let content = |chunks: &[Vec<u8>]| read(&with("_container", list(chunks)));
    let page = |chunks: &[Vec<u8>]| content(chunks).unwrap().body.to_vec();
    assert_eq!(page(&[bytes("page", "latin1")]), b"page");
    assert_eq!(page(&[bytes("caf\u{e9}\u{80}\u{ff}\u{c0}", "latin1")]), b"caf\xe9\x80\xff\xc0");
    assert_eq!(page(&[bytes("\u{e9}", "latin1"), binary(b"x"), bytes("y", "latin1")]), b"\xe9xy");
    assert_eq!(page(&[b"cbuiltins\nbytes\n)R".to_vec()]), b"");
    assert_eq!(
        what(&with("_container", list(&[bytes("\u{100}", "latin1")]))),
        "bytes are no latin-1"
    );
    for other in [
        bytes("page", "utf-8"),
        b"c_codecs\nencode\n\x8c\x04page\x85R".to_vec(),
        b"c__builtin__\nbytes\n)R".to_vec(),
        b"cbuiltins\nbytes\n\x8c\x04page\x85R".to_vec(),
        b"cbuiltins\nbytes\n)\x81".to_vec(),
        b"cbuiltins\nbytearray\n)R".to_vec(),
    ] {
        assert_eq!(content(&[other]).unwrap_err().error.unwrap().what, "content is not bytes");
    }
    assert_eq!(what(&with("_is_rendered", bytes("page", "latin1"))), "template not rendered");
    assert_eq!(what(&with("_is_rendered", TRUE.to_vec())), "served");
    assert_eq!(what(&with("x", NONE.to_vec())), "served");
    let empty = set_items(&[]);
    assert_eq!(what(&with("x", [b"}", &empty[..]].concat())), "served");
}
