//! On what, and of what, a run was: for its record. What cannot be told is `unknown`.

use std::path::Path;
use std::process::Command;

use readrealm_protocol::Timestamp;

/// What else the machine had to do lately: the load averages.
pub(crate) fn load() -> String {
    read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(", ")
}

/// Lines of Markdown; `load` is that of the beginning.
pub(crate) fn described(load: String) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let lines = [
        ("Date", Timestamp::now().to_string()),
        ("Command", format!("`npm run bench -- {}`", arguments())),
        ("Commit", commit()),
        (
            "Processor",
            format!("{}, {cores} cores", line_of("/proc/cpuinfo", "model name")),
        ),
        ("Memory", line_of("/proc/meminfo", "MemTotal")),
        ("Load before the run (1, 5, 15 minutes)", load),
        ("Kernel", read("/proc/sys/kernel/osrelease")),
        ("rustc", asked("rustc", &["--version"])),
        (
            "mongod",
            format!(
                "{}; a replica set of one member, cache and oplog as they come",
                asked(
                    &std::env::var("MONGOD").unwrap_or_else(|_| "mongod".into()),
                    &["--version"],
                )
            ),
        ),
        ("Node.js", asked("node", &["--version"])),
        (
            "NestJS",
            format!("{} with mongoose {}", package("@nestjs/core"), package("mongoose")),
        ),
        ("socket.io", package("socket.io")),
        ("socketioxide", crate_version("socketioxide")),
        ("nchan", asked("dpkg-query", &["--show", "libnginx-mod-nchan", "nginx"])),
    ];
    lines.map(|(name, value)| format!("- {name}: {value}\n")).concat()
}

/// What is checked out, and whether it was changed.
pub(crate) fn commit() -> String {
    asked("git", &["describe", "--always", "--dirty"])
}

/// How a program was built, by the folder that cargo put it into.
pub(crate) fn build_of(program: &Path) -> String {
    let folder = program.parent().and_then(Path::file_name);
    folder.map_or_else(unknown, |folder| folder.to_string_lossy().into_owned())
}

fn arguments() -> String {
    std::env::args().skip(1).collect::<Vec<_>>().join(" ")
}

fn unknown() -> String {
    "unknown".into()
}

/// What a program says first.
fn asked(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let said = output.ok().filter(|output| output.status.success());
    let said = said.map(|output| {
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .replace('\t', " ")
            .replace('\n', ", ")
    });
    said.map_or_else(unknown, |said| {
        said.split(", Build Info").next().unwrap_or_default().to_owned()
    })
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).map_or_else(|_| unknown(), |text| text.trim().to_owned())
}

/// What stands behind a name and a colon.
fn line_of(path: &str, name: &str) -> String {
    let text = read(path);
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(':'));
    value.map_or_else(unknown, |(_, value)| value.trim().to_owned())
}

/// The version of an installed npm package.
fn package(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("peers/nestjs/node_modules")
        .join(name);
    quoted(&read(&folder.join("package.json").to_string_lossy()), "\"version\": \"")
}

fn crate_version(name: &str) -> String {
    let lock = read(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../Cargo.lock")
            .to_string_lossy(),
    );
    let entry = lock.split_once(&format!("name = \"{name}\"\n"));
    entry.map_or_else(unknown, |(_, entry)| quoted(entry, "version = \""))
}

/// From a mark to the next quote.
fn quoted(text: &str, mark: &str) -> String {
    let value = text.split_once(mark).and_then(|(_, rest)| rest.split_once('"'));
    value.map_or_else(unknown, |(value, _)| value.to_owned())
}
