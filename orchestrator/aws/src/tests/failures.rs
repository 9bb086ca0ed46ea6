//! What failed calls are called.

use crate::Aws;
use crate::fake::{Answer, Fake, hub, identity, ok, refusal, spoke, sts_refusal};
use crate::{Options, StaticKeys};
use aws_smithy_runtime_api::client::result::ConnectorError;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use wavetrain_model::fleet::Platform;
use wavetrain_model::id::{CommandId, NodeId};
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::distributor::{Distributor, Job, Order, Sent};
use wavetrain_ports::failure::Class;

fn order() -> Order {
    Order {
        job: Job::Script { platform: Platform::Linux, command: "true".to_owned() },
        nodes: vec![NodeId::from("i-00000000000000001")],
        comment: "wavetrain test 1".to_owned(),
        deliver_within: Seconds(60),
        max_concurrency: 1,
        max_errors: None,
    }
}

/// The class and code of a read, and what became of a send, for the same answer.
async fn both(answer: impl Fn() -> Answer + Send + Sync + 'static) -> (Class, String, Sent) {
    let aws = Fake::new(move |_| answer()).aws().await;
    let read = aws.commands(&hub(), Timestamp(0), 10).await.unwrap_err();
    (read.class, read.code, aws.send(&hub(), &order()).await)
}

fn class(sent: &Sent) -> Option<Class> {
    match sent {
        Sent::Refused(failure) | Sent::Unknown(failure) => Some(failure.class),
        Sent::Accepted { .. } | Sent::InvalidNodes { .. } => None,
    }
}

#[tokio::test]
async fn codes_decide_before_the_status_does() {
    let table = [
        (400, "ThrottlingException", Class::Throttled),
        (503, "SlowDown", Class::Throttled),
        (400, "AccessDeniedException", Class::Denied),
        (400, "UnrecognizedClientException", Class::Denied),
        (400, "ExpiredTokenException", Class::Expired),
        (400, "RequestExpired", Class::Expired),
        (400, "InvalidDocument", Class::NotFound),
        (400, "ValidationException", Class::Invalid),
        (400, "InvalidParameters", Class::Invalid),
        (400, "SomethingNewException", Class::Invalid),
    ];
    for (status, code, expected) in table {
        let (read, carried, sent) = both(move || refusal(status, code, "because")).await;
        assert_eq!((read, carried.as_str()), (expected, code));
        assert!(matches!(sent, Sent::Refused(_)), "{code}: {sent:?}");
        assert_eq!(class(&sent), Some(expected), "{code}");
    }
}

#[tokio::test]
async fn a_server_error_is_safe_to_repeat_for_a_read_and_unknown_for_a_send() {
    let (read, code, sent) = both(|| refusal(500, "InternalServerError", "oops")).await;
    assert_eq!((read, code.as_str()), (Class::Unavailable, "InternalServerError"));
    assert!(matches!(sent, Sent::Unknown(_)), "{sent:?}");
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_may_hide_an_executed_command() {
    let (read, _, sent) = both(|| Answer::Status(200, b"<html>welcome</html>".to_vec())).await;
    assert_eq!(read, Class::Unavailable);
    assert!(matches!(sent, Sent::Unknown(_)), "{sent:?}");
    let aws = Fake::new(|_| ok("{}")).aws().await;
    assert!(matches!(aws.send(&hub(), &order()).await, Sent::Unknown(_)));
}

#[tokio::test]
async fn a_connection_that_breaks_after_sending_is_unknown_for_a_send() {
    let broken =
        || Answer::Broken(ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionReset).into()));
    let (read, _, sent) = both(broken).await;
    assert_eq!(read, Class::Unavailable);
    assert!(matches!(sent, Sent::Unknown(_)), "{sent:?}");
}

/// The real HTTP client at an address where somebody answers who the caller is, and then does `then`.
async fn at_a_server_that(then: impl FnOnce(TcpListener) + Send + 'static) -> Aws {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut caller, _) = listener.accept().unwrap();
        read_some(&mut caller);
        let Answer::Status(_, body) = identity() else { return };
        let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        // Before the answer: the next call must already find what there is to find.
        then(listener);
        caller.write_all(&[head.into_bytes(), body].concat()).unwrap();
    });
    let options = Options {
        session_name: "wavetrain-test".to_owned(),
        endpoint_url: Some(format!("http://{address}")),
        region: Some("eu-central-1".to_owned()),
        credentials: Some(StaticKeys { access_key_id: "AKIA".to_owned(), secret_access_key: "s".to_owned() }),
        ..Options::default()
    };
    Aws::connect(options).await.unwrap()
}

fn read_some(caller: &mut TcpStream) {
    assert!(caller.read(&mut [0; 4096]).unwrap() > 0);
}

#[tokio::test]
async fn nobody_listening_means_that_nothing_was_sent() {
    let aws = at_a_server_that(drop).await;
    let sent = aws.send(&hub(), &order()).await;
    assert!(matches!(&sent, Sent::Refused(failure) if failure.class == Class::Unavailable), "{sent:?}");
    // The role cannot be assumed either: no credentials, for want of a connection.
    let sent = aws.send(&spoke("eu-west-1"), &order()).await;
    assert!(matches!(&sent, Sent::Refused(failure) if failure.class == Class::Unavailable), "{sent:?}");
}

#[tokio::test]
async fn a_server_that_hangs_up_on_the_request_may_have_executed_it() {
    let aws = at_a_server_that(|listener| {
        std::thread::spawn(move || {
            let (mut caller, _) = listener.accept().unwrap();
            read_some(&mut caller);
        });
    })
    .await;
    let sent = aws.send(&hub(), &order()).await;
    assert!(matches!(&sent, Sent::Unknown(_)), "{sent:?}");
}

#[tokio::test]
async fn a_refused_role_is_denied_with_what_to_check() {
    let fake = Fake::whole(|call| match call.operation.as_str() {
        "AssumeRole" => sts_refusal("AccessDenied", "User x is not authorized to perform: sts:AssumeRole"),
        "GetCallerIdentity" => identity(),
        other => panic!("{other} was sent without credentials"),
    });
    let aws = fake.aws().await;
    let sent = aws.send(&spoke("eu-west-1"), &order()).await;
    let Sent::Refused(failure) = sent else { panic!("{sent:?}") };
    assert_eq!((failure.class, failure.code.as_str()), (Class::Denied, "AccessDenied"));
    for text in
        ["not authorized", "arn:aws:iam::222222222222:role/wavetrain-spoke", "trust policy", "external id"]
    {
        assert!(failure.message.contains(text), "{}", failure.message);
    }
}

#[tokio::test]
async fn expired_hub_credentials_are_expired_behind_a_role_too() {
    let fake =
        Fake::whole(|_| sts_refusal("ExpiredToken", "The security token included in the request is expired"));
    let aws = fake.aws().await;
    let failure = aws.commands(&spoke("eu-west-1"), Timestamp(0), 1).await.unwrap_err();
    assert_eq!(failure.class, Class::Expired, "{failure}");
    assert!(failure.message.ends_with("sign in again"), "{failure}");
}

#[tokio::test]
async fn keys_that_a_region_does_not_know_raise_the_question_whether_it_is_enabled() {
    let aws = Fake::new(|_| refusal(400, "UnrecognizedClientException", "The security token is invalid."))
        .aws()
        .await;
    let failure = aws.cancel(&hub(), &CommandId::from("c")).await.unwrap_err();
    assert!(failure.message.contains("Region not enabled"), "{}", failure.message);
}

#[tokio::test]
async fn an_error_without_text_still_says_something() {
    let body = || Answer::Status(400, br#"{"__type":"InvalidCommandId"}"#.to_vec());
    let aws = Fake::new(move |_| body()).aws().await;
    let failure = aws.cancel(&hub(), &CommandId::from("c")).await.unwrap_err();
    assert_eq!((failure.class, failure.message.as_str()), (Class::NotFound, "InvalidCommandId"));
}

#[tokio::test]
async fn addresses_in_messages_lose_their_signatures() {
    let text = "see https://b.s3.amazonaws.com/a.zip?X-Amz-Signature=abc for more";
    let aws = Fake::new(move |_| refusal(400, "ValidationException", text)).aws().await;
    let failure = aws.cancel(&hub(), &CommandId::from("c")).await.unwrap_err();
    assert!(!failure.message.contains("abc"), "{}", failure.message);
}

#[tokio::test]
async fn trouble_on_the_way_to_a_role_is_named_and_means_that_nothing_was_sent() {
    let fake = Fake::whole(|_| {
        Answer::Broken(ConnectorError::timeout(io::Error::from(io::ErrorKind::TimedOut).into()))
    });
    let sent = fake.aws().await.send(&spoke("eu-west-1"), &order()).await;
    let Sent::Refused(failure) = sent else { panic!("{sent:?}") };
    assert_eq!(failure.class, Class::Unavailable);
    assert!(failure.message.contains("while assuming role arn:aws:iam::222222222222:role/"), "{failure}");
    assert!(fake.calls("SendCommand").is_empty());
}
