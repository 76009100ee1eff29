//! Functions of two variables: the paths of optimizers, and surfaces.

use anyhow::Result;
use wgrad::models::{Optimizer, Rule};
use wgrad::prelude::*;
use wgrad::train::plot::{Field, Figure, Note, Panel, Points, Series, Surface};

/// Rosenbrock's valley, with its minimum at (1, 1).
fn rosenbrock(x: f64, y: f64) -> f64 {
    (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
}

/// Minima at (-1, 0) and (1, 0), a saddle at (0, 0).
fn double_well(x: f64, y: f64) -> f64 {
    x.powi(4) - 2.0 * x * x + y * y
}

/// The points that an optimizer visits in `steps` steps from a start.
fn path<R: Rule>(
    device: &Device,
    loss: fn(&Tensor, &Tensor) -> Tensor,
    start: (f32, f32),
    (steps, lr): (usize, f32),
    optimizer: impl Fn(&Params) -> Optimizer<R>,
) -> Result<Vec<(f64, f64)>> {
    let params = Params::new(device, 0);
    let (x, y) =
        (params.param("x", &[], Init::Constant(start.0)), params.param("y", &[], Init::Constant(start.1)));
    let mut opt = optimizer(&params);
    let mut path = vec![(start.0.into(), start.1.into())];
    for _ in 0..steps {
        opt.step(loss(&x.value(), &y.value()).backward(), lr)?;
        path.push((x.value().item()?.into(), y.value().item()?.into()));
    }
    Ok(path)
}

/// A path with a mark at its end.
fn run(panel: Panel, name: &str, path: Vec<(f64, f64)>) -> Panel {
    let end = path.last().copied();
    panel.layer(Points::new(name, end).radius(6.0)).with(Series::new(name, path).exact())
}

/// The paths of four optimizers, each with its learning rate, over `panel`.
fn runs(
    panel: Panel,
    device: &Device,
    loss: fn(&Tensor, &Tensor) -> Tensor,
    start: (f32, f32),
    (steps, rates): (usize, [f32; 4]),
) -> Result<Panel> {
    let panel = run(panel, "SGD", path(device, loss, start, (steps, rates[0]), Sgd::new)?);
    let momentum = path(device, loss, start, (steps, rates[1]), |p| Sgd::new(p).momentum(0.9))?;
    let panel = run(panel, "momentum 0.9", momentum);
    let panel = run(panel, "RMSProp", path(device, loss, start, (steps, rates[2]), RmsProp::new)?);
    Ok(run(panel, "Adam", path(device, loss, start, (steps, rates[3]), Adam::new)?))
}

/// Four optimizers in Rosenbrock's valley, and starting near a saddle.
pub fn paths(device: &Device) -> Result<Figure<'static>> {
    let field = Field::sample((-1.8, 1.8), (-0.9, 2.1), 181, rosenbrock).log().range(1e-2, 1e3).contours(9);
    let valley = Panel::new("Rosenbrock's valley, 400 steps", "x", "y")
        .layer(field.bar("loss"))
        .layer(Points::new("", [(1.0, 1.0)]).radius(5.0))
        .layer(Note::new((1.42, 0.62), "minimum"));
    let loss = |x: &Tensor, y: &Tensor| (1.0 - x).square() + (y - x.square()).square() * 100.0;
    let valley = runs(valley, device, loss, (-1.3, 1.2), (400, [8e-4, 4e-4, 1e-2, 5e-2]))?;
    let field = Field::sample((-1.7, 1.7), (-1.3, 1.3), 121, double_well).range(-1.0, 3.0).contours(11);
    let wells = Panel::new("A saddle between two minima, 60 steps", "x", "y")
        .layer(field.bar("loss"))
        .layer(Points::new("", [(-1.0, 0.0), (1.0, 0.0)]).radius(5.0));
    let loss = |x: &Tensor, y: &Tensor| x.square().square() - x.square() * 2.0 + y.square();
    let wells = runs(wells, device, loss, (0.02, 1.1), (60, [5e-2, 2e-2, 5e-2, 1e-1]))?;
    Ok(Figure::new("Optimizers on their way").panel(valley).panel(wells))
}

/// Both functions as surfaces.
pub fn surfaces() -> Figure<'static> {
    let wells = Field::sample((-1.6, 1.6), (-1.2, 1.2), 61, double_well);
    let valley = Field::sample((-1.8, 1.8), (-0.9, 2.1), 61, |x, y| (1.0 + rosenbrock(x, y)).log10());
    let wells = Surface::new("x\u{2074} - 2x\u{b2} + y\u{b2}", ["x", "y", "loss"], wells);
    let valley =
        Surface::new("Rosenbrock's valley", ["x", "y", "log10(1 + loss)"], valley).seen_from(-120.0, 38.0);
    Figure::new("Surfaces").surface(wells).surface(valley)
}
