//! What processes cost, as `/proc` tells it.

use std::fs;

use anyhow::Context as _;

/// Ticks of `/proc/*/stat` in a second: Linux shows them in hundredths whatever its own clock.
const TICKS: f64 = 100.0;

/// CPU seconds that a process has used, in user and in kernel.
pub(crate) fn cpu_of(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    let stat = stat.with_context(|| format!("the process {pid} is gone"))?;
    ticks(&stat, 0, 2)
}

/// Those of this process's children that have ended.
pub(crate) fn cpu_of_children() -> anyhow::Result<f64> {
    ticks(&fs::read_to_string("/proc/self/stat")?, 2, 2)
}

/// Those of everything that is running under these names, and of children that have ended.
pub(crate) fn cpu_of_all(names: &[&str]) -> anyhow::Result<f64> {
    let mut seconds = 0.0;
    for process in fs::read_dir("/proc")?.flatten() {
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        if names.contains(&name.trim())
            && let Ok(stat) = fs::read_to_string(process.path().join("stat"))
        {
            seconds += ticks(&stat, 0, 4)?;
        }
    }
    Ok(seconds)
}

/// The sum of `count` fields behind the `skipped` ones from utime on. The name before them can hold
/// anything.
fn ticks(stat: &str, skipped: usize, count: usize) -> anyhow::Result<f64> {
    let (_, fields) = stat.rsplit_once(')').context("/proc makes no sense")?;
    let ticks = fields.split_whitespace().skip(11 + skipped).take(count);
    let ticks = ticks.map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(f64::from(ticks) / TICKS)
}

/// Resident memory of a process in MiB: `VmRSS` now, `VmHWM` at its highest.
pub(crate) fn memory_of(pid: u32, what: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kib = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next());
    let kib: u32 = kib.context("/proc makes no sense")?.parse()?;
    Ok(f64::from(kib) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "7 (a) b (c)) S 1 1 1 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 1";
        for (skipped, count, want) in [(0, 2, 2.0), (0, 4, 2.5), (2, 2, 0.5)] {
            let found = ticks(stat, skipped, count).unwrap();
            assert!((found - want).abs() < 1e-9, "{found}, not {want}");
        }
        assert!(ticks("7 S", 0, 2).is_err());
    }
}
