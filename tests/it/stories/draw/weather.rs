//! What goes wrong between the process and AWS.

use super::{ACCOUNTS, Fleet, Mood, REGIONS};
use crate::stories::dice::Dice;
use wavetrain_sim::fault::{ErrorFault, Fault, Loss, Unreachable};
use wavetrain_sim::world_file::Rate;

pub(super) fn weather(dice: &mut Dice, mood: Mood, fleet: &Fleet, storm: u32) -> Vec<Fault> {
    let count = match mood {
        Mood::Fair => dice.below(2),
        Mood::Mixed | Mood::Sick => dice.below(5),
        Mood::Doubtful => dice.below(3),
    };
    let mut faults: Vec<Fault> = (0..count).map(|_| fault(dice, fleet, storm)).collect();
    if mood == Mood::Doubtful {
        let sends = || vec!["SendCommand".to_owned()];
        // Repeated for longer than the settle time, then carried out without an answer.
        faults.push(Fault {
            operations: sends(),
            probability: Some(f64::from(dice.between(30, 80)) / 100.0),
            error: Some(dice.pick(&[
                ErrorFault {
                    code: "ThrottlingException".into(),
                    status: 400,
                    message: "Rate exceeded".into(),
                },
                ErrorFault {
                    code: "ThrottlingException".into(),
                    status: 400,
                    message: "Rate exceeded".into(),
                },
            ])),
            ..Fault::default()
        });
        faults.push(Fault {
            operations: sends(),
            probability: Some(f64::from(dice.between(10, 60)) / 100.0),
            lose_answer: Some(Loss::After),
            ..Fault::default()
        });
        if dice.chance(30) {
            faults.push(Fault {
                operations: sends(),
                probability: Some(0.2),
                lose_answer: Some(Loss::Before),
                ..Fault::default()
            });
        }
    }
    faults
}

fn fault(dice: &mut Dice, fleet: &Fleet, storm: u32) -> Fault {
    let operations = [
        vec![],
        vec![],
        vec!["SendCommand".to_owned()],
        vec!["SendCommand".to_owned()],
        vec!["ListCommands".to_owned()],
        vec!["ListCommandInvocations".to_owned()],
        vec!["DescribeAlarms".to_owned()],
    ];
    let from = dice.below(storm);
    let until = from + dice.between(20, storm);
    let some = Fault {
        accounts: if dice.chance(30) {
            vec![dice.pick(&ACCOUNTS[..fleet.accounts]).to_owned()]
        } else {
            vec![]
        },
        regions: if dice.chance(50) { vec![dice.pick(&REGIONS[..fleet.regions]).to_owned()] } else { vec![] },
        operations: dice.pick(&operations),
        from_seconds: Some(from.into()),
        until_seconds: Some(until.into()),
        probability: dice.chance(60).then(|| f64::from(dice.pick(&[5, 20, 50])) / 100.0),
        ..Fault::default()
    };
    let lost = |loss| Fault { lose_answer: Some(loss), ..some.clone() };
    match dice.below(12) {
        0 | 1 => Fault {
            throttle: Some(Rate { per_second: dice.pick(&[0.2, 1.0]), burst: 2.0 }),
            probability: None,
            ..some
        },
        2 => Fault { unreachable: Some(Unreachable::Refused), ..some },
        3 => Fault { unreachable: Some(Unreachable::Hangs), ..some },
        4 | 5 => lost(Loss::After),
        6 => lost(Loss::Before),
        7 => Fault {
            error: Some(ErrorFault {
                code: "InternalServerError".into(),
                status: 500,
                message: String::new(),
            }),
            ..some
        },
        8 => Fault { nonsense: true, ..some },
        9 => Fault { short_pages: true, ..some },
        10 => Fault { unknown_status: Some("Pondering".to_owned()), ..some },
        _ if dice.chance(50) => Fault { deny: true, ..some },
        _ => Fault { expired_credentials: true, probability: Some(0.1), ..some },
    }
}
