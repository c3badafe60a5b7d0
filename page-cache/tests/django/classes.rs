//! The class of a stored page: Django's own, with the status of the class; the site's own, where
//! the state says everything; and the name of what was refused.

use crate::pages::{TYPE, read, what};
use crate::pickles::{
    FALSE, NONE, TRUE, attributes, binary, build, dict, global, list, object, pickle, response,
    set_items, string,
};

const STATUS: (&str, &[u8]) = ("status_code", b"M\x94\x01");

/// A page of that class whose state has these attributes too, without some.
fn of_class(
    module: &str,
    name: &str,
    more: &[(&'static str, Vec<u8>)],
    without: &[&str],
) -> Vec<u8> {
    let mut given = attributes(&[TYPE], &[b"hi"]);
    given.retain(|(name, _)| !without.contains(name));
    given.extend_from_slice(more);
    response(module, name, &given)
}

fn own(more: &[(&'static str, Vec<u8>)], without: &[&str]) -> Vec<u8> {
    of_class("myapp.http", "Page", more, without)
}

fn with_status(more: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let status = [(STATUS.0, STATUS.1.to_vec())];
    own(&[&status, more].concat(), &[])
}

#[test]
fn django_s_own_classes_have_the_status_of_the_class() {
    for (name, status) in [
        ("HttpResponse", 200),
        ("JsonResponse", 200),
        ("HttpResponsePermanentRedirect", 301),
        ("HttpResponseRedirect", 302),
        ("HttpResponseNotModified", 304),
        ("HttpResponseBadRequest", 400),
        ("HttpResponseForbidden", 403),
        ("HttpResponseNotFound", 404),
        ("HttpResponseNotAllowed", 405),
        ("HttpResponseGone", 410),
        ("HttpResponseServerError", 500),
    ] {
        let page = read(&of_class("django.http.response", name, &[], &[])).unwrap();
        assert_eq!(page.status, status, "{name}");
        // Where nginx has another phrase.
        let reason = page.reason.map(|reason| String::from_utf8(reason).unwrap());
        let expected = match status {
            302 => Some("Found"),
            405 => Some("Method Not Allowed"),
            _ => None,
        };
        assert_eq!(reason.as_deref(), expected, "{name}");
        assert_eq!(page.body.len(), if status == 304 { 0 } else { 2 }, "{name}");
        // What the view has set goes before it.
        let set = [("status_code", b"M\x33\x01".to_vec())];
        let page = read(&of_class("django.http.response", name, &set, &[])).unwrap();
        assert_eq!(page.status, 307, "{name}");
        let none = [("status_code", NONE.to_vec())];
        assert_eq!(what(&of_class("django.http.response", name, &none, &[])), "status");
    }
}

#[test]
fn streaming_responses_are_refused_whatever_they_hold() {
    let status = [(STATUS.0, STATUS.1.to_vec())];
    for name in ["StreamingHttpResponse", "FileResponse"] {
        let pickle = of_class("django.http.response", name, &status, &[]);
        assert_eq!(what(&pickle), "a streaming response");
        let error = read(&pickle).unwrap_err().error.unwrap();
        assert_eq!(error.class.unwrap(), format!("django.http.response.{name}").into());
    }
}

#[test]
fn a_class_of_the_site_s_own_is_read_where_its_state_has_the_status() {
    let page = read(&with_status(&[])).unwrap();
    assert_eq!((page.status, &*page.body), (404, &b"hi"[..]));
    assert_eq!(page.headers.len(), 1);
    assert_eq!(what(&own(&[], &[])), "its state has no status_code");
    for name in ["headers", "_container", "cookies", "_reason_phrase", "_resource_closers"] {
        let status = [(STATUS.0, STATUS.1.to_vec())];
        assert_ne!(what(&own(&status, &[name])), "served", "{name}");
    }
    // A class that once was, elsewhere, and a base class, are as unknown as any.
    for (module, name) in [
        ("django.http", "HttpResponse"),
        ("django.http.response", "HttpResponseRedirectBase"),
        ("django.http.response", "HttpResponseBase"),
        ("rest_framework.response", "Other"),
    ] {
        assert_eq!(what(&of_class(module, name, &[], &[])), "its state has no status_code");
    }
}

#[test]
fn a_class_that_shows_that_it_makes_its_content_itself_is_refused() {
    for (name, value, why) in [
        ("content", string("x"), "its content is elsewhere"),
        ("_iterator", list(&[]), "its content is elsewhere"),
        ("streaming_content", NONE.to_vec(), "its content is elsewhere"),
        ("file_to_stream", NONE.to_vec(), "its content is elsewhere"),
        ("_is_rendered", FALSE.to_vec(), "template not rendered"),
        ("_is_rendered", TRUE.to_vec(), "served"),
        ("items", NONE.to_vec(), "an attribute stands for a method"),
        ("streaming", TRUE.to_vec(), "an attribute stands for a method"),
        ("render", global("myapp", "render"), "an attribute stands for a method"),
        ("context", string("x"), "served"),
        ("_container", list(&[]), "its state has no content"),
        ("_container", list(&[binary(b"")]), "its state has no content"),
    ] {
        let status = ("status_code", b"K\xc8".to_vec());
        assert_eq!(what(&own(&[status, (name, value)], &[])), why, "{name}");
    }
    // Nobody expects content here.
    for status in [b"K\xcc", b"K\xcd"] {
        let more = [("status_code", status.to_vec()), ("_container", list(&[]))];
        assert_eq!(what(&own(&more, &[])), "served");
    }
    assert_eq!(what(&with_status(&[("_container", list(&[]))])), "served");
    let empty = [("_container", list(&[]))];
    assert_eq!(what(&of_class("django.http.response", "HttpResponse", &empty, &[])), "served");
    // Django's own class takes its content from nowhere else.
    let content = [("content", string("x"))];
    assert_eq!(what(&of_class("django.http.response", "HttpResponse", &content, &[])), "served");
    let items = [("items", NONE.to_vec())];
    assert_ne!(what(&of_class("django.http.response", "HttpResponse", &items, &[])), "served");
}

#[test]
fn a_class_of_the_site_s_own_is_an_object_as_python_makes_one() {
    let given = [attributes(&[TYPE], &[b"hi"]), vec![(STATUS.0, STATUS.1.to_vec())]].concat();
    let state = dict(&given);
    let class = global("myapp.http", "Page");
    let page = object("myapp.http", "Page");
    assert_eq!(what(&pickle(&[&build(&page, &state)])), "served");
    for made in [
        [&class[..], b")R"].concat(),
        [&class[..], b"N\x85\x81"].concat(),
        [&class[..], b")}\x92"].concat(),
        [&global("copyreg", "_reconstructor")[..], &class, b"\x85R"].concat(),
    ] {
        assert_eq!(what(&pickle(&[&build(&made, &state)])), "not a response");
    }
    for items in [set_items(&[("a", NONE.to_vec())]), b"(NNu".to_vec(), b"Na".to_vec()] {
        let pickle = pickle(&[&build(&[&page[..], &items].concat(), &state)]);
        assert_eq!(what(&pickle), "response with items");
    }
    let slots = [&state[..], b"}\x86"].concat();
    assert_eq!(what(&pickle(&[&page, &slots, b"b"])), "response without a state");
    assert_eq!(what(&pickle(&[&build(&build(&page, &state), &dict(&[]))])), "second state");
    // The state is copied at once: what it says later is not said of the object.
    let late = [&page[..], &state, b"\x94b0h\x00", &set_items(&[]), b"0"].concat();
    assert_eq!(what(&pickle(&[&late, &page])), "state changed later");
    let named = [&page[..], b"}(K\x01Nub"].concat();
    assert_eq!(what(&pickle(&[&named])), "name of an attribute is not a string");
}

/// The name and the place, for the log.
fn error(pickle: &[u8]) -> (Option<String>, usize, String) {
    let error = read(pickle).unwrap_err().error.unwrap();
    (error.class.as_deref().map(str::to_owned), error.at, error.to_string())
}

#[test]
fn an_error_names_the_class_that_is_not_read() {
    let (class, at, shown) = error(&own(&[], &[]));
    assert_eq!(class.as_deref(), Some("myapp.http.Page"));
    assert_eq!(shown, format!("class myapp.http.Page: its state has no status_code at byte {at}"));
    assert_eq!(own(&[], &[])[at], 0x81, "where the object is made");
    let call = [&global("myapp.orm", "load")[..], b")R"].concat();
    for (name, value) in [
        ("headers", call.clone()),
        ("_container", call.clone()),
        ("_container", list(&[binary(b"hi"), call.clone()])),
        ("cookies", call.clone()),
        ("status_code", call.clone()),
        ("_reason_phrase", call.clone()),
        ("_resource_closers", call.clone()),
        (
            "cookies",
            [&object("http.cookies", "SimpleCookie")[..], b"\x8c\x01a", &call, b"s"].concat(),
        ),
    ] {
        let (class, at, _) = error(&with_status(&[(name, value.clone())]));
        assert_eq!(class.as_deref(), Some("myapp.orm.load"), "{name}");
        assert!(at > 0);
    }
    let headers = |field: &[u8]| {
        let store = [b"}\x8c\x01x", field, b"s"].concat();
        let state = dict(&[("_store", store)]);
        build(&object("django.http.response", "ResponseHeaders"), &state)
    };
    for field in [
        [b"\x8c\x01X", &call[..], b"\x86"].concat(),
        [&call[..], b"\x8c\x01v\x86"].concat(),
        call.clone(),
    ] {
        let (class, ..) = error(&with_status(&[("headers", headers(&field))]));
        assert_eq!(class.as_deref(), Some("myapp.orm.load"));
    }
    assert_eq!(error(&pickle(&[&call])).0.as_deref(), Some("myapp.orm.load"));
    assert_eq!(error(&pickle(&[&global("a", "B")])).0.as_deref(), Some("a.B"));
    assert_eq!(error(&pickle(&[&call, b")R"])).0, None);
    let long = format!("evil\n\u{1b}[2J{}", "x".repeat(500));
    let shown = error(&of_class(&long, "Page", &[], &[])).0.unwrap();
    assert!(shown.starts_with("evil\\n\\x1b[2Jxxx") && shown.ends_with("..."), "{shown}");
    assert_eq!(shown.len(), 103);
}
