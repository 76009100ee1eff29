//! Labelled points of the plane: moons, blobs, spirals and a ring of normal distributions.

use std::f64::consts::{PI, TAU};

use crate::{Draws, Matrix};

/// Points of the plane, each of a class. Point `i` is of class `i % classes`.
#[derive(Debug, Clone)]
pub struct LabelledPoints {
    /// `[N, 2]`
    pub x: Matrix,
    /// `[N]`
    pub labels: Vec<u32>,
}

impl LabelledPoints {
    fn new(count: usize, classes: usize, point: impl FnMut(usize, usize) -> [f64; 2]) -> LabelledPoints {
        let mut point = point;
        let values = (0..count).flat_map(|i| point(i % classes, i / classes)).map(|v| v as f32).collect();
        let x = Matrix::new(values, 2).expect("two numbers a point");
        LabelledPoints { x, labels: (0..count).map(|i| (i % classes) as u32).collect() }
    }

    /// The points as pairs, as a plot takes them; only those of `class` where one is given.
    pub fn pairs(&self, class: Option<u32>) -> Vec<(f64, f64)> {
        let wanted = |label: u32| class.is_none_or(|class| class == label);
        let rows = (0..self.labels.len()).filter(|&i| wanted(self.labels[i])).map(|i| self.x.row(i));
        rows.map(|row| (row[0].into(), row[1].into())).collect()
    }
}

/// Two interleaved half circles with normal noise of deviation `noise`, as scikit-learn's `make_moons`.
///
/// ```
/// let moons = data::synthetic::moons(100, 0.0, 1);
/// assert_eq!(moons.labels[..3], [0, 1, 0]);
/// assert_eq!((moons.x.row(0), moons.x.row(1)), (&[1.0, 0.0][..], &[0.0, 0.5][..]));
/// ```
pub fn moons(count: usize, noise: f64, seed: u64) -> LabelledPoints {
    let mut draws = Draws::new(seed, 0, 0);
    let last = (count / 2).max(2) - 1;
    LabelledPoints::new(count, 2, |class, i| {
        let (sin, cos) = (PI * i as f64 / last as f64).sin_cos();
        let (x, y) = if class == 0 { (cos, sin) } else { (1.0 - cos, 0.5 - sin) };
        [x + noise * draws.normal(), y + noise * draws.normal()]
    })
}

/// Round normal distributions of deviation `deviation` about `centres`, one a class, as scikit-learn's `make_blobs`.
///
/// ```
/// let blobs = data::synthetic::blobs(6, &[[0.0, 0.0], [5.0, 5.0]], 0.1, 1);
/// assert!((blobs.x.row(1)[0] - 5.0).abs() < 1.0);
/// ```
pub fn blobs(count: usize, centres: &[[f64; 2]], deviation: f64, seed: u64) -> LabelledPoints {
    let mut draws = Draws::new(seed, 0, 1);
    LabelledPoints::new(count, centres.len(), |class, _| {
        centres[class].map(|centre| centre + deviation * draws.normal())
    })
}

/// Normal distributions of deviation `deviation` with their centres evenly on a circle of `radius`: a common test of generative
/// adversarial networks.
///
/// ```
/// let ring = data::synthetic::ring(16, 8, 2.0, 0.0, 1);
/// assert_eq!(ring.x.row(0), [2.0, 0.0]);
/// ```
pub fn ring(count: usize, modes: usize, radius: f64, deviation: f64, seed: u64) -> LabelledPoints {
    let centre = |mode: usize| (TAU * mode as f64 / modes as f64).sin_cos();
    let centres: Vec<_> = (0..modes).map(centre).map(|(sin, cos)| [radius * cos, radius * sin]).collect();
    blobs(count, &centres, deviation, seed)
}

/// As many spirals about the origin as there are classes, one and a half turns each, out to radius 1, with normal noise.
///
/// ```
/// let spirals = data::synthetic::spirals(300, 3, 0.0, 1);
/// let end = spirals.x.row(299);
/// assert!((end[0].hypot(end[1]) - 1.0).abs() < 1e-6);
/// ```
pub fn spirals(count: usize, classes: usize, noise: f64, seed: u64) -> LabelledPoints {
    let mut draws = Draws::new(seed, 0, 2);
    let each = count.div_ceil(classes.max(1)) as f64;
    LabelledPoints::new(count, classes, |class, i| {
        let radius = (i + 1) as f64 / each;
        let (sin, cos) = (1.5 * TAU * radius + TAU * class as f64 / classes as f64).sin_cos();
        [radius * cos + noise * draws.normal(), radius * sin + noise * draws.normal()]
    })
}
