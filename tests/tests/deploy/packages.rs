//! The image, the compose file and the manifest, as far as they can be looked at without running them.

use std::time::Duration;

use yaml_rust2::Yaml;

use crate::{printed, settings, text, words, yaml};

/// Letting go of the log, after `--drain-timeout`.
const CLOSING: u64 = 5;

/// How the name begins of an image with the Rust that the crates ask for.
fn rust_image() -> String {
    let manifest = text("Cargo.toml");
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \""))
        .unwrap();
    format!("rust:{}-", version.trim_end_matches('"'))
}

/// That it runs is shown where it does.
#[test]
fn the_workflow_runs_everything_and_every_night_and_must_know_of_advisories() {
    let workflow = &yaml(".github/workflows/ci.yml")[0];
    for when in ["push", "pull_request", "schedule"] {
        assert!(!workflow["on"][when].is_badvalue(), "{when}");
    }
    let job = &workflow["jobs"]["everything"];
    assert_eq!(job["env"]["READREALM_ADVISORIES"].as_str(), Some("required"));
    assert!(job["container"].as_str().unwrap().starts_with(&rust_image()));
    let steps = job["steps"].as_vec().unwrap();
    assert_eq!(steps.last().unwrap()["run"].as_str(), Some("bash .ci/run"));
}

#[test]
fn the_image_is_built_as_the_project_is_and_runs_as_nobody() {
    let image = text("deploy/Dockerfile");
    let lines: Vec<&str> = image
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let instructions = |name: &str| -> Vec<&str> {
        let with_name = lines
            .iter()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        with_name.collect()
    };
    assert_eq!(instructions("FROM").len(), 2, "built in one image, run in another");
    assert!(instructions("FROM")[1].contains("distroless"), "{image}");
    assert_eq!(instructions("USER"), ["65532:65532"]);
    // The same command as `npm start` gives, but for the lock, which an image holds to.
    assert!(text("scripts/start.mjs").contains(r#"["build", "--release", "-p", "readrealm-server"]"#));
    assert!(image.contains("cargo build --release --locked -p readrealm-server"));
    assert!(instructions("FROM")[0].starts_with(&rust_image()), "{image}");
    // There is no shell to run anything else with.
    for command in ["ENTRYPOINT", "    CMD"] {
        assert!(
            instructions(command).iter().all(|form| form.starts_with("[\"/")),
            "{command}"
        );
    }
    let (_, variables) = settings();
    let named = words(&image, |word| word.starts_with("READREALM_"));
    assert!(named.is_subset(&variables) && named.len() >= 4, "{named:?}");
}

#[test]
fn the_image_is_given_all_that_it_is_built_from() {
    let given = text(".dockerignore");
    let manifest = text("Cargo.toml");
    let members = manifest.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
    for member in members.split(',').map(|member| member.trim().trim_matches('"')) {
        let whole = given.lines().any(|line| line == format!("!{member}"));
        let parts = ["Cargo.toml", "src"]
            .iter()
            .all(|part| given.lines().any(|line| line == format!("!{member}/{part}")));
        assert!(whole || parts, "cargo does not build without {member}");
    }
}

/// A time as the server reads it.
fn seconds(text: &str) -> u64 {
    text.strip_suffix('s')
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn compose_gives_the_server_what_it_reads_and_time_to_end() {
    let compose = &yaml("deploy/compose.yaml")[0];
    let services = compose["services"].as_hash().unwrap();
    assert_eq!(services.len(), 4);
    let server = &compose["services"]["server"];
    let (_, variables) = settings();
    for (name, _) in server["environment"].as_hash().unwrap() {
        assert!(variables.contains(name.as_str().unwrap()), "{name:?}");
    }
    for passed_on in [
        "READREALM_TRUST_PROXY",
        "READREALM_AUTH_SECRET_PREVIOUS",
        "READREALM_ALLOW_ORIGIN",
    ] {
        let value = server["environment"][passed_on].as_str();
        assert_eq!(value, Some(&*format!("${{{passed_on}:-}}")), "{passed_on}");
    }
    assert_eq!(server["build"]["dockerfile"].as_str(), Some("deploy/Dockerfile"));
    assert!(seconds(server["stop_grace_period"].as_str().unwrap()) >= 10 + CLOSING);
    // Each member of the set that is made is a service here, and each is asked for in the store's URL.
    let initiate = compose["services"]["mongo-1"]["healthcheck"]["test"]
        .as_vec()
        .unwrap()
        .last()
        .unwrap();
    let store = server["environment"]["READREALM_STORE"].as_str().unwrap();
    for member in ["mongo-1", "mongo-2", "mongo-3"] {
        assert!(services.contains_key(&Yaml::String(member.into())));
        assert!(
            initiate
                .as_str()
                .unwrap()
                .contains(&format!("host: \"{member}:27017\"")),
            "{initiate:?}"
        );
        assert!(store.contains(member), "{store}");
    }
}

#[test]
fn the_manifest_gives_a_node_time_to_drain_and_little_else() {
    let documents = yaml("deploy/kubernetes.yaml");
    let kinds: Vec<_> = documents
        .iter()
        .filter_map(|document| document["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"]);
    let pod = &documents[0]["spec"]["template"];
    let labels = |at: &Yaml| at["app.kubernetes.io/name"].as_str().map(str::to_owned);
    let name = labels(&pod["metadata"]["labels"]);
    assert!(name.is_some());
    assert_eq!(labels(&documents[0]["spec"]["selector"]["matchLabels"]), name);
    assert_eq!(labels(&documents[1]["spec"]["selector"]), name);
    assert_eq!(labels(&documents[2]["spec"]["selector"]["matchLabels"]), name);
    assert_eq!(labels(&documents[3]["spec"]["podSelector"]["matchLabels"]), name);

    let container = &pod["spec"]["containers"][0];
    let (_, variables) = settings();
    let set = |name: &str| {
        let all = container["env"].as_vec().unwrap();
        all.iter()
            .find(|one| one["name"].as_str() == Some(name))
            .and_then(|one| one["value"].as_str())
            .unwrap()
    };
    for one in container["env"].as_vec().unwrap() {
        assert!(variables.contains(one["name"].as_str().unwrap()), "{one:?}");
        let secret = one["valueFrom"]["secretKeyRef"]["key"].as_str().is_some();
        assert!(secret || one["value"].as_str().is_some(), "{one:?}");
    }
    let (delay, drain) = (
        seconds(set("READREALM_DRAIN_DELAY")),
        seconds(set("READREALM_DRAIN_TIMEOUT")),
    );
    let grace = pod["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap();
    assert!(Duration::from_secs(grace.try_into().unwrap()) > Duration::from_secs(delay + drain + CLOSING));
    let readiness = &container["readinessProbe"];
    let unready = readiness["periodSeconds"].as_i64().unwrap() * readiness["failureThreshold"].as_i64().unwrap();
    assert!(
        unready.unsigned_abs() < delay,
        "it is out of the endpoints before it closes anything"
    );
    for (probe, path) in [
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ] {
        assert_eq!(container[probe]["httpGet"]["path"].as_str(), Some(path));
        assert_eq!(container[probe]["httpGet"]["port"].as_str(), Some("metrics"));
        assert!(container[probe]["timeoutSeconds"].as_i64() > Some(1), "{probe}");
    }
    assert_eq!(pod["spec"]["securityContext"]["runAsNonRoot"].as_bool(), Some(true));
    assert_eq!(
        container["securityContext"]["readOnlyRootFilesystem"].as_bool(),
        Some(true)
    );
    assert_eq!(
        container["securityContext"]["allowPrivilegeEscalation"].as_bool(),
        Some(false)
    );
    assert!(container["resources"]["limits"]["memory"].as_str().is_some());
}

#[test]
fn the_network_policy_opens_the_ports_there_are_and_no_others() {
    let documents = yaml("deploy/kubernetes.yaml");
    let names = |ports: &Yaml, key: &str| -> Vec<String> {
        let ports = ports.as_vec().unwrap();
        ports
            .iter()
            .map(|port| port[key].as_str().unwrap().to_owned())
            .collect()
    };
    let there = names(
        &documents[0]["spec"]["template"]["spec"]["containers"][0]["ports"],
        "name",
    );
    let rules = documents[3]["spec"]["ingress"].as_vec().unwrap();
    let opened: Vec<_> = rules.iter().flat_map(|rule| names(&rule["ports"], "port")).collect();
    assert_eq!(opened, there);
    for rule in rules {
        assert!(!rule["from"].as_vec().unwrap().is_empty(), "an empty list is everybody");
    }
}

#[test]
fn the_manifest_trusts_nobody_until_it_is_filled_in() {
    let documents = yaml("deploy/kubernetes.yaml");
    let env = &documents[0]["spec"]["template"]["spec"]["containers"][0]["env"];
    let trusted = env
        .as_vec()
        .unwrap()
        .iter()
        .find(|one| one["name"].as_str() == Some("READREALM_TRUST_PROXY"));
    let placeholder = trusted.unwrap()["value"].as_str().unwrap();
    let (started, said) = printed(&[
        "--store",
        "memory:",
        "--listen",
        "127.0.0.1:0",
        "--trust-proxy",
        placeholder,
    ]);
    assert!(!started);
    let sentence = said.lines().next().unwrap();
    assert!(
        sentence.contains(placeholder)
            && sentence.contains("--trust-proxy")
            && sentence.contains("expected an address or a range"),
        "{said}"
    );
}
