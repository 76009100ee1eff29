//! Two moons: decision boundaries, and the loss landscape around a trained network.

use std::f32::consts::PI;

use anyhow::Result;
use methods::landscape::Landscape;
use wgrad::models::Mlp;
use wgrad::prelude::*;
use wgrad::train::plot::{ColorMap, Field, Figure, Panel, Points};

/// Points of two interleaved half circles.
pub struct Moons {
    /// `[N, 2]`
    pub x: Tensor,
    /// `[N]`
    pub y: Tensor,
    pub points: Vec<(f64, f64)>,
    pub labels: Vec<i32>,
}

impl Moons {
    /// `count` points with normal noise.
    pub fn new(device: &Device, count: usize, noise: f32) -> Result<Moons> {
        let noise = (Generator::new(3).normal(device, &[count, 2]) * noise).to_vec::<f32>()?;
        let labels: Vec<i32> = (0..count as i32).map(|i| i % 2).collect();
        let point = |i: usize| {
            let angle = PI * (i / 2) as f32 / (count / 2 - 1) as f32;
            let (x, y) = (angle.cos(), angle.sin());
            let (x, y) = if labels[i] == 0 { (x, y) } else { (1.0 - x, 0.5 - y) };
            [x + noise[2 * i], y + noise[2 * i + 1]]
        };
        let points: Vec<[f32; 2]> = (0..count).map(point).collect();
        let x = Tensor::from_slice(device, points.as_flattened(), &[count, 2])?;
        let y = Tensor::from_slice(device, &labels, &[count])?;
        let points = points.iter().map(|p| (p[0].into(), p[1].into())).collect();
        Ok(Moons { x, y, points, labels })
    }

    fn layer(&self, class: i32) -> Points {
        let of = self.points.iter().zip(&self.labels).filter(|(_, label)| **label == class);
        Points::new(format!("class {class}"), of.map(|(point, _)| *point))
    }

    /// A network after `steps` training steps, with its parameters.
    fn learned(&self, device: &Device, sizes: &[usize], steps: usize) -> Result<(Mlp, Params)> {
        let params = Params::new(device, 1);
        let net = Mlp::new(&params, sizes);
        let mut opt = Adam::new(&params);
        for _ in 0..steps {
            opt.step(net.forward(&self.x).cross_entropy(&self.y).backward(), 0.02)?;
        }
        Ok((net, params))
    }
}

const SIDE: usize = 150;
const X: (f64, f64) = (-1.6, 2.6);
const Y: (f64, f64) = (-1.2, 1.7);

/// Decision regions, and class probabilities over the plane.
pub fn boundaries(device: &Device) -> Result<Figure<'static>> {
    let set = Moons::new(device, 200, 0.18)?;
    let mut figure = Figure::new("What networks make of two moons");
    let grid = Field::sample(X, Y, SIDE, |_, _| 0.0);
    let at = |i: usize, ends: (f64, f64)| ends.0 + (ends.1 - ends.0) * i as f64 / (SIDE - 1) as f64;
    let places: Vec<f32> =
        (0..SIDE * SIDE).flat_map(|i| [at(i % SIDE, X) as f32, at(i / SIDE, Y) as f32]).collect();
    let places = Tensor::from_slice(device, &places, &[SIDE * SIDE, 2])?;
    for (title, sizes) in [("Linear", &[2, 2][..]), ("32 and 32 hidden units", &[2, 32, 32, 2])] {
        let (net, _) = set.learned(device, sizes, 300)?;
        let probabilities = net.forward(&places).softmax(1).to_vec::<f32>()?;
        let second: Vec<f64> = probabilities.chunks(2).map(|p| p[1].into()).collect();
        let classes = second.iter().map(|p| p.round()).collect();
        let panel = match sizes.len() {
            2 => {
                let field = Field { values: classes, ..grid.clone() }.colors(ColorMap::Classes);
                Panel::new(format!("{title}: classes"), "", "").layer(field)
            }
            _ => {
                let field = Field { values: second, ..grid.clone() }.range(0.0, 1.0).contours(3);
                let field = field.colors(ColorMap::Diverging).bar("probability of class 1");
                Panel::new(format!("{title}: probabilities"), "", "").layer(field)
            }
        };
        figure = figure.panel(panel.layer(set.layer(0)).layer(set.layer(1)));
    }
    Ok(figure)
}

/// The loss along two random directions from a trained network, each scaled to the norms of the weights it changes (Li et al. 2018).
pub fn landscape(device: &Device) -> Result<Figure<'static>> {
    let set = Moons::new(device, 100, 0.15)?;
    let mut figure = Figure::new("Loss around a trained network, in filter-normalised directions");
    for (title, steps) in [("After 10 steps", 10), ("After 400 steps", 400)] {
        let (net, params) = set.learned(device, &[2, 16, 16, 2], steps)?;
        let plane = Landscape::new(&params, &Generator::new(11));
        let field = Field::sample_all((-1.5, 1.5), (-1.5, 1.5), 31, |places| {
            plane.losses(places, || net.forward(&set.x).cross_entropy(&set.y))
        })?;
        let panel = Panel::new(title, "direction 1", "direction 2").equal();
        figure = figure.panel(
            panel.layer(field.log().contours(12).bar("cross entropy")).layer(Points::new("", [(0.0, 0.0)])),
        );
    }
    Ok(figure)
}
