//! The machine that reads pickles: its limits, its stack, its memo.

use page_cache::page::django::header_list;

use crate::decoder::{OPTIONS, fields_of};
use crate::pages::{TYPE, read, what, with};
use crate::pickles::{
    NONE, attributes, build, dict, global, list, object, page, pickle, set_items, string, value,
};

#[test]
fn opcodes_that_no_page_has_are_refused() {
    // All that CPython writes in protocols 2 to 5, but for extensions, persistent ids and buffers
    // outside of the pickle.
    let known =
        b"\x80\x95.(01N\x88\x89JKM\x8a\x8bGCB\x8e\x8cX\x8d\x96)\x85\x86\x87t]ae}su\x8f\x90\x91\
                  \x94qrhjc\x93\x81\x92Rb";
    for opcode in 0..=u8::MAX {
        if !known[1..].contains(&opcode) {
            let found = what(&with("x", vec![opcode]));
            assert_eq!(found, "opcode that no page has", "{opcode:x}");
        }
    }
}

/// CPython writes no opcode before its protocol.
#[test]
fn opcodes_are_those_of_the_protocol() {
    let list = |protocol: u8, rest: &[u8]| [&[0x80, protocol, b']'], rest, b"0]."].concat();
    for (since, rest) in [
        (2, &b"N\x85a\x8a\x01\x05a"[..]),
        (2, b"X\x01\0\0\0aa"),
        (2, b"q\0h\0a"),
        (3, b"C\x01aa"),
        (3, b"B\x01\0\0\0aa"),
        (4, b"\x8c\x01aa"),
        (4, b"\x8d\x01\0\0\0\0\0\0\0aa"),
        (4, b"\x8e\x01\0\0\0\0\0\0\0aa"),
        (4, b"\x8fa"),
        (4, b"\x8f(K\x01\x90a"),
        (4, b"(K\x01\x91a"),
        (4, b"cm\nc\n)}\x92a"),
        (4, b"X\x01\0\0\0aX\x01\0\0\0b\x93a"),
        (4, b"\x94"),
        (4, b"\x95\0\0\0\0\0\0\0\0"),
        (5, b"\x96\x01\0\0\0\0\0\0\0aa"),
    ] {
        for protocol in 2..=5 {
            let read = header_list(&value(&list(protocol, rest)), &OPTIONS);
            let why = read.err().map(|why| why.error.unwrap().what);
            let expected = (protocol < since).then_some("opcode of a newer protocol");
            assert_eq!(why, expected, "{protocol} {}", rest.escape_ascii());
        }
    }
}

#[test]
fn height_and_number_are_bounded() {
    let nested = |depth: usize| [vec![b']'; depth], vec![b'a'; depth - 1]].concat();
    assert_eq!(what(&with("x", nested(10_000))), "served");
    assert_eq!(what(&with("x", nested(100_000))), "stack too high");
    let tuples = |depth| [b")".to_vec(), vec![0x85; depth]].concat();
    assert_eq!(what(&with("x", tuples(100_000))), "served");
    assert_eq!(what(&with("x", tuples(200_000))), "too many containers");
    let sets = |count| [b"]".to_vec(), b"\x8fa".repeat(count)].concat();
    assert_eq!(what(&with("x", sets(100_000))), "served");
    assert_eq!(what(&with("x", sets(200_000))), "too many containers");
    assert_eq!(what(&with("x", vec![b'('; 20_000])), "too deep");
    let numbers = |count| [b"(".to_vec(), vec![b'N'; count], b"t".to_vec()].concat();
    assert_eq!(what(&with("x", numbers(10_000))), "served");
    assert_eq!(what(&with("x", numbers(20_000))), "stack too high");
    let appended = |count| [b"]".to_vec(), b"Na".repeat(count)].concat();
    assert_eq!(what(&with("x", appended(100_000))), "served");
    assert_eq!(what(&with("x", appended(300_000))), "too many items");
    let empty = |count| [b"](".to_vec(), b"]e(".repeat(count), b"e".to_vec()].concat();
    assert_eq!(what(&with("x", empty(100))), "served");
    assert_eq!(what(&with("x", empty(200_000))), "too many containers");
    let marks = [b"]".to_vec(), b"(e".repeat(600_000)].concat();
    assert_eq!(what(&with("x", marks)), "too many opcodes");
    let memo = |index: u32| [b"Nr", &index.to_le_bytes()[..]].concat();
    assert_eq!(what(&with("x", memo(1000))), "served");
    assert_eq!(what(&with("x", memo(u32::MAX))), "memo too large");
    let memoized = [b"N".to_vec(), vec![0x94; 300_000]].concat();
    assert_eq!(what(&with("x", memoized)), "memo too large");
    let classes = |count| [b"]".to_vec(), b"cm\nc\na".repeat(count)].concat();
    assert_eq!(what(&with("x", classes(8_000))), "served");
    assert_eq!(what(&with("x", classes(9_000))), "too many classes");
}

#[test]
fn the_memo_is_cpython_s() {
    // MEMOIZE goes by the number of memoized values, not by the highest index.
    let memo = [b"]\x94".to_vec(), string("a"), b"q\x05\x94".to_vec()].concat();
    assert_eq!(what(&with("x", b"](h\x00e".to_vec())), "no such memo");
    assert_eq!(what(&with("x", [&memo[..], b"ah\x02ah\x05a"].concat())), "served");
    assert_eq!(what(&with("x", [&memo[..], b"ah\x01a"].concat())), "no such memo");
}

#[test]
fn stacks_are_kept_apart_by_marks() {
    for (item, why) in [
        (&b"(a"[..], "stack underflow"),
        (b"N(a", "stack underflow"),
        (b"](Na", "stack underflow"),
        (b"]NNa", "not a container"),
        (b"](e", "served"),
        (b"]N(\x85e", "stack underflow"),
        (b"]N(\x86e", "stack underflow"),
        (b"}(N", "key without value"),
        (b"}(\x8c\x01ku", "key without value"),
        (b"}(K\x01Nu", "served"),
        (b"}K\x01Ns", "served"),
        (b"](NNu", "set item of what is no dict"),
        (b"}(Ne", "append to what is no list"),
        (b")(Ne", "append to what is no list"),
        (b"]e", "append to what is no list"),
        (b"](N\x90", "add to what is no set"),
        (b"\x8f(N\x90", "served"),
        (b"\x8fN\x90", "add to what is no set"),
        (b"(\x91", "served"),
        (b"(s", "stack underflow"),
        (b"Nb", "not a container"),
        (b"(\x94", "stack underflow"),
        (b"(b", "stack underflow"),
        (b"(R", "stack underflow"),
        (b"NN0", "served"),
        (b"N(0", "served"),
        (b"N(NN1", "served"),
        (b"N(N00", "served"),
        (b"N(1", "served"),
    ] {
        let found = what(&with("x", item.to_vec()));
        let also = why == "not a container" && found == "state of no object";
        assert!(found == why || also, "{} {found}", item.escape_ascii());
    }
}

#[test]
fn objects_are_built_once_from_dicts() {
    let response = object("django.http.response", "HttpResponse");
    let state = dict(&attributes(&[TYPE], &[b"hi"]));
    assert_eq!(what(&pickle(&[&build(&response, &state)])), "served");
    assert_eq!(what(&pickle(&[&response])), "response without a state");
    let twice = build(&build(&response, &state), &dict(&[]));
    assert_eq!(what(&pickle(&[&twice])), "second state");
    assert_eq!(what(&pickle(&[&build(&response, &list(&[]))])), "state is no dict");
    assert_eq!(what(&pickle(&[&build(&list(&[]), &state)])), "state of no object");
    let class = global("django.http.response", "HttpResponse");
    assert_eq!(what(&pickle(&[&class])), "not a response");
    assert_eq!(what(&pickle(&[&class, b"N\x85\x81"])), "not a response");
    assert_eq!(what(&pickle(&[&class, b"N\x81"])), "arguments are no tuple");
    assert_eq!(what(&pickle(&[b"N)\x81"])), "object of no class");
    let items = [&response[..], &set_items(&[("a", NONE.to_vec())])].concat();
    assert_eq!(what(&pickle(&[&items])), "set item of what is no dict");
    let safe = [&global("django.utils.safestring", "SafeString")[..], &string("v")].concat();
    let field = [&string("X")[..], &safe, b"\x85\x81\x86"].concat();
    let store = dict(&[("x", field)]);
    let object = object("django.http.response", "ResponseHeaders");
    let page = read(&with("headers", build(&object, &dict(&[("_store", store)])))).unwrap();
    assert_eq!(fields_of(&page), [("X".to_owned(), "v".to_owned())]);
}

/// A text is written once and may be meant a hundred thousand times: looking at it each time would
/// take a worker for minutes.
#[test]
fn a_long_text_is_not_looked_at_over_and_over() {
    let long = "é".repeat(600_000);
    let put = |index: u8, item: &[u8]| [item, &[b'q', index, b'0'][..]].concat();

    let arguments = [string(&long), string("latin1"), b"\x86".to_vec()].concat();
    let parts = [put(200, &global("_codecs", "encode")), put(201, &arguments)].concat();
    let encoded = |times| [&parts[..], &b"h\xc8h\xc9R0".repeat(times), b"N"].concat();
    assert_eq!(what(&with("x", encoded(1))), "served");
    assert_eq!(what(&with("x", encoded(2))), "a text is encoded too often");

    let jar = [&object("http.cookies", "SimpleCookie")[..], b"(", &string("a")].concat();
    let morsel = object("http.cookies", "Morsel");
    let cookies = |times| {
        let items = [b"(", &b"h\xc8h\xc8".repeat(times)[..], b"u"].concat();
        [put(200, &string(&long[..500_000])), jar.clone(), morsel.clone(), items, b"u".to_vec()]
            .concat()
    };
    assert_eq!(what(&with("cookies", cookies(1))), "set-cookie");
    assert_eq!(what(&with("cookies", cookies(2))), "cookies too large");

    let blanks = " ".repeat(70_000);
    assert_eq!(what(&page(&[TYPE, ("Date", &blanks)], &[b"hi"])), "headers too large");
}
