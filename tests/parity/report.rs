//! The summary of a run.

use std::collections::{BTreeMap, HashSet};

use super::compare::Check;

pub enum Outcome {
    Checked(Vec<Check>),
    /// The missing feature of the library.
    Unsupported(String),
}

impl Outcome {
    fn checks(&self) -> &[Check] {
        match self {
            Outcome::Checked(checks) => checks,
            Outcome::Unsupported(_) => &[],
        }
    }

    fn failed(&self) -> bool {
        self.checks().iter().any(|c| !c.passed())
    }
}

/// The number of ops whose narrowest passes are shown.
const NARROW: usize = 12;

/// The outcome of a case on a device.
pub struct Entry {
    pub family: String,
    pub op: String,
    pub case: String,
    pub device: String,
    pub outcome: Outcome,
}

pub struct Report {
    entries: Vec<Entry>,
}

#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
    unsupported: usize,
}

impl Report {
    pub fn new(entries: Vec<Entry>) -> Report {
        Report { entries }
    }

    /// Cases that did not pass: failed, or unsupported.
    pub fn missed(&self) -> usize {
        let missed = |e: &&Entry| e.outcome.failed() || matches!(e.outcome, Outcome::Unsupported(_));
        self.entries.iter().filter(missed).count()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let mut families: BTreeMap<(&str, &str), Counts> = BTreeMap::new();
        let mut unsupported: BTreeMap<&str, usize> = BTreeMap::new();
        let mut narrow = vec![];
        for Entry { family, op, case, device, outcome } in &self.entries {
            for family in [family, "total"] {
                let counts = families.entry((device, family)).or_default();
                match outcome {
                    Outcome::Unsupported(_) => counts.unsupported += 1,
                    Outcome::Checked(_) if outcome.failed() => counts.failed += 1,
                    Outcome::Checked(_) => counts.passed += 1,
                }
            }
            if let Outcome::Unsupported(what) = outcome {
                *unsupported.entry(what).or_default() += 1;
            }
            for check in outcome.checks() {
                if check.passed() {
                    narrow.push((check, op, case, device));
                } else {
                    writeln!(f, "FAILED {case} on {device}: {check}")?;
                }
            }
        }
        writeln!(f, "\nThe narrowest passes:")?;
        narrow.sort_by(|a, b| b.0.ratio.total_cmp(&a.0.ratio));
        let mut ops = HashSet::new();
        for (check, _, case, device) in narrow.iter().filter(|(_, op, ..)| ops.insert(*op)).take(NARROW) {
            writeln!(f, "  {case} on {device}: {check}")?;
        }
        writeln!(f, "\nUnsupported, with the number of cases on all devices:")?;
        unsupported.iter().try_for_each(|(what, count)| writeln!(f, "  {what} ({count})"))?;
        writeln!(
            f,
            "\n{:<12} {:<14} {:>7} {:>7} {:>12}",
            "device", "family", "passed", "failed", "unsupported"
        )?;
        for ((device, family), Counts { passed, failed, unsupported }) in &families {
            writeln!(f, "{device:<12} {family:<14} {passed:>7} {failed:>7} {unsupported:>12}")?;
        }
        Ok(())
    }
}
