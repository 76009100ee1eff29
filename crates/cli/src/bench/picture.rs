//! Bar charts of the measurements of a device.

use std::path::Path;

use anyhow::Result;
use train::plot::{Bars, Figure, Panel};

use super::kernels::Rate;
use super::steps::Step;

pub fn draw(path: &Path, device: &str, rates: &[Rate], steps: &[Step]) -> Result<()> {
    let of = |group: &str| rates.iter().filter(|rate| rate.group == group).collect::<Vec<_>>();
    let bars = |title: &str, unit: &str, all: Vec<(String, f64)>| {
        let (names, heights): (Vec<String>, Vec<f64>) = all.into_iter().unzip();
        Panel::new(title, "", unit).layer(Bars::new("", heights)).x_names(names)
    };
    let mut figure = Figure::new(device).columns(2);
    let products = of("products").into_iter().map(|r| (r.name.clone(), r.gflops)).collect();
    figure = figure.panel(bars("Square products", "GFLOP/s", products));
    // The passes of a convolution side by side, numbered in the order of the table.
    let convolutions = of("convolutions");
    let mut panel = Panel::new("Convolutions of ResNet-50, in the order of the table", "", "GFLOP/s");
    for (i, (name, pass)) in
        [("forward", ""), ("input gradient", " dx"), ("weight gradient", " dw")].into_iter().enumerate()
    {
        let ends = |r: &&&Rate| match pass {
            "" => !r.name.ends_with(" dx") && !r.name.ends_with(" dw"),
            _ => r.name.ends_with(pass),
        };
        panel = panel.layer(Bars::new(name, convolutions.iter().filter(ends).map(|r| r.gflops)).group(i, 3));
    }
    figure = figure.panel(panel.x_names((1..=convolutions.len().div_ceil(3)).map(|n| n.to_string())));
    let memory = of("memory").into_iter().map(|r| (r.name.clone(), r.gigabytes)).collect();
    figure = figure.panel(bars("Memory", "GB/s", memory));
    let steps = steps.iter().map(|s| (s.network.to_owned(), s.milliseconds)).collect();
    let mut panel = bars("Training steps", "ms", steps);
    panel.log_y = true;
    figure = figure.panel(panel);
    Ok(figure.save(path)?)
}
