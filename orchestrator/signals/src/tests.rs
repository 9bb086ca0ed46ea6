//! Answers as servers give them, and as they should not.

use crate::Web;
use crate::prometheus::read;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use wavetrain_model::gate::{Found, Window};
use wavetrain_model::limit::ANSWER_BYTES;
use wavetrain_model::spec::{Condition, Http, Prometheus};
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::failure::Class;
use wavetrain_ports::signals::Signals;

/// Answers one request with `answer`; gives the URL, and the request once it came.
fn server(answer: String) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut byte = [0];
        while !asked.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            asked.push(byte[0]);
        }
        // The reader may have had enough before the end.
        let _ = stream.write_all(answer.as_bytes());
        String::from_utf8(asked).unwrap()
    });
    (url, served)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn web() -> Web {
    Web::new(Arc::new(|name| (name == "TOKEN").then(|| "s3cret".to_owned()))).unwrap()
}

fn ask(url: &str) -> Prometheus {
    Prometheus {
        url: url.to_owned(),
        token_env: Some("TOKEN".to_owned()),
        query: "sum(rate(errors[5m])) by (job)".to_owned(),
        window: Seconds(300),
        step: None,
        minimum_samples: 1,
        condition: Condition { fail_if: Some("value > 1".to_owned()), pass_if: None },
    }
}

fn http(url: &str, token_env: Option<&str>) -> Http {
    let condition = Condition { fail_if: None, pass_if: Some("answer.ok".to_owned()) };
    Http { url: url.to_owned(), token_env: token_env.map(str::to_owned), condition }
}

const WINDOW: Window = Window { from: Timestamp(1_700_000_000_000), until: Timestamp(1_700_000_300_500) };

#[tokio::test]
async fn an_instant_query_carries_query_time_and_token() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"__name__":"errors","job":"web"},"value":[1700000300.5,"2.5"]},
        {"metric":{"job":"db"},"value":[1700000300.5,"NaN"]}]}}"#;
    let (url, served) = server(ok(body));
    let series = web().prometheus(&ask(&url), WINDOW).await.unwrap();
    let asked = served.join().unwrap();
    assert!(
        asked.starts_with(
            "GET /api/v1/query?query=sum%28rate%28errors%5B5m%5D%29%29+by+%28job%29&time=1700000300.500 "
        ),
        "{asked}"
    );
    assert!(asked.contains("authorization: Bearer s3cret"), "{asked}");
    assert_eq!(series[0].label, "errors{job=\"web\"}");
    assert_eq!((series[0].points.len(), series[0].complete), (1, true));
    assert_eq!((series[1].points.len(), series[1].complete), (0, false), "what is not a number is no value");
}

#[tokio::test]
async fn a_range_query_carries_its_window() {
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{},"values":[[1700000000,"1"],[1700000060,"2"]]}]}}"#;
    let (url, served) = server(ok(body));
    let series =
        web().prometheus(&Prometheus { step: Some(Seconds(60)), ..ask(&url) }, WINDOW).await.unwrap();
    let asked = served.join().unwrap();
    assert!(asked.contains("&start=1700000000.000&end=1700000300.500&step=60 "), "{asked}");
    assert_eq!((series[0].label.as_str(), series[0].points.len()), ("the query", 2));
}

#[test]
fn bad_answers_are_failures_by_what_can_be_done() {
    let refused = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
    for (status, body, class) in [
        (400, refused, Class::Invalid),
        (503, r#"{"status":"error","error":"query timed out"}"#, Class::Unavailable),
        (502, "<html>Bad Gateway</html>", Class::Unavailable),
        (401, "", Class::Denied),
        (429, "", Class::Throttled),
        (200, "<html>please log in</html>", Class::Unavailable),
        (200, r#"{"status":"success","data":{"resultType":"string","result":[1,"x"]}}"#, Class::Invalid),
    ] {
        let failure = read("query", status, body).unwrap_err();
        assert_eq!(failure.class, class, "{status} {body}");
        assert!(!failure.message.is_empty());
    }
    assert!(read("query", 400, refused).unwrap_err().message.contains("parse error"));
}

#[test]
fn a_metric_that_does_not_exist_has_no_series_and_a_warning_makes_them_partial() {
    let empty = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
    assert_eq!(read("query", 200, empty).unwrap(), []);
    let warned = r#"{"status":"success","warnings":["a store is down"],"data":{"resultType":"scalar","result":[1,"3"]}}"#;
    assert!(!read("query", 200, warned).unwrap()[0].complete);
}

#[tokio::test]
async fn any_status_is_an_answer_but_a_flood_is_not() {
    let (url, _served) = server("HTTP/1.1 503 Busy\r\ncontent-length: 2\r\n\r\n{}".to_owned());
    let found = web().http(&http(&url, None)).await.unwrap();
    assert_eq!(found, Found::Answer { status: 503, body: "{}".to_owned() });
    let (url, _served) = server(ok(&"x".repeat(ANSWER_BYTES + 1)));
    assert_eq!(web().http(&http(&url, None)).await.unwrap_err().class, Class::Invalid);
}

#[tokio::test]
async fn redirects_are_not_followed_and_failures_name_no_url() {
    let (url, _served) = server(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/x\r\ncontent-length: 0\r\n\r\n".to_owned(),
    );
    let found = web().http(&http(&url, None)).await.unwrap();
    assert!(matches!(found, Found::Answer { status: 302, .. }));
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failure = web().http(&http(&format!("http://{dead}/?key=s3cret"), None)).await.unwrap_err();
    assert_eq!(failure.class, Class::Unavailable);
    assert!(!failure.to_string().contains("s3cret"), "{failure}");
}

#[tokio::test]
async fn a_missing_token_is_told_by_its_variable() {
    let failure = web().http(&http("http://127.0.0.1:1/", Some("MISSING"))).await.unwrap_err();
    assert_eq!(failure.class, Class::Denied);
    assert!(failure.message.contains("MISSING"), "{failure}");
}
