//! Reading Protocol Buffers field by field: enough for the answers of collectors.
//! <https://protobuf.dev/programming-guides/encoding/>

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const FIXED32: u8 = 5;

/// Reads one field of a message: its number, and its bytes or its number. None at the end, or where it breaks off.
pub fn read<'b>(input: &mut &'b [u8]) -> Option<(u64, Field<'b>)> {
    let tag = read_varint(input)?;
    let field = match tag as u8 & 7 {
        VARINT => Field::Number(read_varint(input)?),
        FIXED64 => Field::Bytes(take(input, 8)?),
        FIXED32 => Field::Bytes(take(input, 4)?),
        BYTES => {
            let length = usize::try_from(read_varint(input)?).ok()?;
            Field::Bytes(take(input, length)?)
        }
        _ => return None,
    };
    Some((tag >> 3, field))
}

/// A field's value.
#[derive(Debug)]
pub enum Field<'b> {
    /// A varint.
    Number(u64),
    /// Anything that has a length.
    Bytes(&'b [u8]),
}

fn read_varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for position in 0..10 {
        let byte = *take(input, 1)?.first()?;
        value |= u64::from(byte & 0x7f) << (7 * position);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take<'b>(input: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_one_after_the_other() {
        let mut message = &[0x08, 0xac, 0x02, 0x12, 2, b'a', b'b', 0x1d, 1, 2, 3, 4][..];
        assert!(matches!(read(&mut message), Some((1, Field::Number(300)))));
        assert!(matches!(read(&mut message), Some((2, Field::Bytes(b"ab")))));
        assert!(matches!(
            read(&mut message),
            Some((3, Field::Bytes(&[1, 2, 3, 4])))
        ));
        assert!(read(&mut message).is_none());
    }

    #[test]
    fn what_breaks_off_ends_the_reading() {
        for bad in [&[0x0a][..], &[0x0a, 5, 1], &[0xff; 11], &[0x0b], &[0x08]] {
            assert!(read(&mut &*bad).is_none(), "{bad:?}");
        }
    }
}
