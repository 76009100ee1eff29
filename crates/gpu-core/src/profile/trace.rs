//! The trace-event format of Chrome and Perfetto.

use std::fmt::Write;
use std::sync::MutexGuard;
use std::time::Duration;

use web_time::Instant;

use super::{Records, Span, What};

/// One process per device, with a row for launches and one for host work.
pub(super) fn json(devices: Vec<(&str, MutexGuard<Records>)>) -> String {
    let starts = devices.iter().flat_map(|(_, records)| records.trace.iter().map(|span| span.start));
    let origin = starts.min().unwrap_or_else(Instant::now);
    let mut events = vec![];
    for (pid, (device, records)) in devices.iter().enumerate() {
        events.push(metadata("process_name", pid, 0, device));
        events.push(metadata("thread_name", pid, 0, "host"));
        events.push(metadata("thread_name", pid, 1, "launches"));
        events.extend(records.trace.iter().map(|span| event(span, pid, origin)));
    }
    format!("{{\"traceEvents\": [\n{}\n]}}\n", events.join(",\n"))
}

fn metadata(what: &str, pid: usize, tid: usize, name: &str) -> String {
    let name = quoted(name);
    format!(r#"{{"ph": "M", "name": "{what}", "pid": {pid}, "tid": {tid}, "args": {{"name": {name}}}}}"#)
}

fn event(span: &Span, pid: usize, origin: Instant) -> String {
    let (start, time) = (micros(span.start.duration_since(origin)), micros(span.time));
    let (tid, name, args) = match &span.what {
        What::Host(what) => (0, *what, String::new()),
        What::Launch(kernel) => {
            let cost = kernel.cost();
            let rate = |work: u64| work as f64 * 1e-3 / time.max(1e-3);
            let shape = quoted(&kernel.shape());
            let (flops, bytes) = (rate(cost.flops), rate(cost.bytes));
            let args = format!(r#""shape": {shape}, "GFLOP/s": {flops:.2}, "GB/s": {bytes:.2}"#);
            (1, kernel.name(), args)
        }
    };
    let name = quoted(name);
    format!(
        r#"{{"ph": "X", "name": {name}, "pid": {pid}, "tid": {tid}, "ts": {start:.3}, "dur": {time:.3}, "args": {{{args}}}}}"#
    )
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => write!(quoted, "\\u{:04x}", u32::from(c)).expect("writing to a string"),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
