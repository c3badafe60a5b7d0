//! A report in words, for a terminal.

use std::fmt::Write;

use crate::report::{AnswerPart, Found, Holds, KeyPart, PagePart, Report};
use crate::text::bytes;

/// Width of the left column.
const LEFT: usize = 11;

/// The report in words, one thing in a line.
pub fn words(report: &Report) -> String {
    let mut page = Lines::default();
    let reason =
        if report.reason.is_empty() { String::new() } else { format!(" ({})", report.reason) };
    page.bare(&format!("{}{reason}: {}", report.status, report.explanation));
    page.bare("");
    let request = &report.request;
    page.line("request", &format!("{} {}", request.method, request.target));
    page.line("", &format!("Host {}, {}", request.host, request.scheme));
    if let Some(path) = request.full_path.as_ref().filter(|path| **path != request.target) {
        page.line("full path", path);
    }
    store(report, &mut page);
    recipe(report, &mut page);
    for key in &report.keys {
        page.line(if key.holds == Holds::HeaderList { "header list" } else { "page" }, &key.key);
        page.line("", &found(key));
    }
    if let Some(headers) = &report.varies_on {
        let name = |header: &crate::report::VariesOn| {
            let is = match (header.set, header.in_request) {
                (true, _) => "set by rust_page_cache_set_header",
                (false, true) => "in the request",
                (false, false) => "not in the request",
            };
            format!("{} ({is})", header.header)
        };
        let names: Vec<String> = headers.iter().map(name).collect();
        if names.is_empty() {
            page.line("varies on", "nothing");
        }
        for (i, name) in names.iter().enumerate() {
            page.line(if i == 0 { "varies on" } else { "" }, name);
        }
    }
    if let Some(stored) = &report.page {
        page.line("stored", &stored_page(stored));
    }
    answer(report, &mut page);
    for note in &report.notes {
        page.line("note", note);
    }
    page.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn bare(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn line(&mut self, left: &str, right: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{left:LEFT$}  {right}");
        self.0.truncate(self.0.trim_end_matches(' ').len());
        self.0.push('\n');
    }
}

fn store(report: &Report, page: &mut Lines) {
    let store = &report.store;
    page.line("store", &store.store);
    if let Some(address) = &store.address {
        let time = store.time_ms.map_or(String::new(), |ms| format!(" within {ms} ms"));
        page.line("", &format!("asked {address}{time}"));
    }
}

fn recipe(report: &Report, page: &mut Lines) {
    let recipe = &report.recipe;
    page.line("recipe", &format!("key={} format={}", recipe.key, recipe.format));
    for (name, value) in [
        ("namespace", &recipe.namespace),
        ("prefix", &recipe.prefix),
        ("uri", &recipe.uri),
        ("lang", &recipe.lang),
        ("timezone", &recipe.timezone),
    ] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            page.line("", &format!("{name}={value}"));
        }
    }
}

fn found(key: &KeyPart) -> String {
    let of = match (&key.method, &key.django) {
        (Some(method), Some(releases)) => format!("for {method}, by Django {releases}: "),
        (Some("HEAD"), None) => "for HEAD: ".to_owned(),
        _ => String::new(),
    };
    let state = match &key.found {
        Found::NotAsked => "not asked for".to_owned(),
        Found::Absent => "not in the store".to_owned(),
        Found::Failed { why } => why.clone(),
        Found::Present { bytes: count, flags, time_to_live, .. } => {
            let flags = flags.map_or(String::new(), |flags| format!(", flags {flags}"));
            format!("in the store, {}{flags}, {time_to_live}", bytes(*count))
        }
    };
    of + &state
}

fn stored_page(page: &PagePart) -> String {
    let phrase = page.phrase.as_ref().map_or(String::new(), |phrase| format!(" {phrase}"));
    let what = match page.format {
        "django" => format!("a response of Django, status {}{phrase}, ", page.status),
        _ => String::new(),
    };
    let gzip = if page.gzip { " of gzip" } else { "" };
    let age = page.age.map_or(String::new(), |age| format!(", {age} s old"));
    format!("{what}a body of {}{gzip}{age}", bytes(page.body_bytes))
}

fn answer(report: &Report, page: &mut Lines) {
    match &report.answer {
        AnswerPart::Fallback { to } => page.line("answer", &format!("from the fallback: {to}")),
        AnswerPart::Nginx { status, headers, body_bytes } => {
            let body = match body_bytes {
                0 => "no body".to_owned(),
                count => format!("a body of {}", bytes(*count)),
            };
            page.line(
                "answer",
                &format!("from nginx: status {status}, {body}; before its filters"),
            );
            for (name, value) in headers {
                page.line("", &format!("{name}: {value}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{RecipePart, RequestPart, StorePart, VariesOn};

    fn key(key: &str, holds: Holds, found: Found) -> KeyPart {
        KeyPart { key: key.to_owned(), holds, method: None, django: None, found }
    }

    fn present(bytes: usize, flags: Option<u32>) -> Found {
        let time_to_live = "expires in 1 min".to_owned();
        Found::Present { bytes, flags, expires_in: Some(60), time_to_live }
    }

    fn field(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn bypass() -> Report {
        Report {
            status: "BYPASS",
            reason: "method",
            explanation: "only GET and HEAD are looked up".to_owned(),
            request: RequestPart {
                method: "POST".to_owned(),
                scheme: "http",
                host: "example.com".to_owned(),
                target: "/a".to_owned(),
                full_path: Some("/a".to_owned()),
            },
            store: StorePart {
                store: "redis://***@127.0.0.1/1".to_owned(),
                address: None,
                time_ms: None,
            },
            recipe: RecipePart { key: "md5", format: "body", ..RecipePart::default() },
            keys: Vec::new(),
            varies_on: None,
            page: None,
            answer: AnswerPart::Fallback { to: "@app".to_owned() },
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_bypass_in_words() {
        let expected = "\
BYPASS (method): only GET and HEAD are looked up

request      POST /a
             Host example.com, http
store        redis://***@127.0.0.1/1
recipe       key=md5 format=body
answer       from the fallback: @app
";
        assert_eq!(words(&bypass()), expected);
    }

    #[test]
    fn a_hit_in_words() {
        let mut other = key("page-2", Holds::Page, Found::Absent);
        other.method = Some("GET");
        other.django = Some("from 6.1.3".to_owned());
        let mut for_head = key("page-3", Holds::Page, Found::Failed { why: "too late".to_owned() });
        for_head.method = Some("HEAD");
        let mut report = Report {
            keys: vec![
                key("list", Holds::HeaderList, present(29, Some(1))),
                key("page-1", Holds::Page, present(1, None)),
                other,
                for_head,
                key("page-4", Holds::Page, Found::NotAsked),
            ],
            varies_on: Some(vec![
                VariesOn { header: "cookie".to_owned(), in_request: true, set: false },
                VariesOn { header: "accept".to_owned(), in_request: false, set: false },
                VariesOn { header: "x-country".to_owned(), in_request: true, set: true },
            ]),
            page: Some(PagePart {
                key: "page-1".to_owned(),
                format: "django",
                status: 404,
                phrase: Some("Gone fishing".to_owned()),
                headers: vec![field("Vary", "Cookie")],
                body_bytes: 8,
                gzip: true,
                age: Some(3),
            }),
            answer: AnswerPart::Nginx {
                status: 404,
                headers: vec![field("Content-Length", "8"), field("Vary", "Cookie")],
                body_bytes: 8,
            },
            notes: vec!["a note".to_owned()],
            ..bypass()
        };
        report.decide(page_cache::Outcome::Hit, "it is there".to_owned());
        report.request.full_path = Some("/A".to_owned());
        report.recipe.namespace = Some(":1:".to_owned());
        report.recipe.prefix = Some(String::new());
        report.store.address = Some("127.0.0.1:6379".to_owned());
        report.store.time_ms = Some(2);
        let expected = "\
HIT: it is there

request      POST /a
             Host example.com, http
full path    /A
store        redis://***@127.0.0.1/1
             asked 127.0.0.1:6379 within 2 ms
recipe       key=md5 format=body
             namespace=:1:
header list  list
             in the store, 29 bytes, flags 1, expires in 1 min
page         page-1
             in the store, 1 byte, expires in 1 min
page         page-2
             for GET, by Django from 6.1.3: not in the store
page         page-3
             for HEAD: too late
page         page-4
             not asked for
varies on    cookie (in the request)
             accept (not in the request)
             x-country (set by rust_page_cache_set_header)
stored       a response of Django, status 404 Gone fishing, a body of 8 bytes of gzip, 3 s old
answer       from nginx: status 404, a body of 8 bytes; before its filters
             Content-Length: 8
             Vary: Cookie
note         a note
";
        assert_eq!(words(&report), expected);
        assert_eq!(report.exit_code(), 0);
    }

    #[test]
    fn the_exit_status_is_the_outcome() {
        for (status, code) in [("HIT", 0), ("MISS", 1), ("BYPASS", 1), ("ERROR", 2)] {
            assert_eq!(Report { status, ..bypass() }.exit_code(), code);
        }
    }
}
