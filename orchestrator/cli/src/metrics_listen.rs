//! `GET /metrics` and `GET /healthz` for a scraper, over plain HTTP/1.1, one answer for each connection.
//!
//! Not a general server: two pages that take no input. Every connection has a bound in bytes and in time, and there is a
//! bound on how many are open, so that no stranger on the port can slow the rollout down.

use crate::exit::{Exit, Stop};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use wavetrain_driver::Metrics;

/// Longest head of a request. Prometheus sends some 300 bytes.
const HEAD_BYTES: usize = 8 << 10;

/// Longest time for one connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections answered at once; more wait in the listener's queue.
const AT_ONCE: usize = 16;

/// Longest time that the end is held out to a scraper.
const LONGEST_LINGER: Duration = Duration::from_mins(1);

/// The content type of the text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The scrapes so far.
#[derive(Debug, Clone, Copy, Default)]
struct Scrapes {
    last: Option<Instant>,
    /// Longest time between two. Not the last: of two scrapers beside each other that says nothing.
    longest_pause: Option<Duration>,
}

impl Scrapes {
    fn note(&mut self, now: Instant) {
        let pause = self.last.map(|last| now - last);
        self.longest_pause = self.longest_pause.max(pause);
        self.last = Some(now);
    }
}

/// A listener in use; it ends when dropped.
#[derive(Debug)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
    scrapes: watch::Receiver<Scrapes>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Listens and answers from now on.
pub async fn listen(address: SocketAddr, metrics: Metrics) -> Result<Listening, Stop> {
    let taken = |error: std::io::Error| {
        Stop::new(Exit::Unexpected, format!("cannot listen for metrics on {address}: {error}"))
            .help("another process uses that address: choose another port, or 0 for a free one")
    };
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    let (seen, scrapes) = watch::channel(Scrapes::default());
    let accepting = tokio::spawn(accept(listener, metrics, seen));
    Ok(Listening { address, accepting, scrapes })
}

impl Listening {
    /// Waits until a scraper that came before has seen the end; else its last sample would say for ever that the rollout
    /// runs. Bounded by twice the longest time between two visits.
    pub async fn linger(mut self) {
        let Scrapes { last, longest_pause } = *self.scrapes.borrow_and_update();
        if last.is_none() {
            return;
        }
        let pause = longest_pause.map_or(LONGEST_LINGER, |pause| 2 * pause).min(LONGEST_LINGER);
        // An early end of the time or of the listener is no reason to complain: the rollout is over.
        let _ = tokio::time::timeout(pause, self.scrapes.changed()).await;
    }

    /// Whether anybody ever came.
    pub fn has_scraper(&self) -> bool {
        self.scrapes.borrow().last.is_some()
    }
}

async fn accept(listener: TcpListener, metrics: Metrics, seen: watch::Sender<Scrapes>) {
    let (places, seen) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(seen));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, mostly: trying again at once would only burn time.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (metrics, seen) = (metrics.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            // Whoever is too slow or went away gets no answer; there is nobody else to tell.
            let _ = tokio::time::timeout(PATIENCE, converse(stream, &metrics, &seen)).await;
            drop(place);
        });
    }
}

async fn converse(
    mut stream: TcpStream,
    metrics: &Metrics,
    seen: &watch::Sender<Scrapes>,
) -> std::io::Result<()> {
    let page = match head(&mut stream).await? {
        Some(head) => answer(&head, metrics),
        None => Page::refusal("431 Request Header Fields Too Large", "the request's head is too long\n"),
    };
    stream.write_all(page.bytes().as_bytes()).await?;
    stream.shutdown().await?;
    if page.is_scrape {
        seen.send_modify(|scrapes| scrapes.note(Instant::now()));
    }
    Ok(())
}

/// The head of a request, or None if it is too long.
async fn head(stream: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    let mut part = [0_u8; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if head.len() > HEAD_BYTES {
            return Ok(None);
        }
        match stream.read(&mut part).await? {
            0 => break,
            n => head.extend_from_slice(&part[..n]),
        }
    }
    Ok(Some(head))
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    status: &'static str,
    content_type: &'static str,
    body: String,
    is_scrape: bool,
    with_body: bool,
}

impl Page {
    fn refusal(status: &'static str, body: &str) -> Self {
        Self { status, content_type: "text/plain", body: body.to_owned(), is_scrape: false, with_body: true }
    }

    fn bytes(&self) -> String {
        let Self { status, content_type, body, .. } = self;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        if self.with_body { head + body } else { head }
    }
}

fn answer(head: &[u8], metrics: &Metrics) -> Page {
    let first = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(first);
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Page::refusal("400 Bad Request", "not an HTTP request\n");
    };
    if method != "GET" && method != "HEAD" {
        return Page::refusal("405 Method Not Allowed", "only GET\n");
    }
    let path = target.split('?').next().unwrap_or_default();
    let (content_type, body) = match path {
        "/metrics" => (TEXT_FORMAT, metrics.text()),
        "/healthz" => ("text/plain", "ok\n".to_owned()),
        _ => return Page::refusal("404 Not Found", "there are /metrics and /healthz\n"),
    };
    let with_body = method == "GET";
    Page { status: "200 OK", content_type, body, is_scrape: with_body && path == "/metrics", with_body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn status(request: &str) -> &'static str {
        answer(request.as_bytes(), &Metrics::default()).status
    }

    #[test]
    fn two_pages_exist_and_everything_else_is_refused() {
        assert_eq!(status("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n"), "200 OK");
        assert_eq!(status("GET /metrics?x=1 HTTP/1.0\r\n\r\n"), "200 OK");
        assert_eq!(status("HEAD /healthz HTTP/1.1\r\n\r\n"), "200 OK");
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), "404 Not Found");
        assert_eq!(status("POST /metrics HTTP/1.1\r\n\r\n"), "405 Method Not Allowed");
        assert_eq!(status("\0\u{1}\u{2}\r\n\r\n"), "400 Bad Request");
        assert_eq!(status(""), "400 Bad Request");
    }

    #[test]
    fn a_head_request_gets_the_length_without_the_body() {
        let page = answer(b"HEAD /healthz HTTP/1.1\r\n\r\n", &Metrics::default()).bytes();
        assert!(page.contains("content-length: 3\r\n") && page.ends_with("\r\n\r\n"), "{page}");
    }

    async fn exchange(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The other side may close before it has read everything.
        let _ = stream.write_all(request).await;
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn a_taken_port_is_a_clear_error_and_a_scraper_sees_the_end() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listening = listen(any, Metrics::default()).await.unwrap();
        let stop = listen(listening.address, Metrics::default()).await.unwrap_err();
        assert!(stop.message.contains(&listening.address.to_string()), "{}", stop.message);
        assert!(!listening.has_scraper());
        let page = exchange(listening.address, b"GET /metrics HTTP/1.1\r\n\r\n").await;
        assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
        assert!(listening.has_scraper());
        let address = listening.address;
        let ((), page) =
            tokio::join!(listening.linger(), exchange(address, b"GET /metrics HTTP/1.1\r\n\r\n"));
        assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
    }

    #[tokio::test]
    async fn an_endless_head_is_cut_off() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listening = listen(any, Metrics::default()).await.unwrap();
        // One byte more than is ever read, so that the answer is not lost with unread bytes.
        let answer = exchange(listening.address, &vec![b'a'; 9 * 1024]).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}
