//! Checks atlas/systems.md: no cell is empty, every file exists and contains the names listed, and every program can be run.

use std::path::PathBuf;

use crate::table::{COLUMNS, code, read, root, rows};

/// Checks that every file in the cell exists and contains the names that follow it; at least one file is required.
fn check_files(row: &[&str], cell: &str, wrong: &mut Vec<String>) {
    let mut file: Option<(&str, String)> = None;
    for item in code(cell) {
        if item.contains('/') || item.ends_with(".md") {
            let path = root().join(item);
            if !path.exists() {
                wrong.push(format!("{}: there is no {item}", row[0]));
            }
            file = Some((item, std::fs::read_to_string(path).unwrap_or_default()));
        } else {
            match &file {
                None => wrong.push(format!("{}: `{item}` follows no file", row[0])),
                Some((name, text)) if !text.contains(item) => {
                    wrong.push(format!("{}: {name} holds no {item}", row[0]));
                }
                Some(_) => {}
            }
        }
    }
    if file.is_none() {
        wrong.push(format!("{}: a cell names no file: {cell}", row[0]));
    }
}

/// The programs that can be run: studies, and examples by file or directory.
fn programs() -> Vec<String> {
    let entries = |directory: PathBuf| {
        let entries =
            std::fs::read_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
        entries.flatten().map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let areas = entries(root().join("atlas/studies")).into_iter().filter(|path| path.is_dir());
    let examples = ["examples", "atlas/examples"].map(|directory| entries(root().join(directory)));
    let programs = areas.flat_map(entries).chain(examples.into_iter().flatten());
    programs.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

#[test]
fn every_row_is_whole_and_true() {
    let page = read("atlas/systems.md");
    let (rows, programs) = (rows(&page), programs());
    assert!(rows.len() > 100, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        if row.len() != COLUMNS || row.iter().any(|cell| cell.is_empty()) {
            wrong.push(format!("not {COLUMNS} cells: {row:?}"));
            continue;
        }
        check_files(row, row[1], &mut wrong);
        check_files(row, row[3], &mut wrong);
        for program in code(row[2]) {
            let name = program.split_whitespace().next().unwrap_or_default();
            if name != "wgrad" && !programs.iter().any(|known| known == name) {
                wrong.push(format!("{}: there is no program {program}", row[0]));
            }
        }
        for link in row[5].split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if !root().join("atlas").join(link).exists() {
                wrong.push(format!("{}: there is no picture {link}", row[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "atlas/systems.md:\n{}", wrong.join("\n"));
}

/// Every section of the texts has rows.
#[test]
fn every_section_has_rows() {
    let page = read("atlas/systems.md");
    for part in page.split("\n## ").skip(1) {
        for section in part.split("\n### ").filter(|section| section.contains("| System |")) {
            let title = section.lines().next().unwrap_or_default();
            assert!(!rows(section).is_empty(), "{title} has no row");
        }
    }
}
