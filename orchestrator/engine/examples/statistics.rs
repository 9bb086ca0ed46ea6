//! Answers questions of statistics, one JSON object a line in and out, so that other programs can be compared with ours.
//!
//! ```text
//! {"fisher":{"canary":{"events":3,"trials":12},"control":{"events":0,"trials":12},"alternative":"greater"}}
//! {"ok":{"p":0.10869565217391237,"difference":0.25,"ratio":null}}
//! ```

use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use wavetrain_engine::statistics::power::{Demand, detectable_effect, detectable_excess, detectable_rise};
use wavetrain_engine::statistics::proportion::{Proportion, binomial_test, fisher_test};
use wavetrain_engine::statistics::rank::{Method, hodges_lehmann, mann_whitney};
use wavetrain_engine::statistics::sequential::{Margin, Proportions, Series, above_bound, level_of_look};
use wavetrain_engine::statistics::{Alternative, Error};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Question {
    MannWhitney { canary: Vec<f64>, control: Vec<f64>, alternative: Alternative, method: Method },
    HodgesLehmann { canary: Vec<f64>, control: Vec<f64>, confidence: f64 },
    Binomial { sample: Proportion, rate: f64, alternative: Alternative },
    Fisher { canary: Proportion, control: Proportion, alternative: Alternative },
    AboveBound { sample: Proportion, bound: f64 },
    Proportions { factor: f64, offset: f64, looks: Vec<(Proportion, Proportion)> },
    Series { factor: f64, offset: f64, looks: Vec<(Vec<f64>, Vec<f64>)> },
    LevelOfLook { look: u64, alpha: f64 },
    DetectableRise { canary: u64, control: u64, baseline: f64, alpha: f64, power: f64 },
    DetectableExcess { trials: u64, bound: f64, alpha: f64, power: f64 },
    DetectableEffect { canary: u64, control: u64, alpha: f64, power: f64 },
}

fn answer(question: &Question) -> Result<Value, Error> {
    Ok(match question {
        Question::MannWhitney { canary, control, alternative, method } => {
            json!(mann_whitney(canary, control, *alternative, *method)?)
        }
        Question::HodgesLehmann { canary, control, confidence } => {
            json!(hodges_lehmann(canary, control, *confidence)?)
        }
        Question::Binomial { sample, rate, alternative } => {
            json!(binomial_test(*sample, *rate, *alternative)?)
        }
        Question::Fisher { canary, control, alternative } => {
            json!(fisher_test(*canary, *control, *alternative))
        }
        Question::AboveBound { sample, bound } => json!(above_bound(*sample, *bound)?),
        Question::Proportions { factor, offset, looks } => {
            let mut test = Proportions::new(Margin::new(*factor, *offset)?, None);
            for (canary, control) in looks {
                test.observe(*canary, *control);
            }
            json!(test.evidence())
        }
        Question::Series { factor, offset, looks } => {
            let mut test = Series::new(Margin::new(*factor, *offset)?);
            looks.iter().try_for_each(|(canary, control)| test.observe(canary, control))?;
            json!(test.evidence())
        }
        Question::LevelOfLook { look, alpha } => json!(level_of_look(*look, *alpha)?),
        Question::DetectableRise { canary, control, baseline, alpha, power } => {
            json!(detectable_rise(*canary, *control, *baseline, Demand::new(*alpha, *power)?)?)
        }
        Question::DetectableExcess { trials, bound, alpha, power } => {
            json!(detectable_excess(*trials, *bound, Demand::new(*alpha, *power)?)?)
        }
        Question::DetectableEffect { canary, control, alpha, power } => {
            json!(detectable_effect(*canary, *control, Demand::new(*alpha, *power)?)?)
        }
    })
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let said = match serde_json::from_str::<Question>(&line?) {
            Ok(question) => match answer(&question) {
                Ok(answer) => json!({ "ok": answer }),
                Err(error) => json!({ "error": error.to_string() }),
            },
            Err(error) => json!({ "error": error.to_string() }),
        };
        writeln!(out, "{said}")?;
    }
    Ok(())
}
