//! Human-readable numbers and times.

use std::time::Duration;

/// `0:07`, `12:34`, `1:02:03`, `3 d 04:05`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}:{:02}", seconds % 60),
        (0, _) => format!("{hours}:{minutes:02}:{:02}", seconds % 60),
        _ => format!("{days} d {hours:02}:{minutes:02}"),
    }
}

/// `512 B`, `1.5 KiB`, `12.0 GiB`.
pub(super) fn bytes(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = "";
    for name in units {
        (value, unit) = (value / 1024.0, name);
        if value < 1024.0 {
            break;
        }
    }
    format!("{value:.1} {unit}")
}

/// About four digits of a number: `0.1234`, `12.34`, `1.2e-5`.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !size.is_finite() => value.to_string(),
        size if size < 1e-3 => format!("{value:.1e}"),
        size if size < 1.0 => format!("{value:.4}"),
        size if size < 100.0 => format!("{value:.2}"),
        size if size < 1e5 => format!("{value:.0}"),
        _ => format!("{value:.2e}"),
    }
}
