//! Chance, where many gateways would do the same at once.

use std::time::Duration;

/// Spreads what many gateways do at the same interval. It need not be hard to guess.
pub(in crate::policy::remote) struct Jitter(u64);

impl Jitter {
    pub(in crate::policy::remote) fn new() -> Self {
        use std::hash::{BuildHasher as _, RandomState};
        Self(RandomState::new().hash_one(0) | 1)
    }

    /// `least`, and up to `more` on top.
    pub(in crate::policy::remote) fn add(&mut self, least: Duration, more: Duration) -> Duration {
        // xorshift
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let part = u8::try_from(self.0 & 0xff).unwrap_or(0);
        least + more.mul_f64(f64::from(part) / 255.0)
    }
}
