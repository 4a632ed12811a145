//! What processes cost, from `/proc`.

use std::time::Duration;

use crate::load::Outcome;

/// A process's times are told in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of these processes together, their ended threads included.
pub(crate) fn cpu(pids: &[u32]) -> Outcome<Duration> {
    let mut sum = Duration::ZERO;
    for pid in pids {
        let stat = read(*pid, "stat")?;
        // The name, in brackets, may have spaces in it.
        let (_, fields) = stat.rsplit_once(')').ok_or("a line of stat has no name")?;
        for ticks in fields.split_whitespace().skip(11).take(2) {
            sum += TICK * ticks.parse::<u32>()?;
        }
    }
    Ok(sum)
}

/// Bytes of memory of these processes together, what they share counted once.
pub(crate) fn memory(pids: &[u32]) -> Outcome<u64> {
    let mut sum = 0;
    for pid in pids {
        let rollup = read(*pid, "smaps_rollup")?;
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib = pss.and_then(|pss| pss.split_whitespace().next());
        sum += kib.ok_or("smaps_rollup has no Pss")?.parse::<u64>()? * 1024;
    }
    Ok(sum)
}

/// Bytes of the kernel's own small objects, sockets among them.
pub(crate) fn slab() -> Outcome<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo")?;
    let slab = meminfo.lines().find_map(|line| line.strip_prefix("Slab:"));
    let kib = slab.and_then(|slab| slab.split_whitespace().next());
    Ok(kib.ok_or("meminfo has no Slab")?.parse::<u64>()? * 1024)
}

fn read(pid: u32, file: &str) -> Outcome<String> {
    std::fs::read_to_string(format!("/proc/{pid}/{file}"))
        .map_err(|error| format!("process {pid} has no {file}: {error}").into())
}
