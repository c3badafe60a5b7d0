//! Ordered requests: what Django found in its cache, the look-up finds, and nothing else.

use page_cache::key::django::default_uri;
use page_cache::key::vary::VaryForm;
use page_cache::lookup::Memory;
use page_cache::{Failure, Miss, Outcome};

use crate::decoder::{fields, fields_of};
use crate::support::{
    Json, Request, Site, Store, Talk, bytes, converse, in_order, plan, records, show, text, value,
    version,
};

/// What lay in the store after a step.
fn store_after(step: &Json) -> Store {
    let keys = step["keys_after"].as_array().unwrap().iter();
    keys.map(|entry| (text(&entry["key"]).as_bytes().to_vec(), value(entry))).collect()
}

fn run(record: &Json, form: Option<VaryForm>, check: &mut dyn FnMut(&Json, &Request, &Talk)) {
    let mut store = Store::new();
    let mut memory = Memory::new();
    for (now, step) in (0_u64..).zip(record["steps"].as_array().unwrap()) {
        if let Some(what) = step["what"].as_str() {
            assert_eq!(text(&step["action"]), "delete keys containing");
            store.retain(|key, _| !show(key).contains(what));
            continue;
        }
        let request = Request::of(step);
        if request.is_admitted() && matches!(request.method.as_str(), "GET" | "HEAD") {
            let site = Site::of(record);
            let host = request.host().unwrap();
            let uri = default_uri(request.scheme.as_bytes(), host, &request.full_path()).unwrap();
            let keys = site.keys(&uri);
            assert_eq!(show(keys.header().as_bytes()), text(&step["header_key"]));
            let plan = plan(keys, request.method == "HEAD", form);
            let talk = converse(&store, plan, &mut memory, &request, now, &mut in_order);
            check(step, &request, &talk);
        }
        store = store_after(step);
    }
}

/// The Vary digest's form being known, the look-up is Django's own.
#[test]
fn the_look_up_hits_where_django_does() {
    let (mut hits, mut misses, mut cookies) = (0, 0, 0);
    for record in records("django-core-sequence") {
        let id = &record["id"];
        let form = VaryForm::for_version(version(&record));
        run(&record, Some(form), &mut |step, request, talk| {
            if step["hit"] == true {
                if talk.refusal().map(Outcome::from) == Some(Miss::SetCookie.into()) {
                    cookies += 1;
                    return;
                }
                let page = talk.result.as_ref().unwrap_or_else(|why| panic!("{id} {why:?}"));
                let key = talk.key.as_deref().map(show);
                assert_eq!(key.as_deref(), step["hit_key"].as_str(), "{id}");
                // Django's other middleware may have made a 304 of the page.
                if step["response"]["status"] == 200 {
                    let mut expected = fields(&step["response"]["headers"]);
                    expected.retain(|(name, _)| name != "Age");
                    assert_eq!(fields_of(page), expected, "{id}");
                    if request.method == "GET" {
                        assert_eq!(*page.body, bytes(&step["response"]["body_b64"]), "{id}");
                    }
                }
                hits += 1;
            } else {
                assert_eq!(talk.refusal(), Some(Miss::Absent.into()), "{id} {talk:?}");
                misses += 1;
            }
        });
    }
    assert!(hits >= 5 && misses >= 5 && cookies >= 1, "{hits} {misses} {cookies}");
}

/// The form being unknown, every hit is a hit all the same.
#[test]
fn the_form_is_found_out() {
    let (mut hits, mut others) = (0, 0);
    for record in records("django-core-sequence") {
        let id = text(&record["id"]);
        run(&record, None, &mut |step, _, talk| {
            let cookie = talk.refusal() == Some(Miss::SetCookie.into());
            if step["hit"] == true && !cookie {
                let key = talk.key.as_deref().map(show);
                assert_eq!(key.as_deref(), step["hit_key"].as_str(), "{id}");
                hits += 1;
            } else if talk.result.is_ok() {
                others += 1;
            }
            assert_ne!(talk.refusal(), Some(Failure::Undecodable.into()), "{id}");
        });
    }
    assert!(hits >= 5, "{hits}");
    assert_eq!(others, 0);
}
