//! Measures gates: one question to every place concerned, all at once. What the answers mean is for the rules to say.

use crate::call::Family;
use crate::perform::{Hands, Outcome};
use wavetrain_engine::due::Measurement;
use wavetrain_model::gate::{Found, Reading, Series, Window};
use wavetrain_model::id::{GateIndex, SiteIndex};
use wavetrain_model::spec::{Alarms, Check, Metric};
use wavetrain_ports::failure::Failure;
use wavetrain_ports::metrics::Question;

/// Id of the question that is judged; those of the plan file may not be called so.
const JUDGED: &str = "judged";

impl Hands {
    /// Measures one gate at every site concerned.
    pub(crate) async fn measure(self, measurement: Measurement) -> Outcome {
        let Measurement { gate, scope, sites, window } = measurement;
        let mut asked = tokio::task::JoinSet::new();
        for site in sites {
            asked.spawn(self.clone().ask(gate, site, window));
        }
        let mut readings = Some(Vec::new());
        while let Some(answer) = asked.join_next().await {
            // Half a measurement would speak for sites that were not asked, so one gap drops it all.
            readings = readings.zip(answer.ok().flatten()).map(|(mut all, one)| {
                all.push(one);
                all
            });
        }
        if let Some(all) = &mut readings {
            all.sort_by_key(|reading| reading.site);
        }
        Outcome::Measured { gate, scope, window, readings }
    }

    /// Asks one site; None: not asked.
    async fn ask(self, gate: GateIndex, site: SiteIndex, window: Window) -> Option<Reading> {
        let found = match &self.plan.spec.gates[gate.at()].check {
            Check::Alarms(alarms) => self.alarms(site, alarms).await?,
            Check::Metric(metric) => self.metric(site, metric, window).await?,
        };
        Some(Reading { site: Some(site), found: found.map_err(|failure| failure.to_string()) })
    }

    async fn alarms(&self, site: SiteIndex, ask: &Alarms) -> Option<Result<Found, Failure>> {
        let _place = self.line.admit(site, Family::Alarms, &self.line.closing).await?;
        let place = &self.plan.sites[site.at()].site;
        let answer = self.line.cloud.alarms(place, &ask.names, ask.prefix.as_deref()).await;
        self.line.learn(site, Family::Alarms, answer.as_ref().err());
        Some(answer.map(Found::Alarms))
    }

    async fn metric(&self, site: SiteIndex, ask: &Metric, window: Window) -> Option<Result<Found, Failure>> {
        let judged = Question { id: JUDGED.to_owned(), ask: ask.ask.clone(), wanted: true };
        let inputs = ask.queries.iter().map(|query| Question {
            id: query.id.clone(),
            ask: query.ask.clone(),
            wanted: false,
        });
        let questions: Vec<Question> = inputs.chain([judged]).collect();
        let _place = self.line.admit(site, Family::Data, &self.line.closing).await?;
        let place = &self.plan.sites[site.at()].site;
        let answer = self.line.cloud.data(place, &questions, ask.period, window).await;
        self.line.learn(site, Family::Data, answer.as_ref().err());
        let series = |answers: Vec<_>| answers.into_iter().map(series_of).collect();
        Some(answer.map(|answers| Found::Series(series(answers))))
    }
}

/// A series under the name that people know: CloudWatch calls an expression without a label by its id.
fn series_of(answer: wavetrain_ports::metrics::Answer) -> Series {
    let label = if answer.series.label == JUDGED { "the expression".to_owned() } else { answer.series.label };
    Series { label, ..answer.series }
}
