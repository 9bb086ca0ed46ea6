//! Events in trials: exact tests of a rate against a bound, and of two rates against each other.

use super::discrete::{Binomial, Hypergeometric, Unimodal};
use super::{Alternative, Error};
use serde::{Deserialize, Serialize};

/// Most trials of one sample. Tails cost a few square roots of it.
pub const MOST_TRIALS: u64 = 1_000_000_000;

/// Events in trials, for example nodes that crashed among nodes that run the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Counts", into = "Counts")]
pub struct Proportion {
    events: u64,
    trials: u64,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Counts {
    events: u64,
    trials: u64,
}

impl TryFrom<Counts> for Proportion {
    type Error = Error;

    fn try_from(counts: Counts) -> Result<Self, Error> {
        Self::new(counts.events, counts.trials)
    }
}

impl From<Proportion> for Counts {
    fn from(sample: Proportion) -> Self {
        Self { events: sample.events, trials: sample.trials }
    }
}

impl Proportion {
    /// At most [`MOST_TRIALS`] trials; none is allowed and says nothing.
    pub fn new(events: u64, trials: u64) -> Result<Self, Error> {
        if events > trials {
            return Err(Error::MoreEventsThanTrials { events, trials });
        }
        if trials > MOST_TRIALS {
            return Err(Error::TooLarge { what: "trials", limit: MOST_TRIALS });
        }
        Ok(Self { events, trials })
    }

    /// Events.
    pub fn events(self) -> u64 {
        self.events
    }

    /// Trials.
    pub fn trials(self) -> u64 {
        self.trials
    }

    /// Events to trials; `None` without trials.
    pub fn rate(self) -> Option<f64> {
        (self.trials > 0).then(|| self.events as f64 / self.trials as f64)
    }
}

/// p-value of the exact binomial test: could so many events come from this rate?
///
/// `rate` in [0, 1]. Two-sided: the summed probability of everything no likelier than what was seen. Without trials 1.
pub fn binomial_test(sample: Proportion, rate: f64, alternative: Alternative) -> Result<f64, Error> {
    if !(0.0..=1.0).contains(&rate) {
        return Err(Error::OutOfRange { what: "the rate", range: "from 0 to 1" });
    }
    let under = Binomial { trials: sample.trials, rate };
    let impossible = sample.events < under.lowest() || sample.events > under.highest();
    Ok(match alternative {
        Alternative::Less => under.at_most(sample.events),
        Alternative::Greater => under.at_least(sample.events),
        Alternative::TwoSided if impossible => 0.0,
        Alternative::TwoSided => under.as_unlikely_as(sample.events),
    })
}

/// Two rates compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// p-value of Fisher's exact test.
    pub p: f64,
    /// Canary's rate less control's; `None` if one has no trials.
    pub difference: Option<f64>,
    /// Canary's rate to control's; `None` if one has no trials or the control no events.
    pub ratio: Option<f64>,
}

/// Fisher's exact test of two rates (Fisher 1934), conditional on the total of events.
///
/// Two-sided: the summed probability of every table no likelier than the one seen. A table that could not look
/// otherwise (no events, only events, an empty sample) has p = 1.
pub fn fisher_test(canary: Proportion, control: Proportion, alternative: Alternative) -> Comparison {
    let events = canary.events + control.events;
    let split = Hypergeometric { marked: canary.trials, plain: control.trials, drawn: events };
    let p = match alternative {
        Alternative::Less => split.at_most(canary.events),
        Alternative::Greater => split.at_least(canary.events),
        Alternative::TwoSided => split.as_unlikely_as(canary.events),
    };
    let rates = canary.rate().zip(control.rate());
    Comparison {
        p,
        difference: rates.map(|(canary, control)| canary - control),
        ratio: rates.filter(|(_, control)| *control > 0.0).map(|(canary, control)| canary / control),
    }
}
