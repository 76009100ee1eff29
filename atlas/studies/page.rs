//! The gallery as a page of Markdown.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use atlas::{Report, Study};

use crate::areas::Area;

/// Writes a page with the figures and pictures of the reports, one heading per area; `command` are the options they were made with. Pictures
/// are copied to the directory `gallery` next to the page.
///
/// # Errors
/// Files that cannot be written.
pub fn write(path: &Path, command: &str, reports: &[(&Area, &Study, Report)]) -> Result<()> {
    let directory = path.with_extension("");
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let mut page = String::from(
        "# The gallery\n\nEvery study of the texts' systems, with what it found, most of them with the small budget of a few seconds (`--small`). ",
    );
    if let Some((_, _, first)) = reports.first() {
        writeln!(
            page,
            "Made by `cargo run --release -p wgrad-atlas -- {command} --page atlas/gallery.md` on {}.",
            first.device
        )?;
    }
    let mut heading = "";
    for (area, study, report) in reports {
        if area.name != heading {
            heading = area.name;
            writeln!(page, "\n## {}", area.title)?;
        }
        describe(&mut page, area, study, report)?;
        for picture in &report.pictures {
            let name = picture.file_name().context("a picture without a name")?.to_string_lossy();
            let file = if name.starts_with(study.name) {
                name.into_owned()
            } else {
                format!("{}-{name}", study.name)
            };
            std::fs::copy(picture, directory.join(&file))
                .with_context(|| format!("cannot copy {}", picture.display()))?;
            let folder = directory.file_name().context("a page without a name")?.to_string_lossy();
            writeln!(page, "\n![{}]({folder}/{file})", study.about)?;
        }
    }
    std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}

fn describe(page: &mut String, area: &Area, study: &Study, report: &Report) -> Result<()> {
    writeln!(page, "\n### {}\n\n{}", study.name, study.about)?;
    writeln!(
        page,
        "`cargo run --release -p wgrad-atlas -- {0}{3}` ([source](studies/{1}/{0}.rs)), {2:.1} s\n",
        study.name,
        area.name,
        report.seconds,
        if report.small { " --small" } else { "" }
    )?;
    writeln!(page, "| figure | | expected |\n|---|---|---|")?;
    for figure in &report.figures {
        let digits = if figure.value.abs() >= 1000.0 { 0 } else { 4 };
        writeln!(page, "| {} | {:.digits$} | {} |", figure.name, figure.value, figure.range())?;
    }
    Ok(())
}
