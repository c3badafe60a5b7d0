//! `rust_page_cache_public_only`: pages that do not say that they are for everybody are a miss.

use page_cache::directive::Format;
use page_cache::key::CacheKey;
use page_cache::lookup::Memory;
use page_cache::lookup::conversation::{Plan, Reading};
use page_cache::page::Refusal;
use page_cache::wire::Protocol;
use page_cache::{Failure, Miss};
use proptest::prelude::*;

use crate::pickles;
use crate::support::{READING, Store, converse, in_order};

const PUBLIC_ONLY: Reading = Reading { public_only: true, ..READING };

struct NoFields;

impl page_cache::key::vary::RequestHeaders for NoFields {
    fn for_each(&self, _field: &mut dyn FnMut(&[u8], &[u8])) {}
}

/// What a look-up makes of a stored value.
fn read(value: &[u8], reading: Reading) -> Option<Refusal> {
    let key = || CacheKey::new(Protocol::Redis, b"page".to_vec()).unwrap();
    let store = Store::from([(b"page".to_vec(), pickles::value(value))]);
    let plan = Plan::Key { key: key(), reading };
    converse(&store, plan, &mut Memory::new(), &NoFields, 0, &mut in_order).refusal()
}

fn marked(cache_control: &str) -> bool {
    let page = pickles::page(&[("Cache-Control", cache_control)], &[b"a page"]);
    assert_eq!(read(&page, READING), None, "{cache_control}");
    match read(&page, PUBLIC_ONLY) {
        None => true,
        Some(why) => {
            assert_eq!(why, Miss::Private.into(), "{cache_control}");
            false
        }
    }
}

#[test]
fn only_marked_pages_are_served() {
    assert!(marked("max-age=300, public"));
    assert!(marked("s-maxage=300"));
    assert!(!marked("max-age=300"));
    assert!(!marked("public, private"));
    let bare = pickles::page(&[("Content-Type", "text/html")], &[b"a page"]);
    assert_eq!(read(&bare, PUBLIC_ONLY), Some(Miss::Private.into()));
}

#[test]
fn other_reasons_come_first() {
    let cookie = pickles::page(&[("Set-Cookie", "a=1")], &[b"a page"]);
    assert_eq!(read(&cookie, PUBLIC_ONLY), Some(Miss::SetCookie.into()));
    assert_eq!(read(b"no page", PUBLIC_ONLY), Some(Failure::Undecodable.into()));
}

/// `nginx -t` refuses it; were it not refused, nothing would be served.
#[test]
fn a_body_is_never_public() {
    let body = Reading { format: Format::Body, ..PUBLIC_ONLY };
    assert_eq!(read(b"a page", body), Some(Miss::Private.into()));
    assert_eq!(read(b"", body), Some(Miss::Absent.into()));
}

fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "public", "Public", "private", "no-store", "s-maxage", "max-age", "=", "60", "0", ",",
        ", ", " ", "\t", "\"", "\\", "x", ";", "é",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..12)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_mark_is_a_directive_and_nothing_else(text in pieces()) {
        let lower = text.to_lowercase();
        if marked(&text) {
            prop_assert!(lower.contains("public") || lower.contains("s-maxage"));
            // What forbids it counts wherever it stands, and so does a field that breaks off.
            for more in ["private", "no-store", "private=\"a\"", "x=\"", "="] {
                let spoilt = format!("{}, {}", text, more);
                prop_assert!(!marked(&spoilt));
                let spoilt = format!("{}, {}", more, text);
                prop_assert!(!marked(&spoilt));
            }
            let other = format!("x=1, {}, max-age=3", text);
            prop_assert!(marked(&other));
        }
        // Within quotes it is a string.
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        let quoted = format!("x=\"{}\"", quoted);
        prop_assert!(!marked(&quoted));
        let beside = format!("public, {}", quoted);
        prop_assert!(marked(&beside));
    }
}
