//! Whatever happens to a stored page: it is refused, or what is served is clean.

use std::rc::Rc;

use page_cache::page::django::{decode, header_list};
use page_cache::pipeline::Value;
use proptest::prelude::*;

use crate::decoder::OPTIONS;
use crate::support::{records, text, value};

fn recorded(kind: &str) -> Vec<Value> {
    let mut records = records("django-core.");
    records.retain(|record| text(&record["scheme"]) == kind);
    let mut values: Vec<Value> =
        records.iter().map(|record| Value::clone(&value(&record["expect"]))).collect();
    values.retain(|value| value.bytes.len() < 4096);
    values.sort_by_key(|value| value.bytes.len());
    values
}

#[derive(Clone, Debug)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    /// Repeats a part.
    Repeat(prop::sample::Index, u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<prop::sample::Index>;
    // The bytes that a header must not have, and opcodes.
    let byte = || {
        prop_oneof![
            prop::sample::select(&b"\r\n\0 :\x80\x94\x93\x81(u.bR]e)}tsahj\x8c\x8a"[..]),
            any::<u8>(),
        ]
    };
    prop_oneof![
        4 => (at(), byte()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        2 => (at(), byte()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        2 => at().prop_map(Mutation::Remove),
        1 => at().prop_map(Mutation::Cut),
        1 => (at(), at()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        1 => (at(), 1..20_u8).prop_map(|(at, len)| Mutation::Repeat(at, len)),
    ]
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let len = bytes.len();
        match self {
            Self::Set(at, byte) => bytes[at.index(len)] = *byte,
            Self::Insert(at, byte) => bytes.insert(at.index(len), *byte),
            Self::Remove(at) => drop(bytes.remove(at.index(len))),
            Self::Cut(at) => bytes.truncate(at.index(len)),
            Self::Swap(a, b) => bytes.swap(a.index(len), b.index(len)),
            Self::Repeat(at, part) => {
                let start = at.index(len);
                let end = (start + usize::from(*part)).min(len);
                let part = bytes[start..end].to_vec();
                bytes.splice(start..start, part);
            }
        }
    }
}

fn mutated(values: Vec<Value>) -> impl Strategy<Value = Rc<Value>> {
    (any::<prop::sample::Index>(), prop::collection::vec(mutation(), 1..4)).prop_map(
        move |(at, mutations)| {
            let mut value = values[at.index(values.len())].clone();
            for mutation in mutations {
                mutation.apply(&mut value.bytes);
            }
            Rc::new(value)
        },
    )
}

fn is_clean(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0'))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn a_mutated_page_is_refused_or_clean(value in mutated(recorded("django-core-page"))) {
        if let Ok(page) = decode(&value, &OPTIONS) {
            prop_assert!((200..600).contains(&page.status));
            prop_assert!(page.reason.as_deref().is_none_or(is_clean));
            for field in &page.headers {
                prop_assert!(!field.name.is_empty());
                prop_assert!(is_clean(&field.name) && is_clean(&field.value));
                prop_assert!(!field.name.eq_ignore_ascii_case(b"set-cookie"));
            }
            prop_assert!(page.body.len() <= OPTIONS.max_size);
        }
    }

    #[test]
    fn a_mutated_header_list_is_refused_or_well_formed(
        value in mutated(recorded("django-core-header")),
    ) {
        if let Ok(list) = header_list(&value, &OPTIONS) {
            for name in list.iter() {
                prop_assert!(name.starts_with(b"HTTP_"));
                prop_assert!(is_clean(name) && !name.contains(&b'*'));
            }
        }
    }
}
