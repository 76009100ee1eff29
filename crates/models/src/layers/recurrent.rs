//! What recurrent layers share: PyTorch's parameters, layers on top of each other, and both directions.

use autograd::{Tensor, cat};

use crate::{Init, Param, Params};

/// Options of a recurrent layer, with PyTorch's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RnnOptions {
    /// Layers on top of each other.
    pub num_layers: usize,
    /// Two biases a layer, `bias_ih` and `bias_hh`.
    pub bias: bool,
    /// Sequences are `[N, T, ..]` instead of `[T, N, ..]`. States stay `[layers, N, H]`.
    pub batch_first: bool,
    /// A second cell a layer goes through the sequence from its end; its states follow those of the first.
    pub bidirectional: bool,
}

impl Default for RnnOptions {
    fn default() -> RnnOptions {
        RnnOptions { num_layers: 1, bias: true, batch_first: false, bidirectional: false }
    }
}

/// The parameters of one layer in one direction.
struct Weights {
    ih: Param,
    hh: Param,
    biases: Option<[Param; 2]>,
}

/// A call of a cell.
pub(super) struct Call<'a> {
    pub x: &'a Tensor,
    pub w_ih: Tensor,
    pub w_hh: Tensor,
    pub b_ih: Option<Tensor>,
    pub b_hh: Option<Tensor>,
    /// Number of layer and direction.
    pub index: usize,
}

impl Call<'_> {
    /// This cell's part `[N, H]` of an initial state `[layers, N, H]`; zeros where there is none.
    #[track_caller]
    pub fn initial(&self, states: Option<&Tensor>) -> Tensor {
        let shape = [self.x.shape()[1], self.w_hh.shape()[1]];
        states.map_or_else(|| Tensor::zeros(self.x.device(), &shape), |s| s.select(0, self.index))
    }
}

/// Layers of recurrent cells, of one or both directions.
pub(super) struct Stack {
    name: &'static str,
    weights: Vec<Weights>,
    options: RnnOptions,
}

impl Stack {
    /// PyTorch's initialisation: everything is uniform within `1 / sqrt(hidden)`.
    ///
    /// # Panics
    /// When there are no layers or hidden units.
    #[track_caller]
    pub fn new(
        name: &'static str,
        params: &Params,
        gates: usize,
        inputs: usize,
        hidden: usize,
        options: RnnOptions,
    ) -> Stack {
        let layers = options.num_layers;
        assert!(layers > 0 && hidden > 0, "{name}: {layers} layers of {hidden} hidden units");
        let init = Init::torch_bias(hidden);
        let directions = if options.bidirectional { 2 } else { 1 };
        let mut weights = vec![];
        for layer in 0..options.num_layers {
            let inputs = if layer == 0 { inputs } else { directions * hidden };
            for suffix in ["", "_reverse"].iter().take(directions) {
                let add = |name: &str, shape: &[usize]| {
                    params.param(&format!("{name}_l{layer}{suffix}"), shape, init)
                };
                weights.push(Weights {
                    ih: add("weight_ih", &[gates * hidden, inputs]),
                    hh: add("weight_hh", &[gates * hidden, hidden]),
                    biases: options
                        .bias
                        .then(|| ["bias_ih", "bias_hh"].map(|name| add(name, &[gates * hidden]))),
                });
            }
        }
        Stack { name, weights, options }
    }

    /// Takes `x` through all cells. `cell` gives the outputs `[T, N, H]` and `K` last states `[N, H]`; the result is the
    /// outputs of the last layer, of both directions side by side, and all last states `[layers, N, H]`. `states` are the initial
    /// ones, which `cell` knows.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward<const K: usize>(
        &self,
        x: &Tensor,
        states: &[&Tensor],
        cell: impl Fn(Call) -> (Tensor, [Tensor; K]),
    ) -> (Tensor, [Tensor; K]) {
        self.check(x, states);
        let mut x = if self.options.batch_first { x.transpose(0, 1) } else { x.clone() };
        let mut last: [Vec<Tensor>; K] = [const { vec![] }; K];
        let directions = if self.options.bidirectional { 2 } else { 1 };
        for (layer, weights) in self.weights.chunks(directions).enumerate() {
            let mut outputs = vec![];
            for (direction, w) in weights.iter().enumerate() {
                let turned = |x: &Tensor| if direction == 1 { x.flip(&[0]) } else { x.clone() };
                let [b_ih, b_hh] = [0, 1].map(|i| w.biases.as_ref().map(|biases| biases[i].value()));
                let (w_ih, w_hh, index) = (w.ih.value(), w.hh.value(), layer * directions + direction);
                let (y, states) = cell(Call { x: &turned(&x), w_ih, w_hh, b_ih, b_hh, index });
                outputs.push(turned(&y));
                last.iter_mut().zip(states).for_each(|(all, state)| all.push(state.unsqueeze(0)));
            }
            x = joined(&outputs, 2);
        }
        let y = if self.options.batch_first { x.transpose(0, 1) } else { x };
        (y, last.map(|states| joined(&states, 0)))
    }
}

impl Stack {
    /// Everything that a cell would find wrong, as the caller's line is not known there.
    #[track_caller]
    fn check(&self, x: &Tensor, states: &[&Tensor]) {
        let (name, s, weight) = (self.name, x.shape(), self.weights[0].ih.value());
        assert!(
            s.len() == 3 && s[2] == weight.shape()[1],
            "{name}: input {s:?}, weight {:?}",
            weight.shape()
        );
        let [steps, batch] = if self.options.batch_first { [s[1], s[0]] } else { [s[0], s[1]] };
        assert!(steps > 0, "{name}: input {s:?} has no steps");
        let hidden = self.weights[0].hh.value().shape()[1];
        for t in states {
            let shape = [self.weights.len(), batch, hidden];
            assert!(
                t.shape() == shape,
                "{name}: initial state {:?}, not {shape:?}, for input {s:?}",
                t.shape()
            );
        }
        for t in [x].iter().chain(states) {
            assert!(t.dtype().is_float(), "{name}: of a tensor of type {}", t.dtype());
        }
    }
}

fn joined(parts: &[Tensor], dim: isize) -> Tensor {
    cat(&parts.iter().collect::<Vec<_>>(), dim)
}
