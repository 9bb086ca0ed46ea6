//! CloudWatch: metrics that nodes report and callers put, queries over them, and alarms.
//!
//! Start at `emit` for what nodes report, at `data` for queries, at `evaluate` for alarms that watch a metric. Nothing
//! happens by itself: data are worked out when they are read, and alarms are brought up to date when they are looked at.

mod alarm;
mod answer;
mod data;
mod emit;
mod evaluate;
mod insights;
mod label;
mod math;
mod put_alarm;
mod search;
mod series;
mod source;
mod stored;
mod tally;

#[cfg(test)]
mod tests;

use crate::api::cloudwatch::Request;
use crate::api::{ApiError, Response};
use crate::fault::Judgement;
use crate::world::{SiteIndex, World};

pub use alarm::{Alarm, SiteAlarms};
pub(crate) use emit::Emitter;
pub(crate) use put_alarm::check_alarm_on;
pub(crate) use stored::Stored;
pub use tally::Tally;

impl World {
    pub(crate) fn carry_out_cloudwatch(
        &mut self,
        site: SiteIndex,
        request: Request,
        judgement: &Judgement,
    ) -> Result<Response, ApiError> {
        use Request as R;
        match request {
            R::GetMetricData(input) => self.get_metric_data(site, &input, judgement).map(Into::into),
            R::PutMetricData(input) => self.put_metric_data(site, &input).map(Into::into),
            R::ListMetrics(input) => self.list_metrics(site, &input, judgement).map(Into::into),
            R::PutMetricAlarm(input) => {
                self.evaluate_alarms(site);
                self.put_metric_alarm(site, *input).map(Into::into)
            }
            request => self.carry_out_alarms(site, request, judgement),
        }
    }

    /// Operations on the alarms as they are now.
    fn carry_out_alarms(
        &mut self,
        site: SiteIndex,
        request: Request,
        judgement: &Judgement,
    ) -> Result<Response, ApiError> {
        use Request as R;
        self.evaluate_alarms(site);
        let place = &self.fleet.sites[site as usize];
        let alarms = &mut self.alarms[site as usize];
        match request {
            R::DescribeAlarms(input) => {
                alarm::describe_alarms(place, alarms, &input, judgement).map(Into::into)
            }
            R::DescribeAlarmHistory(input) => {
                alarm::describe_alarm_history(alarms, &input, judgement).map(Into::into)
            }
            R::SetAlarmState(input) => put_alarm::set_alarm_state(alarms, &input, self.now).map(Into::into),
            R::DeleteAlarms(input) => put_alarm::delete_alarms(alarms, &input, self.now).map(Into::into),
            _ => Err(ApiError::unknown_operation()),
        }
    }
}
