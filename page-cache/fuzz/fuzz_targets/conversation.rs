//! Any answers to any requests, one after the other with one memory: a page is served only by a
//! key that the list which came back for this very request makes of this very request.
#![no_main]

use std::collections::VecDeque;

use libfuzzer_sys::fuzz_target;
use page_cache::directive::Format;
use page_cache::key::CacheKey;
use page_cache::key::django::{DjangoKeys, KeyParts, PageMethod};
use page_cache::key::vary::{NOTHING, VaryForm, vary_digest};
use page_cache::lookup::Memory;
use page_cache::lookup::conversation::{Answer, DjangoPlan, Lookup, Plan, Reading, Step};
use page_cache::page::GzipFlag;
use page_cache::page::django::{DjangoOptions, header_list};
use page_cache::wire::Protocol;
use page_cache_fuzz::{Fields, Input, check_page, value};

const READING: Reading = Reading {
    format: Format::Django,
    max_size: 1 << 16,
    gzip_flag: GzipFlag::Bits(0),
    public_only: false,
};
const FORMS: [Option<VaryForm>; 3] = [None, Some(VaryForm::Raw), Some(VaryForm::NetstringAbsent)];

/// The header list, pages for GET and HEAD, by a guess and by the list.
const ASKED_MOST: usize = 1 + 2 * 2;

fn keys() -> Option<DjangoKeys> {
    let parts = KeyParts {
        namespace: b":1:",
        prefix: b"",
        uri: b"http://example.com/",
        lang: b"",
        timezone: b"",
    };
    DjangoKeys::new(Protocol::Memcached, &parts).ok()
}

/// Whether `key` is one that the list and the request make in this form, or in all.
fn is_of(key: &CacheKey, list: &[u8], fields: &Fields<'_>, form: Option<VaryForm>) -> bool {
    let options = DjangoOptions { max_size: READING.max_size, gzip_flag: GzipFlag::Bits(0) };
    let (Some(keys), Ok(list)) = (keys(), header_list(&value(Some(1), list), &options)) else {
        return false;
    };
    let digest = match form {
        Some(form) => vary_digest(list.iter(), fields, form).ok(),
        None => list.is_empty().then_some(NOTHING),
    };
    let Some(digest) = digest else { return false };
    [PageMethod::Get, PageMethod::Head]
        .iter()
        .any(|&method| keys.page(method, &digest).is_ok_and(|made| made == *key))
}

fn converse(input: &mut Input<'_>, memory: &mut Memory, now: u64) {
    let Some(keys) = keys() else { return };
    let (how, fields) = (input.byte(), Fields(input.part()));
    let form = FORMS[usize::from(how >> 1) % FORMS.len()];
    let plan = Plan::Django(DjangoPlan { keys, head: how & 1 != 0, form, reading: READING });
    let (mut lookup, mut step) = Lookup::start(plan, memory, &fields, now);
    let mut asked: Vec<CacheKey> = Vec::new();
    let mut pending: VecDeque<usize> = VecDeque::new();
    let mut list = None;
    loop {
        match step {
            Step::Done(Ok(page)) => {
                check_page(&page, READING.max_size);
                let key = lookup.key_of_page().and_then(|at| asked.get(at));
                let own = key.zip(list).is_some_and(|(key, list)| is_of(key, list, &fields, form));
                return assert!(own, "a page of another request");
            }
            Step::Done(Err(_)) => return,
            Step::Ask(more) => {
                assert!(!more.is_empty(), "asks for nothing");
                pending.extend(asked.len()..asked.len() + more.len());
                asked.extend(more);
                assert!(asked.len() <= ASKED_MOST);
            }
            Step::Wait => {}
        }
        // In any order; who waits for ever would hang.
        let order = usize::from(input.byte());
        let at = order / 4 % pending.len().max(1);
        let i = pending.remove(at).expect("waits for nothing");
        let answer = match order % 4 {
            0 => Answer::Absent,
            _ => {
                let bytes = input.part();
                list = if i == 0 { Some(bytes) } else { list };
                Answer::Value(value(Some(1), bytes))
            }
        };
        step = lookup.answer(i, answer, memory, &fields, now);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let (mut memory, mut now) = (Memory::new(), 0);
    while !input.0.is_empty() {
        now += u64::from(input.byte()) * 100;
        converse(&mut input, &mut memory, now);
    }
});
