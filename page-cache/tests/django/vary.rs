//! The digest against what application servers make of what nginx sends them: there is one only
//! where all of them agree, and then it is Django's.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use page_cache::Failure;
use page_cache::key::vary::{NoDigest, RequestHeaders, Set, VaryForm, vary_digest};
use proptest::prelude::*;

/// A request, and what the configuration says of it.
#[derive(Clone, Debug)]
struct Case {
    client: Vec<(String, Vec<u8>)>,
    /// By names as WSGI's; no value: the client's.
    set: BTreeMap<String, Option<Vec<u8>>>,
    names: Vec<String>,
}

impl RequestHeaders for Case {
    fn for_each(&self, field: &mut dyn FnMut(&[u8], &[u8])) {
        for (name, value) in &self.client {
            field(name.as_bytes(), value);
        }
    }

    fn set(&self, name: &[u8]) -> Result<Option<Set<'_>>, Failure> {
        let known = self.set.get(std::str::from_utf8(name).unwrap());
        Ok(known.map(|value| value.as_deref().map_or(Set::Client, Set::Value)))
    }
}

/// In pairs: own headers and others, each also under names that are nearly theirs.
const FIELDS: &[&str] = &[
    "Cookie",
    "cookie",
    "HX-Request",
    "HX_Request",
    "hx-request",
    "X-Country",
    "X_Country",
    "x-country",
    "Content-Type",
    "Content_Type",
    "Authorization",
];

const NAMES: &[&str] = &[
    "HTTP_COOKIE",
    "HTTP_HX_REQUEST",
    "HTTP_X_COUNTRY",
    "HTTP_CONTENT_TYPE",
    "HTTP_AUTHORIZATION",
    "HTTP_ACCEPT",
    "HTTP_",
    "HTTP_ X_A",
];

fn case() -> impl Strategy<Value = Case> {
    let value = prop::sample::select(vec![
        &b""[..],
        b"de",
        b"-,",
        b"0:,",
        b"a b",
        b"caf\xe9",
        b"2:de,",
        b"d",
        b"e",
    ]);
    let set = prop::sample::select(vec![
        &b""[..],
        b"de",
        b" de",
        b"de\t",
        b" ",
        b"d\ne",
        b"de\0",
        b"\x7f",
        b"caf\xe9",
        b"a\tb",
    ]);
    let field = (prop::sample::select(FIELDS), value);
    let given = (prop::sample::select(&NAMES[..6]), prop::option::weighted(0.7, set));
    (
        prop::collection::vec(field, 0..4),
        prop::collection::vec(given, 0..4),
        prop::collection::vec(prop::sample::select(NAMES), 1..4),
    )
        .prop_map(|(client, set, names)| Case {
            client: client.into_iter().map(|(n, v)| (n.to_owned(), v.to_vec())).collect(),
            set: set.into_iter().map(|(n, v)| (n.to_owned(), v.map(<[u8]>::to_vec))).collect(),
            names: names.into_iter().map(str::to_owned).collect(),
        })
}

/// What stands between nginx and Django.
#[derive(Clone, Copy, Debug)]
struct Server {
    /// Fields with `_` in their names are dropped.
    drops_underscores: bool,
    /// The first of several fields counts, or the last, or they are joined.
    several: Several,
    /// Values come as they are, over uwsgi; else as lines of HTTP.
    is_uwsgi: bool,
}

#[derive(Clone, Copy, Debug)]
enum Several {
    First,
    Last,
    Joined,
}

fn servers() -> Vec<Server> {
    let mut all = Vec::new();
    for drops_underscores in [false, true] {
        for several in [Several::First, Several::Last, Several::Joined] {
            for is_uwsgi in [false, true] {
                all.push(Server { drops_underscores, several, is_uwsgi });
            }
        }
    }
    all
}

impl Server {
    /// `request.META` of the case, for what `nginx` adds of its own.
    fn meta(self, case: &Case, nginx: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
        let wsgi = |field: &str| format!("HTTP_{}", field.to_uppercase().replace('-', "_"));
        let dashed = |name: &str| name["HTTP_".len()..].replace('_', "-");
        let mut sent: Vec<(String, Vec<u8>)> = Vec::new();
        for (field, value) in &case.client {
            // proxy_set_header goes by the name as it is, and by no other spelling.
            let is_replaced = case
                .set
                .iter()
                .any(|(name, value)| value.is_some() && dashed(name).eq_ignore_ascii_case(field));
            if !is_replaced {
                sent.push((field.clone(), value.clone()));
            }
        }
        for (name, value) in &case.set {
            if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
                sent.push((dashed(name), value.clone()));
            }
        }
        for (field, value) in nginx {
            sent.retain(|(known, _)| !known.eq_ignore_ascii_case(field));
            sent.push(((*field).to_owned(), value.to_vec()));
        }
        let mut meta: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (field, value) in sent {
            if self.drops_underscores && field.contains('_') {
                continue;
            }
            let name = wsgi(&field);
            if !self.is_uwsgi && name == "HTTP_CONTENT_TYPE" {
                continue;
            }
            let value = if self.is_uwsgi { value } else { read_line(&value) };
            match (self.several, meta.get_mut(&name)) {
                (Several::First, Some(_)) => {}
                (Several::Joined, Some(known)) => {
                    known.push(b',');
                    known.extend(value);
                }
                (Several::Last, Some(known)) => *known = value,
                (_, None) => {
                    meta.insert(name, value);
                }
            }
        }
        meta
    }
}

/// A value as it comes out of a line: up to its end, without blanks around it, and, of what
/// servers refuse altogether, something else.
fn read_line(value: &[u8]) -> Vec<u8> {
    let end = value.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(value.len());
    let is_refused = value.iter().any(|&byte| byte < b' ' && byte != b'\t' || byte == 0x7f);
    if is_refused {
        return b"refused".to_vec();
    }
    let text: String = value[..end].iter().map(|&byte| char::from(byte)).collect();
    text.trim_matches([' ', '\t']).chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

/// `_generate_cache_key()`
fn django(form: VaryForm, names: &[String], meta: &BTreeMap<String, Vec<u8>>) -> String {
    let mut md5 = Md5::new();
    for name in names {
        let value = meta.get(name).map(|value| {
            value.iter().map(|&byte| char::from(byte)).collect::<String>().into_bytes()
        });
        match (form, value) {
            (VaryForm::Raw, None) => {}
            (VaryForm::Netstring, None) => md5.update(b"0:,"),
            (_, None) => md5.update(b"-,"),
            (VaryForm::Raw | VaryForm::RawAbsent, Some(value)) => md5.update(value),
            (_, Some(value)) => {
                md5.update(format!("{}:", value.len()));
                md5.update(value);
                md5.update(b",");
            }
        }
    }
    md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// What nginx, or a proxy in front of it, may do to fields of which nothing is said.
const NGINX: &[&[(&str, &[u8])]] =
    &[&[], &[("X-Country", b"fr")], &[("Authorization", b"Basic x")], &[("Content-Type", b"")]];

fn digest(case: &Case, form: VaryForm) -> Result<String, NoDigest> {
    let names = case.names.iter().map(|name| name.as_bytes());
    vary_digest(names, case, form).map(|hex| String::from_utf8(hex.to_vec()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// A digest is what Django behind every server makes of the request, whatever nginx does
    /// to headers that are not the client's own and of which the configuration says nothing.
    #[test]
    fn a_digest_is_that_of_every_server(case in case(), form in 0..4_usize) {
        let form = VaryForm::ALL[form];
        let Ok(digest) = digest(&case, form) else { return Ok(()) };
        for server in servers() {
            for &nginx in NGINX {
                let is_said = nginx.iter().any(|(field, _)| {
                    let name = format!("HTTP_{}", field.to_uppercase().replace('-', "_"));
                    case.set.contains_key(&name)
                });
                if is_said {
                    continue;
                }
                let theirs = django(form, &case.names, &server.meta(&case, nginx));
                prop_assert_eq!(&digest, &theirs, "{:?} {:?}", server, nginx);
            }
        }
    }

    /// Where a request is plain there is a digest: a miss is not the answer to everything.
    #[test]
    fn a_plain_request_has_a_digest(case in case()) {
        let is_plain = case.names.iter().all(|name| match case.set.get(name) {
            Some(Some(value)) => [&b""[..], b"de", b"caf\xe9", b"a\tb"].contains(&value.as_slice()),
            Some(None) => true,
            None => !["HTTP_X_COUNTRY", "HTTP_CONTENT_TYPE", "HTTP_AUTHORIZATION"]
                .contains(&name.as_str()),
        });
        let mut fields: Vec<String> =
            case.client.iter().map(|(name, _)| name.to_uppercase().replace('_', "-")).collect();
        fields.sort();
        let count = fields.len();
        fields.dedup();
        let is_plain = is_plain
            && fields.len() == count
            && case.client.iter().all(|(name, _)| !name.contains('_'))
            && !case.names.contains(&"HTTP_CONTENT_TYPE".to_owned());
        prop_assert!(!is_plain || digest(&case, VaryForm::NetstringAbsent).is_ok());
    }
}

fn one(client: &[(&str, &str)], set: &[(&str, Option<&str>)], names: &[&str]) -> Case {
    Case {
        client: client.iter().map(|&(n, v)| (n.to_owned(), v.as_bytes().to_vec())).collect(),
        set: set.iter().map(|&(n, v)| (n.to_owned(), v.map(|v| v.as_bytes().to_vec()))).collect(),
        names: names.iter().map(|&name| name.to_owned()).collect(),
    }
}

#[test]
fn why_there_is_no_digest() {
    let country = "HTTP_X_COUNTRY";
    for (case, expected) in [
        (one(&[], &[], &[country]), Err(NoDigest::NotOwn { at: 0 })),
        (one(&[], &[], &["HTTP_ACCEPT", country]), Err(NoDigest::NotOwn { at: 1 })),
        (one(&[], &[(country, Some("de\n"))], &[country]), Err(NoDigest::Unclear { at: 0 })),
        (
            one(&[], &[("HTTP_CONTENT_TYPE", Some("a/b"))], &["HTTP_CONTENT_TYPE"]),
            Err(NoDigest::Unclear { at: 0 }),
        ),
        (
            one(&[("Content-Type", "a/b")], &[("HTTP_CONTENT_TYPE", None)], &["HTTP_CONTENT_TYPE"]),
            Err(NoDigest::Unclear { at: 0 }),
        ),
        (one(&[("Accept", "a"), ("accept", "a")], &[], &["HTTP_ACCEPT"]), Err(NoDigest::Duplicate)),
        (one(&[("X_Country", "a")], &[(country, Some("b"))], &[country]), Err(NoDigest::Duplicate)),
        (one(&[("X_Country", "a")], &[(country, None)], &[country]), Err(NoDigest::Duplicate)),
        (one(&[("X_Country", "a")], &[], &["HTTP_ACCEPT"]), Ok(())),
        (
            one(&[("X-Country", "a"), ("X-Country", "b")], &[(country, Some("b"))], &[country]),
            Ok(()),
        ),
        (
            one(
                &[("Content-Type", "a/b")],
                &[("HTTP_CONTENT_TYPE", Some(""))],
                &["HTTP_CONTENT_TYPE"],
            ),
            Ok(()),
        ),
        (one(&[], &[], &["HTTP_", "HTTP_ X"]), Ok(())),
        (one(&[], &[], &["COOKIE"]), Err(NoDigest::NotOwn { at: 0 })),
    ] {
        let found = digest(&case, VaryForm::NetstringAbsent).map(|_| ());
        assert_eq!(found, expected, "{case:?}");
    }
}

struct NoMemory;

impl RequestHeaders for NoMemory {
    fn for_each(&self, _: &mut dyn FnMut(&[u8], &[u8])) {}

    fn set(&self, _: &[u8]) -> Result<Option<Set<'_>>, Failure> {
        Err(Failure::Memory)
    }
}

#[test]
fn without_memory_for_a_value_there_is_no_digest() {
    let names = [&b"HTTP_COOKIE"[..]];
    let digest = vary_digest(names.into_iter(), &NoMemory, VaryForm::Raw);
    assert_eq!(digest, Err(NoDigest::Memory));
}
