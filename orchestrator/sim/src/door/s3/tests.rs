//! S3 over a real socket, as clients send it byte by byte.

use std::fmt::Write as _;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::serve::{Handle, serve};
use crate::trial::WORLD;
use crate::world::World;
use crate::world_file::WorldFile;

async fn open() -> Handle<World> {
    let world = World::new(&WorldFile::parse(WORLD).expect("a world")).expect("it builds");
    let any_port: SocketAddr = ([127, 0, 0, 1], 0).into();
    let handle = serve(world, any_port, 0.0).await.expect("a free port");
    let made = say(&handle, "PUT", "/tools", "", location().as_bytes()).await;
    assert!(made.starts_with("HTTP/1.1 200 "), "{made}");
    handle
}

fn location() -> String {
    "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>".into()
}

async fn say(handle: &Handle<World>, method: &str, path: &str, headers: &str, body: &[u8]) -> String {
    let signed =
        "authorization: AWS4-HMAC-SHA256 Credential=KEY/20260301/eu-west-1/s3/aws4_request, Signature=0\r\n";
    exchange(handle, method, path, &format!("{signed}{headers}"), body).await
}

async fn exchange(handle: &Handle<World>, method: &str, path: &str, headers: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(handle.address).await.expect("listening");
    let head = format!(
        "{method} {path} HTTP/1.1\r\n{headers}host: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        handle.address,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("open");
    stream.write_all(body).await.expect("open");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn an_object_is_put_got_ranged_and_deleted() {
    let handle = open().await;
    let put = say(&handle, "PUT", "/tools/a/b.txt", "x-amz-meta-made-by: hand\r\n", b"hello world").await;
    // MD5 of the bytes.
    assert!(put.contains("etag: \"5eb63bbbe01eeed093cb22bb8f5acdc3\"\r\n"), "{put}");
    let got = say(&handle, "GET", "/tools/a/b.txt", "", b"").await;
    assert!(got.contains("content-length: 11\r\n") && got.ends_with("\r\n\r\nhello world"), "{got}");
    assert!(got.contains("x-amz-meta-made-by: hand\r\n"), "{got}");
    let part = say(&handle, "GET", "/tools/a/b.txt", "range: bytes=6-\r\n", b"").await;
    assert!(part.starts_with("HTTP/1.1 206 ") && part.ends_with("\r\n\r\nworld"), "{part}");
    let head = say(&handle, "HEAD", "/tools/a/b.txt", "", b"").await;
    assert!(head.contains("content-length: 11\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    let gone = say(&handle, "DELETE", "/tools/a/b.txt", "", b"").await;
    assert!(gone.starts_with("HTTP/1.1 204 "), "{gone}");
    let none = say(&handle, "GET", "/tools/a/b.txt", "", b"").await;
    assert!(none.starts_with("HTTP/1.1 404 ") && none.contains("<Code>NoSuchKey</Code>"), "{none}");
    handle.shutdown().await;
}

#[tokio::test]
async fn chunked_bodies_are_stored_without_their_chunks_and_held_against_their_trailer() {
    let handle = open().await;
    let headers = "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\ncontent-encoding: aws-chunked\r\n\
                   x-amz-decoded-content-length: 11\r\nx-amz-trailer: x-amz-checksum-crc32\r\n";
    let body = |sum: &str| format!("5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:{sum}\r\n\r\n");
    let put = say(&handle, "PUT", "/tools/k", headers, body("DUoRhQ==").as_bytes()).await;
    assert!(put.contains("x-amz-checksum-crc32: DUoRhQ==\r\n"), "{put}");
    let got = say(&handle, "GET", "/tools/k", "x-amz-checksum-mode: ENABLED\r\n", b"").await;
    assert!(
        got.contains("x-amz-checksum-crc32: DUoRhQ==\r\n") && got.ends_with("\r\n\r\nhello world"),
        "{got}"
    );
    let wrong = say(&handle, "PUT", "/tools/k", headers, body("AAAAAA==").as_bytes()).await;
    assert!(wrong.contains("<Code>BadDigest</Code>"), "{wrong}");
    let short = headers.replace("length: 11", "length: 12");
    let wrong = say(&handle, "PUT", "/tools/k", &short, body("DUoRhQ==").as_bytes()).await;
    assert!(wrong.contains("<Code>IncompleteBody</Code>"), "{wrong}");
}

#[tokio::test]
async fn parts_make_an_object_with_the_checksum_of_their_checksums() {
    let handle = open().await;
    let begun = say(&handle, "POST", "/tools/big?uploads", "", b"").await;
    let (_, rest) = begun.split_once("<UploadId>").expect("an upload");
    let id = rest.split('<').next().expect("an id");
    let path = |number: u32| format!("/tools/big?partNumber={number}&uploadId={id}");
    let large = vec![b'a'; 5 << 20];
    let mut parts = String::new();
    for (number, body) in [(1, large.as_slice()), (2, b"end")] {
        let put = say(&handle, "PUT", &path(number), "x-amz-sdk-checksum-algorithm: CRC32\r\n", body).await;
        let (_, tag) = put.split_once("etag: ").expect("a tag");
        let tag = tag.split("\r\n").next().expect("a line").replace('"', "&quot;");
        let _ = write!(parts, "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>");
    }
    let complete = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let done = say(&handle, "POST", &format!("/tools/big?uploadId={id}"), "", complete.as_bytes()).await;
    assert!(done.contains("-2&quot;</ETag>"), "{done}");
    let tail = say(&handle, "GET", "/tools/big", "range: bytes=-5\r\n", b"").await;
    assert!(tail.ends_with("\r\n\r\naaend"), "{tail}");
}

#[tokio::test]
async fn strangers_and_unknown_operations_are_refused() {
    let handle = open().await;
    let acl = say(&handle, "GET", "/tools?acl", "", b"").await;
    assert!(acl.starts_with("HTTP/1.1 501 ") && acl.contains("<Code>NotImplemented</Code>"), "{acl}");
    let late = "/tools/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=KEY%2F20200101%2Feu-west-1%2Fs3%2Faws4_request\
                &X-Amz-Date=20200101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0";
    // The world stands still: what was signed when it opened is as fresh as ever, however long ago that was.
    let fresh = exchange(&handle, "GET", late, "", b"").await;
    assert!(fresh.contains("<Code>NoSuchKey</Code>"), "{fresh}");
    let post = "{\"advance_seconds\": 61}";
    exchange(&handle, "POST", "/_sim/clock", "content-type: application/json\r\n", post.as_bytes()).await;
    let expired = exchange(&handle, "GET", late, "", b"").await;
    assert!(expired.contains("Request has expired"), "{expired}");
    let half = exchange(&handle, "GET", "/tools/k?X-Amz-Credential=KEY%2Fs3%2Faws4_request", "", b"").await;
    assert!(half.contains("<Code>AuthorizationQueryParametersError</Code>"), "{half}");
}
