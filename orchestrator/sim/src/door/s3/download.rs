//! Sending stored bytes, whole or in part, in blocks as the caller takes them.

use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

use super::spool::{Pieces, Spool};
use crate::api::ApiError;
use crate::content::Content;

const BLOCK_BYTES: u64 = 128 << 10;

/// A range of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// First byte.
    pub(crate) start: u64,
    /// Behind the last byte.
    pub(crate) end: u64,
}

impl Range {
    /// Reads a `Range` header. `Ok(None)` for all, also when the header makes no sense, as HTTP wants it.
    pub(crate) fn read(header: Option<&str>, size: u64) -> Result<Option<Self>, ApiError> {
        let Some(range) = header.and_then(|header| header.strip_prefix("bytes=")) else { return Ok(None) };
        let Some((first, last)) = range.split_once('-') else { return Ok(None) };
        let found = match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(start), Ok(last)) if start <= last => Self { start, end: size.min(last.saturating_add(1)) },
            (Ok(start), Err(_)) if last.is_empty() => Self { start, end: size },
            (Err(_), Ok(length)) if first.is_empty() => {
                Self { start: size.saturating_sub(length), end: size }
            }
            _ => return Ok(None),
        };
        if found.start >= found.end {
            let message = "The requested range is not satisfiable";
            return Err(ApiError::client("InvalidRange", message).with_status(416));
        }
        Ok(Some(found))
    }
}

/// The bytes of a range as a body.
pub(crate) fn body(spool: &Spool, content: &Content, range: Range) -> io::Result<Body> {
    let mut pieces = spool.open(&content.blobs)?;
    pieces.seek(SeekFrom::Start(range.start))?;
    Ok(Body::new(Sending { pieces, left: range.end - range.start }))
}

struct Sending {
    pieces: Pieces,
    left: u64,
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        // Read from the page cache as a rule: so short that handing it to another thread would take longer.
        let mut block = vec![0; usize::try_from(self.left.min(BLOCK_BYTES)).unwrap_or(0)];
        let read = match self.pieces.read(&mut block) {
            Ok(0) => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
            Ok(read) => read,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        block.truncate(read);
        self.left -= read as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(block)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_has_them() {
        let read =
            |header| Range::read(Some(header), 10).map(|range| range.map(|range| (range.start, range.end)));
        assert_eq!(read("bytes=0-3"), Ok(Some((0, 4))));
        assert_eq!(read("bytes=4-"), Ok(Some((4, 10))));
        assert_eq!(read("bytes=-3"), Ok(Some((7, 10))));
        assert_eq!(read("bytes=8-99"), Ok(Some((8, 10))));
        for ignored in ["bytes=3-1", "bytes=a-b", "lines=1-2", "bytes=1"] {
            assert_eq!(read(ignored), Ok(None), "{ignored}");
        }
        assert_eq!(read("bytes=10-").expect_err("refused").http_status, 416);
    }
}
