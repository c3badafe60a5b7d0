//! The machine that reads pickles: its limits, its stack, its memo.

use crate::decoder::fields_of;
use crate::pages::{TYPE, read, what, with};
use crate::pickles::{
    NONE, attributes, build, dict, global, list, object, pickle, set_items, string,
};

#[test]
fn opcodes_that_no_page_has_are_refused() {
    let known =
        b"\x80\x95.(N\x88\x89JKM\x8aGCB\x8e\x8cX\x8d)\x85\x86\x87t]ae}su\x94qrhjc\x93\x81Rb";
    for opcode in 0..=u8::MAX {
        if !known[1..].contains(&opcode) {
            let found = what(&with("x", vec![opcode]));
            assert_eq!(found, "opcode that no page has", "{opcode:x}");
        }
    }
}

#[test]
fn depth_height_and_number_are_bounded() {
    let nested = |depth: usize| [vec![b']'; depth], vec![b'a'; depth - 1]].concat();
    assert_eq!(what(&with("x", nested(90))), "served");
    assert_eq!(what(&with("x", nested(150))), "too deep");
    let tuples = |depth| [b")".to_vec(), vec![0x85; depth]].concat();
    assert_eq!(what(&with("x", tuples(90))), "served");
    assert_eq!(what(&with("x", tuples(150))), "too deep");
    assert_eq!(what(&with("x", vec![b'('; 150])), "too deep");
    assert_eq!(what(&with("x", nested(100_000))), "stack too high");
    assert_eq!(what(&with("x", tuples(100_000))), "too deep");
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
fn self_references_are_refused() {
    for item in [
        &b"]\x94h\x00a"[..],
        b"]\x94(h\x00e",
        b"]\x94]\x94h\x00aa",
        b"]\x94h\x00\x85a",
        b"}\x94\x8c\x01kh\x00s",
        b"cuuid\nUUID\n)\x81\x94}\x8c\x01kh\x00sb",
    ] {
        assert_eq!(what(&with("x", item.to_vec())), "self-reference", "{}", item.escape_ascii());
    }
    // Shared, and not inside itself.
    assert_eq!(what(&with("x", b"](]\x94h\x00h\x00e".to_vec())), "served");
    assert_eq!(what(&with("x", b"]\x94(K\x01K\x02eh\x00\x86".to_vec())), "served");
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
        (b"}(K\x01Nu", "key is not a string"),
        (b"}K\x01Ns", "key is not a string"),
        (b"](NNu", "set item of what is no dict"),
        (b"}(Ne", "append to what is no list"),
        (b")(Ne", "append to what is no list"),
        (b"]e", "append to what is no list"),
        (b"N(s", "stack underflow"),
        (b"Nb", "not a container"),
        (b"(\x94", "stack underflow"),
        (b"(b", "stack underflow"),
        (b"(R", "stack underflow"),
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
    assert_eq!(what(&pickle(&[&class, b"N\x85\x81"])), "object with arguments");
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
