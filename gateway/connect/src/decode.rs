//! Undoing a `content-encoding` that was not asked for, without being blown up by it.

use std::io::Write;

use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, header};

/// An answer that cannot be decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DecodeError {
    /// An encoding that is not known.
    Unknown,
    /// Broken or incomplete data.
    Broken,
    /// Far more comes out than went in.
    Bomb,
}

impl DecodeError {
    /// In words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Unknown => "its content-encoding is not gzip, deflate or identity",
            Self::Broken => "its compressed data is broken",
            Self::Bomb => "its compressed data expands beyond all measure",
        }
    }
}

/// Real text, and JSON most of all, rarely shrinks to less than a fiftieth; deflate can do a thousandth.
const MAX_RATIO: u64 = 200;
/// So much may come out whatever the ratio.
const FREE: u64 = 1024 * 1024;
/// Input fed at once, so that one step can't make more than about 1 MiB.
const STEP: usize = 1024;

/// A streaming decoder.
pub struct Decoder {
    inner: Inner,
    read: u64,
    written: u64,
}

enum Inner {
    Gzip(MultiGzDecoder<Vec<u8>>),
    Zlib(ZlibDecoder<Vec<u8>>),
    /// "deflate" is meant to be zlib, but some servers send it raw; the first byte tells.
    Unsure,
    Raw(DeflateDecoder<Vec<u8>>),
}

impl Decoder {
    /// The decoder that the headers ask for; none for `identity`.
    ///
    /// # Errors
    /// When they ask for one that there is not.
    pub fn of(headers: &HeaderMap) -> Result<Option<Box<Self>>, DecodeError> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return if headers.contains_key(header::CONTENT_ENCODING) {
                Err(DecodeError::Unknown)
            } else {
                Ok(None)
            };
        };
        let is = |name: &str| value.as_bytes().eq_ignore_ascii_case(name.as_bytes());
        let inner = if is("identity") || value.is_empty() {
            return Ok(None);
        } else if is("gzip") || is("x-gzip") {
            Inner::Gzip(MultiGzDecoder::new(Vec::new()))
        } else if is("deflate") {
            Inner::Unsure
        } else {
            return Err(DecodeError::Unknown);
        };
        Ok(Some(Box::new(Self {
            inner,
            read: 0,
            written: 0,
        })))
    }

    /// Decodes one piece.
    pub fn decode(&mut self, piece: &[u8]) -> Result<Bytes, DecodeError> {
        if let (Inner::Unsure, Some(first)) = (&self.inner, piece.first()) {
            // RFC 1950: the low four bits of a zlib stream say 8.
            self.inner = if first & 0x0f == 8 {
                Inner::Zlib(ZlibDecoder::new(Vec::new()))
            } else {
                Inner::Raw(DeflateDecoder::new(Vec::new()))
            };
        }
        let mut out = Vec::new();
        for step in piece.chunks(STEP) {
            self.read += step.len() as u64;
            let made = match &mut self.inner {
                Inner::Gzip(decoder) => feed(decoder, step, |d| std::mem::take(d.get_mut())),
                Inner::Zlib(decoder) => feed(decoder, step, |d| std::mem::take(d.get_mut())),
                Inner::Raw(decoder) => feed(decoder, step, |d| std::mem::take(d.get_mut())),
                Inner::Unsure => Ok(Vec::new()),
            }?;
            self.written += made.len() as u64;
            if out.is_empty() {
                out = made
            } else {
                out.extend_from_slice(&made)
            }
            if self.written > FREE && self.written / MAX_RATIO > self.read {
                return Err(DecodeError::Bomb);
            }
        }
        Ok(out.into())
    }

    /// The input is over.
    pub fn finish(&mut self) -> Result<Bytes, DecodeError> {
        let rest = match &mut self.inner {
            Inner::Gzip(decoder) => decoder
                .try_finish()
                .map(|()| std::mem::take(decoder.get_mut())),
            Inner::Zlib(decoder) => decoder
                .try_finish()
                .map(|()| std::mem::take(decoder.get_mut())),
            Inner::Raw(decoder) => decoder
                .try_finish()
                .map(|()| std::mem::take(decoder.get_mut())),
            Inner::Unsure => Ok(Vec::new()),
        };
        rest.map(Bytes::from).map_err(|_| DecodeError::Broken)
    }
}

fn feed<W: Write>(
    decoder: &mut W,
    step: &[u8],
    take: impl Fn(&mut W) -> Vec<u8>,
) -> Result<Vec<u8>, DecodeError> {
    decoder
        .write_all(step)
        .and_then(|()| decoder.flush())
        .map_err(|_| DecodeError::Broken)?;
    Ok(take(decoder))
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn decode_all(
        encoding: &'static str,
        data: &[u8],
        step: usize,
    ) -> Result<Vec<u8>, DecodeError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
        let mut decoder = Decoder::of(&headers)?.unwrap();
        let mut out = Vec::new();
        for piece in data.chunks(step) {
            out.extend_from_slice(&decoder.decode(piece)?);
        }
        out.extend_from_slice(&decoder.finish()?);
        Ok(out)
    }

    #[test]
    fn decodes_every_form_cut_anywhere() {
        let text = "a model's answer, and more of it ".repeat(50).into_bytes();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&text).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(&text).unwrap();
        let two_members = [gzip(&text), gzip(b"!")].concat();
        let rows = [
            ("gzip", gzip(&text), text.clone()),
            (
                "X-GZIP",
                two_members,
                [text.clone(), b"!".to_vec()].concat(),
            ),
            ("deflate", zlib.finish().unwrap(), text.clone()),
            ("deflate", raw.finish().unwrap(), text.clone()),
        ];
        for (encoding, data, expected) in rows {
            for step in [1, 7, data.len()] {
                assert_eq!(
                    decode_all(encoding, &data, step).as_deref(),
                    Ok(&expected[..]),
                    "{encoding} {step}"
                );
            }
        }
    }

    #[test]
    fn refuses_broken_cut_unknown_and_bombs() {
        let whole = gzip(&b"text ".repeat(1000));
        assert_eq!(
            decode_all("gzip", &whole[..whole.len() - 9], 64),
            Err(DecodeError::Broken)
        );
        assert_eq!(
            decode_all("gzip", b"not gzip at all, just text", 64),
            Err(DecodeError::Broken)
        );
        assert_eq!(decode_all("br", b"", 64), Err(DecodeError::Unknown));
        let bomb = gzip(&vec![0; 64 << 20]);
        assert_eq!(decode_all("gzip", &bomb, 16 << 10), Err(DecodeError::Bomb));
    }
}
