//! The common part of recurrent layers: PyTorch's parameters, stacked layers, and both directions.

use autograd::{DType, Tensor, cat};

use crate::{Init, Param, Params};

/// Options of a recurrent layer, with PyTorch's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RnnOptions {
    /// Number of stacked layers.
    pub num_layers: usize,
    /// Two biases per layer, `bias_ih` and `bias_hh`.
    pub bias: bool,
    /// Sequences are `[N, T, ..]` instead of `[T, N, ..]`. States are `[layers, N, H]` in both cases.
    pub batch_first: bool,
    /// A second cell per layer runs over the sequence in reverse; its states follow those of the first.
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
    /// The projection from hidden units to outputs, if there is one.
    hr: Option<Param>,
}

/// A call of a cell.
#[derive(Clone)]
pub(super) struct Call<'a> {
    /// `[T, N, I]`
    pub x: &'a Tensor,
    pub w_ih: Tensor,
    pub w_hh: Tensor,
    pub b_ih: Option<Tensor>,
    pub b_hh: Option<Tensor>,
    pub w_hr: Option<Tensor>,
    /// Index of the layer and direction among all cells.
    pub index: usize,
}

impl Call<'_> {
    /// This cell's part `[N, width]` of an initial state `[layers, N, width]`; zeros where there is none.
    #[track_caller]
    pub fn initial(&self, states: Option<&Tensor>, width: usize) -> Tensor {
        let shape = [self.x.shape()[1], width];
        states.map_or_else(|| Tensor::zeros(self.x.device(), &shape), |s| s.select(0, self.index))
    }
}

/// Sizes of a [`Stack`].
#[derive(Clone, Copy)]
pub(super) struct Widths {
    pub gates: usize,
    pub inputs: usize,
    pub hidden: usize,
    /// The width of the outputs, if it is not the number of hidden units.
    pub projection: Option<usize>,
}

impl Widths {
    fn outputs(&self) -> usize {
        self.projection.unwrap_or(self.hidden)
    }
}

/// Layers of recurrent cells, of one or both directions.
pub(super) struct Stack {
    name: &'static str,
    weights: Vec<Weights>,
    widths: Widths,
    options: RnnOptions,
}

impl Stack {
    /// PyTorch's initialisation: all parameters are uniform within `1 / sqrt(hidden)`.
    ///
    /// # Panics
    /// When there are no layers or hidden units.
    #[track_caller]
    pub fn new(name: &'static str, params: &Params, widths: Widths, options: RnnOptions) -> Stack {
        let (layers, Widths { gates, inputs, hidden, projection }) = (options.num_layers, widths);
        assert!(layers > 0 && hidden > 0, "{name}: {layers} layers of {hidden} hidden units");
        let init = Init::torch_bias(hidden);
        let directions = if options.bidirectional { 2 } else { 1 };
        let mut weights = vec![];
        for layer in 0..options.num_layers {
            let inputs = if layer == 0 { inputs } else { directions * widths.outputs() };
            for suffix in ["", "_reverse"].iter().take(directions) {
                let add = |name: &str, shape: &[usize]| {
                    params.param(&format!("{name}_l{layer}{suffix}"), shape, init)
                };
                let biases = || ["bias_ih", "bias_hh"].map(|name| add(name, &[gates * hidden]));
                weights.push(Weights {
                    ih: add("weight_ih", &[gates * hidden, inputs]),
                    hh: add("weight_hh", &[gates * hidden, widths.outputs()]),
                    biases: options.bias.then(biases),
                    hr: projection.map(|outputs| add("weight_hr", &[outputs, hidden])),
                });
            }
        }
        Stack { name, weights, widths, options }
    }

    /// Runs `x` through all cells. `cell` returns the `K` states after every step, `[T, N, ..]`, the first of which is the output; the
    /// result is the outputs of the last layer, with both directions concatenated, and all last states `[layers, N, ..]`. `states` are
    /// the initial ones, used here only for checks. Only the first `lengths [N]` steps of each sequence are valid.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward<const K: usize>(
        &self,
        x: &Tensor,
        lengths: Option<&Tensor>,
        states: &[&Tensor],
        cell: impl Fn(Call) -> [Tensor; K],
    ) -> (Tensor, [Tensor; K]) {
        self.check(x, lengths, states);
        let mut x = if self.options.batch_first { x.transpose(0, 1) } else { x.clone() };
        let extent = Extent::new(&x, lengths);
        let mut last: [Vec<Tensor>; K] = [const { vec![] }; K];
        let directions = if self.options.bidirectional { 2 } else { 1 };
        for (layer, weights) in self.weights.chunks(directions).enumerate() {
            let mut outputs = vec![];
            x = extent.cut(&x);
            for (direction, w) in weights.iter().enumerate() {
                let turned = |x: &Tensor| if direction == 1 { extent.reversed(x) } else { x.clone() };
                let states = cell(w.call(&turned(&x), layer * directions + direction));
                outputs.push(turned(&states[0]));
                last.iter_mut().zip(&states).for_each(|(all, state)| all.push(extent.last(state)));
            }
            x = joined(&outputs, 2);
        }
        x = extent.cut(&x);
        let y = if self.options.batch_first { x.transpose(0, 1) } else { x };
        (y, last.map(|states| joined(&states, 0)))
    }

    /// Checks everything that a cell would reject: panics inside a cell would not report the caller's line.
    #[track_caller]
    fn check(&self, x: &Tensor, lengths: Option<&Tensor>, states: &[&Tensor]) {
        let (name, s, weight) = (self.name, x.shape(), self.weights[0].ih.value());
        assert!(
            s.len() == 3 && s[2] == weight.shape()[1],
            "{name}: input {s:?}, weight {:?}",
            weight.shape()
        );
        let [steps, batch] = if self.options.batch_first { [s[1], s[0]] } else { [s[0], s[1]] };
        assert!(steps > 0, "{name}: input {s:?} has no steps");
        for (t, width) in states.iter().zip([self.widths.outputs(), self.widths.hidden]) {
            let shape = [self.weights.len(), batch, width];
            assert!(
                t.shape() == shape,
                "{name}: initial state {:?}, not {shape:?}, for input {s:?}",
                t.shape()
            );
        }
        for t in [x].iter().chain(states) {
            assert!(t.dtype().is_float(), "{name}: of a tensor of type {}", t.dtype());
        }
        if let Some(lengths) = lengths {
            let (l, dtype) = (lengths.shape(), lengths.dtype());
            assert!(l == [batch], "{name}: lengths {l:?}, not [{batch}], for input {s:?}");
            assert!(dtype == DType::I32, "{name}: lengths of type {dtype}");
        }
    }
}

impl Weights {
    fn call<'a>(&self, x: &'a Tensor, index: usize) -> Call<'a> {
        let [b_ih, b_hh] = [0, 1].map(|i| self.biases.as_ref().map(|biases| biases[i].value()));
        let w_hr = self.hr.as_ref().map(Param::value);
        Call { x, w_ih: self.ih.value(), w_hh: self.hh.value(), b_ih, b_hh, w_hr, index }
    }
}

/// The length of each sequence of a batch `[T, N, ..]`; without lengths all sequences have `T` steps.
struct Extent {
    steps: usize,
    /// `[1, N, 1]`, within `1..=steps`.
    lengths: Option<Tensor>,
}

impl Extent {
    #[track_caller]
    fn new(x: &Tensor, lengths: Option<&Tensor>) -> Extent {
        let steps = x.shape()[0];
        let within = |l: &Tensor| l.clamp(1, steps as i32).reshape(&[1, l.numel(), 1]);
        Extent { steps, lengths: lengths.map(within) }
    }

    /// The step numbers, `[T, 1, 1]`.
    fn numbers(&self, lengths: &Tensor) -> Tensor {
        Tensor::arange(lengths.device(), self.steps).reshape(&[self.steps, 1, 1])
    }

    /// `x` with zeros after the end of each sequence.
    fn cut(&self, x: &Tensor) -> Tensor {
        let Some(lengths) = &self.lengths else { return x.clone() };
        x.masked_fill(&self.numbers(lengths).ge(lengths), 0.0)
    }

    /// Each valid part reversed; padding stays in place.
    fn reversed(&self, x: &Tensor) -> Tensor {
        let Some(lengths) = &self.lengths else { return x.flip(&[0]) };
        let numbers = self.numbers(lengths);
        let turned = lengths - 1.0 - &numbers;
        let from = turned.where_(&turned.ge(0.0), &numbers);
        x.gather(0, &from.expand(x.shape()))
    }

    /// The values at the last valid step, as `[1, N, ..]`.
    fn last(&self, x: &Tensor) -> Tensor {
        let Some(lengths) = &self.lengths else { return x.narrow(0, self.steps - 1, 1) };
        let shape = [&[1], &x.shape()[1..]].concat();
        x.gather(0, &(lengths - 1.0).expand(&shape))
    }
}

fn joined(parts: &[Tensor], dim: isize) -> Tensor {
    cat(&parts.iter().collect::<Vec<_>>(), dim)
}
