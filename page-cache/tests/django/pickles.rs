//! Pickles as Django writes them.

use std::rc::Rc;

use page_cache::pipeline::Value;

pub const PROTO: &[u8] = b"\x80\x05";
pub const STOP: &[u8] = b".";
pub const NONE: &[u8] = b"N";
pub const FALSE: &[u8] = b"\x89";
pub const TRUE: &[u8] = b"\x88";

pub fn value(pickle: &[u8]) -> Rc<Value> {
    Rc::new(Value { flags: None, bytes: pickle.to_vec() })
}

pub fn pickle(parts: &[&[u8]]) -> Vec<u8> {
    [PROTO, &parts.concat(), STOP].concat()
}

pub fn string(text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).unwrap().to_le_bytes();
    [b"X", &len[..], text.as_bytes()].concat()
}

pub fn binary(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    [b"B", &len[..], bytes].concat()
}

pub fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [b"](", &items.concat()[..], b"e"].concat()
}

pub fn dict(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    [b"}", &set_items(items)[..]].concat()
}

pub fn set_items(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let items = items.iter().map(|(key, value)| [string(key), value.clone()].concat());
    [b"(", &items.collect::<Vec<_>>().concat()[..], b"u"].concat()
}

pub fn pair(first: &str, second: &str) -> Vec<u8> {
    [string(first), string(second), b"\x86".to_vec()].concat()
}

pub fn global(module: &str, name: &str) -> Vec<u8> {
    [string(module), string(name), b"\x93".to_vec()].concat()
}

/// An object without state.
pub fn object(module: &str, name: &str) -> Vec<u8> {
    [&global(module, name)[..], b")\x81"].concat()
}

pub fn build(object: &[u8], state: &[u8]) -> Vec<u8> {
    [object, state, b"b"].concat()
}

/// `ResponseHeaders`
pub fn headers(fields: &[(&str, &str)]) -> Vec<u8> {
    let keys: Vec<String> = fields.iter().map(|(name, _)| name.to_lowercase()).collect();
    let items: Vec<(&str, Vec<u8>)> = keys
        .iter()
        .zip(fields)
        .map(|(key, (name, value))| (key.as_str(), pair(name, value)))
        .collect();
    let state = dict(&[("_store", dict(&items))]);
    build(&object("django.http.response", "ResponseHeaders"), &state)
}

/// The attributes of an `HttpResponse`, as Django orders them.
pub fn attributes(fields: &[(&str, &str)], chunks: &[&[u8]]) -> Vec<(&'static str, Vec<u8>)> {
    let chunks: Vec<Vec<u8>> = chunks.iter().map(|chunk| binary(chunk)).collect();
    vec![
        ("headers", headers(fields)),
        ("_charset", NONE.to_vec()),
        ("_resource_closers", list(&[])),
        ("_handler_class", NONE.to_vec()),
        ("cookies", object("http.cookies", "SimpleCookie")),
        ("closed", FALSE.to_vec()),
        ("_reason_phrase", NONE.to_vec()),
        ("_container", list(&chunks)),
    ]
}

/// A page of that class with these attributes.
pub fn response(module: &str, name: &str, attributes: &[(&str, Vec<u8>)]) -> Vec<u8> {
    pickle(&[&build(&object(module, name), &dict(attributes))])
}

pub fn page(fields: &[(&str, &str)], chunks: &[&[u8]]) -> Vec<u8> {
    response("django.http.response", "HttpResponse", &attributes(fields, chunks))
}

pub fn header_list(names: &[&str]) -> Vec<u8> {
    let names: Vec<Vec<u8>> = names.iter().map(|name| string(name)).collect();
    pickle(&[&list(&names)])
}
