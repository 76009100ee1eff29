//! The gallery as a page of Markdown.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use atlas::{Figure, Report, Study};

use crate::areas::Area;

/// A study and its runs, one for each seed.
pub struct Entry {
    pub area: &'static Area,
    pub study: &'static Study,
    pub runs: Vec<Report>,
    /// Seeds whose runs failed, with the errors.
    pub failed: Vec<(u64, String)>,
}

impl Entry {
    /// Whether every run gave the same bits.
    fn same(&self) -> bool {
        let bits = |run: &Report| -> Vec<(String, u64)> {
            run.figures.iter().map(|figure| (figure.name.clone(), figure.value.to_bits())).collect()
        };
        self.runs.windows(2).all(|pair| bits(&pair[0]) == bits(&pair[1]))
    }

    /// The figures with a range, and those of them that are outside of it, over all runs.
    fn checked(&self) -> (usize, Vec<&str>) {
        let figures = || self.runs.iter().flat_map(|run| &run.figures);
        let missed = figures().filter(|figure| !figure.met()).map(|figure| figure.name.as_str()).collect();
        (figures().filter(|figure| !figure.range().is_empty()).count(), missed)
    }
}

/// Writes a page with the figures and pictures of the studies, one heading per area; `command` are the options they were made with. The
/// pictures are those of the first seed, copied to a directory next to the page that has its name without `.md`.
///
/// # Errors
/// Files that cannot be written.
pub fn write(path: &Path, command: &str, entries: &[Entry]) -> Result<()> {
    let directory = path.with_extension("");
    let folder = directory.file_name().context("a page without a name")?.to_string_lossy();
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let mut page = String::from("# The gallery\n\n");
    introduce(&mut page, command, entries)?;
    let mut heading = "";
    for entry in entries {
        if entry.area.name != heading {
            heading = entry.area.name;
            writeln!(page, "\n## {}", entry.area.title)?;
        }
        describe(&mut page, entry)?;
        for picture in entry.runs.first().into_iter().flat_map(|run| &run.pictures) {
            let name = picture.file_name().context("a picture without a name")?.to_string_lossy();
            let study = entry.study.name;
            let file = if name.starts_with(study) { name.into_owned() } else { format!("{study}-{name}") };
            std::fs::copy(picture, directory.join(&file))
                .with_context(|| format!("cannot copy {}", picture.display()))?;
            writeln!(page, "\n![{}]({folder}/{file})", entry.study.about)?;
        }
    }
    std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}

/// How the page was made, and a table of the totals.
fn introduce(page: &mut String, command: &str, entries: &[Entry]) -> Result<()> {
    let runs: Vec<&Report> = entries.iter().flat_map(|entry| &entry.runs).collect();
    let of_budget = |small: bool| {
        entries.iter().filter(|entry| entry.runs.first().is_some_and(|run| run.small == small)).count()
    };
    let budget = match (of_budget(true), of_budget(false)) {
        (0, _) => "all with the full budget".into(),
        (_, 0) => "all with the small budget of a few seconds (`--small`)".into(),
        (small, full) => {
            format!("{small} with the small budget of a few seconds (`--small`) and {full} with the full one")
        }
    };
    writeln!(
        page,
        "Studies of the texts' systems, with what they found, {budget}. Made by `cargo run --release -p wgrad-atlas -- {command} --page \
         atlas/gallery.md`. A study's time is that of its first run.\n"
    )?;
    let (with_range, missed): (Vec<usize>, Vec<usize>) =
        entries.iter().map(Entry::checked).map(|(count, missed)| (count, missed.len())).unzip();
    let wrong = entries.iter().filter(|entry| !entry.checked().1.is_empty() || !entry.failed.is_empty());
    let wrong: Vec<String> = wrong.map(|entry| format!("[{0}](#{0})", entry.study.name)).collect();
    let seeds: BTreeSet<u64> = runs.iter().map(|run| run.seed).collect();
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let devices: BTreeSet<&str> = runs.iter().map(|run| run.device.as_str()).collect();
    let rows = [
        ("studies", entries.len().to_string()),
        ("figures of all runs", runs.iter().map(|run| run.figures.len()).sum::<usize>().to_string()),
        ("of these with an expected range", with_range.iter().sum::<usize>().to_string()),
        ("outside of it", missed.iter().sum::<usize>().to_string()),
        ("runs that failed", entries.iter().map(|entry| entry.failed.len()).sum::<usize>().to_string()),
        ("studies with a figure outside or a failed run", wrong.join(", ")),
        ("seeds", seeds.join(", ")),
        ("device", Vec::from_iter(devices).join(", ")),
        ("time of all runs", time(runs.iter().map(|run| run.seconds).sum())),
    ];
    writeln!(page, "| | |\n|---|---|")?;
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(page, "| {name} | {value} |")?;
    }
    Ok(())
}

/// A time in the two largest units.
fn time(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A study's heading, its command with the verdict, and its table of figures.
fn describe(page: &mut String, entry: &Entry) -> Result<()> {
    let Entry { area, study, runs, failed } = entry;
    writeln!(page, "\n### {0}\n\n{1}", study.name, study.about)?;
    for (seed, error) in failed {
        writeln!(page, "**With seed {seed} it failed**: {}", error.replace('\n', " "))?;
    }
    let Some(first) = runs.first() else { return Ok(()) };
    let same = runs.len() > 1 && entry.same();
    let (count, missed) = entry.checked();
    let verdict = match (count, missed.len()) {
        (0, 0) => String::new(),
        (_, 0) => "; all in their ranges".into(),
        (_, outside) => {
            let names = Vec::from_iter(missed.into_iter().collect::<BTreeSet<_>>());
            format!("; **{outside} of {count} outside of their ranges**: {}", names.join(", "))
        }
    };
    writeln!(
        page,
        "`cargo run --release -p wgrad-atlas -- {0}{1}{2}` ([source](studies/{3}/{0}.rs)), {4}{verdict}{5}\n",
        study.name,
        if first.small { " --small" } else { "" },
        if first.seed == 1 { String::new() } else { format!(" --seed {}", first.seed) },
        area.name,
        time(first.seconds),
        if same { "; the same bits with every seed" } else { "" },
    )?;
    let shown = if same { &runs[..1] } else { &runs[..] };
    match shown {
        [_] => writeln!(page, "| figure | | expected |")?,
        _ => {
            let seeds = shown.iter().map(|run| format!(" seed {} |", run.seed));
            writeln!(page, "| figure |{} expected |", seeds.collect::<String>())?;
        }
    }
    writeln!(page, "|---|{}---|", "---|".repeat(shown.len()))?;
    for (i, figure) in first.figures.iter().enumerate() {
        let values = shown.iter().map(|run| format!(" {} |", value(run, i, &figure.name)));
        // A bar would end the cell, as in P(a | b).
        let name = figure.name.replace('|', "\\|");
        writeln!(page, "| {name} |{} {} |", values.collect::<String>(), figure.range())?;
    }
    Ok(())
}

/// The figure at this place of a run, or else that of this name; bold if it is outside of its range.
fn value(run: &Report, at: usize, name: &str) -> String {
    let named = |figure: &&Figure| figure.name == name;
    let Some(figure) = run.figures.get(at).filter(named).or_else(|| run.figures.iter().find(named)) else {
        return "–".into();
    };
    let mark = if figure.met() { "" } else { "**" };
    format!("{mark}{}{mark}", number(figure.value))
}

/// With four decimals, or as many digits as a large or a small number needs.
fn number(value: f64) -> String {
    match value.abs() {
        1000.0.. => format!("{value:.0}"),
        size if size > 0.0 && size < 1e-3 => format!("{value:.1e}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;

    use super::*;
    use crate::areas::AREAS;

    fn run(seed: u64, small: bool, value: f64) -> Report {
        let expected = (Bound::Unbounded, Bound::Excluded(0.5));
        let figure = Figure { name: "loss | seed".into(), value, expected, tolerance: None };
        let (study, device) = (AREAS[0].studies[0].name, "CPU".into());
        Report { study, device, seed, small, figures: vec![figure], pictures: vec![], seconds: 100.0 }
    }

    fn page(runs: &[&[Report]], failed: &[(u64, String)]) -> String {
        let entry = |runs: &&[Report]| {
            let (area, study) = (&AREAS[0], AREAS[0].studies[0]);
            Entry { area, study, runs: runs.to_vec(), failed: failed.to_vec() }
        };
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("page.md");
        write(&path, "--all", &runs.iter().map(entry).collect::<Vec<_>>()).expect("written");
        std::fs::read_to_string(path).expect("text")
    }

    fn assert_has(page: &str, lines: &[&str]) {
        lines.iter().for_each(|line| assert!(page.contains(line), "{line} is not in\n{page}"));
    }

    #[test]
    fn budgets_and_totals() {
        let (small, full) = ([run(1, true, 0.1)], [run(1, false, 0.1)]);
        assert_has(
            &page(&[&small], &[]),
            &["all with the small budget", "--small` ([source]", "| studies | 1 |", "1 min 40 s; all in"],
        );
        let both = page(&[&small, &full], &[]);
        assert_has(
            &both,
            &[
                "1 with the small budget of a few seconds (`--small`) and 1 with the full one",
                "| time of all runs | 3 min 20 s |",
            ],
        );
        let full = page(&[&full], &[]);
        assert_has(
            &full,
            &[
                "all with the full budget",
                "| figure | | expected |",
                "| loss \\| seed | 0.1000 | < 0.5 |",
                "| outside of it | 0 |",
            ],
        );
        assert!(!full.contains("--small"));
    }

    #[test]
    fn large_and_small_numbers() {
        assert_eq!([11810.2, 0.25, 0.0, -1.26e-7].map(number), ["11810", "0.2500", "0.0000", "-1.3e-7"]);
        assert_eq!([0.31, 75.0, 3720.0].map(time), ["0.3 s", "1 min 15 s", "1 h 2 min"]);
    }

    #[test]
    fn a_column_for_each_seed() {
        let page = |values: [f64; 2]| {
            page(&[&[run(1, false, values[0]), run(2, false, values[1])]], &[(3, "too\nlate".into())])
        };
        assert_has(
            &page([0.1, 0.7]),
            &[
                "| figure | seed 1 | seed 2 | expected |",
                "| loss \\| seed | 0.1000 | **0.7000** | < 0.5 |",
                "**1 of 2 outside of their ranges**: loss",
            ],
        );
        assert_has(
            &page([0.1, 0.7]),
            &[
                "| outside of it | 1 |",
                "| seeds | 1, 2 |",
                "**With seed 3 it failed**: too late",
                "| runs that failed | 1 |",
            ],
        );
        assert_has(&page([0.1, 0.1]), &["the same bits with every seed", "| figure | | expected |"]);
    }
}
