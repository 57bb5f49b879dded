//! What a process and its children cost, from the kernel's own books.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// CPU time that a process, its threads and its living children have used so far.
///
/// # Errors
/// When `/proc` does not tell.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for pid in family(pid)? {
        total += tasks_cpu(pid)?;
    }
    Ok(total)
}

/// The process and its children, one level deep: nginx has a master and workers.
fn family(pid: u32) -> Result<Vec<u32>> {
    let children =
        fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let mut all = vec![pid];
    all.extend(
        children
            .split_whitespace()
            .filter_map(|child| child.parse::<u32>().ok()),
    );
    Ok(all)
}

/// The first number of `schedstat` is the time on a CPU in nanoseconds, user and system together.
fn tasks_cpu(pid: u32) -> Result<Duration> {
    let tasks = format!("/proc/{pid}/task");
    let mut total = Duration::ZERO;
    for task in fs::read_dir(&tasks).with_context(|| format!("reading {tasks}"))? {
        let path = task
            .with_context(|| format!("reading {tasks}"))?
            .path()
            .join("schedstat");
        // A thread may end between the listing and the look.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let spent = text
            .split_whitespace()
            .next()
            .and_then(|first| first.parse().ok());
        total += Duration::from_nanos(
            spent.with_context(|| format!("{} holds no number", path.display()))?,
        );
    }
    Ok(total)
}

/// Memory that is resident now, in KiB, of the process and its children.
///
/// # Errors
/// When `/proc` does not tell.
pub fn resident_kib(pid: u32) -> Result<u64> {
    let mut total = 0;
    for pid in family(pid)? {
        let path = format!("/proc/{pid}/status");
        let status = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap_or_default();
        total += line
            .trim()
            .trim_end_matches(" kB")
            .trim()
            .parse::<u64>()
            .unwrap_or(0);
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_time_and_memory() {
        let before = cpu_time(std::process::id()).unwrap();
        let mut sum = 0_u64;
        for i in 0..20_000_000_u64 {
            sum = std::hint::black_box(sum.wrapping_add(i));
        }
        assert!(cpu_time(std::process::id()).unwrap() > before, "{sum}");
        assert!(resident_kib(std::process::id()).unwrap() > 1000);
    }
}
