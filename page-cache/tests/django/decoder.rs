//! Pickles to accept and to refuse.

use std::rc::Rc;

use page_cache::page::django::{DjangoOptions, decode};
use page_cache::page::{GzipFlag, Page, Rejection};
use page_cache::pipeline::Value;
use page_cache::{Failure, Miss};

use crate::support::{Json, bytes, latin1, records, show, text};

pub const OPTIONS: DjangoOptions =
    DjangoOptions { max_size: 8 << 20, gzip_flag: GzipFlag::Bits(0) };

/// Fields that are nginx's to say, or of one connection.
pub fn is_dropped(name: &[u8]) -> bool {
    const NAMES: &str = "connection content-length date keep-alive proxy-authenticate \
                         proxy-authorization proxy-connection server te trailer trailers \
                         transfer-encoding upgrade";
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    NAMES.split(' ').any(|dropped| dropped == name) || name.starts_with("x-accel-")
}

/// The fields of a record that go to the client.
pub fn fields(headers: &Json) -> Vec<(String, String)> {
    let headers = headers.as_array().unwrap().iter();
    let pairs = headers.map(|field| (latin1(&field[0]), latin1(&field[1])));
    let kept = pairs.filter(|(name, _)| !is_dropped(name));
    kept.map(|(name, value)| (show(&name), show(value.trim_ascii()))).collect()
}

pub fn fields_of(page: &Page) -> Vec<(String, String)> {
    page.headers.iter().map(|field| (show(&field.name), show(&field.value))).collect()
}

/// Checks that a value was read as the record says.
pub fn check(id: &str, expected: &Json, read: &Result<Page, Rejection>) {
    let has = |name: &str| {
        let mut headers = expected["headers"].as_array().unwrap().iter();
        headers.any(|field| text(&field[0]).eq_ignore_ascii_case(name))
    };
    if !expected["cookies"].as_array().unwrap().is_empty() || has("set-cookie") {
        assert_eq!(read.as_ref().unwrap_err().why, Miss::SetCookie.into(), "{id}");
        return;
    }
    if has("x-accel-redirect") {
        assert_eq!(read.as_ref().unwrap_err().why, Miss::XAccel.into(), "{id}");
        return;
    }
    let page = read.as_ref().unwrap_or_else(|why| panic!("{id}: {why:?}"));
    assert_eq!(u64::from(page.status), expected["status"].as_u64().unwrap(), "{id}");
    let reason = page.reason.as_deref().map(show);
    assert_eq!(reason.as_deref(), expected["reason"].as_str(), "{id}");
    assert_eq!(fields_of(page), fields(&expected["headers"]), "{id}");
    let has_body = !matches!(page.status, 204 | 304);
    let body = if has_body { bytes(&expected["body_b64"]) } else { Vec::new() };
    assert_eq!(show(&page.body), show(&body), "{id}");
    assert!(!page.gzip, "{id}");
}

#[test]
fn every_verdict_that_binds_is_kept() {
    let (mut accepted, mut refused) = (0, 0);
    for record in records("decoder") {
        let id = text(&record["id"]);
        let value = Rc::new(Value { flags: None, bytes: bytes(&record["value_b64"]) });
        let read = decode(&value, &OPTIONS);
        if let Ok(page) = &read {
            let clean = |bytes: &[u8]| !bytes.iter().any(u8::is_ascii_control);
            assert!(page.headers.iter().all(|field| clean(&field.name) && clean(&field.value)));
        }
        match (text(&record["strictness"]), text(&record["expect"])) {
            ("must", "accept") => {
                check(id, &record["page"], &read);
                accepted += 1;
            }
            ("must", "refuse") => {
                let why = read.map(|page| fields_of(&page)).expect_err(id);
                refused += 1;
                // A page with a cookie is refused for that, be the cookie legal or not.
                if id.contains("/cookie-") && why.why == Miss::SetCookie.into() {
                    continue;
                }
                assert_eq!(why.why, Failure::Undecodable.into(), "{id} {}", record["reason"]);
                let error = why.error.unwrap_or_else(|| panic!("{id}: no position"));
                assert!(error.at <= value.bytes.len(), "{id} {error}");
            }
            _ => {}
        }
    }
    assert!(accepted >= 10 && refused >= 80, "{accepted} {refused}");
}
