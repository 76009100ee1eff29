//! `wgrad plot`

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::json;
use train::History;
use train::plot::{self, Panel};

use crate::say::Say;

#[derive(Args)]
pub struct Arguments {
    /// Directories of runs
    #[arg(required = true)]
    runs: Vec<PathBuf>,

    /// The picture [default: curves.png in the first run]
    #[arg(long)]
    out: Option<PathBuf>,

    /// Only panels whose titles contain this
    #[arg(long)]
    only: Option<String>,
}

pub fn run(arguments: &Arguments, say: &Say) -> Result<()> {
    let mut panels: Vec<Panel> = vec![];
    for run in &arguments.runs {
        let name = run.file_name().unwrap_or(run.as_os_str()).to_string_lossy().into_owned();
        for mut panel in History::open(run)?.panels() {
            if arguments.runs.len() > 1 {
                panel
                    .series
                    .iter_mut()
                    .for_each(|s| s.name = format!("{name} {}", s.name).trim_end().to_owned());
            }
            match panels.iter_mut().find(|p| p.title == panel.title) {
                Some(same) => same.series.append(&mut panel.series),
                None => panels.push(panel),
            }
        }
    }
    if let Some(only) = &arguments.only {
        let titles: Vec<String> = panels.iter().map(|p| p.title.clone()).collect();
        panels.retain(|panel| panel.title.contains(only));
        ensure!(!panels.is_empty(), "no panel contains \"{only}\"; there are {titles:?}");
    }
    let out = arguments.out.clone().unwrap_or_else(|| arguments.runs[0].join("curves.png"));
    let title: Vec<String> = arguments.runs.iter().map(|run| run.display().to_string()).collect();
    plot::curves(&out, &title.join(", "), &panels)?;
    say.text(out.display());
    say.result(&json!({ "picture": out, "panels": panels.iter().map(|p| &p.title).collect::<Vec<_>>() }));
    Ok(())
}
