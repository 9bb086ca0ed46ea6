//! Everything that a seed decides: the fleet, the plan file, the package's behaviour, the weather, the deaths, the people.

mod file;
mod measured;
mod weather;
mod world;

use super::dice::Dice;
use wavetrain_sim::fault::Fault;

pub const TARGET: &str = "2.0.0-1";
const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

/// Where the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Before its n-th commit of the story is durable.
    BeforeCommit(u32),
    /// After it is durable and before the process knows.
    AfterCommit(u32),
    /// With its n-th `SendCommand` on the wire, which arrives all the same.
    WhileSending(u32),
    /// After AWS took its n-th `SendCommand` and before the process knows.
    AfterSend(u32),
    /// In the middle of its n-th call of any kind.
    InCall(u32),
}

/// What a person does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Pause,
    Emergency,
    Resume,
    Rollback,
    Abort,
    Retry,
    /// Ctrl-C.
    Stop,
    /// `kill -9`.
    Kill,
}

/// How long calls are under way, in milliseconds at most.
#[derive(Debug, Clone, Copy)]
pub struct Wire {
    pub there: u32,
    pub back: u32,
    /// Percent of listings in which a row comes twice.
    pub doubled: u32,
}

/// A whole story.
#[derive(Debug, Clone)]
pub struct Draft {
    pub world: String,
    pub plan: String,
    pub faults: Vec<Fault>,
    pub wire: Wire,
    pub deaths: Vec<Death>,
    /// Seconds from a death to the next process.
    pub gaps: Vec<u32>,
    /// Seconds from the start, with what happens then.
    pub acts: Vec<(u32, Act)>,
    /// What people do about holds while it storms, one after the other, each after so many seconds.
    pub answers: Vec<(u32, Act)>,
    pub waits_when_held: bool,
    pub lease_seconds: u32,
    pub mailbox_seconds: u32,
    /// Seconds from the start to the calm.
    pub storm: u32,
    pub dice: Dice,
}

/// Moods of a story: what it is mostly about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Few faults.
    Fair,
    /// A bit of everything.
    Mixed,
    /// Sends are refused for long and their answers get lost, listings lag, processes die around sends.
    Doubtful,
    /// The version is bad.
    Sick,
}

pub fn draw(seed: u64) -> Draft {
    let mut dice = Dice::new(seed);
    let mood = dice.pick(&[Mood::Fair, Mood::Mixed, Mood::Mixed, Mood::Doubtful, Mood::Doubtful, Mood::Sick]);
    let storm = dice.between(10, 150) * 60;
    let settle = dice.pick(&[45, 60, 120]);
    let fleet = fleet(&mut dice.apart());
    let has_probe = dice.chance(75);
    let world = world::world(&mut dice.apart(), mood, &fleet, has_probe, settle);
    let plan = file::plan(&mut dice.apart(), mood, &fleet, has_probe, settle);
    let mut faults = weather::weather(&mut dice.apart(), mood, &fleet, storm);
    // Dice of their own: what is not measured stays the story that it was.
    let measured = measured::draw(&mut Dice::new(seed ^ 0x6d65_6173), &fleet, storm);
    faults.extend(measured.faults);
    let (world, plan) = (world + &measured.world, measured::add(&plan, &measured.gates));
    let world =
        world.replace(&format!("- {{ name: {TARGET}"), &format!("- {{ name: {TARGET}{}", measured.version));
    let plan =
        if Dice::new(seed ^ 0x6173_736f).chance(25) { plan + "  dispatch: association\n" } else { plan };
    let doubtful = mood == Mood::Doubtful;
    Draft {
        world,
        plan,
        faults,
        wire: Wire {
            there: dice.pick(&[0, 0, 300, 4000]),
            back: dice.pick(&[0, 0, 200, 3000]),
            doubled: dice.pick(&[0, 0, 10, 50]),
        },
        deaths: deaths(&mut dice.apart(), doubtful),
        gaps: (0..16).map(|_| dice.pick(&[0, 1, 10, 10, 30, 90, 300, 3000])).collect(),
        acts: acts(&mut dice.apart(), storm, mood),
        answers: (0..12)
            .map(|_| {
                let act = dice.pick(&[
                    Act::Resume,
                    Act::Resume,
                    Act::Resume,
                    Act::Resume,
                    Act::Rollback,
                    Act::Rollback,
                    Act::Retry,
                    Act::Abort,
                ]);
                (dice.pick(&[5, 60, 600, 3000]), act)
            })
            .collect(),
        waits_when_held: dice.chance(30),
        lease_seconds: dice.pick(&[10, 20, 60]),
        mailbox_seconds: dice.pick(&[5, 30, 60]),
        storm,
        dice: dice.apart(),
    }
}

/// Groups of nodes and where they are.
struct Fleet {
    accounts: usize,
    regions: usize,
    groups: Vec<Group>,
    cells: u32,
}

struct Group {
    name: &'static str,
    count: u32,
    platform: &'static str,
    architecture: &'static str,
}

fn fleet(dice: &mut Dice) -> Fleet {
    let size = dice.pick(&[1, 2, 4, 4, 8, 8, 15, 30]);
    let mut groups = vec![Group { name: "web", count: size, platform: "Linux", architecture: "x86_64" }];
    if dice.chance(40) {
        let count = dice.between(1, size);
        groups.push(Group { name: "desk", count, platform: "Windows", architecture: "x86_64" });
    }
    if dice.chance(20) {
        groups.push(Group {
            name: "arm",
            count: dice.between(1, 4),
            platform: "Linux",
            architecture: "arm64",
        });
    }
    Fleet {
        accounts: dice.pick(&[1, 1, 2]),
        regions: dice.pick(&[1, 1, 2]),
        groups,
        cells: dice.pick(&[0, 0, 0, 2]),
    }
}

impl Fleet {
    fn accounts(&self) -> String {
        let quoted: Vec<String> =
            ACCOUNTS[..self.accounts].iter().map(|account| format!("\"{account}\"")).collect();
        quoted.join(", ")
    }

    fn regions(&self) -> String {
        REGIONS[..self.regions].join(", ")
    }
}

fn deaths(dice: &mut Dice, often: bool) -> Vec<Death> {
    let count = if often { dice.between(1, 8) } else { dice.pick(&[0, 0, 1, 3]) };
    (0..count)
        .map(|_| {
            let soon = dice.pick(&[4, 12, 40]);
            let n = dice.between(1, soon);
            match dice.below(8) {
                0 => Death::BeforeCommit(n * 2),
                1 => Death::AfterCommit(n * 2),
                2 | 3 => Death::WhileSending(n),
                4..=6 => Death::AfterSend(n),
                _ => Death::InCall(n * 3),
            }
        })
        .collect()
}

fn acts(dice: &mut Dice, storm: u32, mood: Mood) -> Vec<(u32, Act)> {
    let most = if mood == Mood::Fair { 2 } else { dice.pick(&[0, 2, 5]) };
    let kinds = [
        Act::Pause,
        Act::Pause,
        Act::Resume,
        Act::Resume,
        Act::Resume,
        Act::Emergency,
        Act::Rollback,
        Act::Retry,
        Act::Stop,
        Act::Stop,
        Act::Kill,
        Act::Kill,
        Act::Abort,
    ];
    let mut acts: Vec<(u32, Act)> =
        (0..dice.below(most + 1)).map(|_| (dice.below(storm), dice.pick(&kinds))).collect();
    acts.sort_by_key(|(at, _)| *at);
    acts
}
