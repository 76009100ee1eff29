//! Sparse coding of patches of pictures (Olshausen and Field 1996): the learned atoms are local, oriented edges, as the receptive fields of
//! simple cells in the visual cortex; principal components are not. The built-in pictures are dead leaves, opaque discs of all sizes
//! (Lee, Mumford and Huang 2001): `cargo run --release -p wgrad-atlas -- natural_patches`.

use std::f32::consts::PI;

use atlas::PHOTOGRAPHS;
use atlas::prelude::*;
use linalg::Pca;
use methods::unsupervised::{dictionary_step, fista};

pub const STUDY: Study = Study {
    name: "natural_patches",
    about: "Sparse codes of picture patches make atoms that are Gabor functions: local, oriented, of several scales.",
    on_gpu: false,
    data: Some(PHOTOGRAPHS),
    run,
};

/// The side of patches.
const SIDE: usize = 10;
const D: usize = SIDE * SIDE;
/// The principal components that are kept: the others hold the finest detail, which is mostly noise.
const KEPT: usize = 40;
const ATOMS: usize = 100;
const LAMBDA: f32 = 1.0;
/// Patches of a round of learning.
const BATCH: usize = 1500;
const PATCHES_PER_PICTURE: usize = 20;

/// A grey picture `[side, side]` of discs that lie on each other, whose radii have a density of the inverse cube.
fn dead_leaves(draws: &mut Draws, side: usize) -> Vec<f32> {
    const LEAVES: usize = 200;
    const RADII: [f64; 2] = [3.0, 20.0];
    let mut picture = vec![0.5; side * side];
    for _ in 0..LEAVES {
        let share = draws.unit();
        let radius = (share / RADII[0].powi(2) + (1.0 - share) / RADII[1].powi(2)).sqrt().recip();
        let [x, y] = [(); 2].map(|()| draws.unit() * side as f64);
        let grey = draws.unit() as f32;
        for (i, pixel) in picture.iter_mut().enumerate() {
            let away = ((i % side) as f64 - x).hypot((i / side) as f64 - y);
            if away <= radius {
                *pixel = grey;
            }
        }
    }
    picture
}

/// Grey patches `[count, D]` from random places, minus their mean.
fn patches(lab: &Lab, count: usize) -> Result<Tensor> {
    let pictures = count / PATCHES_PER_PICTURE;
    let mut draws = lab.draws(1);
    let (side, grey): (usize, Vec<f32>) = match lab.photographs(pictures, 1)? {
        Some(photographs) => {
            let images = photographs.train.to_device(lab.device())?.images.mean(&[1], false);
            (images.size(1), images.to_vec()?)
        }
        None => (32, (0..pictures).flat_map(|_| dead_leaves(&mut draws, 32)).collect()),
    };
    let mut patches: Vec<f32> = Vec::with_capacity(count * D);
    for picture in grey.chunks_exact(side * side) {
        for _ in 0..PATCHES_PER_PICTURE {
            let [x, y] = [(); 2].map(|()| draws.below((side - SIDE + 1) as u32) as usize);
            (0..SIDE).for_each(|row| patches.extend(&picture[(y + row) * side + x..][..SIDE]));
        }
    }
    let patches = Tensor::from_slice(lab.device(), &patches, &[patches.len() / D, D])?;
    Ok((&patches - patches.mean(&[1], true)).detach())
}

/// Gabor functions `[G, D]` of length 1 and mean 0: waves of all directions, four lengths and four phases under normal envelopes of three
/// sizes around each pixel.
fn gabors(device: &Device) -> Result<Tensor> {
    let mut values = Vec::new();
    for (direction, cycles, phase, size) in
        (0..12 * 4 * 4 * 3).map(|i| (i / 48, i / 12 % 4, i / 3 % 4, i % 3))
    {
        let (sin, cos) = (direction as f32 * PI / 12.0).sin_cos();
        let (cycles, phase) = ([0.08, 0.13, 0.2, 0.3][cycles], phase as f32 * PI / 4.0);
        let size = [1.2f32, 1.8, 2.7][size];
        for centre in 0..D {
            let from = |i: usize| (i % SIDE) as f32 - (centre % SIDE) as f32;
            let down = |i: usize| (i / SIDE) as f32 - (centre / SIDE) as f32;
            values.extend((0..D).map(|i| {
                let across = from(i) * cos + down(i) * sin;
                let along = down(i) * cos - from(i) * sin;
                let envelope = (-(across * across + 0.5 * along * along) / (2.0 * size * size)).exp();
                envelope * (2.0 * PI * cycles * across + phase).cos()
            }));
        }
    }
    let gabors = Tensor::from_slice(device, &values, &[values.len() / D, D])?;
    Ok((&gabors - gabors.mean(&[1], true)).normalize(2.0, 1, 1e-8).detach())
}

/// What receptive fields are measured by.
struct Fields {
    /// The mean share of energy that the best Gabor function explains.
    gabor: f64,
    /// The mean share of pixels that hold nine tenths of the energy.
    area: f64,
}

/// Measures rows `[K, D]`.
fn fields(rows: &Tensor, gabors: &Tensor) -> Result<Fields> {
    let rows = rows.normalize(2.0, 1, 1e-8);
    let gabor = rows.matmul(&gabors.t()).square().amax(&[1], false).mean_all().item()?;
    let largest = rows.square().topk(D, 1, true).0.cumsum(1);
    let area = largest.lt(0.9).to(DType::F32).mean_all().item()?;
    Ok(Fields { gabor: gabor.into(), area: area.into() })
}

fn run(lab: &mut Lab) -> Result<()> {
    let rounds = lab.pick(300, 60);
    let raw = patches(lab, lab.pick(60_000, 12_000))?;
    let pca = Pca::fit(&raw, KEPT)?;
    // White in the space of pixels, so that atoms are pictures.
    let x = pca.whiten(&raw).matmul(&pca.components).detach();
    let mut draws = lab.draws(2);
    let mut atoms = x.narrow(0, 0, ATOMS).normalize(2.0, 1, 1e-8).detach();
    let [random, gabors] = [atoms.clone(), gabors(lab.device())?];
    for _ in lab.steps("dictionary", rounds) {
        let [x] = minibatch(&mut draws, BATCH, [&x])?;
        let codes = fista(&x, &atoms, None, LAMBDA, 30);
        atoms = dictionary_step(&x, &atoms, &codes)?;
    }

    let [test] = minibatch(&mut draws, BATCH, [&x])?;
    let codes = fista(&test, &atoms, None, LAMBDA, 100);
    let active = f64::from(codes.ne(0.0).to(DType::F32).sum(&[1], false).mean_all().item()?);
    let error = |codes: &Tensor, rows: &Tensor| -> Result<f64> {
        let left = (&test - codes.matmul(rows)).square().sum_all() / test.square().sum_all();
        Ok(left.item()?.into())
    };
    // As many principal components, of the white patches, in which all have the same variance.
    let few = pca.components.narrow(0, 0, active.round() as usize);
    let (sparse, linear) = (error(&codes, &atoms)?, error(&test.matmul(&few.t()), &few)?);
    lab.expect("active atoms of a patch", active, 5.0..30.0);
    lab.expect("energy left, against as many principal components", sparse / linear, ..0.8);

    let [learned, patches, components] = [&atoms, &random, &pca.components].map(|rows| fields(rows, &gabors));
    let (learned, patches, components) = (learned?, patches?, components?);
    lab.expect("energy in the best Gabor function: atoms", learned.gabor, 0.6..);
    lab.expect("atoms over patches", learned.gabor - patches.gabor, 0.1..);
    lab.expect("atoms over principal components", learned.gabor - components.gabor, 0.1..);
    lab.expect("area of nine tenths of the energy: atoms", learned.area, ..0.3);
    lab.expect("area against patches'", learned.area / patches.area, ..0.8);
    lab.expect("area against principal components'", learned.area / components.area, ..0.7);

    let tiles = |rows: &Tensor| -> Result<Tiles> {
        // Each at its own scale.
        let scaled = (rows / rows.abs().amax(&[1], true)).to_vec::<f32>()?;
        Ok(Tiles::new(SIDE, SIDE).diverging(&scaled, 1.0, |_| String::new()))
    };
    for (name, title, rows) in
        [("atoms", "Atoms of sparse codes", &atoms), ("components", "Principal components", &pca.components)]
    {
        let tiles = tiles(rows)?;
        lab.picture(name, |path| plot::Figure::new(title).images(&tiles.images(), 20).save(path))?;
    }
    Ok(())
}
