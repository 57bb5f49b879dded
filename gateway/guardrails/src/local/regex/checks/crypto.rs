//! Addresses of crypto currencies.

use sha2::{Digest as _, Sha256};

/// Base58Check: the last four bytes are the beginning of a double SHA-256 of the others.
pub(in super::super) fn base58check(text: &str) -> bool {
    const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut number = [0u8; 25];
    if !(26..=35).contains(&text.len()) {
        return false;
    }
    for byte in text.bytes() {
        let Some(digit) = ALPHABET.iter().position(|known| *known == byte) else {
            return false;
        };
        let mut carry = digit;
        for place in number.iter_mut().rev() {
            carry += usize::from(*place) * 58;
            *place = (carry % 256) as u8;
            carry /= 256;
        }
        if carry != 0 {
            return false;
        }
    }
    let (body, check) = number.split_at(21);
    Sha256::digest(Sha256::digest(body)).starts_with(check)
}

/// Bech32 and Bech32m (BIP 173 and 350): a polynomial over the characters after the last 1.
pub(in super::super) fn bech32(text: &str) -> bool {
    const ALPHABET: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    let step = |state: u32, value: u32| {
        let top = state >> 25;
        let state = (state & 0x1ff_ffff) << 5 ^ value;
        (0u32..)
            .zip(GENERATOR)
            .fold(state, |state, (bit, generator)| {
                if top >> bit & 1 == 1 {
                    state ^ generator
                } else {
                    state
                }
            })
    };
    let lower = text.to_ascii_lowercase();
    if text != lower && text != text.to_ascii_uppercase() {
        return false;
    }
    let Some((prefix, data)) = lower.rsplit_once('1') else {
        return false;
    };
    let mut state = prefix
        .bytes()
        .fold(1, |state, byte| step(state, u32::from(byte >> 5)));
    state = step(state, 0);
    state = prefix
        .bytes()
        .fold(state, |state, byte| step(state, u32::from(byte & 31)));
    for byte in data.bytes() {
        let Some(value) = ALPHABET.iter().position(|known| *known == byte) else {
            return false;
        };
        state = step(state, value as u32);
    }
    let version = data.bytes().next();
    // Version 0 has the first constant, all later ones the second.
    match version {
        Some(b'q') => state == 1,
        _ => state == 0x2bc8_30a3,
    }
}

/// Ethereum: mixed case carries a checksum (EIP-55), one case alone carries none.
pub(in super::super) fn ethereum(text: &str) -> bool {
    let Some(hex) = text.strip_prefix("0x") else {
        return false;
    };
    let lower = hex.to_ascii_lowercase();
    if hex.len() != 40 {
        return false;
    }
    if hex == lower || hex == hex.to_ascii_uppercase() {
        return hex.bytes().any(|byte| byte != b'0');
    }
    let hash = keccak256(lower.as_bytes());
    hex.bytes().enumerate().all(|(place, byte)| {
        let nibble = hash
            .get(place / 2)
            .map_or(0, |pair| pair >> (4 * (1 - place % 2)) & 15);
        !byte.is_ascii_alphabetic() || byte.is_ascii_uppercase() == (nibble >= 8)
    })
}

/// Keccak-256 of a text of one block. Not SHA-3, whose padding differs, so that no dependency has it.
fn keccak256(text: &[u8]) -> [u8; 32] {
    const RATE: usize = 136;
    let mut block = [0u8; RATE];
    for (place, byte) in block.iter_mut().zip(text) {
        *place = *byte;
    }
    block[text.len().min(RATE - 1)] |= 1;
    block[RATE - 1] |= 0x80;
    let mut state = [[0u64; 5]; 5];
    for (lane, bytes) in block.as_chunks::<8>().0.iter().enumerate() {
        state[lane % 5][lane / 5] ^= u64::from_le_bytes(*bytes);
    }
    permute(&mut state);
    let mut hash = [0; 32];
    for (lane, bytes) in hash.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        *bytes = state[lane][0].to_le_bytes();
    }
    hash
}

/// Keccak-f of 1600 bits, on columns of lanes `state[x][y]`.
fn permute(state: &mut [[u64; 5]; 5]) {
    let mut register = 1u8;
    for _ in 0..24 {
        let parity = state.map(|column| column.iter().fold(0, |all, lane| all ^ lane));
        for x in 0..5 {
            let change = parity[(x + 4) % 5] ^ parity[(x + 1) % 5].rotate_left(1);
            state[x].iter_mut().for_each(|lane| *lane ^= change);
        }
        let (mut x, mut y, mut moved) = (1, 0, state[1][0]);
        for turn in 0..24u32 {
            (x, y) = (y, (2 * x + 3 * y) % 5);
            let lane = state[x][y];
            state[x][y] = moved.rotate_left((turn + 1) * (turn + 2) / 2 % 64);
            moved = lane;
        }
        let before = *state;
        for (x, column) in state.iter_mut().enumerate() {
            for (y, lane) in column.iter_mut().enumerate() {
                *lane = before[x][y] ^ (!before[(x + 1) % 5][y] & before[(x + 2) % 5][y]);
            }
        }
        // The round constants come out of a shift register.
        for bit in 0..7u32 {
            if register & 1 == 1 {
                state[0][0] ^= 1 << ((1u32 << bit) - 1);
            }
            register = register << 1 ^ if register & 0x80 == 0 { 0 } else { 0x71 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        type Check = fn(&str) -> bool;
        let rows: [(&str, Check, bool); 9] = [
            ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", base58check, true),
            ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", base58check, false),
            ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", bech32, true),
            ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", bech32, false),
            (
                "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
                bech32,
                true,
            ),
            ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ethereum, true),
            (
                "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed",
                ethereum,
                false,
            ),
            ("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", ethereum, true),
            (
                "0x0000000000000000000000000000000000000000",
                ethereum,
                false,
            ),
        ];
        for (address, check, fits) in rows {
            assert_eq!(check(address), fits, "{address}");
        }
    }
}
