//! Measures gates: one question to every place concerned, all at once. What the answers mean is for the rules to say.

use crate::call::Family;
use crate::perform::{Hands, Outcome};
use std::collections::BTreeMap;
use std::sync::Arc;
use wavetrain_engine::due::Measurement;
use wavetrain_model::gate::{Alarm, AlarmState, Found, Lost, Reading, Series, Window};
use wavetrain_model::id::{GateIndex, NodeId, NodeIndex, SiteIndex};
use wavetrain_model::spec::{Alarms, Ask, Check, Compare, Metric};
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::failure::{Class, Failure};
use wavetrain_ports::metrics::{Answer, Question};

/// `MetricDataQueries` of one call.
const QUESTIONS: usize = 500;

/// Id of the question that is judged; those of the plan file may not be called so.
const JUDGED: &str = "judged";

/// What one look is about, in all places.
struct About {
    window: Window,
    unseen_from: Option<Timestamp>,
    /// Nodes to compare, and whether each is an untouched one.
    compared: Vec<(NodeIndex, bool)>,
    /// Nodes to ask about.
    nodes: Vec<NodeIndex>,
}

impl Hands {
    /// Measures one gate at every site concerned.
    pub(crate) async fn measure(self, measurement: Measurement) -> Outcome {
        let Measurement { gate, scope, sites, window, upgraded, untouched, nodes, unseen_from } = measurement;
        if let Some(found) = self.elsewhere(gate, window).await {
            let reading = Reading::new(None, found.map_err(|failure| failure.to_string()));
            return Outcome::Measured { gate, scope, window, readings: Some(vec![reading]) };
        }
        if matches!(self.plan.spec.gates[gate.at()].check, Check::Duration(_) | Check::Install(_)) {
            // Judged by what the commands already told.
            return Outcome::Measured { gate, scope, window, readings: Some(Vec::new()) };
        }
        let upgraded = upgraded.into_iter().map(|node| (node, false));
        let untouched = untouched.into_iter().map(|node| (node, true));
        let about =
            Arc::new(About { window, unseen_from, compared: upgraded.chain(untouched).collect(), nodes });
        let mut asked = tokio::task::JoinSet::new();
        for site in sites {
            asked.spawn(self.clone().ask(gate, site, Arc::clone(&about)));
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

    /// Asks a server that speaks for all sites; None: the gate asks every site by itself.
    async fn elsewhere(&self, gate: GateIndex, window: Window) -> Option<Result<Found, Failure>> {
        let check = &self.plan.spec.gates[gate.at()].check;
        let signals = match check {
            Check::Prometheus(_) | Check::Http(_) => self.signals.clone().ok_or_else(no_signals),
            // Callbacks and approvals are told to the rules, which never ask for them to be measured.
            _ => return None,
        };
        let signals = match signals {
            Ok(signals) => signals,
            Err(failure) => return Some(Err(failure)),
        };
        match check {
            Check::Prometheus(ask) => Some(signals.prometheus(ask, window).await.map(Found::Series)),
            Check::Http(ask) => Some(signals.http(ask).await),
            _ => None,
        }
    }

    /// Asks one site; None: not asked.
    async fn ask(self, gate: GateIndex, site: SiteIndex, about: Arc<About>) -> Option<Reading> {
        let found = match &self.plan.spec.gates[gate.at()].check {
            Check::Alarms(alarms) => self.alarms(site, alarms, &about).await?,
            Check::Metric(metric) => self.metric(site, metric, about.window).await?,
            Check::Compare(compare) => self.compare(site, compare, about.window, &about.compared).await?,
            Check::Compliance(check) => self.compliance(site, check, &about.nodes).await?,
            Check::Connection(_) => self.lost(site, about.window).await?,
            Check::Prometheus(_)
            | Check::Http(_)
            | Check::Callback(_)
            | Check::Approval(_)
            | Check::Reporting(_)
            | Check::Duration(_)
            | Check::Install(_)
            // Probes are commands, and those are promised first.
            | Check::Probe(_) => return None,
        };
        Some(Reading::new(Some(site), found.map_err(|failure| failure.to_string())))
    }

    async fn alarms(&self, site: SiteIndex, ask: &Alarms, about: &About) -> Option<Result<Found, Failure>> {
        let place = &self.plan.sites[site.at()].site;
        let answer = {
            let _place = self.line.admit(site, Family::Alarms, &self.line.closing).await?;
            self.line.cloud.alarms(place, &ask.names, ask.prefix.as_deref()).await
        };
        self.line.learn(site, Family::Alarms, answer.as_ref().err());
        let mut alarms = match answer {
            Ok(alarms) => alarms,
            Err(failure) => return Some(Err(failure)),
        };
        let Some(from) = about.unseen_from else { return Some(Ok(Found::Alarms(alarms))) };
        // What did not change needs no history: one call each is dear where hundreds have the prefix.
        let has_changed = |alarm: &&mut Alarm| {
            alarm.state != AlarmState::Alarm && alarm.transitioned_at.is_none_or(|at| at >= from)
        };
        for alarm in alarms.iter_mut().filter(has_changed) {
            let _place = self.line.admit(site, Family::History, &self.line.closing).await?;
            let window = Window { from, until: self.line.clock.now() };
            let changes = self.line.cloud.changes(place, &alarm.name, window).await;
            self.line.learn(site, Family::History, changes.as_ref().err());
            match changes {
                Ok(changes) => alarm.meanwhile = changes,
                Err(failure) => return Some(Err(failure)),
            }
        }
        Some(Ok(Found::Alarms(alarms)))
    }

    /// The plan's nodes that were heard since the window began, and are not heard now.
    async fn lost(&self, site: SiteIndex, window: Window) -> Option<Result<Found, Failure>> {
        let _place = self.line.admit(site, Family::Inventory, &self.line.closing).await?;
        let answer = self.line.cloud.lost(&self.plan.sites[site.at()].site).await;
        self.line.learn(site, Family::Inventory, answer.as_ref().err());
        Some(answer.map(|lost| {
            let lost: BTreeMap<NodeId, Timestamp> =
                lost.into_iter().filter(|(_, heard_at)| *heard_at >= window.from).collect();
            if lost.is_empty() {
                return Found::Lost(Vec::new());
            }
            let nodes = self.plan.node_indices().filter(|node| self.plan.site_of(*node) == site);
            let known = nodes.filter_map(|node| {
                let heard_at = lost.get(&self.plan.nodes[node.at()].id)?;
                Some(Lost { node, heard_at: *heard_at })
            });
            Found::Lost(known.collect())
        }))
    }

    async fn metric(&self, site: SiteIndex, ask: &Metric, window: Window) -> Option<Result<Found, Failure>> {
        let judged = Question { id: JUDGED.to_owned(), ask: ask.ask.clone(), wanted: true };
        let inputs = ask.queries.iter().map(|query| Question {
            id: query.id.clone(),
            ask: query.ask.clone(),
            wanted: false,
        });
        let questions: Vec<Question> = inputs.chain([judged]).collect();
        let answer = self.data(site, &questions, ask.period, window).await?;
        let series = |answers: Vec<_>| answers.into_iter().map(series_of).collect();
        Some(answer.map(|answers| Found::Series(series(answers))))
    }
}

impl Hands {
    /// Asks for one metric of each of a site's nodes that are compared.
    async fn compare(
        &self,
        site: SiteIndex,
        ask: &Compare,
        window: Window,
        compared: &[(NodeIndex, bool)],
    ) -> Option<Result<Found, Failure>> {
        let here = compared.iter().copied().filter(|(node, _)| self.plan.site_of(*node) == site);
        let here: Vec<(NodeIndex, bool)> = here.collect();
        let mut found = Vec::with_capacity(here.len());
        for chunk in here.chunks(QUESTIONS) {
            let questions: Vec<Question> =
                chunk.iter().enumerate().map(|(at, (node, _))| self.question(at, *node, ask)).collect();
            let answers = match self.data(site, &questions, ask.period, window).await? {
                Ok(answers) => answers,
                Err(failure) => return Some(Err(failure)),
            };
            found.extend(chunk.iter().enumerate().map(|(at, (node, control))| {
                let id = id(at);
                let answer = answers.iter().find(|answer| answer.id == id).map(|answer| &answer.series);
                Series {
                    label: self.plan.nodes[node.at()].id.to_string(),
                    node: Some(*node),
                    control: *control,
                    points: answer.map(|series| series.points.clone()).unwrap_or_default(),
                    complete: answer.is_none_or(|series| series.complete),
                }
            }));
        }
        Some(Ok(Found::Series(found)))
    }

    fn question(&self, at: usize, node: NodeIndex, ask: &Compare) -> Question {
        let mut stat = ask.metric.clone();
        stat.dimensions.insert(ask.node_dimension.clone(), self.plan.nodes[node.at()].id.to_string());
        Question { id: id(at), ask: Ask::Stat(stat), wanted: true }
    }

    async fn data(
        &self,
        site: SiteIndex,
        questions: &[Question],
        period: Seconds,
        window: Window,
    ) -> Option<Result<Vec<Answer>, Failure>> {
        let _place = self.line.admit(site, Family::Data, &self.line.closing).await?;
        let place = &self.plan.sites[site.at()].site;
        let answer = self.line.cloud.data(place, questions, period, window).await;
        self.line.learn(site, Family::Data, answer.as_ref().err());
        Some(answer)
    }
}

fn no_signals() -> Failure {
    Failure {
        class: Class::Unavailable,
        operation: "measure".to_owned(),
        message: "this process was started without a way to other servers".to_owned(),
        code: String::new(),
    }
}

/// Id of one node's question.
fn id(at: usize) -> String {
    format!("n{at}")
}

/// A series under the name that people know: CloudWatch calls an expression without a label by its id.
fn series_of(answer: Answer) -> Series {
    let label = if answer.series.label == JUDGED { "the expression".to_owned() } else { answer.series.label };
    Series { label, ..answer.series }
}
