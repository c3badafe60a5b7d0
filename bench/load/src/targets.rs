//! Which request comes next, and what its response must be.

use crate::job::Job;

/// A request ready to be written, and the expected response; its status is always 200.
pub struct Prepared {
    pub request: Vec<u8>,
    pub length: u64,
    pub begins: Vec<u8>,
}

/// The targets of a job and the order in which they are asked for.
pub struct Targets {
    all: Vec<Prepared>,
    sequential: bool,
    next: usize,
    random: u64,
}

impl Targets {
    pub fn new(job: &Job) -> anyhow::Result<Self> {
        anyhow::ensure!(!job.targets.is_empty(), "no targets");
        let all = job.targets.iter().map(|target| Prepared {
            request: format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", target.path, job.host).into(),
            length: target.length,
            begins: target.begins.clone().into(),
        });
        Ok(Self {
            all: all.collect(),
            sequential: job.sequential,
            next: 0,
            // xorshift has one seed that it never leaves: zero.
            random: job.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        })
    }

    pub fn get(&self, index: usize) -> &Prepared {
        &self.all[index]
    }

    pub fn choose(&mut self) -> usize {
        if self.sequential {
            let chosen = self.next;
            self.next = (chosen + 1) % self.all.len();
            return chosen;
        }
        // xorshift64*, Vigna 2014.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let high = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        // At most the number of targets, below 2^32.
        ((high * self.all.len() as u64) >> 32) as usize
    }
}
