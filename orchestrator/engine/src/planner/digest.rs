//! SHA-256 over JSON: field order is declaration order and maps are sorted, so equal values give equal bytes.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use wavetrain_model::id::Digest;

/// The digest of a value's JSON, without ever holding that text.
pub fn digest_of(value: &impl Serialize) -> Digest {
    let mut sink = BufWriter::with_capacity(1 << 16, HashSink(Sha256::new()));
    serde_json::to_writer(&mut sink, value)
        .expect("plain structs with text keys serialise, and the sink takes everything");
    let hash =
        sink.into_inner().map_err(io::IntoInnerError::into_error).expect("the sink takes everything").0;
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    Digest::new(text)
}

struct HashSink(Sha256);

impl Write for HashSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
