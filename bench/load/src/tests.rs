//! The generator against small servers of which it is known what they do.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::job::{Job, Target};
use crate::outcome::Outcome;
use crate::run::run;

/// Serves each connection on a thread of its own: `answer` makes the response to the n-th request.
fn server(answer: impl Fn(usize) -> Vec<u8> + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = answer.clone();
            thread::spawn(move || serve(stream.unwrap(), &answer));
        }
    });
    address
}

fn serve(mut stream: TcpStream, answer: &impl Fn(usize) -> Vec<u8>) {
    let mut buffer = [0; 4096];
    for number in 0.. {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => {}
            _ => return,
        }
        let response = answer(number);
        if response.is_empty() || stream.write_all(&response).is_err() {
            return;
        }
    }
}

fn page(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into()
}

fn job(address: SocketAddr) -> Job {
    Job {
        address,
        host: "bench.test".into(),
        connections: 2,
        warm_up: 0.0,
        seconds: 5.0,
        rate: 0.0,
        hold: 0.0,
        receive_buffer: 0,
        requests: 100,
        sequential: false,
        seed: 1,
        targets: vec![Target { path: "/".into(), length: 6, begins: "page".into() }],
        pids: vec![std::process::id()],
    }
}

fn errors(outcome: &Outcome) -> [u64; 5] {
    let of = &outcome.errors;
    [of.status, of.length, of.body, of.malformed, of.closed]
}

#[test]
fn every_request_is_answered() {
    let outcome = run(&job(server(|_| page("page 1")))).unwrap();
    assert_eq!((outcome.requests, outcome.all_requests), (100, 100));
    assert_eq!((errors(&outcome), outcome.errors.unanswered), ([0; 5], 0));
    assert!(outcome.cpu.contains_key(&std::process::id()));
}

#[test]
fn a_wrong_response_is_no_request() {
    for (index, wrong) in [
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\npage 1".to_vec(),
        page("page 12"),
        page("file 1"),
        b"<html>\r\n\r\n".to_vec(),
        Vec::new(),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = move |number| if number == 9 { wrong.clone() } else { page("page 1") };
        let outcome = run(&job(server(answer))).unwrap();
        let counted = errors(&outcome);
        assert!(counted[index] >= 1, "{index}: {counted:?}");
        assert_eq!(counted.iter().sum::<u64>(), counted[index], "{index}: {counted:?}");
        assert_eq!(outcome.all_requests, 100 - counted[index]);
    }
}

#[test]
fn connections_closed_in_good_order_are_made_anew() {
    let last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\npage 1";
    let answer = move |number| if number == 9 { last.to_vec() } else { page("page 1") };
    let outcome = run(&job(server(answer))).unwrap();
    assert_eq!((outcome.all_requests, errors(&outcome)), (100, [0; 5]));
    assert!((8..=10).contains(&outcome.reconnects), "{}", outcome.reconnects);
}

/// A closed loop would see one slow response; those that were due meanwhile waited too.
#[test]
fn a_stall_shows_in_all_requests_that_were_due() {
    let answer = |number| {
        if number == 100 {
            thread::sleep(Duration::from_millis(400));
        }
        page("page 1")
    };
    let address = server(answer);
    let outcome = run(&Job { connections: 1, rate: 500.0, requests: 500, ..job(address) }).unwrap();
    assert_eq!((outcome.all_requests, errors(&outcome)), (500, [0; 5]));
    // 200 of the 500 requests fell due while the server slept, evenly spread over 400 ms.
    assert!(outcome.latency.p90 > 250_000.0, "{}", outcome.latency.p90);
    assert!(outcome.latency.max >= 390_000.0, "{}", outcome.latency.max);
}

#[test]
fn a_constant_rate_is_kept() {
    let outcome =
        run(&Job { rate: 200.0, requests: 100, ..job(server(|_| page("page 1"))) }).unwrap();
    assert_eq!(outcome.all_requests, 100);
    assert!(outcome.seconds > 0.45, "{}", outcome.seconds);
}

#[test]
fn slow_clients_get_their_pages_in_the_end() {
    let outcome =
        run(&Job { hold: 0.2, connections: 20, ..job(server(|_| page("page 1"))) }).unwrap();
    assert_eq!((outcome.all_requests, errors(&outcome)), (20, [0; 5]));
}
