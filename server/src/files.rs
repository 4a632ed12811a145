//! How many files and sockets the process may have open.

use crate::config::{Limits, MAX_CONNECTIONS, MAX_HTTP_CONNECTIONS};

/// Takes as many files as the system gives to those who ask, and says so where the connections that it may have are more than that: as a
/// warning where somebody has chosen them.
pub fn take(limits: &Limits) {
    const WHY: &str = "--max-connections and --max-http-connections are above the number of files this process may open; \
                       raise that (ulimit -Hn, LimitNOFILE=)";
    let Some(files) = raised() else { return };
    let Some(connections) = connections(limits) else {
        tracing::warn!(files, "connections have no bound but the files this process may open");
        return;
    };
    if connections <= files {
        tracing::debug!(files, "files that may be open");
    } else if is_chosen(limits) {
        tracing::warn!(connections, files, "{WHY}");
    } else {
        tracing::info!(connections, files, "{WHY}");
    }
}

/// How many there may be in all; `None` is without bound.
fn connections(limits: &Limits) -> Option<u64> {
    let bounds = [limits.max_connections, limits.max_http_connections];
    let all = bounds.into_iter().fold(0usize, usize::saturating_add);
    (!bounds.contains(&0)).then_some(all as u64)
}

/// Whether they are others than by default, which most machines have no files for, nor need.
fn is_chosen(limits: &Limits) -> bool {
    (limits.max_connections, limits.max_http_connections) != (MAX_CONNECTIONS, MAX_HTTP_CONNECTIONS)
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
