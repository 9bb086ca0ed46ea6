//! Looks at the table of contents of a package's zip, without downloading the zip.
//!
//! Everything here is best effort: what cannot be read is left unknown, and the caller says so.

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

/// The end record and its longest comment, with room for most tables of contents in the same answer.
const TAIL_BYTES: u64 = 66_000;
/// A table of contents larger than this is not fetched.
const TABLE_BYTES_MAX: u64 = 4 << 20;
/// End of central directory: signature and fixed length.
const END_SIGNATURE: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
/// Central directory entry: signature and fixed length.
const ENTRY_SIGNATURE: [u8; 4] = *b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;

/// Update scripts at the root of a zip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Scripts {
    /// `update.sh`.
    pub(crate) shell: bool,
    /// `update.ps1`.
    pub(crate) powershell: bool,
}

/// Which update scripts the zip at a presigned address holds; None if that cannot be found out.
pub(crate) async fn update_scripts(connector: &SharedHttpConnector, url: &str) -> Option<Scripts> {
    if !is_allowed(url) {
        return None;
    }
    let tail = fetch(connector, url, &format!("bytes=-{TAIL_BYTES}")).await?;
    match locate(&tail)? {
        Table::Here(from, to) => read_table(tail.get(from..to)?),
        Table::At(offset, bytes) if bytes <= TABLE_BYTES_MAX => {
            let last = offset.checked_add(bytes)?.checked_sub(1)?;
            read_table(&fetch(connector, url, &format!("bytes={offset}-{last}")).await?)
        }
        Table::At(..) => None,
    }
}

/// The address comes out of an API answer: encrypted, or on this machine.
fn is_allowed(url: &str) -> bool {
    ["https://", "http://127.0.0.1:", "http://localhost:", "http://[::1]:"]
        .iter()
        .any(|start| url.starts_with(start))
}

async fn fetch(connector: &SharedHttpConnector, url: &str, range: &str) -> Option<Vec<u8>> {
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(url).ok()?;
    request.headers_mut().try_insert("range", range.to_owned()).ok()?;
    let response = connector.call(request).await.ok()?;
    if !is_small(&response) {
        return None;
    }
    Some(ByteStream::new(response.into_body()).collect().await.ok()?.to_vec())
}

/// A server that does not know ranges answers 200 with the whole file, which is welcome only if it is small.
fn is_small(response: &HttpResponse) -> bool {
    let bytes = response.headers().get("content-length").and_then(|text| text.parse::<u64>().ok());
    matches!(response.status().as_u16(), 200 | 206) && bytes.is_some_and(|bytes| bytes <= TABLE_BYTES_MAX)
}

/// Where the table of contents is.
#[derive(Debug, PartialEq, Eq)]
enum Table {
    /// Within the bytes at hand.
    Here(usize, usize),
    /// At this offset of the file, this many bytes.
    At(u64, u64),
}

fn locate(tail: &[u8]) -> Option<Table> {
    let last = tail.len().checked_sub(END_BYTES)?;
    let end = (0..=last).rev().find(|&at| tail[at..].starts_with(&END_SIGNATURE))?;
    let bytes = u32_at(tail, end + 12)?;
    let offset = u32_at(tail, end + 16)?;
    if bytes == u32::MAX || offset == u32::MAX {
        return None; // the 64-bit form
    }
    match end.checked_sub(bytes as usize) {
        Some(start) => Some(Table::Here(start, end)),
        None => Some(Table::At(u64::from(offset), u64::from(bytes))),
    }
}

fn read_table(table: &[u8]) -> Option<Scripts> {
    let mut scripts = Scripts::default();
    let mut rest = table;
    while !rest.is_empty() {
        if !rest.starts_with(&ENTRY_SIGNATURE) {
            return None;
        }
        let name_bytes = u16_at(rest, 28)?;
        let skipped = usize::from(u16_at(rest, 30)?) + usize::from(u16_at(rest, 32)?);
        let name_end = ENTRY_BYTES + usize::from(name_bytes);
        let name = rest.get(ENTRY_BYTES..name_end)?;
        scripts.shell |= name == b"update.sh";
        scripts.powershell |= name.eq_ignore_ascii_case(b"update.ps1");
        rest = rest.get(name_end + skipped..)?;
    }
    Some(scripts)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A zip with nothing but a table of contents.
    pub(crate) fn zip(names: &[&str]) -> Vec<u8> {
        let mut bytes = b"local files would be here".to_vec();
        let offset = bytes.len() as u32;
        for name in names {
            let mut entry = vec![0_u8; ENTRY_BYTES];
            entry[..4].copy_from_slice(&ENTRY_SIGNATURE);
            entry[28..30].copy_from_slice(&(name.len() as u16).to_le_bytes());
            entry[30..32].copy_from_slice(&3_u16.to_le_bytes());
            bytes.extend_from_slice(&entry);
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b"xyz");
        }
        let size = bytes.len() as u32 - offset;
        let mut end = vec![0_u8; END_BYTES];
        end[..4].copy_from_slice(&END_SIGNATURE);
        end[12..16].copy_from_slice(&size.to_le_bytes());
        end[16..20].copy_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&end);
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Scripts> {
        match locate(bytes)? {
            Table::Here(from, to) => read_table(&bytes[from..to]),
            Table::At(..) => None,
        }
    }

    #[test]
    fn only_scripts_at_the_root_count() {
        let found = read(&zip(&["install.sh", "update.sh", "bin/update.ps1"]));
        assert_eq!(found, Some(Scripts { shell: true, powershell: false }));
        assert_eq!(read(&zip(&["Update.ps1"])), Some(Scripts { shell: false, powershell: true }));
        assert_eq!(read(&zip(&["old/update.sh"])), Some(Scripts::default()));
    }

    #[test]
    fn a_table_outside_the_tail_is_asked_for_by_offset() {
        let bytes = zip(&["install.sh", "update.sh"]);
        let tail = &bytes[bytes.len() - END_BYTES - 10..];
        let table = bytes.len() - END_BYTES - 25;
        assert_eq!(locate(tail), Some(Table::At(25, table as u64)));
    }

    #[test]
    fn what_is_not_a_zip_stays_unknown() {
        assert_eq!(read(b"<html>no</html>"), None);
        assert_eq!(read(&[]), None);
        let mut broken = zip(&["update.sh"]);
        broken[25] = b'X';
        assert_eq!(read(&broken), None);
        assert!(!is_allowed("http://169.254.169.254/latest"));
    }
}
