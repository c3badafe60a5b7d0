//! What Django really stored and answered: keys, values, answers.

use std::rc::Rc;

use page_cache::key::django::{PageMethod, default_uri};
use page_cache::key::vary::{self, NoDigest, RequestHeaders, VaryForm, vary_digest};
use page_cache::lookup::Memory;
use page_cache::page::age::age;
use page_cache::page::django::{decode, header_list};
use page_cache::{Failure, Miss};

use crate::decoder::{OPTIONS, check, fields, fields_of, is_dropped};
use crate::support::{
    Json, Request, Site, Store, bytes, converse, in_order, is_read, latin1, plan, records, show,
    text, value, version,
};

/// Settings that make Django see another URI than the server in front of it: to be told by
/// `uri=`.
const OTHER_URI: &[&str] = &[
    "SCRIPT_NAME",
    "FORCE_SCRIPT_NAME",
    "SECURE_PROXY_SSL_HEADER",
    "USE_X_FORWARDED_HOST",
    "FANCY",
];

/// Records of one kind.
fn of_kind(kind: &str) -> Vec<Json> {
    let mut all = records("django-core.");
    all.extend(records("fancy-cache"));
    all.retain(|record| text(&record["scheme"]).ends_with(kind) && is_read(record));
    assert!(all.len() >= 4, "{kind}");
    all
}

fn uri(record: &Json, request: &Request) -> Vec<u8> {
    if OTHER_URI.iter().any(|name| !record["settings"][*name].is_null()) {
        return latin1(&record["absolute_uri"]);
    }
    default_uri(request.scheme.as_bytes(), request.host().unwrap_or_default(), &request.full_path())
        .unwrap()
}

fn names(list: &Json) -> Vec<Vec<u8>> {
    list.as_array().unwrap().iter().map(latin1).collect()
}

#[test]
fn the_keys_of_header_lists_are_django_s() {
    let mut seen = 0;
    for record in of_kind("-header") {
        let request = Request::of(&record);
        if !request.is_admitted() {
            continue;
        }
        let keys = Site::of(&record).keys(&uri(&record, &request));
        assert_eq!(
            show(keys.header().as_bytes()),
            show(&bytes(&record["expect"]["key_b64"])),
            "{}",
            record["id"]
        );
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
}

#[test]
fn the_keys_of_pages_are_django_s() {
    let (mut seen, mut doubled) = (0, 0);
    for record in of_kind("-page") {
        let request = Request::of(&record);
        if !request.is_admitted() {
            continue;
        }
        let id = &record["id"];
        let keys = Site::of(&record).keys(&uri(&record, &request));
        let list = names(&record["header_list"]);
        let form = VaryForm::for_version(version(&record));
        let digest = match vary_digest(list.iter().map(Vec::as_slice), &request, form) {
            Ok(digest) => digest,
            Err(why) => {
                assert_eq!(why, NoDigest::Duplicate, "{id}");
                doubled += 1;
                continue;
            }
        };
        let method = if request.method == "HEAD" { PageMethod::Head } else { PageMethod::Get };
        let key = keys.page(method, &digest).unwrap();
        assert_eq!(show(key.as_bytes()), show(&bytes(&record["expect"]["key_b64"])), "{id}");
        seen += 1;
    }
    assert!(seen >= 10 && doubled >= 1, "{seen} {doubled}");
}

#[test]
fn header_lists_are_read() {
    let (mut read, mut refused) = (0, 0);
    for record in of_kind("-header") {
        let id = &record["id"];
        let list = header_list(&value(&record["expect"]), &OPTIONS);
        match &record["expect"]["header_list"] {
            Json::Null => {
                assert_eq!(list.unwrap_err().why, Failure::Undecodable.into(), "{id}");
                refused += 1;
            }
            expected if names(expected).iter().any(|name| name == b"HTTP_*") => {
                assert_eq!(list.unwrap_err().why, Miss::Vary.into(), "{id}");
                refused += 1;
            }
            expected => {
                let list = list.unwrap_or_else(|why| panic!("{id}: {why:?}"));
                assert!(list.iter().eq(names(expected).iter().map(Vec::as_slice)), "{id}");
                read += 1;
            }
        }
    }
    assert!(read >= 10 && refused >= 1, "{read} {refused}");
}

#[test]
fn pages_are_read() {
    let (mut read, mut refused) = (0, 0);
    for record in of_kind("-page") {
        let id = text(&record["id"]);
        let expected = &record["expect"];
        let page = decode(&value(expected), &OPTIONS);
        if expected["response"].is_null() {
            // What the records' own reader refused: attributes of any class, and protocol 2, are
            // read; a class of the site's own whose status is not in its state, what has to be
            // closed, and other serializers are not.
            if ["/odd-class", "/closer", "-json/", "-msgpack/"].iter().any(|odd| id.contains(odd)) {
                assert_eq!(page.unwrap_err().why, Failure::Undecodable.into(), "{id}");
                refused += 1;
            } else {
                compare(&record, &page.unwrap_or_else(|why| panic!("{id}: {why:?}")));
                read += 1;
            }
            continue;
        }
        check(id, &expected["response"], &page);
        read += 1;
    }
    assert!(read >= 10 && refused >= 1, "{read} {refused}");
}

/// The look-up of a request whose header list and page lie in the store gives Django's own
/// second answer; with one round trip where the list is known.
#[test]
fn the_second_answer_is_django_s() {
    let headers = of_kind("-header");
    let mut seen = 0;
    for record in of_kind("-page") {
        let id = text(&record["id"]);
        let request = Request::of(&record);
        let second = &record["django_second"];
        if !request.is_admitted() || record["second_is_hit"] != true || second["status"] == 304 {
            continue;
        }
        let group = |header: &&Json| header["group"] == record["group"];
        let header = headers.iter().find(group).unwrap();
        let store = Store::from([
            (bytes(&header["expect"]["key_b64"]), value(&header["expect"])),
            (bytes(&record["expect"]["key_b64"]), value(&record["expect"])),
        ]);
        let head = request.method == "HEAD";
        let own = Some(VaryForm::for_version(version(&record)));
        let varies = record["header_list"].as_array().is_some_and(|list| !list.is_empty());
        for form in [None, own] {
            let mut memory = Memory::new();
            for rounds in [2, 1] {
                let keys = Site::of(&record).keys(&uri(&record, &request));
                let plan = plan(keys, head, form);
                let talk = converse(&store, plan, &mut memory, &request, 0, &mut in_order);
                let Ok(page) = &talk.result else {
                    let expected = match form {
                        None if varies => expected_refusal(&record)
                            .filter(|why| {
                                *why == Failure::Undecodable.into() && talk.hint.is_none()
                            })
                            .or(Some(Miss::Vary.into())),
                        _ => expected_refusal(&record),
                    };
                    assert_eq!(talk.refusal().map(Into::into), expected, "{id}");
                    continue;
                };
                assert_eq!(talk.key, Some(bytes(&record["expect"]["key_b64"])), "{id}");
                assert_eq!(talk.rounds.len(), rounds, "{id}");
                compare(&record, page);
                seen += 1;
            }
        }
    }
    assert!(seen >= 10, "{seen}");
}

/// Why a page that Django itself answered with is not served.
fn expected_refusal(record: &Json) -> Option<page_cache::Outcome> {
    let id = text(&record["id"]);
    let list = names(&record["header_list"]);
    // nginx drops fields with "_", as the recorded server did, unless it is told not to.
    let is_doubtful = id.contains("dup") || id.contains("underscore-header");
    if list.iter().any(|name| name == b"HTTP_*") || is_doubtful {
        return Some(Miss::Vary.into());
    }
    let response = &record["expect"]["response"];
    if response.is_null() {
        return Some(Failure::Undecodable.into());
    }
    let cookies = response["cookies"].as_array().unwrap();
    (!cookies.is_empty()).then(|| Miss::SetCookie.into())
}

fn compare(record: &Json, page: &page_cache::page::Page) {
    let id = text(&record["id"]);
    let second = &record["django_second"];
    assert_eq!(u64::from(page.status), second["status"].as_u64().unwrap(), "{id}");
    let reason = page.reason.as_deref().map_or_else(|| "OK".to_owned(), show);
    assert_eq!(reason, text(&second["reason"]), "{id}");
    if text(&record["request"]["method"]) != "HEAD" {
        assert_eq!(show(&page.body), show(&bytes(&second["body_b64"])), "{id}");
    }
    let answered = second["headers"].as_array().unwrap();
    let named = |field: &Json, name: &str| text(&field[0]).eq_ignore_ascii_case(name);
    let django_age = answered.iter().find(|field| named(field, "age"));
    // Middleware outside of a decorator adds to every answer, and says nothing of the page.
    let stack = text(&record["settings"]["STACK"]);
    let outer = matches!(stack, "startproject" | "locale") || stack.contains("gzip");
    let without_age: Vec<Json> =
        answered.iter().filter(|field| !named(field, "age")).cloned().collect();
    let mut expected = fields(&Json::Array(without_age));
    let mut served = fields_of(page);
    // Waitress sorts the fields, uvicorn writes their names in lower case.
    if !text(&record["server"]).starts_with("gunicorn") {
        let lower = |(name, value): &(String, String)| (name.to_lowercase(), value.clone());
        expected = expected.iter().map(lower).collect();
        served = served.iter().map(lower).collect();
        expected.sort();
        served.sort();
    }
    if outer {
        assert!(served.iter().all(|field| expected.contains(field)), "{id} {served:?}");
    } else {
        assert_eq!(served, expected, "{id}");
    }
    assert!(served.iter().all(|(name, _)| !is_dropped(name.as_bytes())), "{id}");
    #[allow(clippy::cast_possible_truncation, reason = "seconds since 1970")]
    let now = record["observed_at"]["hit"].as_f64().unwrap() as i64;
    let age = age(page, now);
    match django_age {
        Some(field) => {
            let expected: u64 = text(&field[1]).parse().unwrap();
            assert!(age.is_some_and(|age| age.abs_diff(expected) <= 1), "{id} {age:?} {expected}");
        }
        None if (version(record).major, version(record).minor) >= (5, 1) => {
            assert_eq!(age, None, "{id}");
        }
        None => {}
    }
    assert_eq!(Rc::strong_count(&value(&record["expect"])), 1);
}

#[test]
fn forms_agree_where_nothing_varies() {
    for form in VaryForm::ALL {
        assert_eq!(vary_digest(std::iter::empty(), &NoHeaders, form), Ok(vary::NOTHING));
    }
}

struct NoHeaders;

impl RequestHeaders for NoHeaders {
    fn for_each(&self, _: &mut dyn FnMut(&[u8], &[u8])) {}
}
