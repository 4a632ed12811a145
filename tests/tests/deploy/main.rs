//! The files of `deploy/` and `docs/operate.md` say what is so: they name metrics and flags that are there, and all of them.
//! No image is built here: that takes a container engine.
#![allow(clippy::unwrap_used, reason = "a test")]

mod monitoring;
mod packages;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Server, Store};
use yaml_rust2::{Yaml, YamlLoader};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file of the repository.
fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a YAML file.
fn yaml(path: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What `readrealm-server` with these arguments prints.
fn printed(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(e2e::server::program()).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// The words of a text that look like these, each once.
fn words(text: &str, like: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    words.filter(|word| like(word)).map(str::to_owned).collect()
}

/// Flags of the server, and the variables beside them.
fn settings() -> (BTreeSet<String>, BTreeSet<String>) {
    let (_, help) = printed(&["--help"]);
    let mut flags = words(&help, |word| word.starts_with("--") && word.len() > 2);
    flags.retain(|flag| !["--help", "--version"].contains(&&**flag));
    (flags, words(&help, |word| word.starts_with("READREALM_")))
}

#[test]
fn the_manual_names_every_flag_and_no_other() {
    let manual = text("docs/operate.md");
    let (flags, variables) = settings();
    assert!(flags.len() > 20 && variables.len() > 20, "{flags:?}");
    for flag in &flags {
        let named = format!("`{flag}`");
        assert!(manual.contains(&named), "docs/operate.md does not name {flag}");
    }
    for variable in words(&manual, |word| word.starts_with("READREALM_")) {
        assert!(
            variables.contains(&variable) || variable == "READREALM_",
            "{variable} is no variable of the server"
        );
    }
}

#[tokio::test]
async fn a_container_asks_its_server_how_it_is() {
    let server = Server::start(&Store::memory()).await;
    let listen = server.address().to_string();
    let ask = |arguments: &[&str]| printed(&[&["--listen", &listen, "health"], arguments].concat());
    assert_eq!(ask(&[]), (true, "ready\n".to_owned()));
    assert_eq!(ask(&["--live"]), (true, "ok\n".to_owned()));
    // As in a container, where it listens on every address.
    let everywhere = format!("0.0.0.0:{}", server.address().port());
    assert!(printed(&["--listen", &everywhere, "health"]).0);
    drop(server);
    let (healthy, said) = ask(&[]);
    assert!(
        !healthy && said.starts_with("readrealm-server: ") && said.lines().count() == 1,
        "{said}"
    );
}
