//! CPU time as the kernel accounts it.

use std::collections::BTreeMap;

use rustix::time::{ClockId, clock_gettime};

/// User and system time of each process so far, in seconds, from `/proc/PID/stat`
/// (proc(5), fields 14 and 15); all of its threads. A process that has gone is left out.
pub fn of_processes(pids: &[u32]) -> BTreeMap<u32, f64> {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let read = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may hold anything; the third field comes after the last one.
        let mut fields = stat.get(stat.rfind(')')? + 2..)?.split(' ').skip(11);
        let mut next = || fields.next()?.parse::<f64>().ok();
        Some((*pid, (next()? + next()?) / ticks))
    };
    pids.iter().filter_map(read).collect()
}

/// User and system time of this process so far, in seconds.
pub fn own() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
