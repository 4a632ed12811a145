//! How many files and sockets the process may have open.

use crate::config::Limits;

/// Takes as many files as the system gives to those who ask, and says so where `--max-connections` is more than that.
pub fn take(limits: &Limits) {
    let Some(files) = raised() else { return };
    let connections = limits.max_connections as u64;
    if connections > files {
        tracing::warn!(
            connections,
            files,
            "--max-connections is above the number of files this process may open; raise that (ulimit -Hn, LimitNOFILE=)"
        );
    } else {
        tracing::debug!(files, "files that may be open");
    }
}

/// Raises the soft limit to the hard one. Returns what it is now, where there is one.
#[cfg(unix)]
fn raised() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, all) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files stays as it is");
            current
        }
    }
}

#[cfg(not(unix))]
fn raised() -> Option<u64> {
    None
}
