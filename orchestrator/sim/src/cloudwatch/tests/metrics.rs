//! Metrics and queries over them.

use crate::api::cloudwatch::{
    Dimension, GetMetricDataInput, GetMetricDataOutput, ListMetricsInput, Metric, MetricDataQuery,
    MetricDataResult, MetricDatum, MetricStat, PutMetricDataInput, Response as Answer, StatisticSet,
    StatusCode,
};
use crate::api::{ApiError, Response, Timestamp};
use crate::clock::WorldTime;
use crate::fault::Fault;
use crate::trial::{HUB, SPOKE, Trial, WORLD};

const METRICS: &str = r"
metrics:
  - { name: crashes, kind: count, level: 2, nodes: [web], dimensions: [[InstanceId], []] }
  - { name: heat, level: 50, spread: 1, node_spread: 0.1, late_seconds: [100, 100], nodes: [web] }
  - { name: hello_up, level: 1, reported_by: hello, nodes: [desk] }
";

/// The usual world, in which version 2.0.0 raises `crashes` by 8 two minutes after its install.
fn trial() -> Trial {
    let raised = "{ name: 2.0.0, raises: [{ metric: crashes, by: 8, after_seconds: 120 }, { metric: heat, silent: true }] }";
    Trial::of(&format!("{}{METRICS}", WORLD.replace("{ name: 2.0.0 }", raised)))
}

fn stat(id: &str, metric: &str, node: Option<&str>, stat: &str, period: i32) -> MetricDataQuery {
    let dimensions = node.map(|node| Dimension { name: "InstanceId".into(), value: node.into() });
    let metric = Metric {
        namespace: Some("CWAgent".into()),
        metric_name: Some(metric.into()),
        dimensions: Some(dimensions.into_iter().collect()),
    };
    MetricDataQuery {
        id: id.into(),
        metric_stat: Some(MetricStat { metric, period, stat: stat.into(), unit: None }),
        ..Default::default()
    }
}

fn expression(id: &str, text: &str) -> MetricDataQuery {
    MetricDataQuery { id: id.into(), expression: Some(text.into()), period: Some(60), ..Default::default() }
}

/// The last so many minutes.
fn input(trial: &Trial, minutes: i64, queries: Vec<MetricDataQuery>) -> GetMetricDataInput {
    let minute = trial.world.now().millis().div_euclid(60_000) * 60_000;
    let at = |millis| Some(Timestamp::from_millis(millis));
    GetMetricDataInput {
        metric_data_queries: Some(queries),
        start_time: at(minute - minutes * 60_000),
        end_time: at(minute),
        ..Default::default()
    }
}

fn ask(trial: &mut Trial, input: GetMetricDataInput) -> Result<GetMetricDataOutput, ApiError> {
    match trial.call(HUB, input)? {
        Response::CloudWatch(Answer::GetMetricData(output)) => Ok(*output),
        other => panic!("{other:?}"),
    }
}

fn results(trial: &mut Trial, minutes: i64, queries: Vec<MetricDataQuery>) -> Vec<MetricDataResult> {
    let input = input(trial, minutes, queries);
    ask(trial, input).expect("answered").metric_data_results
}

fn mean(result: &MetricDataResult) -> f64 {
    result.values.iter().sum::<f64>() / result.values.len() as f64
}

fn put(trial: &mut Trial, datum: MetricDatum) -> Result<Response, ApiError> {
    let input =
        PutMetricDataInput { namespace: "Mine".into(), metric_data: Some(vec![datum]), ..Default::default() };
    trial.call(HUB, input)
}

fn datum(value: f64) -> MetricDatum {
    MetricDatum { metric_name: "own".into(), value: Some(value), ..Default::default() }
}

#[test]
fn a_version_raises_a_metric_of_its_nodes_after_a_while_and_only_there() {
    let mut trial = trial();
    let ids = trial.ids(HUB, "web");
    trial.pass(3600);
    trial.install(&ids[..1], "2.0.0");
    trial.pass(3600);
    let queries =
        vec![stat("a", "crashes", Some(&ids[0]), "Sum", 60), stat("b", "crashes", Some(&ids[1]), "Sum", 60)];
    let found = results(&mut trial, 110, queries);
    let (touched, other) = (&found[0], &found[1]);
    assert_eq!((touched.values.len(), touched.status_code), (110, StatusCode::Complete));
    assert!(touched.timestamps[0] > touched.timestamps[1], "newest first");
    let (after, before) = (&touched.values[..50], &touched.values[60..]);
    assert!(after.iter().sum::<f64>() / 50.0 > 8.0 && before.iter().sum::<f64>() / 50.0 < 4.0);
    assert!((1.0..3.0).contains(&mean(other)), "{}", mean(other));
    assert_eq!(
        (touched.label.as_str(), other.label.as_str()),
        (&*format!("{} crashes", ids[0]), &*format!("{} crashes", ids[1]))
    );
}

#[test]
fn the_same_question_has_the_same_answer_and_another_seed_another() {
    let mut one = trial();
    one.pass(3600);
    let id = one.ids(HUB, "web")[0].clone();
    let query = || vec![stat("a", "heat", Some(&id), "Average", 60)];
    let first = results(&mut one, 30, query());
    assert_eq!(first, results(&mut one, 30, query()));
    let mut twin = trial();
    twin.pass(3600);
    assert_eq!(first, results(&mut twin, 30, query()));
}

#[test]
fn late_data_are_missing_until_they_arrive() {
    let mut trial = trial();
    trial.pass(3600);
    let id = trial.ids(HUB, "web")[0].clone();
    let shown = input(&trial, 10, vec![stat("a", "heat", Some(&id), "SampleCount", 60)]);
    let now = ask(&mut trial, shown.clone()).expect("answered");
    trial.pass(300);
    let later = ask(&mut trial, shown).expect("answered");
    assert!(now.metric_data_results[0].values.len() < 10);
    assert_eq!(later.metric_data_results[0].values.len(), 10);
}

#[test]
fn broken_agents_offline_nodes_and_silencing_versions_report_nothing() {
    let mut trial = trial();
    let (web, desk) = (trial.ids(HUB, "web"), trial.ids(HUB, "desk"));
    trial.pass(1200);
    trial.install(&web[..1], "2.0.0");
    trial.world.set_reach(&web[1], crate::fleet::Reach::Offline);
    trial.pass(1800);
    let queries = vec![
        stat("a", "heat", Some(&web[0]), "Average", 60),
        stat("b", "heat", Some(&web[1]), "Average", 60),
        stat("c", "hello_up", Some(&desk[0]), "Average", 60),
    ];
    let found = results(&mut trial, 20, queries.clone());
    assert_eq!(found.iter().map(|result| result.values.len()).collect::<Vec<_>>(), [0, 0, 0]);
    trial.install(&desk[..1], "1.0.0");
    trial.world.set_reach(&web[1], crate::fleet::Reach::Online);
    trial.pass(1800);
    let found = results(&mut trial, 20, queries);
    assert!(found[1].values.len() > 15 && found[2].values.len() > 15);
    assert!(found[0].values.is_empty());
}

#[test]
fn a_metric_without_dimensions_sums_the_nodes_of_its_site() {
    let mut trial = trial();
    trial.pass(3600);
    let ids = trial.ids(HUB, "web");
    let mut queries: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| stat(&format!("m{n}"), "crashes", Some(id), "Sum", 60))
        .collect();
    queries.push(stat("all", "crashes", None, "Sum", 60));
    queries.push(expression("sum", "SUM(METRICS(\"m\"))"));
    queries
        .push(expression("found", "SUM(SEARCH('{CWAgent,InstanceId} MetricName=\"crashes\"', 'Sum', 60))"));
    queries.push(expression("insight", "SELECT SUM(crashes) FROM SCHEMA(CWAgent, InstanceId)"));
    let found = results(&mut trial, 20, queries);
    let of = |id: &str| found.iter().find(|result| result.id == id).expect("answered").values.clone();
    assert_eq!(of("all"), of("sum"));
    assert_eq!(of("all"), of("found"));
    assert_eq!(of("all"), of("insight"));
    assert_eq!(of("all").len(), 20);
}

#[test]
fn a_search_gives_a_series_a_node_under_one_id_with_labels_that_name_it() {
    let mut trial = trial();
    trial.pass(3600);
    let ids = trial.ids(HUB, "web");
    let mut query = expression("s", "SEARCH('{CWAgent,InstanceId} MetricName=\"crashes\"', 'Sum', 300)");
    query.label = Some("${PROP('Dim.InstanceId')} ${PROP('MetricName')}".into());
    let found = results(&mut trial, 20, vec![query]);
    let mut labels: Vec<String> = found.iter().map(|result| result.label.clone()).collect();
    labels.sort();
    let mut wanted: Vec<String> = ids.iter().map(|id| format!("{id} crashes")).collect();
    wanted.sort();
    assert_eq!(labels, wanted);
    assert!(found.iter().all(|result| result.id == "s" && result.values.len() == 4));
    let grouped = expression(
        "g",
        "SELECT AVG(crashes) FROM SCHEMA(CWAgent, InstanceId) GROUP BY InstanceId ORDER BY AVG() DESC LIMIT 2",
    );
    let found = results(&mut trial, 20, vec![grouped]);
    assert_eq!(found.len(), 2);
    assert!(ids.contains(&found[0].label));
}

#[test]
fn math_works_on_series_and_fills_what_is_missing() {
    let mut trial = trial();
    trial.pass(3600);
    let now = trial.world.now().epoch_seconds();
    for (minutes_ago, value) in [(5.0, 4.0), (3.0, 8.0)] {
        let at = Some(Timestamp(now - minutes_ago * 60.0));
        put(&mut trial, MetricDatum { timestamp: at, ..datum(value) }).expect("put");
    }
    let mut base = stat("m1", "own", None, "Sum", 60);
    if let Some(stat) = &mut base.metric_stat {
        stat.metric.namespace = Some("Mine".into());
    }
    base.return_data = Some(false);
    let texts = [
        ("double", "m1*2+1", vec![17.0, 9.0]),
        ("rate", "RATE(m1)", vec![4.0 / 120.0]),
        ("filled", "FILL(m1,0)", vec![0.0, 0.0, 8.0, 0.0, 4.0, 0.0]),
        ("line", "FILL(m1,LINEAR)", vec![8.0, 6.0, 4.0]),
        ("repeat", "FILL(m1,REPEAT)", vec![8.0, 8.0, 8.0, 4.0, 4.0]),
        ("total", "m1/SUM(m1)", vec![8.0 / 12.0, 4.0 / 12.0]),
        ("chosen", "IF(m1>5,m1)", vec![8.0]),
        ("gone", "m1/0", vec![]),
        ("mean", "AVG([m1, m1*3])", vec![16.0, 8.0]),
    ];
    let mut queries = vec![base];
    queries.extend(texts.iter().map(|(id, text, _)| expression(id, text)));
    let found = results(&mut trial, 6, queries);
    assert_eq!(found.len(), texts.len(), "what is not to be shown is not");
    for (result, (id, _, wanted)) in found.iter().zip(texts) {
        assert_eq!((result.id.as_str(), &result.values), (id, &wanted));
    }
}

#[test]
fn what_is_not_modelled_or_makes_no_sense_is_refused_with_a_sentence() {
    let mut trial = trial();
    for text in [
        "ANOMALY_DETECTION_BAND(m1)",
        "nobody",
        "m1 +",
        "SUM(m1, m1)",
        "SEARCH('', 'Sum', 60)",
        "SEARCH('x', 'TM99', 60)",
        "SELECT STDDEV(x) FROM y",
        "e",
        "[m1] + [m1]",
    ] {
        let queries = vec![stat("m1", "heat", None, "Sum", 60), expression("e", text)];
        let asked = input(&trial, 5, queries);
        let error = ask(&mut trial, asked).expect_err(text);
        assert_eq!(error.code, "ValidationError", "{text}");
        assert!(error.message.is_some_and(|message| message.len() > 20), "{text}");
    }
    let twice = vec![stat("a", "heat", None, "Sum", 60), stat("a", "heat", None, "Sum", 60)];
    let odd = vec![stat("a", "heat", None, "Sum", 61)];
    let many = (0..501).map(|n| stat(&format!("a{n}"), "heat", None, "Sum", 60)).collect();
    let mixed =
        vec![stat("a", "heat", None, "Sum", 60), stat("b", "heat", None, "Sum", 300), expression("c", "a+b")];
    for queries in [twice, odd, many, vec![], vec![stat("A", "heat", None, "Sum", 60)], mixed] {
        let asked = input(&trial, 5, queries);
        assert_eq!(ask(&mut trial, asked).expect_err("refused").code, "ValidationError");
    }
    let mut backwards = input(&trial, 5, vec![stat("a", "heat", None, "Sum", 60)]);
    std::mem::swap(&mut backwards.start_time, &mut backwards.end_time);
    assert!(ask(&mut trial, backwards).is_err());
}

#[test]
fn extreme_times_and_long_fills_end() {
    let mut trial = trial();
    let mut asked = input(
        &trial,
        5,
        vec![
            stat("a", "own", None, "Sum", 1),
            expression("b", "FILL(a,0)"),
            expression("c", "TIME_SERIES(1)"),
        ],
    );
    asked.start_time = Some(Timestamp(-1e300));
    asked.end_time = Some(Timestamp(1e300));
    let found = ask(&mut trial, asked).expect("answered").metric_data_results;
    assert!(found.iter().all(|result| result.values.len() <= 30_000));
}

#[test]
fn pages_hold_the_points_of_all_series_in_order_and_say_what_is_partial() {
    let mut trial = trial();
    trial.pass(3600);
    let ids = trial.ids(HUB, "web");
    let queries =
        vec![stat("a", "crashes", Some(&ids[0]), "Sum", 60), stat("b", "crashes", Some(&ids[1]), "Sum", 60)];
    let whole = results(&mut trial, 30, queries.clone());
    let mut asked = GetMetricDataInput { max_datapoints: Some(7), ..input(&trial, 30, queries) };
    let mut values = [Vec::new(), Vec::new()];
    let mut pages = 0;
    loop {
        let page = ask(&mut trial, asked.clone()).expect("answered");
        // What happens meanwhile does not shift the pages.
        trial.pass(60);
        pages += 1;
        for result in &page.metric_data_results {
            values[usize::from(result.id == "b")].extend(result.values.iter().copied());
        }
        let partial =
            page.metric_data_results.iter().any(|result| result.status_code == StatusCode::PartialData);
        assert!(page.next_token.is_some() || !partial);
        asked.next_token = page.next_token;
        if asked.next_token.is_none() {
            break;
        }
    }
    assert_eq!(pages, 9);
    assert_eq!(values, [whole[0].values.clone(), whole[1].values.clone()]);
    asked.next_token = Some("x".into());
    assert_eq!(ask(&mut trial, asked).expect_err("refused").code, "InvalidNextToken");
}

#[test]
fn put_data_are_read_back_and_bad_ones_leave_no_trace() {
    let mut trial = trial();
    trial.pass(600);
    let set = StatisticSet { sample_count: 3.0, sum: 9.0, minimum: 1.0, maximum: 5.0 };
    put(&mut trial, MetricDatum { value: None, statistic_values: Some(set), ..datum(0.0) }).expect("put");
    put(
        &mut trial,
        MetricDatum { value: None, values: Some(vec![7.0, 1.0]), counts: Some(vec![2.0, 1.0]), ..datum(0.0) },
    )
    .expect("put");
    trial.pass(60);
    let queries = ["Sum", "SampleCount", "Maximum", "Average"].iter().enumerate().map(|(n, word)| {
        let mut query = stat(&format!("q{n}"), "own", None, word, 60);
        if let Some(stat) = &mut query.metric_stat {
            stat.metric.namespace = Some("Mine".into());
        }
        query
    });
    let found = results(&mut trial, 3, queries.collect());
    assert_eq!(found.iter().map(|result| result.values[0]).collect::<Vec<_>>(), [24.0, 6.0, 7.0, 4.0]);

    let now = trial.world.now().epoch_seconds();
    let at = |seconds: f64| MetricDatum { timestamp: Some(Timestamp(now + seconds)), ..datum(1.0) };
    let day = 86_400.0;
    for (bad, code) in [
        (at(-14.1 * day), "InvalidParameterValueException"),
        (at(2.1 * 3600.0), "InvalidParameterValueException"),
        (datum(f64::NAN), "InvalidParameterValueException"),
        (datum(1e200), "InvalidParameterValueException"),
        (MetricDatum { value: None, ..datum(0.0) }, "MissingRequiredParameterException"),
        (MetricDatum { values: Some(vec![1.0]), ..datum(1.0) }, "InvalidParameterCombinationException"),
        (MetricDatum { storage_resolution: Some(30), ..datum(1.0) }, "InvalidParameterValueException"),
    ] {
        assert_eq!(put(&mut trial, bad).expect_err("refused").code, code);
    }
    assert!(put(&mut trial, at(-13.9 * day)).is_ok() && put(&mut trial, at(1.9 * 3600.0)).is_ok());
}

#[test]
fn metrics_are_listed_where_they_are_and_after_a_while() {
    let mut trial = trial();
    let listed = |trial: &mut Trial, account: &str, name: &str| {
        let input = ListMetricsInput { metric_name: Some(name.into()), ..Default::default() };
        match trial.call(account, input) {
            Ok(Response::CloudWatch(Answer::ListMetrics(output))) => output.metrics.len(),
            other => panic!("{other:?}"),
        }
    };
    put(&mut trial, datum(1.0)).expect("put");
    assert_eq!(listed(&mut trial, HUB, "own"), 0);
    trial.pass(180);
    assert_eq!((listed(&mut trial, HUB, "own"), listed(&mut trial, SPOKE, "own")), (1, 0));
    assert_eq!(listed(&mut trial, HUB, "crashes"), 7);
    assert_eq!(listed(&mut trial, HUB, "hello_up"), 0, "nobody has hello there");
}

#[test]
fn faults_delay_data_and_answer_partial_or_forbidden_results_inside_a_success() {
    let mut trial = trial();
    trial.pass(3600);
    let asked = input(&trial, 10, vec![stat("a", "crashes", None, "Sum", 60)]);
    for (status, points) in [(StatusCode::PartialData, 5), (StatusCode::Forbidden, 0)] {
        trial.world.add_fault(Fault { metric_status: Some(status), ..Fault::default() });
        let result = &ask(&mut trial, asked.clone()).expect("answered").metric_data_results[0];
        assert_eq!((result.status_code, result.values.len()), (status, points));
        trial.world.clear_faults();
    }
    trial.world.add_fault(Fault { metric_lag_seconds: Some(300), ..Fault::default() });
    let lagging = ask(&mut trial, asked).expect("answered");
    assert!((4..7).contains(&lagging.metric_data_results[0].values.len()));
}

#[test]
fn swings_move_everybody_for_their_time() {
    let swing = "{ name: load, level: 10, swings: [{ from_seconds: 600, until_seconds: 1200, times: 5 }, { from_seconds: 1800, silent: true }] }";
    let mut trial = Trial::new(&format!("metrics: [{swing}]\n"));
    trial.pass(3000);
    let id = trial.ids(HUB, "web")[0].clone();
    let asked = GetMetricDataInput {
        start_time: Some(Timestamp(trial.world.start().epoch_seconds())),
        scan_by: Some("TimestampAscending".into()),
        ..input(&trial, 50, vec![stat("a", "load", Some(&id), "Average", 600)])
    };
    let found = ask(&mut trial, asked).expect("answered");
    let values: Vec<i64> =
        found.metric_data_results[0].values.iter().map(|value| value.round() as i64).collect();
    assert!(values.len() == 3 && values[0] < 15 && values[1] > 45 && values[2] < 15, "{values:?}");
    assert!(
        WorldTime::from_epoch_seconds(found.metric_data_results[0].timestamps[0].0) == trial.world.start()
    );
}
