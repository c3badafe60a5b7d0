//! Stores that fail.

use crate::rig::{explain, explained, fake, free_port, tool};

#[test]
fn a_store_that_is_down() {
    for scheme in ["memcached", "redis"] {
        let port = free_port();
        let directive = format!("{scheme}://127.0.0.1:{port} key=raw");
        let json = explained(&directive, "http://h/", &[], "ERROR", "connect");
        let why = json["explanation"].as_str().unwrap().to_owned();
        assert!(why.contains(&format!("127.0.0.1:{port}")) && why.contains("refused"), "{why}");
        let directive = format!("{scheme}://unix:/nonexistent/s key=raw");
        explained(&directive, "http://h/", &[], "ERROR", "connect");
        let directive = format!("{scheme}://pages.invalid key=raw");
        let json = explained(&directive, "http://h/", &[], "ERROR", "connect");
        assert!(json["explanation"].as_str().unwrap().contains("upstream"), "{json:#}");
    }
}

#[test]
fn a_store_that_is_silent() {
    for scheme in ["memcached", "redis"] {
        let port = fake(|_| Some(Vec::new()));
        let directive = format!("{scheme}://127.0.0.1:{port} key=raw");
        let said = tool(&["explain", &directive, "http://h/", "--timeout", "60ms", "--json"]);
        assert_eq!((&said.json()["reason"], said.code), (&"timeout".into(), 2), "{said:?}");
    }
}

#[test]
fn a_store_that_hangs_up() {
    for scheme in ["memcached", "redis"] {
        let port = fake(|_| None);
        let directive = format!("{scheme}://127.0.0.1:{port} key=raw");
        explained(&directive, "http://h/", &[], "ERROR", "closed");
    }
}

#[test]
fn a_store_that_talks_nonsense() {
    for (scheme, reply) in [
        ("memcached", "HTTP/1.1 400 Bad Request\r\n"),
        ("memcached", "SERVER_ERROR out of memory\r\n"),
        ("memcached", "VA x\r\n"),
        ("memcached", "VA 99999999999999\r\n"),
        ("memcached", "VA 1 f0\r\nxyz"),
        ("redis", "HTTP/1.1 400 Bad Request\r\n"),
        ("redis", "-LOADING Redis is loading the dataset in memory\r\n"),
        ("redis", ":1\r\n"),
    ] {
        let port = fake(move |line| (!line.starts_with(['*', '$'])).then(|| reply.into()));
        let port = if scheme == "redis" {
            // The last line of a GET is its key.
            fake(move |line| Some(if line == "/" { reply.into() } else { Vec::new() }))
        } else {
            port
        };
        let directive = format!("{scheme}://127.0.0.1:{port} key=raw");
        explained(&directive, "http://h/", &[], "ERROR", "protocol");
    }
}

/// memcached before 1.6, and proxies.
#[test]
fn a_memcached_without_meta_commands() {
    let port = fake(|line| {
        Some(match line {
            "get /page" => {
                b"VALUE /page 8 12\r\nx\x9c+HLO\x05\x00\x04\x1a\x01\x9e\r\nEND\r\n".to_vec()
            }
            "get /none" => b"END\r\n".to_vec(),
            "get /other" => b"VALUE /page 0 1\r\nx\r\nEND\r\n".to_vec(),
            "get /error" => b"SERVER_ERROR busy \x1b[2J\r\n".to_vec(),
            _ => b"ERROR\r\n".to_vec(),
        })
    });
    let directive = format!("memcached://127.0.0.1:{port} key=raw");
    let json = explained(&directive, "http://h/page", &[], "HIT", "");
    let found = &json["keys"][0]["found"];
    assert_eq!((&found["flags"], &json["page"]["body_bytes"]), (&8.into(), &4.into()));
    assert!(found["time_to_live"].as_str().unwrap().contains("no meta commands"), "{json:#}");
    explained(&directive, "http://h/none", &[], "MISS", "absent");
    explained(&directive, "http://h/other", &[], "ERROR", "protocol");
    explained(&directive, "http://h/error", &[], "ERROR", "protocol");
    explained(&directive, "http://h/page", &["--max-size", "11"], "ERROR", "too-large");
    let said = explain(&directive, "http://h/error", &[]);
    assert!(said.out.contains("busy \\x1b[2J"), "{}", said.out);
}
