//! Memory and processor time of this process and the machine. Zero on systems without `/proc`.

use std::fs::read_to_string;

/// Peak resident memory of this process, in MB of 2^20 bytes.
pub fn peak_rss_mb() -> f64 {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or_default();
    number(line, 1) / 1024.0
}

/// Seconds of processor time spent so far.
#[derive(Clone, Copy)]
pub struct Busy {
    pub machine: f64,
    pub own: f64,
}

impl Busy {
    pub fn now() -> Busy {
        let stat = read_to_string("/proc/stat").unwrap_or_default();
        let all = stat.lines().next().unwrap_or_default();
        // cpu user nice system idle iowait irq softirq steal
        let machine: f64 = [1, 2, 3, 6, 7, 8].map(|i| number(all, i)).iter().sum();
        let stat = read_to_string("/proc/self/stat").unwrap_or_default();
        // The name may contain any character; field 0 is the state, which follows it.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let own = number(after_name, 11) + number(after_name, 12);
        // Ticks of 10 ms.
        Busy { machine: machine / 100.0, own: own / 100.0 }
    }

    /// Cores used on average since `before`: by this process, and by others.
    pub fn cores_since(before: Busy, seconds: f64) -> [f64; 2] {
        let now = Busy::now();
        let own = (now.own - before.own) / seconds;
        [own, ((now.machine - before.machine) / seconds - own).max(0.0)]
    }
}

fn number(text: &str, field: usize) -> f64 {
    text.split_whitespace().nth(field).and_then(|v| v.parse().ok()).unwrap_or(0.0)
}
