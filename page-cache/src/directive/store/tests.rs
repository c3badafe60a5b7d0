#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn store(word: &str) -> Store {
    Store::parse(word.as_bytes()).unwrap_or_else(|error| panic!("{word}: {error}"))
}

fn error(word: &str) -> String {
    Store::parse(word.as_bytes()).expect_err(word).to_string()
}

fn host(host: &str, port: Option<u16>) -> Address {
    Address::Host { host: host.to_owned(), port }
}

fn unix(path: &str) -> Address {
    Address::Unix(path.as_bytes().to_vec())
}

#[test]
fn addresses() {
    for (word, address, db) in [
        ("memcached://127.0.0.1:11211", host("127.0.0.1", Some(11211)), 0),
        ("memcached://localhost", host("localhost", None), 0),
        ("memcached://pool_1", host("pool_1", None), 0),
        ("memcached://[::1]", host("[::1]", None), 0),
        ("memcached://[::1]:1", host("[::1]", Some(1)), 0),
        ("memcached://$host", host("$host", None), 0),
        ("MemCached://h:65535", host("h", Some(65535)), 0),
        ("memcached://unix:/run/m.sock", unix("/run/m.sock"), 0),
        ("memcached://UNIX:/run/m.sock", unix("/run/m.sock"), 0),
        ("memcached://unix:/a@b/c:d", unix("/a@b/c:d"), 0),
        ("memcached://unix", host("unix", None), 0),
        ("redis://h", host("h", None), 0),
        ("REDIS://h/3", host("h", None), 3),
        ("redis://h:7000/15", host("h", Some(7000)), 15),
        ("valkey://h:7000/15", host("h", Some(7000)), 15),
        ("Valkey://unix:/run/v.sock:/2", unix("/run/v.sock"), 2),
        ("redis://h/2147483647", host("h", None), 2_147_483_647),
        ("redis://[2001:db8::1]:7000/1", host("[2001:db8::1]", Some(7000)), 1),
        ("redis://unix:/run/r.sock", unix("/run/r.sock"), 0),
        ("redis://unix:/run/r.sock:/2", unix("/run/r.sock"), 2),
        ("redis://unix:/run/r.sock:2", unix("/run/r.sock:2"), 0),
        ("redis://unix:/run:/r.sock", unix("/run:/r.sock"), 0),
        ("redis://unix:/run:/1:/2", unix("/run:/1"), 2),
        ("redis://unix:/run/r.sock:/", unix("/run/r.sock:/"), 0),
        ("redis://unix:/run/1", unix("/run/1"), 0),
    ] {
        let store = store(word);
        assert_eq!((&store.address, store.db), (&address, db), "{word}");
        assert_eq!((store.user, store.password), (None, None), "{word}");
    }
}

#[test]
fn protocols_and_their_ports() {
    for (word, protocol, port) in
        [("memcached://h", Protocol::Memcached, 11211), ("redis://h", Protocol::Redis, 6379)]
    {
        let store = store(word);
        assert_eq!((store.protocol, store.default_port()), (protocol, port));
    }
}

#[test]
fn credentials() {
    for (word, user, password, address) in [
        ("redis://:pw@h", None, "pw", host("h", None)),
        ("redis://u:pw@h:1/2", Some("u"), "pw", host("h", Some(1))),
        ("redis://u:@h", Some("u"), "", host("h", None)),
        ("redis://u:a:b@h", Some("u"), "a:b", host("h", None)),
        ("redis://:a@b@h", None, "a@b", host("h", None)),
        ("redis://%75%3a:p%40%2Fw%25@[::1]", Some("u:"), "p@/w%", host("[::1]", None)),
        ("redis://:$pw@h", None, "$pw", host("h", None)),
        ("redis://u:pw@unix:/r.sock:/2", Some("u"), "pw", unix("/r.sock")),
        ("redis://:pw@unix:/a@b", None, "pw", unix("/a@b")),
    ] {
        let store = store(word);
        assert_eq!(store.user.as_deref(), user.map(str::as_bytes), "{word}");
        assert_eq!(store.password.as_deref(), Some(password.as_bytes()), "{word}");
        assert_eq!(store.address, address, "{word}");
    }
    assert_eq!(store("redis://:%ff%00@h").password.unwrap(), b"\xff\0");
}

#[test]
fn neither_display_nor_debug_shows_credentials() {
    for (word, shown) in [
        ("memcached://h", "memcached://h"),
        ("memcached://unix:/m.sock", "memcached://unix:/m.sock"),
        ("redis://[::1]:7000", "redis://[::1]:7000/0"),
        ("redis://user:pw@h/2", "redis://***@h/2"),
        ("redis://:pw@unix:/r.sock:/3", "redis://***@unix:/r.sock:/3"),
    ] {
        assert_eq!(store(word).to_string(), shown);
        assert_eq!(format!("{:?}", store(word)), format!("Store({shown})"));
    }
}

#[test]
fn what_is_shown_reads_back() {
    for word in ["memcached://h:1", "redis://h/2", "redis://unix:/a:/b:/0", "memcached://[::1]"] {
        assert_eq!(store(&store(word).to_string()), store(word));
    }
}

#[test]
fn every_wrong_store_is_named() {
    let m_form = "memcached://HOST[:PORT] or memcached://unix:/path";
    let r_form = "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or redis://[..@]unix:/path[:/DB]";
    let invalid = |part, allowed| {
        move |word: &str| format!("invalid {part} in store \"{word}\", it must be {allowed}")
    };
    let no_host =
        |form| move |word: &str| format!("no host in store \"{word}\", it must be {form}");
    let host = invalid("host", "a name, an IPv4 address, [IPv6] or the name of an upstream");
    let port = invalid("port", "a number from 1 to 65535");
    let db = invalid("database", "a number from 0 to 2147483647");
    let path = invalid("socket path", "an absolute path");
    let memcached = |part| {
        move |word: &str| {
            format!("{part} in store \"{word}\", memcached has none, only redis:// takes it")
        }
    };
    for word in ["memcached://", "memcached://:11211", "memcached://unix:", "memcached://[]"] {
        assert_eq!(error(word), no_host(m_form)(word));
    }
    for word in ["redis://", "redis://:6379/1", "redis:///1", "redis://unix::/1", "redis://[]:1"] {
        assert_eq!(error(word), no_host(r_form)(word));
    }
    for word in ["h:", "h:0", "h:65536", "h:x", "h:-1", "h:+1", "h:99999999999", "[::1]:"] {
        for scheme in ["memcached", "redis"] {
            let word = format!("{scheme}://{word}");
            assert_eq!(error(&word), port(&word));
        }
    }
    for word in [
        "::1",
        "h:1:2",
        "[::1",
        "[::1]1",
        "[h]",
        "[::1%25lo]",
        "a]",
        "h?x",
        "h#x",
        "a\u{a0}b",
        "a\\b",
    ] {
        let word = format!("memcached://{word}");
        assert_eq!(error(&word), host(&word));
    }
    for word in
        ["h/", "h/x", "h/-1", "h/2147483648", "h/1/", "h/1?x", "h/ 1", "unix:/s:/2147483648"]
    {
        let word = format!("redis://{word}");
        assert_eq!(error(&word), db(&word));
    }
    for word in ["unix:r.sock", "unix:/r\0"] {
        let word = format!("redis://{word}");
        assert_eq!(error(&word), path(&word));
    }
    for word in ["memcached://h/1", "memcached://h/", "memcached://unix:/m.sock:/1"] {
        assert_eq!(error(word), memcached("database")(word));
    }
    assert_eq!(error("memcached://u:p@h"), memcached("credentials")("memcached://***@h"));
}

#[test]
fn wrong_credentials_are_named_but_not_shown() {
    for word in ["redis://pw@h", "redis://:@h", "redis://@h", "redis://:p%4@h", "redis://%xy:p@h"] {
        assert_eq!(
            error(word),
            "invalid credentials in store \"redis://***@h\", \
             it must be [USER]:PASSWORD@, percent-encoded"
                .replace("***@h", if word == "redis://@h" { "@h" } else { "***@h" }),
        );
    }
}

#[test]
fn a_socket_path_fits_its_address() {
    let path = |len| format!("/{}", "s".repeat(len - 1));
    for scheme in ["memcached", "redis"] {
        let longest = path(SOCKET_PATH_MAX);
        assert_eq!(store(&format!("{scheme}://unix:{longest}")).address, unix(&longest));
        let word = format!("{scheme}://unix:{}", path(SOCKET_PATH_MAX + 1));
        let message =
            format!("too long socket path in store \"{word}\": 108 bytes, it must be at most 107");
        assert_eq!(error(&word), message);
    }
    assert!(Store::parse(format!("redis://unix:{}:/1", path(107)).as_bytes()).is_ok());
}

#[test]
fn a_host_is_text() {
    let error = Store::parse(b"memcached://\xff").unwrap_err().to_string();
    assert!(error.starts_with("invalid host in store \"memcached://\u{fffd}\""), "{error}");
}
