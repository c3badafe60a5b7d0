//! Ordered requests: what Django found in its cache, the look-up finds, and nothing else.

use page_cache::key::django::default_uri;
use page_cache::key::vary::VaryForm;
use page_cache::lookup::Memory;
use page_cache::{Miss, Outcome};

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

fn run(record: &Json, form: VaryForm, check: &mut dyn FnMut(&Json, &Request, &Talk)) {
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
            let plan = plan(keys, request.method == "HEAD", Some(form));
            let talk = converse(&store, plan, &mut memory, &request, now, &mut in_order);
            check(step, &request, &talk);
        }
        store = store_after(step);
    }
}

/// The look-up is Django's own.
#[test]
fn the_look_up_hits_where_django_does() {
    let (mut hits, mut misses, mut cookies) = (0, 0, 0);
    for record in records("django-core-sequence") {
        let id = &record["id"];
        let form = VaryForm::for_version(version(&record));
        run(&record, form, &mut |step, request, talk| {
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

/// Asked for in the form of another release, no page is found that Django did not find: but
/// for those of requests that give the same key in both.
#[test]
fn another_form_finds_no_page_of_another_request() {
    let (mut found, mut missed) = (0, 0);
    for record in records("django-core-sequence") {
        let id = text(&record["id"]);
        let own = VaryForm::for_version(version(&record));
        for form in VaryForm::ALL.into_iter().filter(|&form| form != own) {
            run(&record, form, &mut |step, _, talk| match (&talk.key, &step["hit_key"]) {
                (Some(key), Json::String(hit)) => {
                    assert_eq!(show(key), *hit, "{id} {form}");
                    found += 1;
                }
                _ => missed += 1,
            });
        }
    }
    assert!(found >= 1 && missed >= 5, "{found} {missed}");
}
