//! Dashboards and alerts against the catalogue of metrics: a query for a name that is not exported is no error in
//! Prometheus, it only shows nothing. Whether queries give results is `tests/prometheus/run`'s business.

use crate::kit::binary::root;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use wavetrain_driver::metrics::catalogue::{ALL, Kind, Metric};

/// Metrics that no panel and no alert needs, each with the reason why it is exported.
const UNUSED: &[(&str, &str)] = &[];

#[derive(Debug, Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    alert: String,
    expr: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

fn read(path: &str) -> String {
    let file = root().join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn dashboards() -> Vec<(PathBuf, Value)> {
    let files = std::fs::read_dir(root().join("dashboards")).expect("the directory is there");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    assert!(!paths.is_empty());
    let parse = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a text");
        let dashboard =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, dashboard)
    };
    paths.into_iter().map(parse).collect()
}

fn rules() -> Vec<Rule> {
    let rules: Rules = serde_yaml::from_str(&read("dashboards/alerts.yml")).expect("rules");
    rules.groups.into_iter().flat_map(|group| group.rules).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Panels that show something, rows left out.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(dashboard, "panels").iter().filter(|panel| panel["type"] != "row")
}

fn queries(dashboard: &Value) -> impl Iterator<Item = &str> {
    panels(dashboard).flat_map(|panel| list(panel, "targets")).map(|target| text(target, "expr"))
}

/// Names of ours in an expression, and what they are of in the catalogue.
fn names(expression: &str) -> impl Iterator<Item = (&str, Option<&'static Metric>)> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("wavetrain_")).map(|name| (name, of(name)))
}

fn of(name: &str) -> Option<&'static Metric> {
    ALL.iter().find(|metric| match metric.kind {
        Kind::Counter | Kind::Gauge => metric.name == name,
        Kind::Histogram => {
            let end = name.strip_prefix(metric.name);
            end.is_some_and(|end| ["_bucket", "_sum", "_count"].contains(&end))
        }
    })
}

#[test]
fn every_metric_that_is_asked_for_exists_and_every_one_that_exists_is_asked_for() {
    let mut used = BTreeSet::new();
    let mut note = |place: &str, expression: &str| {
        assert!(names(expression).next().is_some(), "{place} asks for nothing of ours: {expression}");
        for (name, metric) in names(expression) {
            let metric = metric.unwrap_or_else(|| panic!("{place} asks for {name}, which is not exported"));
            used.insert(metric.name);
        }
    };
    for (path, dashboard) in &dashboards() {
        queries(dashboard).for_each(|query| note(&path.display().to_string(), query));
        for variable in list(&dashboard["templating"], "list") {
            if variable["type"] == "query" {
                note("a variable", text(variable, "definition"));
            }
        }
    }
    for rule in rules() {
        note(&rule.alert, &rule.expr);
    }
    for metric in ALL {
        let declared = UNUSED.iter().any(|(name, _)| *name == metric.name);
        assert_ne!(used.contains(metric.name), declared, "{}: used, or declared with a reason", metric.name);
    }
}

#[test]
fn panels_have_numbers_units_words_and_the_chosen_source_and_rollout() {
    let mut uids = BTreeSet::new();
    for (path, dashboard) in &dashboards() {
        let place = path.display();
        assert!(
            !text(dashboard, "uid").is_empty() && uids.insert(text(dashboard, "uid").to_owned()),
            "{place}"
        );
        let ids: Vec<i64> =
            list(dashboard, "panels").iter().map(|panel| panel["id"].as_i64().expect("an id")).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{place}: panel ids are repeated");
        let titles: Vec<&str> = panels(dashboard).map(|panel| text(panel, "title")).collect();
        assert_eq!(
            titles.iter().collect::<BTreeSet<_>>().len(),
            titles.len(),
            "{place}: titles are repeated"
        );
        for panel in panels(dashboard) {
            let title = text(panel, "title");
            assert!(!title.is_empty() && !text(panel, "description").is_empty(), "{place}: {title}");
            assert!(
                !text(&panel["fieldConfig"]["defaults"], "unit").is_empty(),
                "{place}: {title} has no unit"
            );
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{place}: {title}");
            assert!(!list(panel, "targets").is_empty(), "{place}: {title} asks for nothing");
            for target in list(panel, "targets") {
                let expr = text(target, "expr");
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{place}: {title}");
                assert!(!text(target, "legendFormat").is_empty(), "{place}: {title} has no legend");
                let (asked, chosen) = (names(expr).count(), expr.matches("rollout=\"$rollout\"").count());
                assert_eq!(asked, chosen, "{place}: {title} mixes rollouts: {expr}");
            }
        }
        let variables: Vec<&str> =
            list(&dashboard["templating"], "list").iter().map(|variable| text(variable, "name")).collect();
        assert_eq!(variables, ["datasource", "rollout"], "{place}");
    }
}

#[test]
fn panels_lie_beside_each_other_not_upon() {
    for (path, dashboard) in &dashboards() {
        let mut taken = BTreeMap::new();
        for panel in list(dashboard, "panels") {
            let at = |key: &str| panel["gridPos"][key].as_u64().expect("a position");
            assert!(at("x") + at("w") <= 24, "{}: {} is too wide", path.display(), text(panel, "title"));
            for place in
                (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)))
            {
                let title = text(panel, "title");
                let other = taken.insert(place, title);
                assert_eq!(other, None, "{}: {title} lies upon another panel", path.display());
            }
        }
    }
}

#[test]
fn legends_name_labels_that_the_metric_has() {
    for (path, dashboard) in &dashboards() {
        for target in panels(dashboard).flat_map(|panel| list(panel, "targets")) {
            let labels: BTreeSet<&str> = names(text(target, "expr"))
                .filter_map(|(_, metric)| metric)
                .flat_map(|metric| metric.labels)
                .copied()
                .collect();
            for named in text(target, "legendFormat").split("{{").skip(1) {
                let label = named.split("}}").next().unwrap_or_default().trim();
                assert!(labels.contains(label), "{}: no label {label} in {target}", path.display());
            }
        }
    }
}

#[test]
fn alerts_say_which_rollout_how_bad_and_what_to_do() {
    let rules = rules();
    let alerts: BTreeSet<&str> = rules.iter().map(|rule| rule.alert.as_str()).collect();
    assert_eq!(alerts.len(), rules.len(), "alert names are repeated");
    for rule in &rules {
        let Rule { alert, expr, labels, annotations } = rule;
        assert!(["info", "warning", "critical"].contains(&labels["severity"].as_str()), "{alert}");
        assert!(expr.contains("by (rollout"), "{alert} does not say which rollout");
        assert!(annotations["summary"].contains("{{ $labels.rollout }}"), "{alert}");
        assert!(annotations["description"].ends_with('.'), "{alert}");
    }
}

#[test]
fn the_table_of_metrics_is_the_catalogue() {
    let row = |metric: &Metric| {
        let labels: Vec<String> = metric.labels.iter().skip(1).map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} | {} |\n", metric.name, metric.kind.word(), labels.join(", "), metric.help)
    };
    let table: String = ALL.iter().map(row).collect();
    let table = format!("| name | kind | labels beside `rollout` | meaning |\n|---|---|---|---|\n{table}");
    assert!(read("dashboards/README.md").contains(&table), "dashboards/README.md must contain\n\n{table}");
}
