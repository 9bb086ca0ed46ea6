//! Package zips, built by hand: stored, not compressed. The world has no files; it has names of scripts and what
//! they print.

use flate2::Crc;

/// One file of a zip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name at the zip's root, such as `install.sh`.
    pub name: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Midnight of 1 January 1980, the earliest date of the format: the same package gives the same bytes.
const DATE: u16 = 0x21;
const VERSION_NEEDED: u16 = 10;

/// The bytes of a zip with these files. Names and contents must be below 64 KiB and 4 GiB, as all packages' are.
pub fn stored_zip(entries: &[Entry]) -> Vec<u8> {
    let mut zip = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = zip.len() as u32;
        zip.extend_from_slice(b"PK\x03\x04");
        zip.extend(common_header(entry));
        zip.extend_from_slice(entry.name.as_bytes());
        zip.extend_from_slice(&entry.content);

        directory.extend_from_slice(b"PK\x01\x02");
        directory.extend(VERSION_NEEDED.to_le_bytes());
        directory.extend(common_header(entry));
        // Comment length, disk number, internal attributes: 2 bytes each; external attributes: 4.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend_from_slice(entry.name.as_bytes());
    }
    let start = zip.len() as u32;
    let count = (entries.len() as u16).to_le_bytes();
    zip.extend_from_slice(&directory);
    zip.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    zip.extend(count);
    zip.extend(count);
    zip.extend((directory.len() as u32).to_le_bytes());
    zip.extend(start.to_le_bytes());
    zip.extend([0; 2]);
    zip
}

/// The 26 bytes that a file's own header and its line in the directory have in common.
fn common_header(entry: &Entry) -> Vec<u8> {
    let mut checksum = Crc::new();
    checksum.update(&entry.content);
    let size = (entry.content.len() as u32).to_le_bytes();
    let mut header = Vec::with_capacity(26);
    header.extend(VERSION_NEEDED.to_le_bytes());
    // No flags, method "stored", time 00:00.
    header.extend([0; 6]);
    header.extend(DATE.to_le_bytes());
    header.extend(checksum.sum().to_le_bytes());
    header.extend(size);
    header.extend(size);
    header.extend((entry.name.len() as u16).to_le_bytes());
    header.extend([0; 2]);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_of_one_file_has_the_three_records_of_the_format() {
        let zip = stored_zip(&[Entry { name: "install.sh".into(), content: b"exit 0\n".to_vec() }]);
        assert_eq!(zip.len(), (30 + 10 + 7) + (46 + 10) + 22);
        assert_eq!(&zip[..4], b"PK\x03\x04");
        assert_eq!(&zip[30..47], b"install.shexit 0\n");
        assert_eq!(&zip[47..51], b"PK\x01\x02");
        assert_eq!(&zip[zip.len() - 22..][..4], b"PK\x05\x06");
        // CRC-32 of the content, in both headers.
        assert_eq!(zip[14..18], zip[47 + 16..47 + 20]);
    }
}
