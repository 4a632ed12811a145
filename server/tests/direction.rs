//! One flow, one direction: which module of the server may name which. The picture stands in `src/lib.rs`:
//! transport -> connection -> hub -> room -> {log, cluster} -> protocol; fanout -> {log, hub}; app -> all.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What each module may name beside itself. `main` and `app` put everything together and may name all.
const ALLOWED: &[(&str, &[&str])] = &[
    ("network", &[]),
    ("pace", &["network"]),
    ("seldom", &[]),
    ("config", &["log", "network"]),
    ("metrics", &[]),
    ("logging", &["config", "metrics"]),
    ("auth", &["config", "metrics"]),
    ("revocation", &["auth", "log", "metrics"]),
    (
        "manage",
        &[
            "revocation",
            "auth",
            "config",
            "connection",
            "history",
            "pace",
            "seldom",
            "app",
            "metrics",
        ],
    ),
    ("log", &["metrics"]),
    ("cluster", &["log", "seldom"]),
    ("room", &["log", "cluster", "metrics", "seldom"]),
    ("hub", &["room", "log", "cluster", "metrics", "seldom"]),
    ("fanout", &["log", "hub", "metrics"]),
    (
        "connection",
        &[
            "hub", "room", "log", "auth", "config", "network", "pace", "metrics", "seldom",
        ],
    ),
    (
        "transport",
        &[
            "connection",
            "auth",
            "config",
            "network",
            "pace",
            "seldom",
            "app",
            "metrics",
        ],
    ),
    (
        "history",
        &[
            "connection",
            "hub",
            "room",
            "log",
            "auth",
            "config",
            "pace",
            "seldom",
            "app",
            "metrics",
        ],
    ),
    ("page", &[]),
    (
        "http",
        &[
            "transport",
            "history",
            "manage",
            "page",
            "log",
            "seldom",
            "auth",
            "config",
            "app",
            "metrics",
        ],
    ),
    ("shutdown", &[]),
    ("files", &["config"]),
    ("admin", &["log", "config", "auth", "revocation"]),
    ("health", &["config"]),
    ("cli", &["admin", "auth", "config", "health"]),
];

/// The modules that may name every other.
const UNBOUND: &[&str] = &["app", "main", "lib"];

/// `(line, module)` of every module of this crate that `source` names.
fn named(source: &str) -> BTreeSet<(usize, String)> {
    let mut found = BTreeSet::new();
    for start in ["crate::", "readrealm_server::"] {
        for (at, _) in source.match_indices(start) {
            let line_start = source[..at].rfind('\n').map_or(0, |newline| newline + 1);
            let before = &source[line_start..at];
            // `$crate::`, `other_crate::`, and comments are no dependencies of this module.
            if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') || before.contains("//") {
                continue;
            }
            let line = source[..at].matches('\n').count() + 1;
            found.extend(
                heads(&source[at + start.len()..])
                    .into_iter()
                    .map(|module| (line, module)),
            );
        }
    }
    found
}

/// The first segments of a path, of which a `use` tree in braces has many.
fn heads(path: &str) -> Vec<String> {
    let word = |text: &str| {
        text.chars()
            .take_while(|&c| c.is_alphanumeric() || c == '_')
            .collect::<String>()
    };
    let Some(tree) = path.strip_prefix('{') else {
        return vec![word(path)];
    };
    let (mut heads, mut depth, mut begin) = (Vec::new(), 1, 0);
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            heads.push(word(tree[begin..at].trim_start()));
            begin = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    heads.retain(|head| !head.is_empty());
    heads
}

/// What is wrong with a file of `module`, as lines for people.
fn violations(file: &str, module: &str, source: &str) -> Vec<String> {
    if UNBOUND.contains(&module) {
        return Vec::new();
    }
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == module) else {
        return vec![format!(
            "{file}: the module `{module}` has no place in the picture; give it one in tests/direction.rs"
        )];
    };
    let known = |name: &str| UNBOUND.contains(&name) || ALLOWED.iter().any(|(module, _)| *module == name);
    let wrong = named(source)
        .into_iter()
        .filter(|(_, name)| name != module && known(name) && !allowed.contains(&&**name));
    wrong
        .map(|(line, name)| {
            let allowed = allowed.join(", ");
            format!("{file}:{line}: `{module}` names `{name}`, and may name only itself and: {allowed}")
        })
        .collect()
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn every_module_names_only_what_the_picture_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files.sort();
    assert!(files.len() > 20, "the sources are read");
    let mut wrong = Vec::new();
    for path in files {
        let relative = path.strip_prefix(&root).unwrap();
        let module = relative
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        let source = std::fs::read_to_string(&path).unwrap();
        wrong.extend(violations(&format!("src/{}", relative.display()), &module, &source));
    }
    assert!(
        wrong.is_empty(),
        "a dependency goes against the flow of data:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_crates_of_sockets_are_named_by_the_transports_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let names = |path: &PathBuf| {
        let source = std::fs::read_to_string(path).unwrap();
        ["engineioxide::", "hyper::upgrade::"]
            .iter()
            .any(|named| source.contains(named))
    };
    let (transport, others): (Vec<_>, Vec<_>) = files
        .into_iter()
        .filter(names)
        .partition(|path| path.starts_with(root.join("transport")));
    assert!(!transport.is_empty(), "the sources are read");
    assert_eq!(others, [""; 0].map(PathBuf::from));
}

#[test]
fn a_planted_violation_is_found() {
    let planted = [
        ("log", "use crate::room::Frame;\n", "room"),
        ("log", "pub fn f() { crate::hub::Hub::new(); }", "hub"),
        (
            "room",
            "use super::x;\n\npub(crate) use crate::{log::Head, connection::{self, Outbox}};\n",
            "connection",
        ),
        (
            "room",
            "use crate::{\n    log::{Head, Page},\n    transport::websocket,\n};\n",
            "transport",
        ),
        ("hub", "use crate::app::Shared;", "app"),
        ("connection", "fn f(x: &crate::transport::Y) {}", "transport"),
        ("cluster", "use crate::hub::Hub;", "hub"),
        ("log", "use readrealm_server::connection;", "connection"),
        ("fanout", "use crate::room::Command;", "room"),
    ];
    for (module, source, named) in planted {
        let found = violations("src/planted.rs", module, source);
        assert_eq!(found.len(), 1, "{source}: {found:?}");
        assert!(found[0].contains(&format!("`{module}` names `{named}`")), "{found:?}");
    }
    let line = &violations("src/planted.rs", "room", "//! Text.\n\nuse crate::hub::Hub;\n")[0];
    assert!(line.starts_with("src/planted.rs:3: "), "{line}");
    assert!(
        violations("src/new.rs", "new", "").len() == 1,
        "a module without a place is found"
    );
}

#[test]
fn what_is_allowed_is_not_found() {
    let fine = [
        (
            "room",
            "use crate::log::{Head, Page};\nuse crate::room::frame::Frame;\n",
        ),
        ("log", "//! Not like `crate::room`.\n// use crate::hub::Hub;\n"),
        (
            "log",
            "use other_crate::room::X;\nmacro_rules! m { () => { $crate::room::X } }",
        ),
        ("app", "use crate::{connection, hub, transport};"),
        ("connection", "use crate::{hub::Hub, log::{self, EventLog}};"),
    ];
    for (module, source) in fine {
        assert_eq!(violations("src/fine.rs", module, source), [""; 0], "{source}");
    }
}
