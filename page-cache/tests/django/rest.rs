//! Views of Django REST framework under `cache_page`: their data is read over.

use std::rc::Rc;

use page_cache::page::django::{decode, header_list};
use page_cache::pipeline::Value;

use crate::decoder::{OPTIONS, fields, fields_of};
use crate::support::{Json, bytes, records, show, text};

#[test]
fn rest_views_are_served_as_django_serves_them() {
    let mut served = 0;
    for record in records("django-rest") {
        let id = text(&record["id"]);
        let value = |name: &str| Rc::new(Value { flags: None, bytes: bytes(&record[name]) });
        let list = header_list(&value("header_value_b64"), &OPTIONS).unwrap();
        assert!(list.iter().all(|name| name.starts_with(b"HTTP_")), "{id}");
        let page = decode(&value("value_b64"), &OPTIONS);
        let page = page.unwrap_or_else(|why| panic!("{id}: {why:?}"));
        let second = &record["django_second"];
        assert_eq!(u64::from(page.status), second["status"].as_u64().unwrap(), "{id}");
        assert_eq!(show(&page.body), show(&bytes(&second["body_b64"])), "{id}");
        let mut headers = second["headers"].as_array().unwrap().clone();
        headers.retain(|field: &Json| field[0] != "Age");
        assert_eq!(fields_of(&page), fields(&Json::Array(headers)), "{id}");
        served += 1;
    }
    assert!(served >= 10, "{served}");
}
