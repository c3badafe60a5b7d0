//! The conversation against a model: never a wrong page, in as few round trips as can be.

use std::rc::Rc;

use page_cache::directive::Format;
use page_cache::key::CacheKey;
use page_cache::key::django::{DjangoKeys, KeyParts, PageMethod};
use page_cache::key::vary::{NOTHING, RequestHeaders, VaryForm, vary_digest};
use page_cache::lookup::conversation::{DjangoPlan, Plan, Reading};
use page_cache::lookup::{Hint, Memory};
use page_cache::page::Refusal;
use page_cache::pipeline::Value;
use page_cache::wire::Protocol;
use page_cache::{Failure, Miss};
use proptest::prelude::*;

use crate::pickles::{self, page};
use crate::support::{READING, Store, Talk, converse, in_order, plan, show};

const LISTS: &[&[&str]] = &[
    &[],
    &["HTTP_COOKIE"],
    &["HTTP_ACCEPT_LANGUAGE", "HTTP_COOKIE"],
    &["HTTP_COOKIE", "HTTP_ACCEPT_LANGUAGE"],
];

struct Fields(&'static [(&'static str, &'static str)]);

impl RequestHeaders for Fields {
    fn for_each(&self, field: &mut dyn FnMut(&[u8], &[u8])) {
        for (name, value) in self.0 {
            field(name.as_bytes(), value.as_bytes());
        }
    }
}

const REQUESTS: &[Fields] = &[
    Fields(&[]),
    Fields(&[("cookie", "")]),
    Fields(&[("Cookie", "a=1")]),
    Fields(&[("Accept-Language", "de"), ("Cookie", "a=1")]),
    Fields(&[("Accept-Language", "-,"), ("Cookie", "0:,")]),
    Fields(&[("Cookie", "a=1"), ("COOKIE", "a=1"), ("Accept_Language", "de")]),
];

fn keys() -> DjangoKeys {
    let parts = KeyParts {
        namespace: b":1:",
        prefix: b"site1",
        uri: b"http://example.com/",
        lang: b"en-us",
        timezone: b"UTC",
    };
    DjangoKeys::new(Protocol::Memcached, &parts).unwrap()
}

fn list_value(names: &[&str]) -> Rc<Value> {
    pickles::value(&pickles::header_list(names))
}

/// The keys under which the page of a request may lie; none if servers differ about it.
fn page_keys(
    list: &[&str],
    request: &Fields,
    methods: &[PageMethod],
    form: VaryForm,
) -> Option<Vec<CacheKey>> {
    let digest = vary_digest(list.iter().map(|name| name.as_bytes()), request, form).ok()?;
    Some(methods.iter().map(|method| keys().page(*method, &digest).unwrap()).collect())
}

/// Puts a page under a key: its body is the key.
fn put(store: &mut Store, key: &CacheKey) {
    let value = pickles::value(&page(&[], &[key.as_bytes()]));
    store.insert(key.as_bytes().to_vec(), value);
}

/// A store, and a request of it.
#[derive(Clone, Debug)]
struct Turn {
    list: Option<usize>,
    /// Pages that are stored: by list, request, method and form.
    pages: Vec<(usize, usize, bool, usize)>,
    request: usize,
    head: bool,
    pause: u64,
    shuffle: Vec<usize>,
}

fn turn() -> impl Strategy<Value = Turn> {
    let stored = (0..LISTS.len(), 0..REQUESTS.len(), any::<bool>(), 0..4_usize);
    (
        prop::option::weighted(0.9, 0..LISTS.len()),
        prop::collection::vec(stored, 0..12),
        0..REQUESTS.len(),
        any::<bool>(),
        prop::sample::select(vec![0, 10, 1000, 2000, 40_000]),
        prop::collection::vec(any::<usize>(), 12),
    )
        .prop_map(|(list, pages, request, head, pause, shuffle)| Turn {
            list,
            pages,
            request,
            head,
            pause,
            shuffle,
        })
}

impl Turn {
    fn store(&self) -> Store {
        let mut store = Store::new();
        for &(list, request, head, form) in &self.pages {
            let method = if head { PageMethod::Head } else { PageMethod::Get };
            let form = VaryForm::ALL[form];
            let found = page_keys(LISTS[list], &REQUESTS[request], &[method], form);
            for key in found.unwrap_or_default() {
                put(&mut store, &key);
            }
        }
        if let Some(list) = self.list {
            store.insert(keys().header().as_bytes().to_vec(), list_value(LISTS[list]));
        }
        store
    }

    fn methods(&self) -> &'static [PageMethod] {
        if self.head { &[PageMethod::Get, PageMethod::Head] } else { &[PageMethod::Get] }
    }

    fn talk(&self, form: Option<VaryForm>, memory: &mut Memory, now: u64) -> Talk {
        let mut shuffle = self.shuffle.iter().cycle();
        let mut order = |waiting: &mut Vec<usize>| {
            for i in 1..waiting.len() {
                waiting.swap(i, shuffle.next().unwrap() % (i + 1));
            }
        };
        let plan = plan(keys(), self.head, form);
        let request = &REQUESTS[self.request];
        converse(&self.store(), plan, memory, request, now, &mut order)
    }

    /// What Django would do, two look-ups one after the other.
    fn model(&self, form: VaryForm) -> Result<Vec<u8>, Refusal> {
        let list = LISTS[self.list.ok_or(Miss::Absent)?];
        let keys = page_keys(list, &REQUESTS[self.request], self.methods(), form);
        let store = self.store();
        let stored = |key: &CacheKey| store.contains_key(key.as_bytes());
        let found = keys.ok_or(Miss::Vary)?.into_iter().find(stored);
        Ok(found.ok_or(Miss::Absent)?.as_bytes().to_vec())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is remembered, in whatever order answers come: with a known form the result
    /// is that of two plain look-ups, in two round trips at most.
    #[test]
    fn a_known_form_gives_what_two_look_ups_give(
        turns in prop::collection::vec(turn(), 1..8),
        form in 0..4_usize,
    ) {
        let form = VaryForm::ALL[form];
        let mut memory = Memory::new();
        let mut now = 0;
        for turn in turns {
            now += turn.pause;
            let talk = turn.talk(Some(form), &mut memory, now);
            let served = talk.result.as_ref().map(|page| page.body.to_vec());
            prop_assert_eq!(served.map_err(|why| *why), turn.model(form));
            prop_assert!(talk.rounds.len() <= 2);
            if let Ok(page) = &talk.result {
                prop_assert_eq!(talk.key.as_deref(), Some(&*page.body));
            }
            let again = turn.talk(Some(form), &mut memory, now);
            prop_assert!(again.result.is_err() || again.rounds.len() == 1);
        }
    }

    /// The form being unknown, a page is served if it does not vary, and no key is made for one
    /// that does: whatever has been asked for before.
    #[test]
    fn an_unknown_form_is_not_found_out(turns in prop::collection::vec(turn(), 1..8)) {
        let mut memory = Memory::new();
        let mut now = 0;
        for turn in turns {
            now += turn.pause;
            let talk = turn.talk(None, &mut memory, now);
            let varies = turn.list.is_some_and(|list| !LISTS[list].is_empty());
            let model = if varies {
                Err(Miss::Vary.into())
            } else {
                turn.model(VaryForm::Raw)
            };
            let served = talk.result.as_ref().map(|page| page.body.to_vec());
            prop_assert_eq!(served.map_err(|why| *why), model);
            prop_assert_eq!(matches!(talk.hint, Some(Hint::NoForm(_))), varies);
            let nothing: Vec<Vec<u8>> = [PageMethod::Get, PageMethod::Head]
                .map(|method| keys().page(method, &NOTHING).unwrap().as_bytes().to_vec())
                .into();
            for key in talk.rounds.concat() {
                let is_known = key == keys().header().as_bytes() || nothing.contains(&key);
                prop_assert!(is_known, "{}", show(&key));
            }
        }
    }
}

#[test]
fn no_header_entry_is_a_miss_without_a_page_look_up() {
    let mut memory = Memory::new();
    let plan = plan(keys(), false, None);
    let talk = converse(&Store::new(), plan, &mut memory, &REQUESTS[0], 0, &mut in_order);
    assert_eq!(talk.refusal(), Some(Miss::Absent.into()));
    assert_eq!(talk.rounds, [[keys().header().as_bytes()]]);
}

/// The store of a site that uses `form`, for one list.
fn site(list: &[&str], form: VaryForm) -> Store {
    let mut store = Store::new();
    store.insert(keys().header().as_bytes().to_vec(), list_value(list));
    for request in REQUESTS {
        let found = page_keys(list, request, &[PageMethod::Get], form);
        for key in found.unwrap_or_default() {
            put(&mut store, &key);
        }
    }
    store
}

#[test]
fn a_list_is_remembered_for_a_while() {
    let store = site(LISTS[1], VaryForm::Raw);
    let mut memory = Memory::new();
    let mut rounds = |now| {
        let plan = plan(keys(), false, Some(VaryForm::Raw));
        converse(&store, plan, &mut memory, &REQUESTS[2], now, &mut in_order).rounds.len()
    };
    assert_eq!(rounds(0), 2);
    assert_eq!(rounds(29_000), 1);
    assert_eq!(rounds(58_000), 1);
    assert_eq!(rounds(500_000), 2);
}

#[test]
fn memory_is_bounded() {
    let mut memory = Memory::new();
    for page in 0..10_000 {
        // Not all the same: that would be remembered as one.
        let list = list_value(&[["HTTP_COOKIE", "HTTP_ACCEPT"][page % 2]]);
        let uri = format!("http://example.com/{page}");
        let parts = KeyParts {
            namespace: b":1:",
            prefix: b"",
            uri: uri.as_bytes(),
            lang: b"",
            timezone: b"",
        };
        let keys = DjangoKeys::new(Protocol::Redis, &parts).unwrap();
        let store = Store::from([(keys.header().as_bytes().to_vec(), list)]);
        let plan = plan(keys, false, Some(VaryForm::Raw));
        converse(&store, plan, &mut memory, &REQUESTS[2], 1, &mut in_order);
    }
    assert!(memory.len() <= 4096, "{}", memory.len());
    assert!(memory.len() >= 2048, "{}", memory.len());
}

#[test]
fn what_cannot_be_decoded_ends_the_conversation() {
    let get = |value: &[u8]| {
        let mut store = site(LISTS[0], VaryForm::Raw);
        store.insert(keys().header().as_bytes().to_vec(), pickles::value(value));
        let plan = plan(keys(), false, Some(VaryForm::Raw));
        converse(&store, plan, &mut Memory::new(), &REQUESTS[0], 0, &mut in_order)
    };
    assert!(get(&pickles::header_list(&[])).result.is_ok());
    for (list, why) in [
        (&["HTTP_*"][..], Refusal::from(Miss::Vary)),
        (&["HTTP_COOKIE", "HTTP_*"], Miss::Vary.into()),
        (&["COOKIE"], Failure::Undecodable.into()),
        (&["HTTP_cookie"], Failure::Undecodable.into()),
        (&["HTTP_A\0B"], Failure::Undecodable.into()),
        (&["HTTP_A\nHTTP_B"], Failure::Undecodable.into()),
        (&["HTTP_*", ""], Failure::Undecodable.into()),
    ] {
        let talk = get(&pickles::header_list(list));
        assert_eq!(talk.refusal(), Some(why), "{list:?}");
        assert_eq!(talk.rounds.len(), 1);
    }
    for garbage in [&b""[..], b"garbage", b"\x80\x05N.", b"\x80\x05]", b"\x80\x01]."] {
        assert_eq!(get(garbage).refusal(), Some(Failure::Undecodable.into()));
    }
    // Where all are absent, raw values are those of a page that does not vary.
    let names = vec!["HTTP_RSC"; 64];
    assert!(get(&pickles::header_list(&names)).result.is_ok());
    let names = vec!["HTTP_RSC"; 65];
    let refusal = get(&pickles::header_list(&names)).refusal();
    assert_eq!(refusal, Some(Failure::Undecodable.into()));
}

#[test]
fn it_is_known_whose_value_could_not_be_read() {
    let pages = page_keys(LISTS[0], &REQUESTS[0], &[PageMethod::Get], VaryForm::Raw).unwrap();
    let mut memory = Memory::new();
    // The second time both are asked for at once, and the page may come first.
    for order in [&mut in_order as &mut dyn FnMut(&mut Vec<usize>), &mut |all| all.reverse()] {
        for key in [keys().header(), &pages[0]] {
            let mut store = site(LISTS[0], VaryForm::Raw);
            let plan = || plan(keys(), false, Some(VaryForm::Raw));
            let talk = converse(&store, plan(), &mut memory, &REQUESTS[0], 0, order);
            assert_eq!(talk.read.as_deref(), Some(pages[0].as_bytes()));
            store.insert(key.as_bytes().to_vec(), pickles::value(b"garbage"));
            let talk = converse(&store, plan(), &mut memory, &REQUESTS[0], 0, order);
            assert_eq!(talk.refusal(), Some(Failure::Undecodable.into()));
            assert_eq!(talk.read.as_deref(), Some(key.as_bytes()));
        }
    }
}

#[test]
fn a_doubled_header_that_the_page_varies_on_is_a_miss() {
    let doubled = &REQUESTS[5];
    for (list, refusal) in
        [(LISTS[0], None), (LISTS[1], Some(Miss::Vary.into())), (LISTS[2], Some(Miss::Vary.into()))]
    {
        let mut memory = Memory::new();
        for _ in 0..2 {
            let store = site(list, VaryForm::RawAbsent);
            let plan = plan(keys(), false, Some(VaryForm::RawAbsent));
            let talk = converse(&store, plan, &mut memory, doubled, 0, &mut in_order);
            assert_eq!(talk.refusal(), refusal, "{list:?}");
        }
    }
}

#[test]
fn formats_and_recipes_mix() {
    let body = Reading { format: Format::Body, ..READING };
    let mut store = site(LISTS[0], VaryForm::Raw);
    let form = VaryForm::Raw;
    let key = page_keys(LISTS[0], &REQUESTS[0], &[PageMethod::Get], form).unwrap().remove(0);
    store.insert(key.as_bytes().to_vec(), pickles::value(b"only a body"));
    let talk = |plan| converse(&store, plan, &mut Memory::new(), &REQUESTS[0], 0, &mut in_order);
    let django = DjangoPlan { keys: keys(), head: false, form: None, reading: body };
    let page = talk(Plan::Django(django)).result.unwrap();
    assert_eq!(*page.body, *b"only a body");
    let page = talk(Plan::Key { key: key.try_clone().unwrap(), reading: body }).result.unwrap();
    assert_eq!(*page.body, *b"only a body");
    let other = Plan::Key { key, reading: READING };
    assert_eq!(talk(other).refusal(), Some(Failure::Undecodable.into()));
    let absent = CacheKey::new(Protocol::Redis, b"absent".to_vec()).unwrap();
    let absent = talk(Plan::Key { key: absent, reading: READING });
    assert_eq!(absent.refusal(), Some(Miss::Absent.into()));
    assert_eq!(absent.rounds, [[b"absent".to_vec()]]);
}

#[test]
fn keys_that_memcached_cannot_take_are_not_made() {
    let parts =
        |prefix| KeyParts { namespace: b":1:", prefix, uri: b"/", lang: b"", timezone: b"" };
    // The page's key has 35 bytes more than the header list's.
    let longest = [b'p'; 250 - 3 - 34 - 1 - 4 - 32 - 1 - 32];
    assert!(DjangoKeys::new(Protocol::Memcached, &parts(&longest)).is_ok());
    let too_long = [b'p'; 250 - 3 - 34 - 1 - 4 - 32 - 1 - 32 + 1];
    assert!(DjangoKeys::new(Protocol::Memcached, &parts(&too_long)).is_err());
    assert!(DjangoKeys::new(Protocol::Redis, &parts(&too_long)).is_ok());
    assert!(DjangoKeys::new(Protocol::Memcached, &parts(b"my site")).is_err());
    assert!(DjangoKeys::new(Protocol::Redis, &parts(b"my site")).is_ok());
    // HEAD's is one byte longer than GET's: it is left out.
    let keys = DjangoKeys::new(Protocol::Memcached, &parts(&longest)).unwrap();
    let list = list_value(&[]);
    let store = Store::from([(keys.header().as_bytes().to_vec(), list)]);
    let plan = plan(keys, true, None);
    let talk = converse(&store, plan, &mut Memory::new(), &REQUESTS[0], 0, &mut in_order);
    assert_eq!(talk.rounds[1].len(), 1);
}

/// Where all pages vary on the same, that is guessed of a page never seen before; a page that
/// varies on something else is right all the same, and ends the guessing.
#[test]
fn what_all_pages_vary_on_is_guessed() {
    let mut memory = Memory::new();
    let mut rounds = |page: usize, list: &[&str]| {
        let uri = format!("http://example.com/{page}");
        let (namespace, prefix) = (&b":1:"[..], &b""[..]);
        let parts = KeyParts { namespace, prefix, uri: uri.as_bytes(), lang: b"", timezone: b"" };
        let keys = DjangoKeys::new(Protocol::Redis, &parts).unwrap();
        let request = &REQUESTS[3];
        let names = list.iter().map(|name| name.as_bytes());
        let digest = vary_digest(names, request, VaryForm::Raw).unwrap();
        let key = keys.page(PageMethod::Get, &digest).unwrap();
        let mut store = Store::from([(keys.header().as_bytes().to_vec(), list_value(list))]);
        put(&mut store, &key);
        let plan = plan(keys, false, Some(VaryForm::Raw));
        let talk = converse(&store, plan, &mut memory, request, 1, &mut in_order);
        assert_eq!(talk.key.as_deref(), Some(key.as_bytes()));
        (talk.rounds.len(), memory.len())
    };
    let cookie = ["HTTP_COOKIE"];
    assert_eq!((0..9).map(|page| rounds(page, &cookie).0).sum::<usize>(), 18);
    for page in 9..100 {
        assert_eq!(rounds(page, &cookie).0, 1, "{page}");
    }
    assert!(rounds(100, &cookie).1 < 10, "what is guessed takes no memory");
    assert_eq!(rounds(101, &["HTTP_ACCEPT_LANGUAGE"]).0, 2);
    assert_eq!(rounds(101, &["HTTP_ACCEPT_LANGUAGE"]).0, 1);
    assert_eq!(rounds(102, &cookie).0, 2);
}
