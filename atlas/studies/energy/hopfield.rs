//! Hopfield networks recall stored patterns from corrupted ones: up to 0.138 random patterns per unit by Hebb's rule (Hopfield 1982; Amit,
//! Gutfreund and Sompolinsky 1985), exponentially many by attention (Ramsauer et al. 2021):
//! `cargo run --release -p wgrad-atlas -- hopfield`.

use atlas::prelude::*;
use methods::energy::{Hopfield, ModernHopfield};

pub const STUDY: Study = Study {
    name: "hopfield",
    about: "Hopfield networks recall corrupted patterns, up to their capacity.",
    on_gpu: false,
    data: None,
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    capacity(lab)?;
    modern(lab)?;
    pictures(lab)
}

fn random(draws: &mut Draws, units: usize) -> Vec<f32> {
    (0..units).map(|_| if draws.happens(0.5) { 1.0 } else { -1.0 }).collect()
}

/// The pattern with a share of its units flipped.
fn corrupted(draws: &mut Draws, pattern: &[f32], share: f32) -> Vec<f32> {
    pattern.iter().map(|&x| if draws.happens(share) { -x } else { x }).collect()
}

/// The overlap of two states, from -1 to 1.
fn overlap(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>() / a.len() as f64
}

/// Recall of patterns with a tenth of their units flipped, by the number of stored patterns.
fn capacity(lab: &mut Lab) -> Result<()> {
    let units = lab.pick(1000, 256);
    let trials = lab.pick(20, 6);
    let mut draws = lab.draws(0);
    let (mut curve, mut rise) = (vec![], f64::NEG_INFINITY);
    for load in [0.02, 0.05, 0.08, 0.11, 0.125, 0.14, 0.16, 0.18, 0.22, 0.26, 0.3] {
        let count = (load * units as f64) as usize;
        let patterns: Vec<_> = (0..count).map(|_| random(&mut draws, units)).collect();
        let net = Hopfield::new(&patterns);
        let mut total = 0.0;
        for trial in 0..trials {
            let pattern = &patterns[trial % count];
            let mut state = corrupted(&mut draws, pattern, 0.1);
            let before = net.energy(&state);
            let energies = net.recall(&mut state, 20);
            rise = [before].iter().chain(&energies).zip(&energies).map(|(a, b)| b - a).fold(rise, f64::max);
            total += overlap(&state, pattern);
        }
        curve.push((load, total / trials as f64));
    }
    let at = |load: f64| curve.iter().find(|(l, _)| *l == load).map_or(f64::NAN, |(_, overlap)| *overlap);
    lab.expect("overlap with 0.08 patterns a unit", at(0.08), 0.98..);
    lab.expect("overlap with 0.22 patterns a unit", at(0.22), 0.1..0.75);
    lab.expect("energy: highest rise", rise, ..1e-3);
    // The load at which the overlap falls below 0.9, interpolated between two measured loads.
    let fall = curve.windows(2).find(|pair| pair[0].1 > 0.9 && pair[1].1 <= 0.9).context("a transition")?;
    let crossing = fall[0].0 + (fall[1].0 - fall[0].0) * (fall[0].1 - 0.9) / (fall[0].1 - fall[1].1);
    lab.expect("load at which recall breaks down", crossing, 0.11..0.18);
    let capacity = plot::Series::new("0.138", [(0.138, 0.0), (0.138, 1.0)]).exact();
    let panel = plot::Panel::new("", "patterns a unit", "overlap with the stored pattern")
        .with(plot::Series::new("recalled from nine tenths", curve))
        .with(capacity)
        .y_range(0.0, 1.05);
    let title = format!("Recall of {units} units by Hebb's rule");
    lab.picture("hopfield-capacity", |path| plot::Figure::new(title).panel(panel).save(path))
}

/// Recall by attention of far more patterns than units.
fn modern(lab: &mut Lab) -> Result<()> {
    const UNITS: usize = 64;
    let count = lab.pick(20_000, 4_000);
    let mut draws = lab.draws(1);
    let patterns: Vec<f32> = (0..count).flat_map(|_| random(&mut draws, UNITS)).collect();
    let cues: Vec<f32> =
        patterns.chunks(UNITS).take(100).flat_map(|p| corrupted(&mut draws, p, 0.1)).collect();
    let net = ModernHopfield::new(&Tensor::from_slice(lab.device(), &patterns, &[count, UNITS])?, 1.0);
    let cues = Tensor::from_slice(lab.device(), &cues, &[100, UNITS])?;
    let recalled = net.recall(&cues);
    let rise = (net.energy(&recalled) - net.energy(&cues)).amax(&[0], false).item()?;
    lab.expect("attention: highest rise of energy", rise, ..=1e-3);
    let states = recalled.to_vec::<f32>()?;
    let mean =
        states.chunks(UNITS).zip(patterns.chunks(UNITS)).map(|(a, b)| overlap(a, b)).sum::<f64>() / 100.0;
    lab.expect(format!("attention: overlap, {UNITS} units"), mean, 0.98..=1.001);
    lab.figure("attention: patterns a unit", count as f64 / UNITS as f64);
    Ok(())
}

/// Recall of five pictures of 20 x 20 units from one half, with noise in the other.
fn pictures(lab: &mut Lab) -> Result<()> {
    const SIDE: usize = 20;
    type Inside = fn(f64, f64) -> bool;
    const SHAPES: [(&str, Inside); 5] = [
        ("disc", |x, y| x.hypot(y) < 0.8),
        ("stripes", |x, _| (5.0 * std::f64::consts::PI * x).sin() > 0.0),
        ("slants", |x, y| (2.0 * std::f64::consts::PI * (x + y)).sin() > 0.0),
        ("bars", |_, y| (3.0 * std::f64::consts::PI * y).sin() > 0.0),
        ("checks", |x, y| {
            (3.0 * std::f64::consts::PI * x).sin() * (2.0 * std::f64::consts::PI * y).sin() > 0.0
        }),
    ];
    let place = |i: usize| (2 * i + 1) as f64 / SIDE as f64 - 1.0;
    let shape = |inside: fn(f64, f64) -> bool| -> Vec<f32> {
        let unit = |i: usize| if inside(place(i % SIDE), place(i / SIDE)) { 1.0 } else { -1.0 };
        (0..SIDE * SIDE).map(unit).collect()
    };
    let patterns: Vec<_> = SHAPES.iter().map(|(_, inside)| shape(*inside)).collect();
    let net = Hopfield::new(&patterns);
    let mut draws = lab.draws(2);
    let cues: Vec<_> = patterns
        .iter()
        .map(|pattern| {
            let mut cue = corrupted(&mut draws, pattern, 0.1);
            let half = SIDE * SIDE / 2;
            cue[half..].copy_from_slice(&random(&mut draws, half));
            cue
        })
        .collect();
    let mut recalled = cues.clone();
    recalled.iter_mut().for_each(|state| drop(net.recall(state, 30)));
    let worst = recalled.iter().zip(&patterns).map(|(a, b)| overlap(a, b)).fold(1.0, f64::min);
    lab.expect("pictures: worst overlap", worst, 0.95..);
    let rows = [("stored", &patterns), ("cue", &cues), ("recalled", &recalled)];
    let mut tiles = Tiles::new(SIDE, SIDE);
    for (what, states) in rows {
        for (state, (name, _)) in states.iter().zip(SHAPES) {
            let pixels = state.iter().map(|&x| if x > 0.0 { 40 } else { 235 }).collect();
            tiles.add(format!("{name}, {what}"), pixels);
        }
    }
    let title = "A Hopfield network of 400 units recalls pictures from half of them";
    lab.picture("hopfield", |path| plot::image_grid(path, title, &tiles.images(), SHAPES.len()))
}
