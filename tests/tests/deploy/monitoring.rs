//! The dashboard, the alerts and the manual name metrics that a server has.

use std::collections::BTreeSet;

use e2e::{Metrics, Server, Store};
use serde_json::Value;
use yaml_rust2::Yaml;

use crate::{text, words, yaml};

async fn numbers() -> Metrics {
    Server::start(&Store::memory()).await.metrics().await
}

/// The names of all series, without labels.
fn names(metrics: &Metrics) -> BTreeSet<String> {
    let name = |series: &str| series.split('{').next().unwrap_or_default().to_owned();
    metrics.series().map(name).collect()
}

/// What an expression reads.
fn read(expression: &str) -> BTreeSet<String> {
    words(expression, |word| {
        word.starts_with("readrealm_") || word.starts_with("process_")
    })
}

/// Every `label="value"` of a metric that an expression asks for is one of its own.
fn labels_exist(expression: &str, metrics: &Metrics) {
    for (at, _) in expression.match_indices('{') {
        let before = &expression[..at];
        let start = before
            .rfind(|c: char| !(c.is_ascii_lowercase() || c == '_'))
            .map_or(0, |at| at + 1);
        let name = &before[start..];
        let inside = expression[at + 1..].split('}').next().unwrap_or_default();
        for matcher in inside.split(',').map(str::trim) {
            let (label, values) = matcher
                .split_once('=')
                .unwrap_or_else(|| panic!("{matcher} in {expression}"));
            if ["job", "instance"].contains(&label) {
                continue;
            }
            for value in values.trim_matches(['~', '"']).split('|') {
                let asked = format!("{label}=\"{value}\"");
                let there = metrics
                    .series()
                    .any(|series| series.starts_with(name) && series.contains(&asked));
                assert!(there, "{name} has no {asked}");
            }
        }
    }
}

/// Every string below a key of that name.
fn below<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let (true, Some(text)) = (name == key, value.as_str()) {
                    found.push(text);
                }
                below(value, key, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| below(value, key, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_expression_of_the_dashboard_names_what_is_there() {
    let metrics = numbers().await;
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/readrealm.json")).unwrap();
    let mut expressions = Vec::new();
    below(&dashboard, "expr", &mut expressions);
    below(&dashboard, "query", &mut expressions);
    assert!(expressions.len() > 30, "{}", expressions.len());
    let there = names(&metrics);
    for expression in &expressions {
        assert!(read(expression).is_subset(&there), "{expression}");
        assert_eq!(
            expression.matches('(').count(),
            expression.matches(')').count(),
            "{expression}"
        );
        if !expression.starts_with("label_values") {
            labels_exist(expression, &metrics);
        }
    }
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
    let mut taken = BTreeSet::new();
    for panel in panels {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        for (x, y) in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
            assert!(x < 24 && taken.insert((x, y)), "{} stands on another", panel["title"]);
        }
        assert!(
            panel["type"] == "row" || !panel["description"].as_str().unwrap().is_empty(),
            "{}",
            panel["title"]
        );
    }
}

#[tokio::test]
async fn every_alert_names_what_is_there_and_says_what_it_means() {
    let metrics = numbers().await;
    let there = names(&metrics);
    let rules = &yaml("deploy/prometheus/alerts.yaml")[0]["groups"][0]["rules"];
    let rules = rules.as_vec().unwrap();
    assert!(rules.len() >= 8);
    for rule in rules {
        let said = |value: &Yaml| value.as_str().unwrap_or_else(|| panic!("{rule:?}")).to_owned();
        let expression = said(&rule["expr"]);
        assert!(said(&rule["alert"]).starts_with("ReadRealm"));
        assert!(read(&expression).is_subset(&there), "{expression}");
        labels_exist(&expression, &metrics);
        assert!(["critical", "warning"].contains(&&*said(&rule["labels"]["severity"])));
        for annotation in ["summary", "description"] {
            assert!(said(&rule["annotations"][annotation]).len() > 20, "{rule:?}");
        }
        let manual = text("docs/operate.md");
        assert!(
            manual.contains(&said(&rule["alert"])),
            "docs/operate.md says nothing of {}",
            said(&rule["alert"])
        );
    }
}

/// Whoever is woken looks at the dashboard first.
#[test]
fn what_wakes_somebody_has_a_panel() {
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/readrealm.json")).unwrap();
    let mut shown = Vec::new();
    below(&dashboard["panels"], "expr", &mut shown);
    let shown: BTreeSet<String> = shown.into_iter().flat_map(read).collect();
    let mut alerts = 0;
    for rule in yaml("deploy/prometheus/alerts.yaml")[0]["groups"][0]["rules"]
        .as_vec()
        .unwrap()
    {
        for metric in read(rule["expr"].as_str().unwrap()) {
            alerts += 1;
            assert!(
                shown.contains(&metric),
                "no panel shows {metric} of {:?}",
                rule["alert"]
            );
        }
    }
    assert!(alerts > 15, "{alerts}");
}

#[test]
fn the_alert_of_memory_is_four_fifths_of_what_the_manifest_gives() {
    let rules = &yaml("deploy/prometheus/alerts.yaml")[0]["groups"][0]["rules"];
    let memory = |rule: &&Yaml| rule["alert"].as_str() == Some("ReadRealmMemory");
    let rule = rules.as_vec().unwrap().iter().find(memory).unwrap();
    assert!(rule["expr"].as_str().unwrap().ends_with("> 0.8 * 2 ^ 30"));
    let container = &yaml("deploy/kubernetes.yaml")[0]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"]["limits"]["memory"].as_str(), Some("1Gi"));
}

/// Every alert that asks for a job asks for the one that both ways to find the servers give them.
#[test]
fn the_job_of_the_alerts_is_the_one_that_servers_are_given() {
    let alerts = text("deploy/prometheus/alerts.yaml");
    let jobs: BTreeSet<&str> = alerts
        .split("job=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(jobs, BTreeSet::from(["readrealm"]));

    let scrape = &yaml("deploy/prometheus/scrape.yaml")[0]["scrape_configs"];
    let scrape = scrape.as_vec().unwrap();
    let by_hand = scrape
        .iter()
        .find(|config| config["static_configs"].as_vec().is_some())
        .unwrap();
    assert_eq!(by_hand["job_name"].as_str(), Some("readrealm"));
    let pods = scrape
        .iter()
        .find(|config| config["kubernetes_sd_configs"].as_vec().is_some())
        .unwrap();
    let rules = pods["relabel_configs"].as_vec().unwrap();
    let job = rules
        .iter()
        .find(|rule| rule["target_label"].as_str() == Some("job"))
        .unwrap();
    assert_eq!(job["replacement"].as_str(), Some("readrealm"));
    let kept = rules
        .iter()
        .find(|rule| rule["action"].as_str() == Some("keep"))
        .unwrap();
    assert_eq!(kept["regex"].as_str(), Some("readrealm;metrics"));

    let manifest = yaml("deploy/kubernetes.yaml");
    let pod = &manifest[0]["spec"]["template"];
    let monitor = &yaml("deploy/prometheus/podmonitor.yaml")[0];
    let label = monitor["spec"]["jobLabel"].as_str().unwrap();
    assert_eq!(pod["metadata"]["labels"][label].as_str(), Some("readrealm"));
    let selected = &monitor["spec"]["selector"]["matchLabels"];
    assert_eq!(pod["metadata"]["labels"], *selected);
    let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
    let ports = pod["spec"]["containers"][0]["ports"].as_vec().unwrap();
    assert!(ports.iter().any(|port| port["name"] == endpoint["port"]));
    assert_eq!(endpoint["path"].as_str(), Some("/metrics"));
}

#[tokio::test]
async fn a_name_that_no_server_exports_is_found() {
    let metrics = numbers().await;
    let there = names(&metrics);
    for planted in [
        "rate(readrealm_no_such_total[5m]) > 0",
        "readrealm_tail_delay_seconds > 1",
        "absent(readrealm_gone)",
        "process_cpu_minutes",
    ] {
        assert!(!read(planted).is_subset(&there), "{planted}");
    }
    let planted = r#"rate(readrealm_limited_total{limit="patience"}[5m])"#;
    assert!(std::panic::catch_unwind(|| labels_exist(planted, &metrics)).is_err());
}

#[tokio::test]
async fn the_manual_names_every_metric_and_no_other() {
    let manual = text("docs/operate.md");
    let there = names(&numbers().await);
    let named = read(&manual);
    let family = |name: &str| {
        let suffixes = ["_bucket", "_sum", "_count"];
        suffixes
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name)
            .to_owned()
    };
    let families: BTreeSet<String> = there.iter().map(|name| family(name)).collect();
    for name in &families {
        assert!(named.contains(name), "docs/operate.md does not name {name}");
    }
    for name in named.iter().filter(|name| *name != "readrealm_server") {
        assert!(
            families.contains(name) || there.contains(name),
            "docs/operate.md names {name}, which is not there"
        );
    }
}
