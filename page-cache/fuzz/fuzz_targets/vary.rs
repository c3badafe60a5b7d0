//! Any list of headers and any request: one digest for each form, each as Django makes it, which
//! is stated here once more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use md5::{Digest, Md5};
use page_cache::key::vary::{Forms, NoDigest, VaryForm, vary_digests};
use page_cache_fuzz::{Fields, Input};

/// The values of a header, as Django has them in `request.META`.
fn values(fields: &Fields<'_>, name: &[u8]) -> Vec<Vec<u8>> {
    let never: [&[u8]; 3] = [b"HTTP_CONTENT_TYPE", b"HTTP_CONTENT_LENGTH", b"HTTP_"];
    if never.contains(&name) || name.iter().any(u8::is_ascii_whitespace) {
        return Vec::new();
    }
    let meta = |field: &[u8]| -> Vec<u8> {
        let wsgi = |byte: &u8| if *byte == b'-' { b'_' } else { byte.to_ascii_uppercase() };
        b"HTTP_".iter().chain(field).map(wsgi).collect()
    };
    let text = |value: &[u8]| value.iter().map(|&byte| char::from(byte)).collect::<String>();
    fields
        .iter()
        .filter(|(field, _)| !field.contains(&b'_') && name == meta(field))
        .map(|(_, value)| text(value).trim_matches([' ', '\t']).as_bytes().to_vec())
        .collect()
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
    let mut names = Vec::new();
    while names.len() < 8 {
        match input.line() {
            b"" => break,
            name => names.push([b"HTTP_", name].concat()),
        }
    }
    let fields = Fields(input.rest());
    let found = vary_digests(names.iter().map(Vec::as_slice), &fields, Forms::ALL);
    let given: Vec<_> = names.iter().map(|name| values(&fields, name)).collect();
    let digests = match found {
        Ok(digests) => digests,
        Err(why) => {
            assert_eq!(why, NoDigest::Duplicate);
            return assert!(given.iter().any(|values| values.len() > 1));
        }
    };
    assert!(given.iter().all(|values| values.len() < 2));
    for form in VaryForm::STRICTEST_FIRST {
        let mut md5 = Md5::new();
        for values in &given {
            md5.update(absorb(form, values.first().map(Vec::as_slice)));
        }
        let hex: String = md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut of_form = digests.iter().filter(|digest| digest.forms.contains(form));
        assert_eq!(of_form.next().map(|digest| digest.hex.to_vec()), Some(hex.into_bytes()));
        assert!(of_form.next().is_none());
    }
});
