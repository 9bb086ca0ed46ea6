//! The process dies at named points of every example plan, again and again, and the same command goes on each time: it
//! must end as it ends when nothing happens, and no node may be told twice what was promised once.
//!
//! A point is named by `WAVETRAIN_CRASH_AT`, which only a program built for these tests knows. There the process aborts
//! itself; nothing is cleaned up. What each point leaves behind is different: after-intent a promise that nobody was
//! told of, after-call a command that nobody wrote down, after-commit a decision that nobody acted upon.

use crate::kit::binary;
use crate::kit::stage::{APPLY, Ran, Stage, start};
use crate::kit::truth::{Node, assert_all_back, assert_no_intent_twice, assert_none_after_decision};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const SPEED: u32 = 2000;

/// The lease of a dead process lasts 15 real seconds, which is so long in the world.
const LEASE_SECONDS: u32 = 16 * SPEED;

/// Crashes spread over one rollout.
const MOMENTS: u64 = 6;

/// Crashes after which a rollout is left alone: recoveries make promises of their own, so there is more to crash than
/// in the course without crashes.
const MOST_CRASHES: u64 = 12;

const POINTS: [&str; 3] = ["after-intent", "after-call", "after-commit"];

/// An example plan and its package.
struct Example {
    text: &'static str,
    package: &'static Package,
    /// What the bad version does, as a rule of the world file.
    breaks: &'static str,
}

struct Package {
    name: &'static str,
    /// Part of the Linux probe.
    probe: &'static str,
    first: &'static str,
    old: &'static str,
    good: &'static str,
    bad: &'static str,
}

const AGENT: Package = Package {
    name: "datadog-agent",
    probe: "datadog-agent version",
    first: "7.56.0-1",
    old: "7.57.0-1",
    good: "7.58.0-1",
    bad: "7.59.0-1",
};

const BRIDGE: Package = Package {
    name: "cloudwatch-bridge",
    probe: "cloudwatch-bridge --version",
    first: "2.2.0-1",
    old: "2.3.1-1",
    good: "2.4.0-1",
    bad: "2.5.0-1",
};

const BREAKS_WINDOWS: &str =
    "{ when: { platform: Windows, regions: [eu-west-1] }, install: fail, update: fail }";
const BREAKS_HALF: &str = "{ when: { fraction: 0.5 }, install: fail, update: fail }";

impl Example {
    /// The example as it is, but for what depends on real time: while a dead process's lease runs out, hours pass in the
    /// world, and its deadlines would pass too.
    fn plan(&self, version: &str) -> String {
        let mut plan = String::new();
        for line in self.text.lines().filter(|line| !line.starts_with("  deadlines:")) {
            let line = line.replace(self.package.good, version).replace("within: 24h", "within: 30d");
            // At this speed two minutes are shorter than one call on a busy machine.
            let line = line.replace("timeout: 2m", "timeout: 1h");
            plan.push_str(&with_short_bake(&line));
            plan.push('\n');
        }
        plan + "  deadlines: { delivery: 30m, execution: 2h, wave: 30d, hold: 60d }\n"
    }

    fn world(&self) -> String {
        let Package { name, probe, first, old, good, bad } = *self.package;
        let words = [("PACKAGE", name), ("PROBE", probe), ("FIRST", first), ("OLD", old), ("GOOD", good)];
        let world = words.iter().fold(WORLD.to_owned(), |world, (word, value)| world.replace(word, value));
        world.replace("BAD", bad).replace("BREAKS", self.breaks)
    }

    fn stage(&self, version: &str) -> Stage {
        let stage = Stage::new(&self.world(), SPEED);
        stage.write("plan.yaml", &self.plan(version));
        for folder in ["waves", "rollback", "budgets"] {
            write_packs(&stage, folder);
        }
        stage
    }
}

/// The shipped packs beside the plan file, with bakes as short as the plan's own.
fn write_packs(stage: &Stage, folder: &str) {
    let folder = format!("policies/{folder}");
    std::fs::create_dir_all(stage.file(&folder)).expect("a folder");
    for entry in std::fs::read_dir(binary::root().join(&folder)).expect("a folder of the project") {
        let name = entry.expect("an entry").file_name();
        let name = format!("{folder}/{}", name.to_str().expect("a name of letters"));
        let text = std::fs::read_to_string(binary::root().join(&name)).expect("a pack");
        stage.write(&name, &text.lines().map(with_short_bake).collect::<Vec<_>>().join("\n"));
    }
}

fn with_short_bake(line: &str) -> String {
    let Some((before, after)) = line.split_once("bake: ") else { return line.to_owned() };
    let rest = after.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric());
    format!("{before}bake: 3m{rest}")
}

/// Three accounts in two Regions, few nodes of every kind, canaries in one place.
const WORLD: &str = r#"
seed: 5
hub: "111122223333"
sites: { accounts: ["111122223333", "444455556666", "777788889999"], regions: [us-east-1, eu-west-1] }
roles: [{ name: wavetrain-spoke, external_id: wavetrain-demo, max_session_seconds: 43200 }]
nodes:
  - { name: canary-web, count: 1, accounts: ["111122223333"], regions: [us-east-1], platform: Linux, tags: { service: web, rollout: canary }, installed: { PACKAGE: { OLD: 1 } } }
  - { name: canary-arm, count: 1, accounts: ["111122223333"], regions: [us-east-1], platform: Linux, architecture: arm64, tags: { service: worker, rollout: canary }, installed: { PACKAGE: { OLD: 1 } } }
  - { name: canary-desk, count: 1, accounts: ["111122223333"], regions: [us-east-1], platform: Windows, tags: { service: web, rollout: canary }, installed: { PACKAGE: { OLD: 1 } } }
  - { name: web, count: 1, platform: Linux, tags: { service: web }, installed: { PACKAGE: { OLD: 2, FIRST: 1 } } }
  - { name: arm, count: 2, platform: Linux, architecture: arm64, tags: { service: worker }, installed: { PACKAGE: { OLD: 1, none: 1 } } }
  - { name: desk, count: 1, platform: Windows, tags: { service: web }, installed: { PACKAGE: { OLD: 1 } } }
packages:
  - name: PACKAGE
    default: OLD
    versions: [{ name: FIRST }, { name: OLD }, { name: GOOD }, { name: BAD, behaviour: [BREAKS] }]
probes: [{ contains: PROBE, package: PACKAGE, strip_revision: true }, { contains: VersionInfo, package: PACKAGE, strip_revision: true }]
alarms: [{ name: datadog-intake-errors }]
"#;

/// How a rollout ended: exit code, and what is really on every node.
type End = (i32, BTreeMap<String, Option<String>>);

/// `apply`, and the approval that some plans ask for in between.
fn applied(stage: &Stage, crash_at: Option<&str>) -> Ran {
    let plain = stage.command(&APPLY);
    let here = plain.get_current_dir().expect("it has one");
    let mut command = Command::new(binary::with_crash_points());
    command.args(plain.get_args()).current_dir(here).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.envs(crash_at.map(|point| ("WAVETRAIN_CRASH_AT", point)));
    let ran = start(command, here).wait();
    if ran.code == 6 && ran.stderr.contains("approv") {
        stage.run(&["approve", name(stage).as_str(), "all", "--by", "release-managers"]).ended_with(0);
        return applied(stage, crash_at);
    }
    ran
}

fn name(stage: &Stage) -> String {
    let plan = std::fs::read_to_string(stage.file("plan.yaml")).expect("it was written");
    let line = plan.lines().find_map(|line| line.strip_prefix("  name: ")).expect("a rollout has a name");
    line.to_owned()
}

fn end_of(code: i32, nodes: &[Node]) -> End {
    (code, nodes.iter().map(|node| (node.id.clone(), node.version.clone())).collect())
}

/// The course without a crash, and how many promises and moments of decision there were in it.
fn undisturbed(example: &Example, version: &str) -> (End, u64, u64) {
    let stage = example.stage(version);
    let ran = applied(&stage, None);
    let log = stage.log(&name(&stage));
    let intents = log.0.iter().filter(|entry| entry["event"] == "intended").count() as u64;
    let moments: BTreeSet<String> = log.0.iter().map(|entry| entry["at"].to_string()).collect();
    (end_of(ran.code, &stage.nodes()), intents, moments.len() as u64)
}

/// Highest number of a promise that AWS was told of.
fn highest_sent(stage: &Stage) -> u64 {
    let markers = comments(stage).into_iter();
    markers.filter_map(|marker| marker.rsplit(' ').next()?.parse().ok()).max().unwrap_or(0)
}

/// The markers of all commands that were carried out.
fn comments(stage: &Stage) -> Vec<String> {
    let calls = stage.sim.calls("SendCommand");
    let executed = calls.iter().filter(|call| call["executed"] == true);
    let comment = |brief: &str| Some(brief.split_once("comment=")?.1.split_once(" action=")?.0.to_owned());
    executed.map(|call| call["brief"].as_str().and_then(comment).expect("a comment")).collect()
}

/// Whether the newest rollout has ended; not if none has begun.
fn is_over(stage: &Stage) -> bool {
    let told = stage.run(&["status", "--output", "json"]);
    told.code == 0 && told.json()["over"] == true
}

/// Dies every `step` promises or decisions, goes on, and compares the end.
fn dies_and_goes_on(example: &Example, version: &str, point: &str, step: u64, wanted: &End) -> u64 {
    let stage = example.stage(version);
    let before = stage.nodes();
    let (mut crashes, mut next) = (0, step);
    let ran = loop {
        let crash_at = (crashes < MOST_CRASHES).then(|| format!("{point}:{next}"));
        let ran = applied(&stage, crash_at.as_deref());
        if ran.code != -1 {
            break ran;
        }
        crashes += 1;
        // Dead after the very last record there is nothing to go on with, and what is applied again is another rollout: one of
        // a plan for a part of the fleet would take a part of the rest.
        if is_over(&stage) {
            break ran;
        }
        if point != "after-commit" {
            next = next.max(highest_sent(&stage)) + step;
        }
        stage.sim.pass(LEASE_SECONDS);
    };
    let told = format!("{version} {point} every {step}, {crashes} crashes: {}{}", ran.stdout, ran.stderr);
    // How it ended is still told, also where what failed is not begun again.
    let is_told = ran.code == -1 || (ran.code == 7 && ran.stderr.contains("quarantine"));
    let code = if is_told { stage.run(&["watch", &name(&stage), "--all"]).code } else { ran.code };
    let after = stage.nodes();
    assert_eq!(&end_of(code, &after), wanted, "{told}");
    assert_no_intent_twice(&after);
    let comments = comments(&stage);
    assert_no_batch_left(&stage);
    let different: BTreeSet<&String> = comments.iter().collect();
    assert_eq!(different.len(), comments.len(), "a promise was sent twice: {comments:?} {told}");
    if code == 5 {
        assert_all_back(&before, &after, version);
        assert_none_after_decision(&stage.log(&name(&stage)), &after, version);
    }
    crashes
}

/// Associations of batches that were made are gone, each made once.
fn assert_no_batch_left(stage: &Stage) {
    let executed =
        |operation: &str| stage.sim.calls(operation).iter().filter(|call| call["executed"] == true).count();
    let kept = stage.sim.calls("CreateAssociation");
    let kept = kept.iter().filter(|call| call["executed"] == true);
    let kept =
        kept.filter(|call| call["brief"].as_str().is_some_and(|brief| brief.contains("keep-"))).count();
    let names: Vec<String> = stage
        .sim
        .calls("CreateAssociation")
        .iter()
        .filter(|call| call["executed"] == true)
        .map(|call| call["brief"].as_str().expect("text").to_owned())
        .filter(|brief| brief.contains("name=wavetrain."))
        .collect();
    let different: BTreeSet<&String> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "a batch was made twice: {names:?}");
    let (made, removed) = (executed("CreateAssociation"), executed("DeleteAssociation"));
    assert_eq!(made - kept, removed, "associations made and removed, {kept} of them to stay");
}

fn survives(example: &Example) {
    for (version, code) in [(example.package.good, 0), (example.package.bad, 5)] {
        let (end, intents, moments) = undisturbed(example, version);
        assert_eq!(end.0, code, "{version}");
        for point in POINTS {
            let all = if point == "after-commit" { moments } else { intents };
            let step = (all / MOMENTS).max(2);
            let crashes = dies_and_goes_on(example, version, point, step, &end);
            assert!(crashes > 1, "{version} {point} every {step} of {all}: {crashes} crashes");
        }
    }
}

macro_rules! examples {
    ($($name:ident: $file:literal, $package:ident, $breaks:ident;)*) => {$(
        #[test]
        fn $name() {
            let text = include_str!(concat!("../../examples/", $file));
            survives(&Example { text, package: &$package, breaks: $breaks });
        }
    )*};
}

examples! {
    minimal_ends_the_same_wherever_it_dies: "minimal.yaml", AGENT, BREAKS_HALF;
    datadog_agent_ends_the_same_wherever_it_dies: "datadog-agent.yaml", AGENT, BREAKS_WINDOWS;
    health_gates_ends_the_same_wherever_it_dies: "health-gates.yaml", AGENT, BREAKS_HALF;
    in_place_ends_the_same_wherever_it_dies: "in-place.yaml", BRIDGE, BREAKS_WINDOWS;
    probe_and_uninstall_ends_the_same_wherever_it_dies: "probe-and-uninstall.yaml", BRIDGE, BREAKS_HALF;
    two_regions_parallel_ends_the_same_wherever_it_dies: "two-regions-parallel.yaml", AGENT, BREAKS_WINDOWS;
    with_packs_ends_the_same_wherever_it_dies: "with-packs.yaml", AGENT, BREAKS_WINDOWS;
    state_manager_ends_the_same_wherever_it_dies: "state-manager.yaml", AGENT, BREAKS_HALF;
    windows_first_canary_ends_the_same_wherever_it_dies: "windows-first-canary.yaml", AGENT, BREAKS_WINDOWS;
}
