//! Health signals.

use crate::failure::Failure;
use async_trait::async_trait;
use wavetrain_model::fleet::Site;
use wavetrain_model::gate::{Alarm, AlarmChange, Series, Window};
use wavetrain_model::spec::Ask;
use wavetrain_model::time::Seconds;

/// One question among those of a `GetMetricData`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What expressions call it: a lower-case letter, then letters, digits and `_`.
    pub id: String,
    /// What.
    pub ask: Ask,
    /// Whether its series are wanted, or only feed expressions.
    pub wanted: bool,
}

/// A series, and which question it answers. A question can have none, or (`SEARCH`) several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Id of the question.
    pub id: String,
    /// Its points by time, each time once; what is not a finite number is left out, and then the series is not complete.
    pub series: Series,
}

/// CloudWatch. Reads only.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// `DescribeAlarms`, all alarm types, all pages: those named plus those with the prefix, each once, sorted by name. Names that
    /// do not exist are simply absent: the caller compares.
    async fn alarms(
        &self,
        site: &Site,
        names: &[String],
        prefix: Option<&str>,
    ) -> Result<Vec<Alarm>, Failure>;

    /// `DescribeAlarmHistory`, all pages: what states an alarm went into within a window, oldest first.
    async fn changes(&self, site: &Site, alarm: &str, window: Window) -> Result<Vec<AlarmChange>, Failure>;

    /// `GetMetricData`, all pages. Expressions see the questions of the same call only, of which CloudWatch takes 500.
    ///
    /// `Forbidden` inside of an answer is a failure of the call; `InternalError` and `PartialData` leave a series incomplete.
    async fn data(
        &self,
        site: &Site,
        questions: &[Question],
        period: Seconds,
        window: Window,
    ) -> Result<Vec<Answer>, Failure>;
}
