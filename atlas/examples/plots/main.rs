//! Every kind of picture that the framework draws, from data computed here:
//! `cargo run --release -p wgrad-atlas --example plots -- [DIRECTORY]` writes each of them, light and dark, and a report of a
//! run, in about a minute on a CPU.

mod answers;
mod depth;
mod digits;
mod latent;
mod moons;
mod page;
mod paths;
mod rates;
mod search;

use std::path::PathBuf;

use wgrad::prelude::*;
use wgrad::train::plot::{Figure, Theme};
use wgrad::train::prepare_output;

fn main() -> anyhow::Result<()> {
    let directory = std::env::args().nth(1).map_or_else(|| PathBuf::from("out/plots"), PathBuf::from);
    prepare_output(&directory)?;
    let device = Device::named("cpu")?;
    let album = Album { directory };

    album.add("activations", rates::activations(&device)?)?;
    album.add("schedules", rates::schedules())?;
    album.add("lr-sweep", rates::sweep(&device)?)?;
    album.add("optimizer-paths", paths::paths(&device)?)?;
    album.add("surfaces", paths::surfaces())?;
    album.add("decision-boundaries", moons::boundaries(&device)?)?;
    album.add("loss-landscape", moons::landscape(&device)?)?;
    album.add("gradient-norms", depth::gradients(&device)?)?;
    album.add("optimizer-race", depth::race(&device)?)?;
    album.add("search", search::search(&device)?)?;
    album.add("attention", answers::attention(&device)?)?;
    let digits = digits::Digits::train(&device)?;
    album.add("curves", digits.curves())?;
    album.add("histograms", digits.histograms()?)?;
    album.add("confusion", digits.confusion()?)?;
    digits.report(&album.directory.join("report.html"))?;
    album.add("scores", answers::scores(&digits)?)?;
    for theme in [Theme::Light, Theme::Dark] {
        digits.samples(&album, theme)?;
        digits.features(&album, theme)?;
        digits.attributions(&album, theme)?;
    }
    let codes = latent::Codes::train(&device, &digits)?;
    album.add("latent", codes.scatter()?)?;
    for theme in [Theme::Light, Theme::Dark] {
        codes.interpolation(&album, theme)?;
    }
    Ok(())
}

/// The output directory of the pictures.
pub struct Album {
    directory: PathBuf,
}

impl Album {
    /// Writes a picture in both themes.
    fn add(&self, name: &str, figure: Figure) -> anyhow::Result<()> {
        for theme in [Theme::Light, Theme::Dark] {
            self.save(name, theme, figure.clone().theme(theme))?;
        }
        Ok(())
    }

    /// Writes a picture in its theme.
    fn save(&self, name: &str, theme: Theme, figure: Figure) -> anyhow::Result<()> {
        let suffix = if theme == Theme::Dark { "-dark" } else { "" };
        let path = self.directory.join(format!("{name}{suffix}.png"));
        figure.theme(theme).save(&path)?;
        println!("{}", path.display());
        Ok(())
    }
}
