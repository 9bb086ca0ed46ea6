//! Checksums that clients send with what they upload.

use sha2::{Digest, Sha256};

/// Tables of the three cyclic codes, made when the program is compiled.
const CRC32: [u64; 256] = table(0xEDB8_8320);
const CRC32C: [u64; 256] = table(0x82F6_3B78);
const CRC64NVME: [u64; 256] = table(0x9A6C_9329_AC4B_C9B5);

const fn table(polynomial: u64) -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ polynomial } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

/// A checksum being worked out.
pub(super) enum Running {
    Crc { table: &'static [u64; 256], bytes: usize, value: u64 },
    Sha256(Box<Sha256>),
}

impl Running {
    /// Begins one. `None` for an algorithm that is not known here.
    pub(super) fn new(algorithm: &str) -> Option<Self> {
        let crc = |table, bytes| Some(Self::Crc { table, bytes, value: u64::MAX >> (64 - 8 * bytes) });
        match algorithm {
            "crc32" => crc(&CRC32, 4),
            "crc32c" => crc(&CRC32C, 4),
            "crc64nvme" => crc(&CRC64NVME, 8),
            "sha256" => Some(Self::Sha256(Box::default())),
            _ => None,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc { table, value, .. } => {
                *value = bytes
                    .iter()
                    .fold(*value, |value, byte| table[usize::from(value as u8 ^ byte)] ^ (value >> 8));
            }
            Self::Sha256(hash) => hash.update(bytes),
        }
    }

    /// The value, as it is sent: big endian, in base64.
    pub(super) fn finish(self) -> String {
        match self {
            Self::Crc { bytes, value, .. } => base64(&(!value).to_be_bytes()[8 - bytes..]),
            Self::Sha256(hash) => base64(&hash.finalize()),
        }
    }
}

/// The checksum of an object made of parts: that of the parts' checksums, and their number.
pub(super) fn composite(algorithm: &str, parts: &[&str]) -> Option<String> {
    let mut running = Running::new(algorithm)?;
    for part in parts {
        running.update(&from_base64(part)?);
    }
    Some(format!("{}-{}", running.finish(), parts.len()))
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let value = group
            .iter()
            .enumerate()
            .fold(0_u32, |value, (n, byte)| value | (u32::from(*byte) << (16 - 8 * n)));
        for n in 0..4 {
            let letter = LETTERS[(value >> (18 - 6 * n)) as usize & 63];
            text.push(if n <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut value, mut bits) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let digit = LETTERS.iter().position(|known| *known == letter)?;
        value = (value << 6) | digit as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((value >> bits) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(algorithm: &str, bytes: &[u8]) -> String {
        let mut running = Running::new(algorithm).expect("known");
        running.update(bytes);
        running.finish()
    }

    #[test]
    fn checksums_have_their_published_check_values() {
        // The check value of each code is that of the digits one to nine.
        let digits = b"123456789";
        assert_eq!(of("crc32", digits), base64(&0xCBF4_3926_u32.to_be_bytes()));
        assert_eq!(of("crc32c", digits), base64(&0xE306_9283_u32.to_be_bytes()));
        assert_eq!(of("crc64nvme", digits), base64(&0xAE8B_1486_0A79_9888_u64.to_be_bytes()));
        assert_eq!(of("sha256", b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert!(Running::new("sha1").is_none());
    }

    #[test]
    fn base64_goes_both_ways() {
        for (bytes, text) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v")] {
            assert_eq!(base64(bytes), text);
            assert_eq!(from_base64(text).as_deref(), Some(bytes));
        }
        assert_eq!(from_base64("?"), None);
    }
}
