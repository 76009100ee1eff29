use super::{Case, Words, noise};
use crate::kernels::{Lattice, LatticeGrad};

pub(super) fn cases() -> Vec<Case> {
    let all =
        Lattice { batch: 2, steps: 5, states: 4, arcs: 4, band: false, own_weights: false, best: false };
    let band = Lattice { batch: 3, steps: 6, states: 5, arcs: 3, band: true, own_weights: true, best: false };
    [all, band, Lattice { best: true, ..all }].into_iter().flat_map(both).collect()
}

/// A lattice and its gradient; the second item is one step long.
fn both(shape: Lattice) -> [Case; 2] {
    let Lattice { batch, steps, states, arcs, own_weights, .. } = shape;
    let count = batch * steps * states;
    let weights = noise(if own_weights { batch * arcs * states } else { arcs * states }, 2);
    let lengths: Vec<u32> = (0..batch).map(|i| if i == 1 { 1 } else { steps as u32 }).collect();
    let forward = Case::new(shape, 2e-5).floats(&noise(count, 1)).floats(&weights).words(&lengths);
    // Nothing is written to z at the first step.
    let mut forward = forward.writes(count).floats(&vec![0.0; count]);
    if shape.best {
        forward.types[4] = Words::Numbers;
    }
    let results = forward.results();
    let mut gradient = Case::new(LatticeGrad(shape), 2e-5).floats(&weights).words(&lengths);
    for i in [3, 4] {
        gradient.args.push(results[i].clone());
        gradient.types.push(forward.types[i]);
    }
    [forward, gradient.floats(&noise(count, 3)).writes(count)]
}
