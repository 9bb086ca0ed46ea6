//! Alarms through the world.

use std::collections::BTreeMap;

use async_trait::async_trait;
use wavetrain_model::fleet::Site;
use wavetrain_model::gate::{Alarm, AlarmState, Window};
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::failure::Failure;
use wavetrain_ports::metrics::{Answer, Metrics, Question};

use crate::api::Response;
use crate::api::cloudwatch::{AlarmType, DescribeAlarmsInput, Response as CloudWatch, StateValue};

use super::SimulatedCloud;
use super::failure::{Effect, nonsense};

/// `AlarmNames` of one request.
const NAMES: usize = 100;

#[async_trait]
impl Metrics for SimulatedCloud {
    async fn alarms(
        &self,
        site: &Site,
        names: &[String],
        prefix: Option<&str>,
    ) -> Result<Vec<Alarm>, Failure> {
        let mut found = BTreeMap::new();
        for chunk in names.chunks(NAMES) {
            let input = DescribeAlarmsInput { alarm_names: Some(chunk.to_vec()), ..Default::default() };
            self.collect(site, &input, &mut found)?;
        }
        if let Some(prefix) = prefix {
            let input =
                DescribeAlarmsInput { alarm_name_prefix: Some(prefix.to_owned()), ..Default::default() };
            self.collect(site, &input, &mut found)?;
        }
        Ok(found.into_values().collect())
    }

    async fn data(&self, _: &Site, _: &[Question], _: Seconds, _: Window) -> Result<Vec<Answer>, Failure> {
        Err(nonsense("GetMetricData", Effect::Read))
    }
}

impl SimulatedCloud {
    fn collect(
        &self,
        site: &Site,
        input: &DescribeAlarmsInput,
        found: &mut BTreeMap<String, Alarm>,
    ) -> Result<(), Failure> {
        let mut token = None;
        loop {
            let input = DescribeAlarmsInput {
                // Without the list only metric alarms come back.
                alarm_types: Some(AlarmType::WORDS.iter().map(|word| (*word).to_owned()).collect()),
                max_records: Some(100),
                next_token: token,
                ..input.clone()
            };
            let Response::CloudWatch(CloudWatch::DescribeAlarms(page)) =
                self.call(site, Effect::Read, input)?
            else {
                return Err(nonsense("DescribeAlarms", Effect::Read));
            };
            let metric = page.metric_alarms.into_iter().map(|row| {
                (row.alarm_name, row.state_value, row.state_transitioned_timestamp, row.state_reason)
            });
            let composite = page.composite_alarms.into_iter().map(|row| {
                (row.alarm_name, row.state_value, row.state_transitioned_timestamp, row.state_reason)
            });
            for (name, state, at, reason) in metric.chain(composite) {
                let alarm = Alarm {
                    name: name.clone(),
                    state: as_model(state),
                    transitioned_at: at.map(|at| Timestamp(at.as_millis())),
                    reason: reason.unwrap_or_default(),
                };
                found.insert(name, alarm);
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(());
            }
        }
    }
}

fn as_model(state: StateValue) -> AlarmState {
    match state {
        StateValue::Ok => AlarmState::Ok,
        StateValue::Alarm => AlarmState::Alarm,
        StateValue::InsufficientData => AlarmState::InsufficientData,
    }
}
