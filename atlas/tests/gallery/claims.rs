//! The figures of atlas/systems.md against what the tests assert.

use std::path::Path;

use crate::table::{COLUMNS, files, numbers, read, rows};

const GALLERY: &str = "atlas/tests/gallery/";

/// The numbers that a row's test files contain, other than those of the gallery.
fn asserted_elsewhere(test: &str) -> Vec<f64> {
    let others = files(test).into_iter().filter(|(file, _)| !file.starts_with(GALLERY));
    others.flat_map(|(file, _)| numbers(&read(Path::new(file)))).map(|(value, _)| value).collect()
}

/// The numbers of a row's figure that are not among those asserted. A percentage may be a share, a distance from 1, or the number itself;
/// formulas between backticks are not read.
fn unasserted(figure: &str, asserted: &[f64]) -> Vec<f64> {
    let prose: Vec<&str> = figure.split('`').step_by(2).collect();
    let same = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    let held = |value: f64| asserted.iter().any(|&bound| same(value, bound));
    let hundredths = |v: f64| held(v / 100.0) || held(1.0 + v / 100.0) || held(1.0 - v / 100.0);
    let stated = numbers(&prose.join(" ")).into_iter();
    stated.filter(|&(v, share)| !(held(v) || share && hundredths(v))).map(|(value, _)| value).collect()
}

/// The bounds of ranges, as a report writes them: from below, and from above.
fn bounds(ranges: &[String]) -> [Vec<f64>; 2] {
    let mut sides = [vec![], vec![]];
    for range in ranges {
        let values = numbers(range).into_iter().map(|(value, _)| value);
        match range.chars().next() {
            Some('<' | '≤') => sides[1].extend(values),
            Some('≥') => sides[0].extend(values),
            _ => values.zip([0, 1]).for_each(|(value, side)| sides[side].push(value)),
        }
    }
    sides
}

/// The numbers of a row's figure that follow a word for a bound, as in "at least 0.9", and are no bound of that side.
fn beyond(figure: &str, [low, high]: &[Vec<f64>; 2]) -> Vec<f64> {
    const WORDS: [(&str, bool); 5] =
        [("above", false), ("at least", false), ("below", true), ("under", true), ("at most", true)];
    let mut wrong = Vec::new();
    for (word, upper) in WORDS {
        let side = if upper { high } else { low };
        for (at, _) in figure.match_indices(word) {
            let mut rest = figure[at + word.len()..].split_whitespace();
            let number =
                rest.next().filter(|text| text.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
            let unit = rest.next().filter(|word| word.starts_with('%') || word.starts_with("point"));
            if let Some(number) = number {
                wrong.extend(unasserted(&format!("{number} {}", unit.unwrap_or("")), side));
            }
        }
    }
    wrong
}

/// Asserts that the numbers of the rows that name this study as their test are bounds of its figures or in their names, by its report; of a row
/// with several studies, for each.
pub fn hold(study: &str, report: &serde_json::Value) {
    let page = read("atlas/systems.md");
    let texts = |key: &str| report[key].as_object().expect("figures by name").clone();
    let names = texts("figures").into_iter().map(|(name, _)| name);
    let ranges = texts("expected").into_iter().map(|(_, range)| range.as_str().expect("text").to_owned());
    let ranges: Vec<String> = ranges.collect();
    let sides = bounds(&ranges);
    let own: Vec<f64> = names.chain(ranges).flat_map(|text| numbers(&text)).map(|(value, _)| value).collect();
    for row in rows(&page).iter().filter(|row| row.len() == COLUMNS) {
        let by_this = |(file, names): &(&str, Vec<&str>)| file.starts_with(GALLERY) && names.contains(&study);
        if files(row[3]).iter().any(by_this) {
            let asserted = [own.clone(), asserted_elsewhere(row[3])].concat();
            let wrong = unasserted(row[4], &asserted);
            assert!(
                wrong.is_empty(),
                "{study}: systems.md states {wrong:?}, which no test asserts: {}",
                row[4]
            );
            let wrong = beyond(row[4], &sides);
            assert!(
                wrong.is_empty(),
                "{study}: {wrong:?} of systems.md are no bounds of that side: {}",
                row[4]
            );
        }
    }
}

/// Rows without a study.
#[test]
fn figures_of_other_tests_are_asserted() {
    let page = read("atlas/systems.md");
    let wrong: Vec<String> = rows(&page)
        .iter()
        .filter(|row| row.len() == COLUMNS && !row[3].contains(GALLERY))
        .map(|row| (row, unasserted(row[4], &asserted_elsewhere(row[3]))))
        .filter(|(_, wrong)| !wrong.is_empty())
        .map(|(row, wrong)| format!("{}: {wrong:?}", row[0]))
        .collect();
    assert!(wrong.is_empty(), "no test asserts:\n{}", wrong.join("\n"));
}

#[test]
fn a_weaker_test_is_found_out() {
    assert_eq!(unasserted("mAP at 0.5 at least 0.85, R2 of CD-1 `9 x`", &[0.5]), [0.85]);
    assert!(
        unasserted("within 3 % and 15 points of 61,706 to 1e-4", &[1.03, 0.15, 61706.0, 1e-4]).is_empty()
    );
    assert_eq!(unasserted("above 80 %", &[0.6]), [80.0]);
    let sides = bounds(&["< 0.3".into(), "≥ 0.9".into(), "0.1 to below 0.2".into()]);
    assert!(beyond("error below 0.3, at least 90 % right, at least 0.1 and at most 0.2", &sides).is_empty());
    assert_eq!(beyond("error above 0.3 or below 0.1; at least 80 %", &sides), [0.3, 80.0, 0.1]);
}
