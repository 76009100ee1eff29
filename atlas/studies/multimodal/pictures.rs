//! Pictures of coloured shapes in the four quarters of a square, which words can describe exactly.

use atlas::prelude::*;

pub(super) const SIDE: usize = 24;
pub(super) const SHAPES: [&str; 4] = ["circle", "square", "triangle", "cross"];
pub(super) const COLOURS: [&str; 4] = ["red", "green", "blue", "yellow"];
const RGB: [[f32; 3]; 4] = [[0.9, 0.2, 0.2], [0.2, 0.75, 0.3], [0.3, 0.4, 0.95], [0.95, 0.85, 0.25]];

/// One shape of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) shape: usize,
    pub(super) colour: usize,
    /// The quarter: 0 and 1 at the top, 2 and 3 at the bottom, from left to right.
    pub(super) quarter: usize,
}

impl Thing {
    /// Any shape of any colour.
    pub(super) fn drawn(quarter: usize, draws: &mut Draws) -> Thing {
        let mut below = |count: usize| draws.below(count as u32) as usize;
        Thing { shape: below(SHAPES.len()), colour: below(COLOURS.len()), quarter }
    }

    /// Such as "red circle".
    pub(super) fn name(&self) -> String {
        format!("{} {}", COLOURS[self.colour], SHAPES[self.shape])
    }
}

/// Whether a point, relative to the centre and the radius, is inside a shape.
fn inside(shape: usize, x: f32, y: f32) -> bool {
    match SHAPES[shape] {
        "circle" => x.hypot(y) < 1.0,
        "square" => x.abs().max(y.abs()) < 0.85,
        "triangle" => y < 0.8 && y > 2.0 * x.abs() - 1.0,
        _ => x.abs().max(y.abs()) < 1.0 && x.abs().min(y.abs()) < 0.35,
    }
}

/// The pixels `[3, SIDE, SIDE]`, from 0 to 1: shapes of various sizes and places within their quarters, on dark grey, with noise.
pub(super) fn drawn(things: &[Thing], draws: &mut Draws) -> Vec<f32> {
    let area = SIDE * SIDE;
    let mut pixels = vec![draws.between(0.05, 0.2); 3 * area];
    for thing in things {
        let radius = draws.between(3.6, 5.2);
        let mut within = |quarter: usize| 6.0 + 12.0 * quarter as f32 + draws.between(-1.0, 1.0);
        let (x, y) = (within(thing.quarter % 2), within(thing.quarter / 2));
        for i in 0..area {
            let at = |p: usize, centre: f32| (p as f32 + 0.5 - centre) / radius;
            if inside(thing.shape, at(i % SIDE, x), at(i / SIDE, y)) {
                (0..3).for_each(|c| pixels[c * area + i] = RGB[thing.colour][c]);
            }
        }
    }
    pixels.iter_mut().for_each(|p| *p = (*p + 0.04 * draws.normal() as f32).clamp(0.0, 1.0));
    pixels
}

/// Pictures on the device, `[N, 3, SIDE, SIDE]`.
pub(super) fn upload(device: &Device, pictures: &[Vec<f32>]) -> Result<Tensor> {
    Ok(Tensor::from_slice(device, &pictures.concat(), &[pictures.len(), 3, SIDE, SIDE])?)
}

/// The bytes of a picture, for tiles.
pub(super) fn bytes(picture: &[f32]) -> Vec<u8> {
    picture.iter().map(|p| (255.0 * p).round() as u8).collect()
}

/// From pictures to maps of features `[N, width, 6, 6]`: convolutions, two of them with stride 2.
pub(super) struct Eye {
    layers: Vec<(Conv2d, BatchNorm2d)>,
}

impl Eye {
    pub(super) fn new(params: &Params, width: usize) -> Eye {
        let layer = |(i, inputs, outputs, stride): (usize, usize, usize, usize)| {
            let conv =
                Conv2d::new(&params.path(format!("conv{i}")), inputs, outputs, 3).stride(stride).padding(1);
            (conv.no_bias().build(), BatchNorm2d::new(&params.path(format!("norm{i}")), outputs))
        };
        Eye { layers: [(0, 3, 16, 2), (1, 16, width, 2), (2, width, width, 1)].map(layer).into() }
    }

    pub(super) fn forward(&self, pictures: &Tensor, mode: Mode) -> Tensor {
        self.layers
            .iter()
            .fold(pictures.clone(), |x, (conv, norm)| norm.forward(&conv.forward(&x), mode).relu())
    }
}
