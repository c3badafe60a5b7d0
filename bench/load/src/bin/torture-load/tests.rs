//! The load must not let anything pass that is not right.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::response::{Progress, Reader, Wrong};
use crate::targets::{Expected, Method, page};

fn expected(stored: bool) -> Expected {
    Expected {
        path: "/a/1".into(),
        user: "bob".into(),
        group: 0,
        page: stored.then(|| page("/a/1", "bob", 40)),
        fallback: b"fallback /a/1 for bob\n".to_vec(),
    }
}

fn response(outcome: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nX-Cache: {outcome}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn read(bytes: &[u8], stored: bool) -> Result<Progress, Wrong> {
    Reader::default().receive(bytes, Method::Get, &expected(stored))
}

fn done(taken: usize, outcome: &str) -> Result<Progress, Wrong> {
    Ok(Progress::Done { taken, outcome: outcome.into(), close: false })
}

#[test]
fn a_page_names_its_url_its_user_and_its_lines() {
    assert_eq!(page("/a/1", "bob", 40), b"page /a/1 of bob 0\npage /a/1 of bob 1\npa");
}

#[test]
fn right_responses_in_any_pieces() {
    let stored = page("/a/1", "bob", 40);
    for (outcome, body) in [("HIT", &stored[..]), ("MISS absent", b"fallback /a/1 for bob\n")] {
        let bytes = response(outcome, body);
        assert_eq!(read(&bytes, true), done(bytes.len(), outcome));
        for cut in 1..bytes.len() {
            let mut reader = Reader::default();
            let first = reader.receive(&bytes[..cut], Method::Get, &expected(true));
            assert_eq!(first, Ok(Progress::More), "{cut}");
            let second = reader.receive(&bytes[cut..], Method::Get, &expected(true));
            assert_eq!(second, done(bytes.len() - cut, outcome), "{cut}");
        }
    }
}

#[test]
fn the_next_response_is_left_alone() {
    let mut bytes = response("MISS absent", b"fallback /a/1 for bob\n");
    let taken = bytes.len();
    bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    assert_eq!(read(&bytes, true), done(taken, "MISS absent"));
}

#[test]
fn a_head_has_no_body() {
    let bytes = b"HTTP/1.1 200 OK\r\nX-Cache: HIT\r\nContent-Length: 40\r\n\r\n";
    let read = Reader::default().receive(bytes, Method::Head, &expected(true));
    assert_eq!(read, done(bytes.len(), "HIT"));
}

#[test]
fn wrong_responses() {
    let right = page("/a/1", "bob", 40);
    let mut flipped = right.clone();
    flipped[39] ^= 1;
    let fallback = b"fallback /a/1 for bob\n";
    for (bytes, stored, wrong) in [
        (response("HIT", &page("/a/1", "eve", 40)), true, Wrong::Body),
        (response("HIT", &page("/a/2", "bob", 40)), true, Wrong::Body),
        (response("HIT", &flipped), true, Wrong::Body),
        (response("HIT", &right[..39]), true, Wrong::Length),
        (response("HIT", &right), false, Wrong::Hit),
        (response("MISS absent", &right), true, Wrong::Length),
        (response("HIT", fallback), true, Wrong::Length),
        (response("MISS absent", b"fallback /a/2 for bob\n"), true, Wrong::Body),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n".to_vec(), true, Wrong::Status),
        (b"HTTP/1.1 200 OK\r\nX-Cache: HIT\r\n\r\n".to_vec(), true, Wrong::Length),
        (b"<html>\r\n\r\n".to_vec(), true, Wrong::Malformed),
    ] {
        assert_eq!(read(&bytes, stored), Err(wrong), "{}", String::from_utf8_lossy(&bytes));
    }
}
