//! Any list of headers, any request and anything said of it: a digest as Django makes it of what
//! every server makes of the request, which is stated here once more, or none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use md5::{Digest, Md5};
use page_cache::key::field::is_clients_own;
use page_cache::key::vary::{NoDigest, Set, VaryForm, vary_digest};
use page_cache_fuzz::{Fields, Input};

/// The values that the client sent of a header, and whether one is under a name with `_`.
fn sent(fields: &Fields<'_>, name: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let meta = |field: &[u8]| -> Vec<u8> {
        let wsgi = |byte: &u8| if *byte == b'-' { b'_' } else { byte.to_ascii_uppercase() };
        b"HTTP_".iter().chain(field).map(wsgi).collect()
    };
    let fields: Vec<_> = fields.iter().filter(|(field, _)| name == meta(field)).collect();
    let doubtful = fields.iter().any(|(field, _)| field.contains(&b'_'));
    (
        fields.iter().map(|(_, value)| text(value).trim_matches([' ', '\t']).into()).collect(),
        doubtful,
    )
}

/// The text that Django has of a value.
fn text(value: &[u8]) -> String {
    value.iter().map(|&byte| char::from(byte)).collect()
}

/// The value of a header, as Django has it in `request.META`; nothing if that is not sure.
fn value(fields: &Fields<'_>, name: &[u8]) -> Option<Option<Vec<u8>>> {
    if name == b"HTTP_" || name.contains(&b' ') {
        return Some(None);
    }
    let (sent, doubtful) = sent(fields, name);
    let set = fields.said_of(name);
    let value = match set {
        Some(Set::Value(_)) if doubtful => return None,
        Some(Set::Value(b"")) => None,
        Some(Set::Value(value)) => {
            let is_clean = value.iter().all(|&byte| byte >= b' ' && byte != 0x7f || byte == b'\t');
            let text = text(value);
            if !is_clean || text.trim_matches([' ', '\t']) != text {
                return None;
            }
            Some(text.into_bytes())
        }
        None if !is_clients_own(name) => return None,
        None | Some(Set::Client) => {
            if doubtful || sent.len() > 1 {
                return None;
            }
            sent.into_iter().next()
        }
    };
    let is_content = name == b"HTTP_CONTENT_TYPE" || name == b"HTTP_CONTENT_LENGTH";
    if is_content && value.is_some() { None } else { Some(value) }
}

fn absorb(form: VaryForm, value: Option<&[u8]>) -> Vec<u8> {
    match (form, value) {
        (VaryForm::Raw, None) => Vec::new(),
        (VaryForm::RawAbsent | VaryForm::NetstringAbsent, None) => b"-,".to_vec(),
        (VaryForm::Netstring, None) => b"0:,".to_vec(),
        (VaryForm::Raw | VaryForm::RawAbsent, Some(value)) => value.to_vec(),
        (VaryForm::Netstring | VaryForm::NetstringAbsent, Some(value)) => {
            [format!("{}:", value.len()).as_bytes(), value, b","].concat()
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let form = VaryForm::ALL[usize::from(input.byte()) % 4];
    let mut names = Vec::new();
    while names.len() < 8 {
        match input.line() {
            b"" => break,
            name => names.push([b"HTTP_", name].concat()),
        }
    }
    let fields = Fields(input.rest());
    let found = vary_digest(names.iter().map(Vec::as_slice), &fields, form);
    let values: Vec<_> = names.iter().map(|name| value(&fields, name)).collect();
    let first = values.iter().position(Option::is_none);
    match found {
        Ok(hex) => {
            assert_eq!(first, None);
            let mut md5 = Md5::new();
            for value in values.iter().flatten() {
                md5.update(absorb(form, value.as_deref()));
            }
            let theirs: String = md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex.to_vec(), theirs.into_bytes());
        }
        Err(NoDigest::NotOwn { at }) | Err(NoDigest::Unclear { at }) => assert_eq!(Some(at), first),
        Err(NoDigest::Duplicate) => assert!(first.is_some()),
        Err(NoDigest::Memory) => panic!("memory is not short"),
    }
});
