//! Lines of bounded length.

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Reads lines.
pub(super) struct Lines<R> {
    from: R,
    buffer: BytesMut,
    /// Up to here there is no line feed.
    searched: usize,
    limit: usize,
}

/// A line that does not end within the limit.
#[derive(Debug)]
pub(super) struct TooLong;

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most `limit` bytes.
    pub(super) fn new(from: R, limit: usize) -> Self {
        Self {
            from,
            buffer: BytesMut::new(),
            searched: 0,
            limit,
        }
    }

    /// The next line without its end; none at the end of all. What was read is kept when nobody waits for it any more.
    ///
    /// # Errors
    /// A line that is longer than the limit.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        loop {
            let rest = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', rest) {
                let line = self.buffer.split_to(self.searched + end);
                self.buffer.advance(1);
                self.searched = 0;
                return Ok(Some(text(&line)));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > self.limit {
                return Err(TooLong);
            }
            // A pipe that breaks has ended.
            if self.from.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                let rest = self.buffer.split();
                self.searched = 0;
                return Ok((!rest.is_empty()).then(|| text(&rest)));
            }
        }
    }

    /// Throws away what has been read of a line that is too long: what follows of it counts as a line of its own.
    pub(super) fn cut(&mut self) {
        self.buffer.clear();
        self.searched = 0;
    }
}

fn text(line: &[u8]) -> Vec<u8> {
    line.strip_suffix(b"\r").unwrap_or(line).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_cut_at_their_ends_and_bounded() {
        let mut lines = Lines::new(&b"one\r\n\ntwo\nlast"[..], 16);
        let mut read = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            read.push(String::from_utf8(line).unwrap());
        }
        assert_eq!(read, ["one", "", "two", "last"]);
        let long = [b'x'; 40];
        let mut lines = Lines::new(&long[..], 32);
        assert!(lines.next().await.is_err());
        lines.cut();
        assert_eq!(lines.next().await.unwrap(), None);
    }
}
