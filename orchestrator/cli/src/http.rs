//! One small GET over loopback, for the control pages of the simulated AWS.
//!
//! Not a general client: those pages are ours, plain HTTP, and close the connection when asked to. Everything that
//! speaks to AWS goes through the AWS SDK.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest time for one page.
const PATIENCE: Duration = Duration::from_secs(20);

/// Most bytes of one page: the record of a large demonstration fits many times.
const MOST_BYTES: u64 = 512 << 20;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not an address of the form `http://HOST:PORT`.
    #[error("`{0}` is not an address such as http://127.0.0.1:4711")]
    Address(String),
    /// No connection, or it broke.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Nothing came in time.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    TimedOut,
    /// Something else came than a page.
    #[error("unexpected answer: {0}")]
    Answer(String),
}

/// The body of a page.
pub async fn get(endpoint_url: &str, path: &str) -> Result<Vec<u8>, Error> {
    tokio::time::timeout(PATIENCE, exchange(endpoint_url, path)).await.map_err(|_| Error::TimedOut)?
}

async fn exchange(endpoint_url: &str, path: &str) -> Result<Vec<u8>, Error> {
    let address = endpoint_url
        .strip_prefix("http://")
        .map(|rest| rest.trim_end_matches('/'))
        .filter(|address| !address.is_empty() && !address.contains('/'))
        .ok_or_else(|| Error::Address(endpoint_url.to_owned()))?;
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut answer).await?;
    body_of(&answer).map(<[u8]>::to_vec)
}

/// The body of a complete answer with status 200.
fn body_of(answer: &[u8]) -> Result<&[u8], Error> {
    let unreadable = || Error::Answer("not HTTP".to_owned());
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(unreadable)?;
    let head = std::str::from_utf8(&answer[..end]).map_err(|_| unreadable())?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(Error::Answer(status.to_owned()));
    }
    let body = &answer[end + 4..];
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse::<usize>().ok() } else { None }
    });
    match length {
        Some(length) if length == body.len() => Ok(body),
        Some(_) => Err(Error::Answer("the page is incomplete".to_owned())),
        None => Err(Error::Answer("a page without a length".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_and_a_cut_one_refused() {
        let page = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(body_of(page).unwrap(), b"{}");
        assert!(body_of(&page[..page.len() - 1]).is_err());
        assert!(body_of(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}").is_err());
        assert!(body_of(b"garbage").is_err());
    }
}
