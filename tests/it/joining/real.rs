//! A real amazon-ssm-agent, if there is one: in namespaces of its own, together with the simulation, where nothing reaches the network
//! and what it writes is gone afterwards.

use super::{APPLY, PLAN, stage};
use crate::kit::{binary, until};
use serde_json::json;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};

/// Path of the `amazon-ssm-agent` binary; its workers lie beside it.
const BINARY: &str = "WAVETRAIN_SSM_AGENT";
/// Set for the part that runs inside.
const INSIDE: &str = "WAVETRAIN_SSM_AGENT_INSIDE";
const NODE: &str = "i-0123456789abcdef0";

/// A network without a way out, and the folders that the agent insists on laid over the machine's.
const ENTER: &str = r#"set -eu
ip link set lo up
overlays=$(mktemp -d)
mount -t tmpfs tmpfs "$overlays"
for part in etc usr var; do
    mkdir "$overlays/$part" "$overlays/$part.work"
    mount -t overlay overlay -o "lowerdir=/$part,upperdir=$overlays/$part,workdir=$overlays/$part.work" "/$part"
done
mkdir -p /etc/amazon/ssm /var/lib/amazon/ssm /var/log/amazon/ssm
cp "$(dirname "$WAVETRAIN_SSM_AGENT")"/*ssm-* /usr/bin/
exec "$0" --exact joining::real::a_real_agent_joins_and_is_rolled_out_to --nocapture
"#;

#[test]
fn a_real_agent_joins_and_is_rolled_out_to() {
    if std::env::var_os(INSIDE).is_some() {
        return roll_out();
    }
    if std::env::var_os(BINARY).is_none() {
        // Past the test harness, which shows nothing of a test that passes.
        let _ = writeln!(std::io::stderr(), "skipped: {BINARY} does not name an amazon-ssm-agent binary");
        return;
    }
    // Built here: cargo may need what cannot be reached from inside.
    binary::path();
    let status = Command::new("unshare")
        .args(["--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["sh", "-c", ENTER])
        .arg(std::env::current_exe().expect("this test"))
        .env(INSIDE, "1")
        .env("CARGO_NET_OFFLINE", "true")
        .status()
        .expect("unshare runs");
    assert!(status.success());
}

fn roll_out() {
    let stage = stage(1);
    let endpoint = &stage.sim.endpoint;
    let config = json!({
        "Agent": { "Region": "us-east-1" },
        "Ssm": { "Endpoint": endpoint },
        "Mds": { "Endpoint": endpoint },
        "S3": { "Endpoint": endpoint },
        // With a scheme: it would fall back to the real service otherwise.
        "Mgs": { "Endpoint": endpoint.replace("http:", "https:"), "Region": "us-east-1" },
        "Identity": { "ConsumptionOrder": ["CustomIdentity"], "CustomIdentities": [{
            "InstanceID": NODE, "Region": "us-east-1", "AvailabilityZone": "us-east-1a", "InstanceType": "t3.micro",
        }]},
    });
    std::fs::write("/etc/amazon/ssm/amazon-ssm-agent.json", config.to_string()).expect("a file");
    let agent = Command::new("/usr/bin/amazon-ssm-agent")
        .env("AWS_ACCESS_KEY_ID", "hub")
        .env("AWS_SECRET_ACCESS_KEY", "hub")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the agent starts");
    let _agent = Ended(agent);
    until("the agent asks for messages", || (!stage.sim.calls("GetMessages").is_empty()).then_some(()));
    let probe = "cat /var/tmp/tool 2>/dev/null || true # tool --version";
    let plan = PLAN
        .replace("VERSION", "2.0.0")
        .replace("{ linux: tool --version }", &format!("{{ linux: \"{probe}\" }}"));
    stage.write("plan.yaml", &plan);
    let ran = stage.run(&APPLY);
    let nodes = stage.nodes();
    let joined = nodes.iter().find(|node| node.id == NODE).expect("it joined");
    assert!(joined.installs("2.0.0").next().is_some(), "{ran:?}");
    ran.ended_with(0);
}

/// Ended when dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
