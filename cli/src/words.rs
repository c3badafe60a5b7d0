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
            let is = if header.in_request { "in the request" } else { "not in the request" };
            format!("{} ({is})", header.header)
        };
        let names: Vec<String> = headers.iter().map(name).collect();
        page.line("varies on", if names.is_empty() { "nothing" } else { "" });
        names.iter().for_each(|name| page.line("", name));
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
            let body = if *body_bytes == 0 { "no body".to_owned() } else { bytes(*body_bytes) };
            page.line("answer", &format!("from nginx: {status}, {body}, and before its filters"));
            for (name, value) in headers {
                page.line("", &format!("{name}: {value}"));
            }
        }
    }
}
