//! The event loop.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::client::{Client, Received, Waiting};
use crate::cpu;
use crate::job::Job;
use crate::outcome::{Errors, Latency, Outcome};
use crate::targets::Targets;

/// How long the last answers may take, in nanoseconds.
const PATIENCE: u64 = 10_000_000_000;
/// The longest latency that is told apart, in nanoseconds.
const LONGEST: u64 = 120_000_000_000;

/// Does what the job says.
///
/// # Errors
/// If the server cannot be reached, or a system call fails that does not in good health.
pub fn run(job: &Job) -> anyhow::Result<Outcome> {
    // Without it the kernel adds up to 50 microseconds to every wait of a constant rate.
    let _ = rustix::thread::set_current_timer_slack(NonZero::new(1));
    let mut run = Run::new(job)?;
    if job.hold > 0.0 {
        run.hold()?;
    }
    run.work()?;
    Ok(run.outcome())
}

struct Run<'a> {
    job: &'a Job,
    epoll: OwnedFd,
    clients: Vec<Client>,
    targets: Targets,
    buffer: Vec<u8>,
    began: Instant,
    clock: Clock,
    /// Clients that wait for nothing, the one that has waited longest first.
    idle: VecDeque<usize>,
    /// Constant rate: when requests were due for which no client was free.
    late: VecDeque<u64>,
    next_due: u64,
    interval: u64,
    sent: u64,
    waiting: usize,
    all_requests: u64,
    reconnects: u64,
    errors: Errors,
    latencies: Histogram<u64>,
    window: Option<Edge>,
    measured: Option<(f64, BTreeMap<u32, f64>, f64)>,
    unsent: u64,
}

/// The measured window, in nanoseconds since the run began.
struct Clock {
    from: u64,
    to: u64,
}

/// What the accounts said when the window began.
struct Edge {
    at: u64,
    cpu: BTreeMap<u32, f64>,
    own: f64,
}

fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

impl<'a> Run<'a> {
    fn new(job: &'a Job) -> anyhow::Result<Self> {
        let clients = (0..job.connections)
            .map(|_| Client::connect(job.address, job.receive_buffer))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let from = nanoseconds(job.warm_up);
        Ok(Self {
            job,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            idle: (0..clients.len()).collect(),
            clients,
            targets: Targets::new(job)?,
            buffer: vec![0; 256 * 1024],
            began: Instant::now(),
            clock: Clock { from, to: from + nanoseconds(job.seconds) },
            late: VecDeque::new(),
            next_due: 0,
            interval: if job.rate > 0.0 { nanoseconds(1.0 / job.rate) } else { 0 },
            sent: 0,
            waiting: 0,
            all_requests: 0,
            reconnects: 0,
            errors: Errors::default(),
            latencies: Histogram::new_with_bounds(1, LONGEST, 3)?,
            window: None,
            measured: None,
            unsent: 0,
        })
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn watch(&self, index: usize) -> anyhow::Result<()> {
        let data = epoll::EventData::new_u64(index as u64);
        // Edges: a complete response leaves nothing unread, so each next one is an edge.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        Ok(epoll::add(&self.epoll, &self.clients[index].stream, data, flags)?)
    }

    /// Slow clients: all ask, nobody reads.
    fn hold(&mut self) -> anyhow::Result<()> {
        while let Some(index) = self.idle.pop_front() {
            self.ask(index, 0)?;
        }
        std::thread::sleep(Duration::from_secs_f64(self.job.hold));
        self.began = Instant::now();
        Ok(())
    }

    fn work(&mut self) -> anyhow::Result<()> {
        for index in 0..self.clients.len() {
            self.watch(index)?;
        }
        let mut events = Vec::with_capacity(1024);
        loop {
            let now = self.now();
            self.mark(now);
            if self.over(now) {
                if self.waiting == 0 {
                    break;
                }
                if now > self.clock.to + PATIENCE {
                    self.errors.unanswered += self.waiting as u64;
                    break;
                }
            } else {
                self.ask_those_due(now)?;
            }
            events.clear();
            let timeout = self.timeout(self.now());
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                self.readable(event.data.u64() as usize)?;
            }
        }
        let now = self.now();
        self.close_window(now);
        Ok(())
    }

    /// Whether nothing more is asked for.
    fn over(&self, now: u64) -> bool {
        now >= self.clock.to || self.enough() || self.job.hold > 0.0
    }

    fn enough(&self) -> bool {
        self.job.requests > 0 && self.sent >= self.job.requests
    }

    /// Reads the accounts when the window begins and when it ends.
    fn mark(&mut self, now: u64) {
        if self.window.is_none() && now >= self.clock.from {
            let cpu = cpu::of_processes(&self.job.pids);
            self.window = Some(Edge { at: now, cpu, own: cpu::own() });
        }
        let all_answered = (self.enough() || self.job.hold > 0.0) && self.waiting == 0;
        if now >= self.clock.to || all_answered {
            self.close_window(now);
        }
    }

    fn close_window(&mut self, now: u64) {
        let (None, Some(edge)) = (&self.measured, &self.window) else { return };
        let seconds = now.saturating_sub(edge.at) as f64 / 1e9;
        let mut cpu = cpu::of_processes(&self.job.pids);
        cpu.retain(|pid, time| edge.cpu.get(pid).map(|before| *time -= before).is_some());
        self.unsent = self.late.len() as u64;
        self.measured = Some((seconds, cpu, cpu::own() - edge.own));
    }

    fn timeout(&self, now: u64) -> Timespec {
        let mut until = if now < self.clock.from { self.clock.from } else { self.clock.to };
        if now >= self.clock.to {
            until = self.clock.to + PATIENCE;
        } else if self.interval > 0 && !self.enough() {
            until = until.min(self.next_due);
        }
        let wait = until.saturating_sub(now);
        Timespec { tv_sec: (wait / 1_000_000_000) as i64, tv_nsec: (wait % 1_000_000_000) as _ }
    }

    fn ask_those_due(&mut self, now: u64) -> anyhow::Result<()> {
        if self.interval == 0 {
            while !self.enough() {
                let Some(index) = self.idle.pop_front() else { break };
                self.ask(index, self.now())?;
            }
            return Ok(());
        }
        while self.next_due <= now && !self.enough() {
            let due = self.next_due;
            self.next_due += self.interval;
            match self.idle.pop_front() {
                Some(index) => self.ask(index, due)?,
                None => self.late.push_back(due),
            }
        }
        Ok(())
    }

    fn ask(&mut self, index: usize, due: u64) -> anyhow::Result<()> {
        let target = self.targets.choose();
        self.sent += 1;
        self.waiting += 1;
        let request = &self.targets.get(target).request;
        if !self.clients[index].send(request, Waiting { target, due }) {
            self.failed(index)?;
        }
        Ok(())
    }

    /// The connection broke while it owed a response.
    fn failed(&mut self, index: usize) -> anyhow::Result<()> {
        self.errors.closed += 1;
        self.waiting -= 1;
        self.reconnect(index)?;
        self.idle.push_back(index);
        Ok(())
    }

    fn reconnect(&mut self, index: usize) -> anyhow::Result<()> {
        // Dropping the old socket takes it out of the epoll set.
        self.clients[index] = Client::connect(self.job.address, self.job.receive_buffer)?;
        self.watch(index)
    }

    fn readable(&mut self, index: usize) -> anyhow::Result<()> {
        let Some(waiting) = self.clients[index].waiting else {
            // An event that was meant for the socket before this one, unless it has ended.
            if self.clients[index].is_quiet() {
                return Ok(());
            }
            self.reconnects += 1;
            return self.reconnect(index);
        };
        let expected = self.targets.get(waiting.target);
        match self.clients[index].receive(&mut self.buffer, expected) {
            Received::Nothing => return Ok(()),
            Received::Closed => return self.failed(index),
            Received::Wrong(wrong) => {
                self.errors.count(wrong);
                self.waiting -= 1;
                self.reconnect(index)?;
            }
            Received::Answer { close } => {
                self.answered(index, waiting);
                if close {
                    self.reconnects += 1;
                    self.reconnect(index)?;
                }
            }
        }
        self.next(index)
    }

    fn answered(&mut self, index: usize, waiting: Waiting) {
        self.clients[index].waiting = None;
        self.waiting -= 1;
        self.all_requests += 1;
        let now = self.now();
        if self.window.is_some() && self.measured.is_none() {
            self.latencies.saturating_record(now.saturating_sub(waiting.due).max(1));
        }
    }

    /// What a client that has just been answered does next.
    fn next(&mut self, index: usize) -> anyhow::Result<()> {
        let now = self.now();
        if self.over(now) {
            self.idle.push_back(index);
        } else if let Some(due) = self.late.pop_front() {
            self.ask(index, due)?;
        } else if self.interval == 0 {
            self.ask(index, now)?;
        } else {
            self.idle.push_back(index);
        }
        Ok(())
    }

    fn outcome(self) -> Outcome {
        let (seconds, cpu, own_cpu) = self.measured.unwrap_or_default();
        Outcome {
            requests: self.latencies.len(),
            seconds,
            all_requests: self.all_requests,
            errors: self.errors,
            reconnects: self.reconnects,
            latency: Latency::of(&self.latencies),
            cpu,
            own_cpu,
            unsent: self.unsent,
        }
    }
}
