//! Recurrent cells over whole sequences: LSTM, GRU and the plain cell, and their gradients.
//!
//! Each step adds the product of the state with `w_hh` to the gates; the products with the inputs are one matrix product over all steps,
//! computed before. On the CPU, blocks of the batch run through all steps independently, with the packed weights in their core's cache. On
//! a GPU every step is one dispatch of product and cell together. All steps share two pipelines, which alternate: a dispatch reads its step
//! number from scratch memory and writes the next one's.

mod gru;
mod lstm;
mod product;
mod rnn;
mod tile;

pub use gru::{Gru, GruGrad};
pub use lstm::{Lstm, LstmGrad};
pub use rnn::{Rnn, RnnGrad};

use std::sync::Arc;

use crate::simd::vectorized;
use crate::tune::{GpuFamily, GpuProfile, Variants};
use crate::wgsl::{Source, wgsl};
use crate::{Cost, Kernel, Shader};
use tile::RowTile;

/// Sizes of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sequence {
    /// Steps, T.
    pub steps: usize,
    /// Sequences, N, all of T steps.
    pub batch: usize,
    /// Units of a state, H.
    pub hidden: usize,
}

impl Sequence {
    /// Elements of a state `[N, H]`.
    fn state(&self) -> usize {
        self.batch * self.hidden
    }

    /// The cost of `gates` products with the state at every step; `arrays` counts values read or written per unit and
    /// step.
    fn cost(&self, gates: usize, arrays: usize) -> Cost {
        let units = (self.steps * self.state()) as u64;
        let weights = (gates * self.hidden * self.hidden) as u64;
        Cost { flops: 2 * units * (gates * self.hidden) as u64, bytes: 4 * (units * arrays as u64 + weights) }
    }

    /// Rows of the batch that a task of the CPU takes through all steps. Results do not depend on it.
    fn rows(&self) -> usize {
        self.batch.div_ceil(rayon::current_num_threads()).next_multiple_of(8)
    }

    /// Splits `x [T, N, width]` into blocks of [`rows`](Sequence::rows); each block has its part of every step.
    fn blocks<'a>(&self, x: &'a mut [f32], width: usize) -> Vec<Vec<&'a mut [f32]>> {
        let mut blocks: Vec<Vec<_>> = vec![];
        blocks.resize_with(self.batch.div_ceil(self.rows()), || Vec::with_capacity(self.steps));
        for step in x[..self.steps * self.batch * width].chunks_exact_mut(self.batch * width) {
            blocks.iter_mut().zip(step.chunks_mut(self.rows() * width)).for_each(|(b, part)| b.push(part));
        }
        blocks
    }

    /// The range of the rows of block `block` at step `t` in an array `[T, N, width]`.
    fn range(&self, t: usize, block: usize, width: usize) -> std::ops::Range<usize> {
        let (first, end) = (block * self.rows(), ((block + 1) * self.rows()).min(self.batch));
        (t * self.batch + first) * width..(t * self.batch + end) * width
    }

    fn constants(&self, text: &str) -> Source {
        Source::new(text).set("STEPS", self.steps).set("BATCH", self.batch).set("HIDDEN", self.hidden)
    }

    /// Scratch memory of a forward pass on a GPU: two step numbers, and the weights as vectors over the gates.
    fn scratch(&self) -> usize {
        (2 + self.hidden * self.hidden) * 16
    }

    /// The dispatches of a forward pass: one packs the weights of `gates` gates into the scratch memory, bound last,
    /// then one per step.
    fn forward_shaders(
        &self,
        text: &str,
        gates: usize,
        scratch_binding: usize,
        tile: RowTile,
    ) -> Vec<Shader> {
        let binding = format!(
            "@group(0) @binding({scratch_binding}) var<storage, read_write> scratch: array<vec4<f32>>;"
        );
        let pack = Source::new(wgsl!("recurrent_pack")).block("scratch", &binding);
        let pack = pack.set("HIDDEN", self.hidden).set("GATES", gates).finish();
        let mut shaders = vec![Shader::linear(pack, self.hidden * self.hidden, 64)];
        let source = self.constants(text).block("products", &tile.forward(self.hidden, gates));
        shaders.extend(self.turns(source.with(wgsl!("math")).finish(), self.steps, tile));
        shaders
    }

    /// The dispatches of a backward pass: one per step, and one more for the initial state. The last `gates` of `gradients` gradients per
    /// unit belong to the products with the state.
    fn backward_shaders(&self, source: Source, gates: usize, gradients: usize, tile: RowTile) -> Vec<Shader> {
        let products = tile.backward(self.hidden, gates, gradients);
        let source = source.block("products", &products).with(wgsl!("math")).finish();
        let mut shaders = self.turns(source.clone(), self.steps + 1, tile);
        shaders[0].set("FIRST", true);
        shaders
    }

    /// `count` dispatches that alternate between the two step numbers.
    fn turns(&self, source: String, count: usize, tile: RowTile) -> Vec<Shader> {
        let invocations = self.batch.div_ceil(tile.rows) * self.hidden;
        let turn = |k: usize| Source::new(&source).set("TURN", k % 2).set("ROWS", tile.rows).finish();
        let two = [0, 1].map(|k| Shader::linear(turn(k), invocations, 64));
        (0..count).map(|k| two[k % 2].clone()).collect()
    }

    /// The variants of a kernel called `name`, one per tile.
    fn offer<K: Kernel + 'static>(
        &self,
        name: &str,
        gpu: &GpuProfile,
        make: impl Fn(RowTile) -> K,
    ) -> Option<Variants> {
        let rows: &[usize] = if gpu.family == GpuFamily::Software { &[8, 4, 16] } else { &[1, 2, 4, 8] };
        let mut options: Vec<(String, Arc<dyn Kernel>)> = vec![];
        for rows in rows.iter().map(|&r| r.min(self.batch)) {
            let name = format!("{rows} rows");
            if options.iter().all(|(known, _)| *known != name) {
                options.push((name, Arc::new(make(RowTile { rows }))));
            }
        }
        let class = format!("{name} {} {}", self.batch, self.hidden);
        Some(Variants { class, options, cooperative: false })
    }
}

/// The state before step `t` (`first` at the start), and the state of step `t` itself.
fn before_and_at<'a>(states: &'a mut [&mut [f32]], t: usize, first: &'a [f32]) -> (&'a [f32], &'a mut [f32]) {
    let (before, at) = states.split_at_mut(t);
    (before.last().map_or(first, |state| state), &mut *at[0])
}

/// `sum += x`
fn add(sum: &mut [f32], x: &[f32]) {
    vectorized(
        #[inline(always)]
        || sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x),
    );
}
