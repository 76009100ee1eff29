//! Recurrent cells over whole sequences: LSTM, GRU and the plain cell, and their gradients.
//!
//! What a step adds to the gates is a product of the state with `w_hh`; the products with the inputs are one matrix
//! product over all steps, made before. On the CPU, blocks of the batch run through all steps by themselves, with
//! the packed weights in their core's cache. On a GPU every step is one dispatch of product and cell together. All
//! steps share one pipeline (two, taking turns): a dispatch finds its step in the scratch memory and leaves the next one's.

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
    pub steps: usize,
    pub batch: usize,
    pub hidden: usize,
}

impl Sequence {
    /// Elements of a state `[N, H]`.
    fn state(&self) -> usize {
        self.batch * self.hidden
    }

    /// Of `gates` products with the state at every step; `arrays` counts values read or written a unit and step.
    fn cost(&self, gates: usize, arrays: usize) -> Cost {
        let units = (self.steps * self.state()) as u64;
        let weights = (gates * self.hidden * self.hidden) as u64;
        Cost { flops: 2 * units * (gates * self.hidden) as u64, bytes: 4 * (units * arrays as u64 + weights) }
    }

    /// Rows of the batch that a task of the CPU takes through all steps. Results do not depend on it.
    fn rows(&self) -> usize {
        self.batch.div_ceil(rayon::current_num_threads()).next_multiple_of(8)
    }

    /// `x [T, N, width]` for every block of [`rows`](Sequence::rows): its part of each step.
    fn blocks<'a>(&self, x: &'a mut [f32], width: usize) -> Vec<Vec<&'a mut [f32]>> {
        let mut blocks: Vec<Vec<_>> = vec![];
        blocks.resize_with(self.batch.div_ceil(self.rows()), || Vec::with_capacity(self.steps));
        for step in x[..self.steps * self.batch * width].chunks_exact_mut(self.batch * width) {
            blocks.iter_mut().zip(step.chunks_mut(self.rows() * width)).for_each(|(b, part)| b.push(part));
        }
        blocks
    }

    /// Where the rows of block `block` lie at step `t` in an array of `[T, N, width]`.
    fn range(&self, t: usize, block: usize, width: usize) -> std::ops::Range<usize> {
        let (first, end) = (block * self.rows(), ((block + 1) * self.rows()).min(self.batch));
        (t * self.batch + first) * width..(t * self.batch + end) * width
    }

    fn constants(&self, text: &str) -> Source {
        Source::new(text).set("STEPS", self.steps).set("BATCH", self.batch).set("HIDDEN", self.hidden)
    }

    /// Scratch memory of a forward pass on a GPU: two step numbers and the weights, a vector of gates each.
    fn scratch(&self) -> usize {
        (2 + self.hidden * self.hidden) * 16
    }

    /// A forward pass: packing the weights of `gates` gates into the scratch memory, bound last, then every step.
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

    /// A backward pass: every step, and one more for the initial state. The last `gates` of `gradients` gradients a unit belong to
    /// the products with the state.
    fn backward_shaders(&self, source: Source, gates: usize, gradients: usize, tile: RowTile) -> Vec<Shader> {
        let products = tile.backward(self.hidden, gates, gradients);
        let source = source.block("products", &products).with(wgsl!("math")).finish();
        let mut shaders = self.turns(source.clone(), self.steps + 1, tile);
        shaders[0].set("FIRST", true);
        shaders
    }

    /// `count` dispatches that take turns in which of the step numbers they read.
    fn turns(&self, source: String, count: usize, tile: RowTile) -> Vec<Shader> {
        let invocations = self.batch.div_ceil(tile.rows) * self.hidden;
        let turn = |k: usize| Source::new(&source).set("TURN", k % 2).set("ROWS", tile.rows).finish();
        let two = [0, 1].map(|k| Shader::linear(turn(k), invocations, 64));
        (0..count).map(|k| two[k % 2].clone()).collect()
    }

    /// The variants of a kernel called `name`, one a tile.
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
        Some(Variants { class: format!("{name} {} {}", self.batch, self.hidden), options })
    }
}

/// The state before step `t` (`first` at the start) and that of step `t` itself.
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
