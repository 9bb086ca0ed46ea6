//! Package zips. Those of the world's own packages are built by hand: stored, not compressed, because the world has no
//! files; it has names of scripts and what they print. Of zips that come from outside, the directory is read.

use std::io::{Read, Seek, SeekFrom};

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

/// What lies at the root of a zip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Names of the files at the root.
    pub files: Vec<String>,
    /// Whether there are folders beside them.
    pub folders: bool,
}

impl Listing {
    /// Whether a file of this name lies at the root.
    pub fn has(&self, name: &str) -> bool {
        self.files.iter().any(|file| file == name)
    }
}

/// Longest directory that is read: far more than the names of a package's files need.
const MAX_DIRECTORY_BYTES: u64 = 16 << 20;
/// The end record without its comment, and the longest comment.
const END_BYTES: u64 = 22;
const MAX_COMMENT_BYTES: u64 = 65_535;

/// Reads the directory at the end of a zip. `None` when the bytes are no zip, or one larger than 4 GiB.
pub fn listing(mut zip: impl Read + Seek) -> Option<Listing> {
    let size = zip.seek(SeekFrom::End(0)).ok()?;
    let tail_size = size.min(END_BYTES + MAX_COMMENT_BYTES);
    let tail = read_at(&mut zip, size - tail_size, tail_size)?;
    let end = (0..tail.len().checked_sub(END_BYTES as usize - 1)?)
        .rev()
        .find(|at| tail[*at..].starts_with(b"PK\x05\x06"))?;
    let directory_size = u64::from(number(&tail, end + 12)?);
    if directory_size > MAX_DIRECTORY_BYTES {
        return None;
    }
    let directory = read_at(&mut zip, u64::from(number(&tail, end + 16)?), directory_size)?;
    let mut found = Listing::default();
    let mut at = 0;
    while directory.get(at..at + 4) == Some(b"PK\x01\x02") {
        let [name, extra, comment] = [28, 30, 32].map(|offset| short(&directory, at + offset));
        let name = directory.get(at + 46..at + 46 + name?)?;
        match String::from_utf8_lossy(name) {
            name if name.contains('/') => found.folders = true,
            name => found.files.push(name.into_owned()),
        }
        at += 46 + name.len() + extra? + comment?;
    }
    Some(found)
}

fn read_at(zip: &mut (impl Read + Seek), start: u64, length: u64) -> Option<Vec<u8>> {
    zip.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    zip.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes).map(usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_of_a_zip_is_read_and_other_bytes_are_no_zip() {
        let entry = |name: &str| Entry { name: name.into(), content: b"x".to_vec() };
        let zip = stored_zip(&[entry("install.sh"), entry("bin/tool"), entry("uninstall.sh")]);
        let found = listing(std::io::Cursor::new(&zip)).expect("a zip");
        assert_eq!(found, Listing { files: vec!["install.sh".into(), "uninstall.sh".into()], folders: true });
        for broken in [&b""[..], b"PK", &[0; 200], &zip[..zip.len() - 4]] {
            assert_eq!(listing(std::io::Cursor::new(broken)), None);
        }
    }

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
