//! How random a text is.

/// Shannon entropy in bits per byte.
pub(super) fn entropy(text: &str) -> f32 {
    let mut counts = [0u16; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total = text.len().min(usize::from(u16::MAX)) as f32;
    let bits = |count: &u16| {
        let share = f32::from(*count) / total;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(bits).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_grows_with_variety() {
        assert!(entropy("") == 0.0);
        assert!(entropy("aaaaaaaa") == 0.0);
        assert!((entropy("abababab") - 1.0).abs() < 0.001);
        assert!((entropy("0123456789abcdef") - 4.0).abs() < 0.001);
    }
}
