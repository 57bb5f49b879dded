//! Request ids: unique, unguessable enough to be quoted, cheap to make.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

thread_local! {
    /// Two words of state for each thread, seeded from the system's randomness by way of `RandomState`.
    static STATE: Cell<(u64, u64)> = Cell::new((RandomState::new().hash_one(0u8), RandomState::new().hash_one(1u8)));
}

/// A new id: `req_` and 32 hexadecimal digits. The generator is `xoroshiro128+`'s step
/// (<https://prng.di.unimi.it>): ids name requests, they protect nothing.
pub fn new() -> Arc<str> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut id = *b"req_00000000000000000000000000000000";
    let digits = id.iter_mut().skip(4);
    let words = u128::from(random()) << 64 | u128::from(random());
    for (position, digit) in digits.enumerate() {
        let nibble = (words >> (position * 4)) & 0xf;
        *digit = HEX.get(nibble as usize).copied().unwrap_or(b'0');
    }
    Arc::from(std::str::from_utf8(&id).unwrap_or("req_"))
}

/// A random number, good for names and nothing else.
pub fn random() -> u64 {
    STATE.with(|state| {
        let (a, mut b) = state.get();
        let value = a.wrapping_add(b);
        b ^= a;
        state.set((a.rotate_left(24) ^ b ^ (b << 16), b.rotate_left(37)));
        value
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn ids_do_not_repeat() {
        let ids: HashSet<_> = (0..10_000).map(|_| super::new()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(
            ids.iter()
                .all(|id| id.len() == 36 && id.starts_with("req_"))
        );
    }
}
