use super::*;
use crate::print::status::tests::plan as small_plan;
use async_trait::async_trait;
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wavetrain_model::spec::{Callback as Asked, Gate};
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_store::memory::Memory;
use wavetrain_store::{LeaseAnswer, NewRollout, Summary};

const NOW: &str = "2026-03-02T09:00:00Z";

struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(NOW.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    async fn sleep_until(&self, _: Timestamp) {}
}

fn plan() -> Plan {
    let mut plan = small_plan();
    let callback = Asked { secret_env: "CI_SECRET".to_owned(), within: Seconds::hours(1) };
    plan.spec.gates = vec![Gate {
        name: "ci".to_owned(),
        guard: false,
        blocker: false,
        dry_run: false,
        waves: Vec::new(),
        check: Check::Callback(callback),
        every: Seconds(60),
        initial_delay: Seconds(0),
        count: None,
        failure_limit: 0,
        inconclusive_limit: None,
        consecutive_error_limit: 4,
        consecutive_success_limit: 1,
        deadline: Seconds::hours(1),
        within: wavetrain_model::spec::Within::default(),
        per: None,
    }];
    plan
}

fn secrets() -> Secrets {
    Secrets::of(&plan().spec, |_| Some("s3cret".to_owned())).unwrap()
}

async fn store() -> Arc<dyn Store> {
    let store = Memory::default();
    let LeaseAnswer::Acquired { token, .. } =
        store.acquire_lease("rollout/agent-2", "me", 0, 1_000).await.unwrap()
    else {
        panic!("it is free");
    };
    let summary = Summary {
        name: "agent-2".to_owned(),
        package: String::new(),
        version: String::new(),
        phase: String::new(),
        headline: String::new(),
        active: true,
        updated_at_ms: 0,
    };
    let new = NewRollout {
        id: "r".to_owned(),
        plan_digest: String::new(),
        plan: Vec::new(),
        created_at_ms: 0,
        summary,
        events: Vec::new(),
        new_intents: Vec::new(),
        snapshot: None,
    };
    store.create_rollout(new, &token).await.unwrap();
    Arc::new(store)
}

async fn desk(store: &Arc<dyn Store>) -> Desk {
    let nonces = waiting(store.as_ref(), &RolloutId::new("r")).await.unwrap();
    Desk::new((RolloutId::new("r"), &plan()), &secrets(), nonces, Arc::clone(store), Arc::new(Still))
}

fn signature(body: &str, secret: &str) -> String {
    use std::fmt::Write;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().fold("sha256=".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn body(nonce: &str) -> String {
    json!({
        "rollout": "agent-2", "gate": "ci", "plan": plan().digest, "wave": "canary", "verdict": "pass", "sentence": "412 of 412 tests passed", "at": NOW,
        "nonce": nonce,
    })
    .to_string()
}

fn status_of(desk: &Desk, rollout: &str, gate: &str, body: &str, signature: &str) -> u16 {
    let mut head = HeaderMap::new();
    head.insert(SIGNATURE, signature.parse().unwrap());
    match read(desk, rollout, gate, &head, body.as_bytes()) {
        Ok(_) => 202,
        Err(refusal) => refusal.into_response().status().as_u16(),
    }
}

#[tokio::test]
async fn only_what_is_signed_fresh_and_about_this_plan_is_taken() {
    let desk = desk(&store().await).await;
    let good = body("1");
    let sign = |body: &str| signature(body, "s3cret");
    assert_eq!(status_of(&desk, "agent-2", "ci", &good, &sign(&good)), 202);
    assert_eq!(status_of(&desk, "r", "ci", &good, &sign(&good)), 202);
    assert_eq!(status_of(&desk, "other", "ci", &good, &sign(&good)), 404);
    assert_eq!(status_of(&desk, "agent-2", "nobody", &good, &sign(&good)), 404);
    for forged in
        [signature(&good, "guess"), sign(&body("2")), "sha256=00".to_owned(), sign(&good)[7..].to_owned()]
    {
        assert_eq!(status_of(&desk, "agent-2", "ci", &good, &forged), 401);
    }
    for (change, status) in [
        (json!({ "plan": "fedcba" }), 409),
        (json!({ "at": "2026-03-02T08:54:59Z" }), 409),
        (json!({ "gate": "tests" }), 409),
        (json!({ "rollout": "other" }), 409),
        (json!({ "rollout": null }), 400),
        (json!({ "at": "yesterday" }), 400),
        (json!({ "verdict": "error" }), 400),
        (json!({ "nonce": "" }), 400),
        (json!({ "sentence": "two\nlines" }), 400),
        (json!({ "wave": "nobody" }), 404),
        (json!({ "surprise": 1 }), 400),
    ] {
        let mut document: serde_json::Value = serde_json::from_str(&good).unwrap();
        document.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let changed = document.to_string();
        assert_eq!(status_of(&desk, "agent-2", "ci", &changed, &sign(&changed)), status, "{changed}");
    }
}

#[test]
fn a_secret_that_is_not_set_is_refused_and_none_is_asked_for_without_a_gate() {
    for value in [None, Some(String::new())] {
        let Err(stop) = Secrets::of(&plan().spec, |_| value.clone()) else { panic!("it is refused") };
        assert_eq!(stop.exit, Exit::Usage);
        assert!(stop.message.contains("CI_SECRET"), "{}", stop.message);
    }
    assert!(Secrets::of(&small_plan().spec, |_| None).unwrap().is_empty());
}

async fn send(address: SocketAddr, body: &str, signature: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /v1/gates/agent-2/ci HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         {SIGNATURE}: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // The other side may answer before it has read everything.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

/// Nobody carries the rollout out, so the answer comes once it is clear that nobody answers soon.
#[tokio::test(start_paused = true)]
async fn a_report_is_in_the_mailbox_before_its_sender_hears_so_and_is_not_taken_twice() {
    let store = store().await;
    let (report, any) = (body("1"), SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    for expected in ["HTTP/1.1 202", "HTTP/1.1 409"] {
        let bound = bind(any).await.unwrap();
        let address = bound.address;
        // Another process, that knows of the first only what is in the store.
        let _listening = serve(bound, desk(&store).await);
        let answer = send(address, &report, &signature(&report, "s3cret")).await;
        assert!(answer.starts_with(expected), "{answer}");
        assert_eq!(store.pending_orders("r").await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_endless_report_is_cut_off() {
    let bound = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let address = bound.address;
    let _listening = serve(bound, desk(&store().await).await);
    let endless = "a".repeat(REPORT_BYTES + 1);
    let answer = send(address, &endless, &signature(&endless, "s3cret")).await;
    assert!(answer.starts_with("HTTP/1.1 413") || answer.is_empty(), "{answer}");
}

/// Two gates may have one secret: what is signed for one is no report for the other.
#[tokio::test]
async fn a_report_is_only_for_the_gate_that_it_names() {
    let mut plan = plan();
    let mut other = plan.spec.gates[0].clone();
    "tests".clone_into(&mut other.name);
    plan.spec.gates.push(other);
    let secrets = Secrets::of(&plan.spec, |_| Some("s3cret".to_owned())).unwrap();
    let store = store().await;
    let desk = Desk::new((RolloutId::new("r"), &plan), &secrets, BTreeSet::new(), store, Arc::new(Still));
    let good = body("1");
    assert_eq!(status_of(&desk, "agent-2", "ci", &good, &signature(&good, "s3cret")), 202);
    assert_eq!(status_of(&desk, "agent-2", "tests", &good, &signature(&good, "s3cret")), 409);
}

#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_is_not_listened_to_for_long() {
    let bound = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let address = bound.address;
    let _listening = serve(bound, desk(&store().await).await);
    let begun = tokio::time::Instant::now();
    for said in ["", "POST /v1/gates/agent-2/ci HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    }
    // In the clock of this test, which jumps to whatever is waited for next.
    assert!(begun.elapsed() <= Duration::from_secs(12), "{:?}", begun.elapsed());
}
