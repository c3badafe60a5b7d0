//! The event loop: commands, timers, and whose turn it is.

mod turns;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::client::Client;
use crate::commands::Commands;
use crate::job::Job;
use crate::random::Random;
use crate::response::Wrong;
use crate::tally::Tally;
use crate::targets::Targets;

/// In the place of a client's number: the standard input.
const COMMANDS: u64 = u64::MAX;
/// What reads are made of, in bytes.
const PIECE: usize = 256 * 1024;

/// Does what the job says until it is told to stop.
///
/// # Errors
/// If a system call fails that does not in good health.
pub fn run(job: &Job, commands: Commands) -> anyhow::Result<()> {
    let mut run = Run::new(job, commands)?;
    run.obey()?;
    run.work()?;
    run.tally.print(0)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    /// To ask for something.
    Ask,
    /// To leave.
    Leave,
    /// Nothing has come for too long.
    Late,
}

struct Run<'a> {
    job: &'a Job,
    epoll: OwnedFd,
    clients: Vec<Client>,
    targets: Targets,
    random: Random,
    began: Instant,
    alarms: BinaryHeap<Reverse<(u64, usize, u32, Alarm)>>,
    /// Clients with nothing to do, while nobody may ask.
    resting: Vec<usize>,
    is_paused: bool,
    is_over: bool,
    tally: Tally,
    buffer: Vec<u8>,
    commands: Commands,
}

impl<'a> Run<'a> {
    fn new(job: &'a Job, commands: Commands) -> anyhow::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let data = epoll::EventData::new_u64(COMMANDS);
        epoll::add(&epoll, &commands, data, epoll::EventFlags::IN)?;
        let mut run = Self {
            job,
            epoll,
            clients: (0..job.connections).map(|_| Client::default()).collect(),
            targets: Targets::new(job)?,
            random: Random::new(job.seed),
            began: Instant::now(),
            alarms: BinaryHeap::new(),
            resting: Vec::new(),
            is_paused: false,
            is_over: false,
            tally: Tally::new()?,
            buffer: vec![0; PIECE],
            commands,
        };
        for index in 0..job.connections {
            run.rest(index);
        }
        Ok(run)
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn work(&mut self) -> anyhow::Result<()> {
        let mut events = Vec::with_capacity(1024);
        loop {
            self.ring()?;
            if self.is_over && self.waiting() == 0 {
                return Ok(());
            }
            let wait = match self.alarms.peek() {
                Some(Reverse((at, ..))) => at.saturating_sub(self.now()).min(1_000_000_000),
                None => 1_000_000_000,
            };
            let wait = Timespec {
                tv_sec: (wait / 1_000_000_000) as i64,
                tv_nsec: (wait % 1_000_000_000) as _,
            };
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let data = event.data.u64();
                if data == COMMANDS {
                    if !self.commands.read()? {
                        self.stop();
                        epoll::delete(&self.epoll, &self.commands)?;
                    }
                    self.obey()?;
                    continue;
                }
                let (index, epoch) = ((data >> 32) as usize, data as u32);
                if self.clients[index].epoch == epoch {
                    self.ready(index)?;
                }
            }
        }
    }

    fn waiting(&self) -> usize {
        self.clients.iter().map(|client| client.queue.len()).sum()
    }

    /// Does what it was told to.
    fn obey(&mut self) -> anyhow::Result<()> {
        while let Some(line) = self.commands.next() {
            match &line[..] {
                b"status" => {}
                b"pause" => self.is_paused = true,
                b"resume" => {
                    self.is_paused = false;
                    for index in std::mem::take(&mut self.resting) {
                        self.rest(index);
                    }
                }
                b"stop" => {
                    self.stop();
                    // The last line says how it ended.
                    continue;
                }
                other => anyhow::bail!("no such command: {}", String::from_utf8_lossy(other)),
            }
            let waiting = self.waiting();
            self.tally.print(waiting)?;
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.is_paused = true;
        self.is_over = true;
    }

    /// Handles what has fallen due.
    fn ring(&mut self) -> anyhow::Result<()> {
        let now = self.now();
        while let Some(&Reverse((at, index, epoch, alarm))) = self.alarms.peek() {
            if at > now {
                break;
            }
            self.alarms.pop();
            if self.clients[index].epoch != epoch {
                continue;
            }
            match alarm {
                Alarm::Ask => self.ask(index)?,
                Alarm::Leave => self.leave(index),
                Alarm::Late => {
                    let oldest = self.clients[index].queue.front().map(|waiting| waiting.since);
                    match oldest.map(|since| since + self.patience()) {
                        Some(end) if end <= now => self.fail(index, Wrong::Late),
                        Some(end) => self.alarm(end, index, Alarm::Late),
                        None => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn patience(&self) -> u64 {
        (self.job.patience * 1e9) as u64
    }

    fn alarm(&mut self, at: u64, index: usize, alarm: Alarm) {
        let epoch = self.clients[index].epoch;
        self.alarms.push(Reverse((at, index, epoch, alarm)));
    }

    /// Lets a client ask for the next thing when its turn comes.
    fn rest(&mut self, index: usize) {
        let mut at = self.now();
        if self.job.rate > 0.0 {
            let pause = self.job.connections as f64 / self.job.rate * 2e6;
            at += self.random.below(pause as u64) * 1000;
        }
        self.alarm(at, index, Alarm::Ask);
    }
}
