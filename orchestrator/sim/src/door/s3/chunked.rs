//! The content encoding `aws-chunked`: pieces with their lengths, and checksums behind the last one.

/// Longest line between pieces: a length with a signature, or a checksum.
const MAX_LINE_BYTES: usize = 4096;

/// Takes the encoding off a stream of bytes, however it is cut.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    state: State,
    line: Vec<u8>,
    /// Trailing headers, names in lower case.
    pub(super) trailers: Vec<(String, String)>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum State {
    /// In a line with a piece's length.
    #[default]
    Length,
    /// In a piece with so many bytes left.
    Piece(u64),
    /// In the line end behind a piece.
    Behind,
    /// In a line behind the last piece.
    Trailer,
    /// Behind the empty line at the end.
    Done,
}

/// The bytes are not so encoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Decoder {
    /// Decodes the next bytes; what they stand for is handed to `take` in pieces.
    pub(super) fn decode(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            if let State::Piece(left) = self.state {
                let (piece, rest) =
                    bytes.split_at(bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
                take(piece);
                bytes = rest;
                let left = left - piece.len() as u64;
                self.state = if left == 0 { State::Behind } else { State::Piece(left) };
                continue;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (part, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
            bytes = rest;
            self.line.extend_from_slice(part);
            if self.line.len() > MAX_LINE_BYTES {
                return Err(Malformed);
            }
            if end.is_some() {
                let line = std::mem::take(&mut self.line);
                self.end_line(std::str::from_utf8(&line).map_err(|_| Malformed)?.trim_end())?;
            }
        }
        Ok(())
    }

    fn end_line(&mut self, line: &str) -> Result<(), Malformed> {
        self.state = match self.state {
            State::Length => {
                let digits = line.split(';').next().unwrap_or_default();
                match u64::from_str_radix(digits, 16).map_err(|_| Malformed)? {
                    0 => State::Trailer,
                    length => State::Piece(length),
                }
            }
            State::Behind if line.is_empty() => State::Length,
            // Some clients end with one line end too many.
            State::Trailer | State::Done if line.is_empty() => State::Done,
            State::Trailer => {
                let (name, value) = line.split_once(':').ok_or(Malformed)?;
                self.trailers.push((name.trim().to_lowercase(), value.trim().to_owned()));
                State::Trailer
            }
            _ => return Err(Malformed),
        };
        Ok(())
    }

    /// Whether the last piece was seen.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.state, State::Trailer | State::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENCODED: &[u8] =
        b"5;chunk-signature=00\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";

    fn decoded(pieces: &[&[u8]]) -> Result<(Vec<u8>, Decoder), Malformed> {
        let (mut decoder, mut bytes) = (Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.decode(piece, |part| bytes.extend_from_slice(part))?;
        }
        Ok((bytes, decoder))
    }

    #[test]
    fn pieces_are_joined_wherever_the_stream_is_cut() {
        for cut in 0..ENCODED.len() {
            let (bytes, decoder) = decoded(&[&ENCODED[..cut], &ENCODED[cut..]]).expect("decodes");
            assert_eq!(bytes, b"hello world");
            assert!(decoder.is_whole());
            assert_eq!(decoder.trailers, [("x-amz-checksum-crc32".to_owned(), "DUoRhQ==".to_owned())]);
        }
    }

    #[test]
    fn what_is_cut_off_or_wrong_is_noticed() {
        let (_, decoder) = decoded(&[&ENCODED[..30]]).expect("so far");
        assert!(!decoder.is_whole());
        assert_eq!(decoded(&[b"zz\r\n"]).err(), Some(Malformed));
        assert_eq!(decoded(&[b"1\r\nabc\r\n"]).err(), Some(Malformed));
        assert_eq!(decoded(&[&[b'1'; 5000]]).err(), Some(Malformed));
    }
}
