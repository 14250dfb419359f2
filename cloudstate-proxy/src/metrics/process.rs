//! What the process takes of the machine, under the names that Prometheus' own libraries use.
//!
//! Read from `/proc`; on a system that has none, there is only the time of the start.

use std::{
    fs,
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus::proto::MetricFamily;

use super::reading::{counter, gauge};

/// Clock ticks per second in `/proc`: fixed in Linux's interface, whatever the kernel's own clock.
const TICKS: f64 = 100.0;

pub(super) fn gather() -> Vec<MetricFamily> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let open = fs::read_dir("/proc/self/fd").map(|entries| entries.count() as f64);
    let start = Some(started());
    let gauges = [
        (
            "process_resident_memory_bytes",
            "Memory of the process that is in RAM.",
            kilobytes(&status, "VmRSS:"),
        ),
        (
            "process_virtual_memory_bytes",
            "Address space of the process.",
            kilobytes(&status, "VmSize:"),
        ),
        (
            "process_open_fds",
            "Files, sockets and the like that the process has open.",
            open.ok(),
        ),
        (
            "process_max_fds",
            "How many it may have open.",
            max_files(&limits),
        ),
        (
            "process_start_time_seconds",
            "When the process started, in seconds since 1970.",
            start,
        ),
    ];
    let gauges = gauges
        .into_iter()
        .filter_map(|(name, help, value)| Some(gauge(name, help, value?)));
    let cpu = cpu_seconds(&stat).map(|seconds| {
        let help = "CPU time of the process, its own and the system's for it.";
        counter("process_cpu_seconds_total", help, seconds)
    });
    gauges.chain(cpu).collect()
}

/// When this was first asked for, which is when the proxy was made.
pub(super) fn started() -> f64 {
    static STARTED: OnceLock<f64> = OnceLock::new();
    *STARTED.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_secs_f64()
    })
}

/// `VmRSS:     1234 kB`.
fn kilobytes(status: &str, name: &str) -> Option<f64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    let number: f64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024.0)
}

/// `Max open files            1024                 4096                 files`.
fn max_files(limits: &str) -> Option<f64> {
    let rest = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The 14th and 15th field. The second is a name in parentheses, in which there may be anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::{cpu_seconds, kilobytes, max_files};

    #[test]
    fn proc_is_read() {
        let status = "Name:\tshop\nVmSize:\t  2048 kB\nVmRSS:\t    12 kB\n";
        assert_eq!(kilobytes(status, "VmRSS:"), Some(12288.0));
        assert_eq!(kilobytes(status, "VmSwap:"), None);
        let limits =
            "Limit    Soft Limit  Hard Limit  Units\nMax open files   1024   4096   files\n";
        assert_eq!(max_files(limits), Some(1024.0));
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 900 0 1 0 250 50 0 0 20 0 9 0 100 1 2";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds(""), None);
    }
}
