//! The checksum in GitHub's tokens: the last six characters are the CRC32 of the random part, in base 62.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Whether the checksum at the end of `random` (what follows `ghp_`) is right.
pub(super) fn checksum_holds(random: &str) -> bool {
    let Some((body, sum)) = random
        .len()
        .checked_sub(6)
        .and_then(|at| random.split_at_checked(at))
    else {
        return false;
    };
    let value = sum.bytes().try_fold(0u64, |value, digit| {
        let digit = DIGITS.iter().position(|known| *known == digit)?;
        Some(value * 62 + digit as u64)
    });
    value == Some(u64::from(crc32(body.as_bytes())))
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc >>= 1;
            if carry == 1 {
                crc ^= 0xedb8_8320;
            }
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_is_the_common_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_checksum_is_verified() {
        let body = "0123456789abcdefghijABCDEFGHIJ";
        let mut sum = crc32(body.as_bytes());
        let mut digits = Vec::new();
        for _ in 0..6 {
            digits.insert(0, char::from(DIGITS[(sum % 62) as usize]));
            sum /= 62;
        }
        let sum: String = digits.into_iter().collect();
        assert!(checksum_holds(&format!("{body}{sum}")));
        assert!(!checksum_holds(&format!("{}{sum}", body.to_uppercase())));
        assert!(!checksum_holds("abc"));
        assert!(!checksum_holds("ééé"));
    }
}
