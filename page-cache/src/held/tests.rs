//! What is shared, what is charged, and to whom.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::page::{Body, Header};

const MIB: usize = 1024 * 1024;
const LIMIT: usize = 128 * MIB;

fn value(text: &[u8]) -> Rc<Value> {
    let mut bytes = Vec::with_capacity(text.len());
    bytes.extend_from_slice(text);
    Rc::new(Value { flags: None, bytes })
}

/// A page of its own memory, as each reply brings one.
fn page(text: &[u8]) -> Page {
    let body = Body::stored(&value(text));
    Page { status: 200, reason: None, headers: Vec::new(), gzip: false, body }
}

fn of(server: u64, key: &[u8], connection: u64) -> Origin<'_> {
    Origin { server, key, connection }
}

fn is_same(one: &HeldPage, other: &HeldPage) -> bool {
    ptr::eq(one.body.as_ptr(), other.body.as_ptr())
}

#[test]
fn equal_pages_of_a_key_are_one() {
    let held = Held::new();
    let text = vec![b'x'; 500_000];
    let all: Vec<HeldPage> = (0..2_400)
        .map(|n| held.page(page(&text), of(1, b"/page", n % 20), LIMIT).unwrap())
        .collect();
    assert!(all.iter().all(|one| is_same(one, &all[0])));
    assert_eq!((held.in_all(), held.known()), (500_000, (1, 1)));
    drop(all);
    assert_eq!((held.in_all(), held.known()), (0, (0, 0)));
}

#[test]
fn nothing_else_is_shared() {
    let held = Held::new();
    let first = held.page(page(b"page"), of(1, b"k", 1), LIMIT).unwrap();
    let same = held.page(page(b"page"), of(1, b"k", 2), LIMIT).unwrap();
    assert!(is_same(&first, &same));
    let field = |value: &[u8]| Header {
        name: Body::stored(&super::tests::value(b"Server")),
        value: Body::stored(&super::tests::value(value)),
    };
    let others = [
        (page(b"page"), of(2, b"k", 1)),
        (page(b"page"), of(1, b"K", 1)),
        (page(b"Page"), of(1, b"k", 1)),
        (page(b"page2"), of(1, b"k", 1)),
        (Page { status: 404, ..page(b"page") }, of(1, b"k", 1)),
        (Page { gzip: true, ..page(b"page") }, of(1, b"k", 1)),
        (Page { reason: Some(b"Fine".to_vec()), ..page(b"page") }, of(1, b"k", 1)),
        (Page { headers: vec![field(b"a")], ..page(b"page") }, of(1, b"k", 1)),
        (Page { headers: vec![field(b"b")], ..page(b"page") }, of(1, b"k", 1)),
    ];
    let mut all = vec![first];
    for (page, origin) in others {
        let other = held.page(page.clone(), origin, LIMIT).unwrap();
        assert_eq!(*other, page);
        assert!(all.iter().all(|one| !is_same(one, &other)), "{page:?}");
        all.push(other);
    }
}

#[test]
fn the_newest_is_shared_and_the_older_stay_right() {
    let held = Held::new();
    let old = held.page(page(b"old"), of(1, b"k", 1), LIMIT).unwrap();
    let new = held.page(page(b"newer"), of(1, b"k", 1), LIMIT).unwrap();
    assert!(is_same(&new, &held.page(page(b"newer"), of(1, b"k", 2), LIMIT).unwrap()));
    assert_eq!((&*old.body, &*new.body, held.in_all()), (&b"old"[..], &b"newer"[..], 8));
    drop(old);
    assert_eq!((held.in_all(), held.known()), (5, (1, 1)), "the name is the newer one's");
    assert!(is_same(&new, &held.page(page(b"newer"), of(1, b"k", 2), LIMIT).unwrap()));
    drop(new);
    assert_eq!((held.in_all(), held.known()), (0, (0, 0)));
}

#[test]
fn large_pages_fill_half_and_small_ones_the_rest() {
    let held = Held::new();
    let hold = |n: usize, len: usize| {
        let key = n.to_be_bytes();
        held.page(page(&vec![b'x'; len]), of(1, &key, n as u64), 64 * MIB)
    };
    let mut all = Vec::new();
    all.extend((0..8).map(|n| hold(n, 4 * MIB).unwrap()));
    all.push(hold(8, SMALL + 1).unwrap());
    let full = Full { wanted: SMALL + 1, by_connection: 0, in_all: 32 * MIB + SMALL + 1 };
    assert_eq!(hold(9, SMALL + 1).err(), Some(full), "more than half is in use");
    all.extend((10..520).map(|n| hold(n, SMALL).unwrap()));
    assert_eq!(held.in_all(), 64 * MIB - SMALL + 1, "small ones go on to the end");
    assert!(hold(1_000, SMALL).is_err());
    let again = hold(3, 4 * MIB).unwrap();
    assert!(is_same(&again, &all[3]), "what is held costs nothing, however full it is");
    all.drain(0..2);
    assert!(hold(1_000, SMALL).is_ok());
}

#[test]
fn a_connection_has_an_eighth() {
    let held = Held::new();
    let hold = |n: usize, connection| {
        held.page(page(&vec![b'x'; MIB]), of(1, &n.to_be_bytes(), connection), LIMIT)
    };
    let mut own: Vec<HeldPage> = (0..16).map(|n| hold(n, 1).unwrap()).collect();
    let full = Full { wanted: MIB, by_connection: 16 * MIB, in_all: 16 * MIB };
    assert_eq!(hold(16, 1).err(), Some(full));
    assert_eq!(Failure::from(full), Failure::Memory);
    let others = hold(16, 2).unwrap();
    assert!(is_same(&hold(16, 1).unwrap(), &others), "what another one holds costs nothing");
    assert!(hold(17, 1).is_err());
    own.pop();
    assert!(hold(17, 1).is_ok());
}

#[test]
fn a_page_over_the_bounds_is_never_held() {
    let held = Held::new();
    let hold = |len: usize, limit| held.page(page(&vec![b'x'; len]), of(1, b"k", 1), limit);
    for (len, limit) in [(1, 0), (1, 7), (MIB, 8 * MIB - 1), (MIB, MIB)] {
        assert!(hold(len, limit).is_err(), "{len} {limit}");
        assert_eq!((held.in_all(), held.known()), (0, (0, 0)));
    }
    for (len, limit) in [(1, 8), (MIB, 8 * MIB), (0, 0)] {
        assert!(hold(len, limit).is_ok(), "{len} {limit}");
    }
    assert!(hold(MIB, usize::MAX).is_ok());
}

#[test]
fn values_that_wait_are_held_like_pages() {
    let held = Held::new();
    assert!(held.value(&value(&[b'x'; NEGLIGIBLE]), of(1, b"k", 1), 0).unwrap().is_none());
    let text = [b'x'; 2_000];
    let hold = |text: &[u8], limit| held.value(&value(text), of(1, b"k", 1), limit);
    let one = hold(&text, LIMIT).unwrap().unwrap();
    let other = hold(&text, LIMIT).unwrap().unwrap();
    assert!(Rc::ptr_eq(one.value(), other.value()));
    assert_eq!(held.in_all(), 2_000);
    assert!(hold(&[b'y'; 2_000], 16_000).is_err());
    let page = held.page(page(&text), of(1, b"k", 1), LIMIT).unwrap();
    assert_eq!(held.known(), (2, 1), "a page is not a value");
    drop((one, other, page));
    assert_eq!((held.in_all(), held.known()), (0, (0, 0)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a model: what is charged is what distinct memory is in somebody's hands.
    #[test]
    fn the_books_are_right(steps in prop::collection::vec(any::<(u8, u8, u8)>(), 1..400)) {
        const LIMIT: usize = 4_000;
        let held = Held::new();
        let mut hands: Vec<(HeldPage, u64)> = Vec::new();
        for (what, which, whose) in steps {
            if what % 3 == 0 && !hands.is_empty() {
                hands.swap_remove(usize::from(which) % hands.len());
            } else {
                let (key, len) = (which % 5, usize::from(which) % 7 * 100 + 1);
                let (server, connection) = (u64::from(whose % 2), u64::from(whose % 3));
                let text = vec![b'a' + what % 4; len];
                let before = held.in_all();
                match held.page(page(&text), of(server, &[key], connection), LIMIT) {
                    Ok(page) => {
                        prop_assert_eq!(&*page.body, &*text);
                        hands.push((page, server << 8 | u64::from(key)));
                    }
                    Err(full) => {
                        prop_assert_eq!((full.wanted, full.in_all), (len, before));
                        let too_much = before + len > LIMIT || full.by_connection + len > LIMIT / 8;
                        prop_assert!(too_much);
                        prop_assert_eq!(held.in_all(), before);
                    }
                }
            }
            let mut distinct = BTreeMap::new();
            for (page, name) in &hands {
                let (len, of) = distinct.entry(page.body.as_ptr()).or_insert((page.held(), name));
                prop_assert_eq!((*len, *of), (page.held(), name), "shared across keys");
            }
            prop_assert_eq!(held.in_all(), distinct.values().map(|(len, _)| len).sum::<usize>());
            prop_assert!(held.in_all() <= LIMIT);
            let (names, payers) = held.known();
            prop_assert!(names <= distinct.len() && payers <= 3.min(distinct.len()));
        }
        hands.clear();
        prop_assert_eq!((held.in_all(), held.known()), (0, (0, 0)));
    }
}
