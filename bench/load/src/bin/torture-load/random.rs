//! xorshift64*, Vigna 2014: the same seed, the same load.

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // xorshift has one seed that it never leaves: zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    /// Below `limit`, which is below 2^32; 0 if that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        (self.next() * limit) >> 32
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        (self.next() as f64) < probability * 4_294_967_296.0
    }
}
