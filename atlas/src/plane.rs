//! Densities on the plane: a grid to draw and integrate them, and a known density.

use anyhow::Result;
use wgrad::models::distributions::{Categorical, Independent, MixtureSameFamily, Normal};
use wgrad::prelude::*;
use wgrad::train::plot::Field;

/// A square of the plane around the origin, with points at the corners of its cells.
///
/// ```
/// use atlas::Plane;
/// use wgrad::prelude::*;
/// let device = Device::named("cpu")?;
/// let plane = Plane::new(6.0, 61);
/// let normal = |x: &Tensor| (x.square().sum(&[1], false) * -0.5).exp() / std::f32::consts::TAU;
/// let density = plane.values(&device, |x| Ok(normal(x)))?;
/// assert!((plane.integral(&density) - 1.0).abs() < 1e-5);
/// # Ok::<(), anyhow::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Plane {
    half: f64,
    side: usize,
}

impl Plane {
    /// From `-half` to `half`, with `side` points a side.
    pub fn new(half: f64, side: usize) -> Plane {
        Plane { half, side }
    }

    /// The points, `[side * side, 2]`, row by row from the bottom.
    pub fn points(&self, device: &Device) -> Result<Tensor> {
        let at = |i: usize| (self.half * (2.0 * i as f64 / (self.side - 1) as f64 - 1.0)) as f32;
        let rows = (0..self.side).map(at);
        let points: Vec<f32> = rows.flat_map(|y| (0..self.side).flat_map(move |i| [at(i), y])).collect();
        Ok(Tensor::from_slice(device, &points, &[self.side * self.side, 2])?)
    }

    /// The values of `f` at the points, such as a density.
    ///
    /// # Errors
    /// Those of `f` and of the device.
    pub fn values(&self, device: &Device, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Vec<f64>> {
        let values = f(&self.points(device)?)?.to_vec::<f32>()?;
        Ok(values.into_iter().map(f64::from).collect())
    }

    /// The integral of a function given its values; the function must be near 0 at the edge.
    pub fn integral(&self, values: &[f64]) -> f64 {
        let step = 2.0 * self.half / (self.side - 1) as f64;
        values.iter().sum::<f64>() * step * step
    }

    /// The Kullback-Leibler divergence `∫ p log(p / q)` of two densities, given their logarithms at the points.
    pub fn kl(&self, log_p: &[f64], log_q: &[f64]) -> f64 {
        let terms: Vec<f64> = log_p.iter().zip(log_q).map(|(p, q)| p.exp() * (p - q)).collect();
        self.integral(&terms)
    }

    /// The values as a picture.
    pub fn field(&self, values: Vec<f64>) -> Field {
        let ends = (-self.half, self.half);
        Field { smooth: true, ..Field::matrix(self.side, self.side, values) }.over(ends, ends)
    }
}

/// Normal distributions of `deviation` with centres evenly spaced on a circle of `radius`, the distribution of
/// [`ring`](wgrad::data::synthetic::ring).
pub fn ring_of_normals(
    device: &Device,
    modes: usize,
    radius: f32,
    deviation: f32,
) -> MixtureSameFamily<Independent<Normal>> {
    let angle = |mode: usize| (std::f32::consts::TAU * mode as f32 / modes as f32).sin_cos();
    let centres: Vec<f32> =
        (0..modes).map(angle).flat_map(|(sin, cos)| [radius * cos, radius * sin]).collect();
    let centres = Tensor::constant(device, &centres, &[modes, 2]);
    let normals = Independent::new(Normal::new(&centres, &Tensor::full(device, deviation, &[2])), 1);
    MixtureSameFamily::new(Categorical::new(&Tensor::zeros(device, &[modes])), normals)
}

/// Rows `[N, 2]` as pairs, for plots.
///
/// # Errors
/// Those of the device.
pub fn pairs(x: &Tensor) -> Result<Vec<(f64, f64)>> {
    Ok(x.to_vec::<f32>()?.chunks(2).map(|p| (p[0].into(), p[1].into())).collect())
}
