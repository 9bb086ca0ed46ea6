//! Small worlds and plan files for them.

/// Good version of the package `agent` in every world here.
pub const GOOD: &str = "2.0.0-1";
/// Version with the behaviour that a test asks for.
pub const BAD: &str = "3.0.0-1";

/// Two accounts in two Regions, 36 nodes with different versions or none; canaries only in us-east-1.
/// `behaviour` says what the bad version does, as further keys of it; `more` are further keys of the world.
pub fn fleet(behaviour: &str, more: &str) -> String {
    let mix = "{ agent: { 1.0.0-1: 2, 1.1.0-1: 1, none: 1 } }";
    world(
        r#"accounts: ["111122223333", "444455556666"], regions: [us-east-1, eu-west-1]"#,
        &format!(
            "
  - {{ name: web-us, count: 5, regions: [us-east-1], platform: Linux, tagged: [{{ key: rollout, value: canary, first: 1 }}], installed: {mix} }}
  - {{ name: web-eu, count: 5, regions: [eu-west-1], platform: Linux, installed: {mix} }}
  - {{ name: desk-us, count: 4, regions: [us-east-1], platform: Windows, tagged: [{{ key: rollout, value: canary, first: 1 }}], installed: {mix} }}
  - {{ name: desk-eu, count: 4, regions: [eu-west-1], platform: Windows, installed: {mix} }}"
        ),
        behaviour,
        more,
    )
}

/// One account, one Region, `count` Linux nodes with this installed; the first half are canaries.
pub fn one_site(count: u32, installed: &str, behaviour: &str, more: &str) -> String {
    world(
        r#"accounts: ["111122223333"], regions: [us-east-1]"#,
        &format!(
            "
  - {{ name: web, count: {count}, platform: Linux, tagged: [{{ key: rollout, value: canary, first: {canaries} }}], installed: {{ agent: {installed} }} }}",
            canaries = count / 2,
        ),
        behaviour,
        more,
    )
}

fn world(sites: &str, nodes: &str, behaviour: &str, more: &str) -> String {
    let takes = "takes_seconds: [1, 3]";
    format!(
        r#"
seed: 11
hub: "111122223333"
sites: {{ {sites} }}
roles: [{{ name: wavetrain-spoke, external_id: tests }}]
nodes:{nodes}
packages:
  - name: agent
    default: 1.0.0-1
    versions:
      - {{ name: 1.0.0-1, {takes} }}
      - {{ name: 1.1.0-1, {takes} }}
      - {{ name: {GOOD}, {takes} }}
      - {{ name: {BAD}, {takes}, {behaviour} }}
probes: [{{ contains: agent --version, package: agent }}]
timing: {{ agent_wait_seconds: [0, 3], listing_lag_seconds: 1 }}
{more}
"#
    )
}

/// A plan file for [`fleet`].
pub fn plan(version: &str) -> String {
    plan_with(version, "", "")
}

/// The same with further keys of the package and of the rollout, the latter each on a line of its own.
pub fn plan_with(version: &str, package: &str, rollout: &str) -> String {
    file(r#"["111122223333", "444455556666"]"#, "[us-east-1, eu-west-1]", version, package, rollout)
}

/// A plan file for [`one_site`]. Tolerates failures, because no more nodes change at once than may fail.
pub fn one_site_plan(version: &str, package: &str, rollout: &str) -> String {
    let limits =
        if rollout.contains("  limits:") { "" } else { "  limits: { in_flight: 80%, failures: 3 }\n" };
    file(r#"["111122223333"]"#, "[us-east-1]", version, package, &format!("{limits}{rollout}"))
}

fn file(accounts: &str, regions: &str, version: &str, package: &str, rollout: &str) -> String {
    let waves = if rollout.contains("\n  waves:") || rollout.starts_with("  waves:") {
        ""
    } else {
        "  waves:
    - { name: canary, tag: { rollout: canary }, bake: 5m }
    - { name: half, percent: 75, bake: 5m }
    - { name: all, percent: 100 }
"
    };
    let limits =
        if rollout.contains("  limits:") { "" } else { "  limits: { in_flight: 80%, failures: 0 }\n" };
    format!(
        r#"apiVersion: wavetrain/v1
rollout:
  name: agent
  package:
    name: agent
    owner: "111122223333"
    version: {version}
    probe: {{ linux: agent --version, windows: agent --version }}
{package}
  fleet:
    accounts: {accounts}
    regions: {regions}
    role: arn:aws:iam::{{account}}:role/wavetrain-spoke
    external_id: tests
{waves}{limits}{rollout}
  deadlines: {{ wave: 30d, execution: 2d, hold: 60d }}
  api: {{ requests_per_second: 100, burst: 1000, settle: 1m }}
"#
    )
}
