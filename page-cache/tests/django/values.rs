//! Pages of many classes, with attributes of many classes, in protocols 2 to 5: what is served is
//! what Django itself sends of them (`t/fixtures/record-values`).

use std::collections::HashMap;

use page_cache::Failure;
use page_cache::page::django::decode;

use crate::decoder::{OPTIONS, fields, fields_of};
use crate::pickles;
use crate::support::{bytes, records, show, text};

#[test]
fn pages_are_served_as_django_sends_them() {
    let mut seen = HashMap::new();
    for record in records("django-values") {
        let id = format!("{} of {}", text(&record["id"]), text(&record["django_version"]));
        let value = bytes(&record["value_b64"]);
        let read = decode(&pickles::value(&value), &OPTIONS);
        let expected = text(&record["expect"]);
        *seen.entry(expected.to_owned()).or_insert(0) += 1;
        if expected == "refused" {
            let why = read.map(|page| page.status).expect_err(&id);
            assert_eq!(why.why, Failure::Undecodable.into(), "{id}");
            let error = why.error.unwrap();
            assert!(error.at <= value.len(), "{id}");
            assert_eq!(error.class.as_deref(), record["class"].as_str(), "{id} {error}");
            continue;
        }
        let page = read.unwrap_or_else(|why| panic!("{id}: {why:?}"));
        let sent = &record["django"];
        assert_eq!(u64::from(page.status), sent["status"].as_u64().unwrap(), "{id}");
        let reason = page.reason.as_deref().map_or_else(|| nginx_s(page.status), show);
        assert_eq!(reason, show(text(&sent["reason"]).as_bytes()), "{id}");
        assert_eq!(fields_of(&page), fields(&sent["headers"]), "{id}");
        assert_eq!(show(&page.body), show(&bytes(&sent["body_b64"])), "{id}");
    }
    assert!(seen["served"] >= 400 && seen["refused"] >= 100, "{seen:?}");
}

/// The reason phrases of nginx that are Django's too.
fn nginx_s(status: u16) -> String {
    let phrase = match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        410 => "Gone",
        500 => "Internal Server Error",
        other => panic!("{other}"),
    };
    phrase.to_owned()
}

/// What was not pickled to the end is no page, wherever it ends.
#[test]
fn every_prefix_is_refused() {
    let mut records = records("django-values.dj52");
    records.retain(|record| text(&record["expect"]) == "served");
    for record in records.iter().step_by(7) {
        let value = bytes(&record["value_b64"]);
        for len in (0..value.len()).step_by(3).chain([value.len() - 1]) {
            let why = decode(&pickles::value(&value[..len]), &OPTIONS).map(|page| page.status);
            assert_eq!(why.unwrap_err().why, Failure::Undecodable.into(), "{}", record["id"]);
        }
    }
}
