//! What this process takes of its machine, by the names Prometheus' own libraries give it. Read when it is asked for; on
//! Linux alone, elsewhere it is left out.

#[cfg(target_os = "linux")]
mod linux {
    use std::fmt;

    use procfs::process::{LimitValue, Process};
    use procfs::{CurrentSI, WithCurrentSystemInfo};
    use prometheus_client::collector::Collector;
    use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
    use prometheus_client::metrics::counter::ConstCounter;
    use prometheus_client::metrics::gauge::ConstGauge;
    use prometheus_client::registry::Unit;

    /// Reads `/proc/self`.
    #[derive(Debug)]
    pub(super) struct Proc;

    #[allow(
        clippy::cast_precision_loss,
        reason = "Prometheus knows floating point numbers alone"
    )]
    impl Collector for Proc {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
            let Ok(process) = Process::myself() else { return Ok(()) };
            let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: f64| {
                let gauge = ConstGauge::new(value);
                gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)
            };
            if let Ok(stat) = process.stat() {
                let resident = stat.rss_bytes().get() as f64;
                gauge(
                    "process_resident_memory",
                    "Memory in RAM.",
                    Some(&Unit::Bytes),
                    resident,
                )?;
                gauge(
                    "process_virtual_memory",
                    "Memory mapped.",
                    Some(&Unit::Bytes),
                    stat.vsize as f64,
                )?;
                gauge("process_threads", "Threads.", None, stat.num_threads as f64)?;
                let ticks = procfs::ticks_per_second() as f64;
                if let Ok(kernel) = procfs::KernelStats::current() {
                    let start = kernel.btime as f64 + stat.starttime as f64 / ticks;
                    let help = "When it started, since 1970.";
                    gauge("process_start_time", help, Some(&Unit::Seconds), start)?;
                }
            }
            if let Ok(open) = process.fd_count() {
                gauge(
                    "process_open_fds",
                    "Files and sockets that are open.",
                    None,
                    open as f64,
                )?;
            }
            if let Ok(limits) = process.limits()
                && let LimitValue::Value(most) = limits.max_open_files.soft_limit
            {
                gauge(
                    "process_max_fds",
                    "Files and sockets it may have open.",
                    None,
                    most as f64,
                )?;
            }
            if let Ok(stat) = process.stat() {
                let ticks = procfs::ticks_per_second() as f64;
                let seconds = ConstCounter::new((stat.utime + stat.stime) as f64 / ticks);
                let help = "Time on a CPU, in user and system mode.";
                let kind = seconds.metric_type();
                seconds.encode(encoder.encode_descriptor("process_cpu", help, Some(&Unit::Seconds), kind)?)?;
            }
            Ok(())
        }
    }
}

use prometheus_client::registry::Registry;

#[cfg(target_os = "linux")]
pub(super) fn register(registry: &mut Registry) {
    registry.register_collector(Box::new(linux::Proc));
}

#[cfg(not(target_os = "linux"))]
pub(super) fn register(_: &mut Registry) {}
