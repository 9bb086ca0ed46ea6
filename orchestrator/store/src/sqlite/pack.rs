//! Large values are kept compressed: a plan is JSON with many repeated words and shrinks to a tenth.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::fault::Fault;

/// Below this many bytes compression does not pay for reading two more columns.
const WORTH_BYTES: usize = 4096;
const RAW: i64 = 0;
const ZLIB: i64 = 1;

/// Bytes as they are kept.
pub(super) struct Packed {
    /// How they are kept.
    pub(super) packing: i64,
    /// Their length when unpacked.
    pub(super) length: i64,
    /// What is written.
    pub(super) bytes: Vec<u8>,
}

/// Compresses what is worth it.
pub(super) fn pack(bytes: Vec<u8>) -> Packed {
    let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    if bytes.len() >= WORTH_BYTES
        && let Some(small) = deflate(&bytes)
    {
        return Packed { packing: ZLIB, length, bytes: small };
    }
    Packed { packing: RAW, length, bytes }
}

/// Gives the bytes back exactly as they were.
pub(super) fn unpack(packed: Packed) -> Result<Vec<u8>, Fault> {
    let length = u64::try_from(packed.length).map_err(|_| broken("negative length"))?;
    let bytes = match packed.packing {
        RAW => packed.bytes,
        ZLIB => inflate(&packed.bytes, length)?,
        other => return Err(broken(&format!("unknown packing {other}"))),
    };
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(broken("wrong length")) }
}

fn deflate(bytes: &[u8]) -> Option<Vec<u8>> {
    // The fast level: a plan of hundreds of megabytes is written while a person waits.
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().filter(|small| small.len() < bytes.len())
}

fn inflate(bytes: &[u8], length: u64) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    // One byte more than promised: a value that unpacks to more is noticed, and never unpacked to its end.
    let mut decoder = ZlibDecoder::new(bytes).take(length.saturating_add(1));
    decoder.read_to_end(&mut out).map_err(|error| broken(&error.to_string()))?;
    Ok(out)
}

fn broken(why: &str) -> Fault {
    Fault::Corrupt(format!("a compressed value cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_byte_for_byte() {
        let noise: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for bytes in [Vec::new(), b"{}".to_vec(), b"[0,1,2]".repeat(10_000), noise] {
            let packed = pack(bytes.clone());
            assert!(packed.bytes.len() <= bytes.len());
            assert_eq!(unpack(packed).unwrap(), bytes);
        }
    }

    #[test]
    fn a_value_that_unpacks_to_another_length_is_corrupt() {
        for lie in [-1, 0, 69_999, 70_001] {
            let packed = Packed { length: lie, ..pack(b"[0,1,2]".repeat(10_000)) };
            assert!(matches!(unpack(packed), Err(Fault::Corrupt(_))), "{lie}");
        }
    }
}
