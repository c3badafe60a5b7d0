//! What a log is told of look-ups that find nothing, and how often.

use page_cache::Miss;
use page_cache::key::django::{DjangoKeys, KeyParts, PageMethod};
use page_cache::key::vary::{NOTHING, RequestHeaders, VaryForm, vary_digest};
use page_cache::lookup::{Hint, Memory};
use page_cache::wire::Protocol;

use crate::pickles::{self, page};
use crate::support::{Store, Talk, converse, in_order, plan};

struct Cookie(String);

impl RequestHeaders for Cookie {
    fn for_each(&self, field: &mut dyn FnMut(&[u8], &[u8])) {
        field(b"Cookie", self.0.as_bytes());
    }
}

fn keys() -> DjangoKeys {
    let (namespace, prefix, uri) = (&b":1:"[..], &b""[..], &b"http://example.com/"[..]);
    let parts = KeyParts { namespace, prefix, uri, lang: b"", timezone: b"" };
    DjangoKeys::new(Protocol::Redis, &parts).unwrap()
}

/// A store with a list, and pages under these digests.
fn store(list: &[&str], digests: &[[u8; 32]]) -> Store {
    let list = pickles::value(&pickles::header_list(list));
    let mut store = Store::from([(keys().header().as_bytes().to_vec(), list)]);
    for digest in digests {
        let key = keys().page(PageMethod::Get, digest).unwrap();
        store.insert(key.as_bytes().to_vec(), pickles::value(&page(&[], &[b"page"])));
    }
    store
}

fn ask(store: &Store, cookie: &str, form: Option<VaryForm>, memory: &mut Memory) -> Talk {
    let request = Cookie(cookie.to_owned());
    converse(store, plan(keys(), false, form), memory, &request, 0, &mut in_order)
}

fn digest(cookie: &str, form: VaryForm) -> [u8; 32] {
    let request = Cookie(cookie.to_owned());
    vary_digest([&b"HTTP_COOKIE"[..]].into_iter(), &request, form).unwrap()
}

const RAW: Option<VaryForm> = Some(VaryForm::Raw);

#[test]
fn hints_say_what_to_write() {
    let mut memory = Memory::new();
    let talk = ask(&store(&["HTTP_COOKIE"], &[]), "a", None, &mut memory);
    assert_eq!(talk.refusal(), Some(Miss::Vary.into()));
    let text = talk.hint.unwrap().to_string();
    assert!(text.contains("varies on Cookie,") && text.contains("django=5.2.19"), "{text}");

    let talk = ask(&store(&["HTTP_COOKIE", "HTTP_X_REMOTE_USER"], &[]), "a", RAW, &mut memory);
    assert_eq!(talk.refusal(), Some(Miss::Vary.into()));
    let Some(Hint::NotOwn(header)) = &talk.hint else { panic!("{talk:?}") };
    assert_eq!(header.name(), b"HTTP_X_REMOTE_USER");
    let text = talk.hint.unwrap().to_string();
    for words in ["\"rust_page_cache_set_header X-Remote-User VALUE;\"", "$http_x_remote_user"] {
        assert!(text.contains(words), "{text}");
    }
    // A page for everybody, and one that is not stored at all, need no word.
    let talk = ask(&store(&[], &[NOTHING]), "a", None, &mut memory);
    assert!(talk.result.is_ok() && talk.hint.is_none());
    assert!(ask(&Store::new(), "a", None, &mut memory).hint.is_none());
}

#[test]
fn a_hint_is_said_once() {
    let mut memory = Memory::new();
    let not_own =
        |name: &str, memory: &mut Memory| ask(&store(&[name], &[]), "a", RAW, memory).hint.unwrap();
    let hint = not_own("HTTP_X_0", &mut memory);
    assert!(memory.may_say(&hint, 0));
    assert!(!memory.may_say(&hint, 1 << 40));
    // Of each header, but not of any number.
    let said = (1..100).filter(|i| {
        let hint = not_own(&format!("HTTP_X_{i}"), &mut memory);
        memory.may_say(&hint, 0)
    });
    assert_eq!(said.count(), 7);
    let no_form = ask(&store(&["HTTP_COOKIE"], &[]), "a", None, &mut memory).hint.unwrap();
    assert!(memory.may_say(&no_form, 0) && !memory.may_say(&no_form, 0));
    assert!(memory.may_say(&Hint::OutOfDate, 5));
    assert!(!memory.may_say(&Hint::OutOfDate, 5 + 3_599_999));
    assert!(memory.may_say(&Hint::OutOfDate, 5 + 3_600_000));
    assert!(Memory::new().may_say(&hint, 0), "each location for itself");
}

#[test]
fn a_hundred_misses_in_a_row_are_a_hint() {
    let mut memory = Memory::new();
    let page = store(&["HTTP_COOKIE"], &[digest("right", VaryForm::Raw)]);
    let misses = |count: usize, memory: &mut Memory| {
        let hints = (0..count).filter(|i| {
            let talk = ask(&page, &format!("{i}"), RAW, memory);
            assert_eq!(talk.refusal(), Some(Miss::Absent.into()));
            assert!(matches!(talk.hint, None | Some(Hint::OutOfDate)));
            talk.hint.is_some()
        });
        hints.count()
    };
    assert_eq!(misses(99, &mut memory), 0);
    // A page of the form begins the count anew,
    assert!(ask(&page, "right", RAW, &mut memory).result.is_ok());
    assert_eq!(misses(99, &mut memory), 0);
    // a page that does not vary does not, nor what is not stored, nor what has no digest.
    assert!(ask(&store(&[], &[NOTHING]), "x", RAW, &mut memory).result.is_ok());
    assert!(ask(&Store::new(), "x", RAW, &mut memory).hint.is_none());
    ask(&store(&["HTTP_X_A"], &[]), "x", RAW, &mut memory);
    assert_eq!(misses(1, &mut memory), 1);
    assert_eq!(misses(99, &mut memory), 0);
    assert_eq!(misses(301, &mut memory), 4);
}
