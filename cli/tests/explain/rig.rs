//! Stores on free ports, and the tool itself.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use memcache::ToMemcacheValue;

pub type Json = serde_json::Value;

/// How long a store may take to start: much more than it does.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running memcached or redis-server; stopped when dropped.
pub struct Server {
    child: Child,
    pub port: u16,
    pub socket: PathBuf,
    folder: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// memcached on a TCP port.
pub fn memcached() -> Server {
    start("memcached", |port, _| {
        words(&["-l", "127.0.0.1", "-p", &port.to_string(), "-U", "0", "-u", "nobody"])
    })
}

/// memcached on a unix socket; its port is not used.
pub fn memcached_on_a_socket() -> Server {
    start("memcached", |_, socket| {
        // As root it becomes nobody, who may not write into our folder; the mask lets us in.
        let user = if is_root() { "root" } else { "nobody" };
        words(&["-s", socket, "-u", user])
    })
}

/// redis-server on a TCP port and on a unix socket.
pub fn redis(more: &[&str]) -> Server {
    start("redis-server", |port, socket| {
        let mut all = words(&["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        all.extend(words(&["--unixsocket", socket, "--save", "", "--appendonly", "no"]));
        all.extend(words(more));
        all
    })
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|of| {
        use std::os::unix::fs::MetadataExt;
        of.uid() == 0
    })
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn start(program: &str, arguments: impl Fn(u16, &str) -> Vec<String>) -> Server {
    let began = Instant::now();
    loop {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("rpc-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("s");
        let child = Command::new(program)
            .args(arguments(port, socket.to_str().unwrap()))
            .current_dir(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|why| panic!("{program}: {why}; scripts/setup --for test installs it"));
        let mut server = Server { child, port, socket, folder };
        // Somebody else may take the port between its choice and its use: then take another.
        while began.elapsed() < PATIENCE && server.child.try_wait().unwrap().is_none() {
            if server.is_up() {
                return server;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(began.elapsed() < PATIENCE, "{program} does not start");
    }
}

impl Server {
    fn is_up(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
            || std::os::unix::net::UnixStream::connect(&self.socket).is_ok()
    }

    /// Sends bytes, and returns the reply up to and with its last line, which begins so.
    pub fn tell(&self, request: &[u8], ends: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        talk(&mut stream, request, ends)
    }

    /// As `tell`, over the unix socket.
    pub fn tell_socket(&self, request: &[u8], ends: &str) -> String {
        let mut stream = std::os::unix::net::UnixStream::connect(&self.socket).unwrap();
        talk(&mut stream, request, ends)
    }

    /// Stores a value in memcached, as an application does: by a client library.
    pub fn set(&self, key: &str, flags: u32, seconds: u32, value: &[u8]) {
        let client = memcache::connect(format!("memcache://127.0.0.1:{}", self.port)).unwrap();
        client.set(key, Stored { flags, bytes: value.to_vec() }, seconds).unwrap();
    }

    /// Runs a command of Redis, in a database.
    pub fn redis(&self, db: u32, command: &[&[u8]]) {
        let mut request = array(&[b"SELECT", db.to_string().as_bytes()]);
        request.extend(array(command));
        self.tell(&request, "+OK\r\n");
    }
}

/// A value with flags of its own.
struct Stored {
    flags: u32,
    bytes: Vec<u8>,
}

impl<W: Write> ToMemcacheValue<W> for Stored {
    fn get_flags(&self) -> u32 {
        self.flags
    }

    fn get_length(&self) -> usize {
        self.bytes.len()
    }

    fn write_to(&self, stream: &mut W) -> std::io::Result<()> {
        stream.write_all(&self.bytes)
    }
}

pub fn set_command(key: &str, flags: u32, seconds: u32, value: &[u8]) -> Vec<u8> {
    let head = format!("set {key} {flags} {seconds} {}\r\n", value.len());
    [head.as_bytes(), value, b"\r\n"].concat()
}

/// A command of Redis on the wire.
pub fn array(words: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend(format!("${}\r\n", word.len()).into_bytes());
        out.extend_from_slice(word);
        out.extend(b"\r\n");
    }
    out
}

fn talk(stream: &mut (impl Read + Write), request: &[u8], ends: &str) -> String {
    stream.write_all(request).unwrap();
    let mut reply = String::new();
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    // Of two replies the last counts: SELECT's comes first.
    let mut due = 1 + usize::from(request.windows(6).any(|word| word == b"SELECT"));
    while due > 0 {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "closed after {reply:?}");
        reply.push_str(&line);
        assert!(!line.starts_with('-') && !line.contains("ERROR"), "{line}");
        due -= usize::from(line.starts_with(ends.trim_end()) || line.starts_with(':'));
    }
    reply
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A store that answers each line it is sent with what `answer` says; `None` closes.
pub fn fake(answer: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    // The threads end with the process: one that waits for connections has no other end.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, answer) = (stream.unwrap(), Arc::clone(&answer));
            std::thread::spawn(move || serve(stream, &*answer));
        }
    });
    port
}

fn serve(mut stream: TcpStream, answer: &dyn Fn(&str) -> Option<Vec<u8>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|len| len > 0) {
        let Some(reply) = answer(line.trim_end()) else { break };
        if stream.write_all(&reply).is_err() {
            break;
        }
        line.clear();
    }
}

/// What the tool said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Its JSON.
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }
}

/// Runs the tool.
pub fn tool(arguments: &[&str]) -> Said {
    run(arguments)
}

/// The same, with arguments that need not be text.
pub fn run(arguments: &[impl AsRef<OsStr>]) -> Said {
    let output =
        Command::new(env!("CARGO_BIN_EXE_rust-page-cache")).args(arguments).output().unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs `explain` with the patience of a busy machine.
pub fn explain(directive: &str, url: &str, more: &[&str]) -> Said {
    let patient = ["--timeout", "20s", "--connect-timeout", "10s"];
    tool(&[&["explain", directive, url][..], &patient, more].concat())
}

/// The same, as JSON, with status and reason checked.
pub fn explained(directive: &str, url: &str, more: &[&str], status: &str, reason: &str) -> Json {
    let said = explain(directive, url, &[&["--json"][..], more].concat());
    let json = said.json();
    assert_eq!((&json["status"], &json["reason"]), (&status.into(), &reason.into()), "{json:#}");
    let code = match status {
        "HIT" => 0,
        "ERROR" => 2,
        _ => 1,
    };
    assert_eq!(said.code, code, "{json:#}");
    json
}
