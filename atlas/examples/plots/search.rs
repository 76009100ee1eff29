//! A random search of hyper-parameters.

use anyhow::Result;
use wgrad::models::Mlp;
use wgrad::prelude::*;
use wgrad::train::plot::{Dimension, Figure, Parallel};

use crate::moons::Moons;

/// 40 trials of 60 steps on two moons.
pub fn search(device: &Device) -> Result<Figure<'static>> {
    let set = Moons::new(device, 200, 0.1)?;
    let draws = Generator::new(21).uniform(device, &[40, 4]).to_vec::<f32>()?;
    let (mut rates, mut widths, mut depths, mut names, mut accuracies) =
        (vec![], vec![], vec![], vec![], vec![]);
    for draw in draws.chunks(4) {
        let lr = 10f32.powf(-4.0 + 4.0 * draw[0]);
        let width = (2.0 * 2f32.powf(5.0 * draw[1])).round() as usize;
        let depth = 1 + (3.0 * draw[2]) as usize;
        let name = if draw[3] < 0.5 { "sgd" } else { "adam" };
        let params = Params::new(device, 0);
        let sizes = [&[2][..], &vec![width; depth], &[2]].concat();
        let net = Mlp::new(&params, &sizes);
        let (mut sgd, mut adam) = (Sgd::new(&params), Adam::new(&params));
        for _ in 0..60 {
            let gradients = net.forward(&set.x).cross_entropy(&set.y).backward();
            if name == "sgd" { sgd.step(gradients, lr)? } else { adam.step(gradients, lr)? }
        }
        let answers = net.forward(&set.x).argmax(1, false).to_vec::<i32>()?;
        let right = answers.iter().zip(&set.labels).filter(|(a, b)| a == b).count();
        rates.push(f64::from(lr));
        widths.push(width as f64);
        depths.push(depth as f64 - 1.0);
        names.push(name);
        accuracies.push(right as f64 / set.labels.len() as f64);
    }
    let parallel = Parallel::new("40 random trials on two moons")
        .dimension(Dimension::named("optimizer", names))
        .dimension(Dimension::new("learning rate", rates).log())
        .dimension(Dimension::new("width", widths).log())
        .dimension(Dimension {
            names: ["1", "2", "3"].map(String::from).into(),
            ..Dimension::new("hidden layers", depths)
        })
        .dimension(Dimension::new("accuracy", accuracies));
    Ok(Figure::new("Hyper-parameter search").parallel(parallel))
}
