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
    Digest::new(hex(hash))
}

fn hex(hash: Sha256) -> String {
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether a plan's JSON, as it was written down, is what its digest was made of: the same text with the digest empty.
/// From the text and not from the value, so that a plan of an older program is judged by what that program wrote.
pub fn is_digest_of(digest: &Digest, plan: &[u8]) -> bool {
    let given = format!("\"digest\":\"{}\"", digest.as_str());
    let Some(at) = plan.windows(given.len()).position(|window| window == given.as_bytes()) else {
        return false;
    };
    let mut hash = Sha256::new();
    hash.update(&plan[..at]);
    hash.update(b"\"digest\":\"\"");
    hash.update(&plan[at + given.len()..]);
    hex(hash) == digest.as_str()
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
