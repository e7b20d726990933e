//! What this process has used: processor time, and the most memory it had since it was last asked to forget that.

use std::time::Duration;

/// Ticks of `/proc/self/stat` a second: 100 on every Linux there is.
const TICKS: u64 = 100;

/// Processor time so far, of all threads.
pub(crate) fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, which may hold spaces, is in brackets; user and system time are fields 14 and 15.
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks =
        after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// Starts the peak anew.
pub(crate) fn forget_peak() {
    // Where that is not allowed the peak is an older one: still an upper bound.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most memory in use since [`forget_peak`], in MiB.
pub(crate) fn peak_mib() -> u64 {
    status("VmHWM:")
}

/// Memory in use now, in MiB.
pub(crate) fn now_mib() -> u64 {
    status("VmRSS:")
}

fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
}
