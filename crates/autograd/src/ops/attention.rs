//! Scaled dot-product attention (Vaswani et al. 2017).

use gpu_core::kernels::{self, AttentionInputs, AttentionWindow, Map};
use gpu_core::{Arg, DType, Layout};

use crate::compile::Lower;
use crate::gradient::decomposed;
use crate::op::{KernelOp, Meta};
use crate::ops::map::broadcast;
use crate::{Tensor, cat, stack};

/// The attention op. Inputs: queries, keys, values and an optional mask, with equal leading dimensions. Outputs: the result, in the
/// order of [`stored`], and the logarithms of the rows' sums of exponentials.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Attention {
    pub(super) window: AttentionWindow,
    pub(super) scale_bits: u32,
}

impl Tensor {
    /// `softmax(scale self k^T + mask) v` without storing the matrix of scores (Dao 2023), as
    /// `torch.nn.functional.scaled_dot_product_attention`.
    ///
    /// `self`, the queries, is `[.., T, E]`, `k` `[.., S, E]` and `v` `[.., S, V]`; the result is `[.., T, V]`. Leading dimensions
    /// broadcast. In addition, the number of heads (the last leading dimension) of `k` and `v` may be a divisor of that of `self`: then
    /// neighbouring query heads share keys and values (grouped queries, Ainslie et al. 2023). `mask`, broadcastable to `[.., T, S]`, is
    /// either bool, true where a query attends to a key, or added to the scores. `scale` is `1 / sqrt(E)` by default. A query without any
    /// key gives 0.
    ///
    /// `window` is `true` for causal attention, where query `t` attends to keys `0..=t`, `false` for all keys, or `[before, after]` for a
    /// sliding window (Beltagy et al. 2020; `window_size` of FlashAttention), where it attends to keys `t - before ..= t + after`. Time is
    /// proportional to the number of keys in the window.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 0.0, 0.0, 1.0], &[2, 2])?;
    /// let y = x.scaled_dot_product_attention(&x, &x, None, true, None).to_vec::<f32>()?;
    /// let p = 1.0 / (1.0 + (0.5f32).sqrt().exp());
    /// assert!(y[..3] == [1.0, 0.0, y[2]] && (y[2] - p).abs() < 1e-6 && (y[3] - (1.0 - p)).abs() < 1e-6);
    /// let own = x.scaled_dot_product_attention(&x, &x, None, [0, 0], None).to_vec::<f32>()?;
    /// assert_eq!(own, [1.0, 0.0, 0.0, 1.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[doc(alias = "flash_attention")]
    #[track_caller]
    pub fn scaled_dot_product_attention(
        &self,
        k: &Tensor,
        v: &Tensor,
        mask: Option<&Tensor>,
        window: impl Into<AttentionWindow>,
        scale: Option<f32>,
    ) -> Tensor {
        let window = window.into();
        let shapes = format!("attention: q {:?}, k {:?}, v {:?}", self.shape(), k.shape(), v.shape());
        for t in [self, k, v] {
            t.expect_float("attention");
            assert!(t.rank() >= 2, "{shapes}");
        }
        assert!(self.size(-1) == k.size(-1) && k.size(-2) == v.size(-2), "{shapes}");
        check_mask("attention", self, k, mask);
        let groups =
            self.rank().min(k.rank()).min(v.rank()) >= 3 && k.size(-3) > 1 && self.size(-3) > k.size(-3);
        if groups {
            let (heads, shared) = (self.size(-3), k.size(-3));
            assert!(heads.is_multiple_of(shared) && v.size(-3) == shared, "{shapes}: heads do not divide");
            // [.., heads, A, B] as [.., shared, heads / shared, A, B]
            let split = |t: &Tensor| {
                let at = t.rank() - 3;
                let group = if t.size(-3) == 1 { [1, 1] } else { [shared, t.size(-3) / shared] };
                t.reshape(&[&t.shape()[..at], &group, &t.shape()[at + 1..]].concat())
            };
            if let Some(m) = mask.filter(|m| m.rank() >= 3) {
                assert!([1, heads].contains(&m.size(-3)), "{shapes}: mask {:?}", m.shape());
            }
            let mask = mask.map(|m| if m.rank() < 3 { m.clone() } else { split(m) });
            let y = split(self).fused_attention(&split(k), &split(v), mask.as_ref(), window, scale);
            return y.flatten(-4, -3);
        }
        self.fused_attention(k, v, mask, window, scale)
    }

    /// The weights `[.., T, S]` of the values in [`scaled_dot_product_attention`](Tensor::scaled_dot_product_attention), for queries
    /// `[.., T, E]`, keys `[.., S, E]`, a mask and a window as described there; heads are not shared.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 0.0, 0.0, 1.0], &[2, 2])?;
    /// let p = x.attention_weights(&x, None, true, None).to_vec::<f32>()?;
    /// assert!(p[..2] == [1.0, 0.0] && (p[2] - 1.0 / (1.0 + 0.5f32.sqrt().exp())).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn attention_weights(
        &self,
        k: &Tensor,
        mask: Option<&Tensor>,
        window: impl Into<AttentionWindow>,
        scale: Option<f32>,
    ) -> Tensor {
        let fits = self.rank() >= 2 && k.rank() >= 2 && self.size(-1) == k.size(-1);
        assert!(fits, "attention_weights: q {:?}, k {:?}", self.shape(), k.shape());
        for t in [self, k] {
            t.expect_float("attention_weights");
        }
        check_mask("attention_weights", self, k, mask);
        let scale = scale.unwrap_or(1.0 / (self.size(-1) as f32).sqrt());
        Attention { window: window.into(), scale_bits: scale.to_bits() }.probabilities(self, k, mask)
    }

    #[track_caller]
    fn fused_attention(
        &self,
        k: &Tensor,
        v: &Tensor,
        mask: Option<&Tensor>,
        window: AttentionWindow,
        scale: Option<f32>,
    ) -> Tensor {
        let lead = |t: &Tensor| t.shape()[..t.rank().saturating_sub(2)].to_vec();
        let leads: Vec<Vec<usize>> = [self, k, v].into_iter().chain(mask).map(lead).collect();
        let common = broadcast("attention", &leads.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let wide = |t: &Tensor, rows, cols| t.expand(&[&common[..], &[rows, cols]].concat());
        let (queries, keys, features) = (self.size(-2), k.size(-2), self.size(-1));
        let mut inputs =
            vec![wide(self, queries, features), wide(k, keys, features), wide(v, keys, v.size(-1))];
        inputs.extend(mask.map(|mask| wide(mask, queries, keys)));
        let scale = scale.unwrap_or(1.0 / (features as f32).sqrt());
        let y = Meta::new(&stored(&[&common[..], &[queries, v.size(-1)]].concat()), DType::F32);
        let sums = Meta::new(&[&common[..], &[queries]].concat(), DType::F32);
        let op = Attention { window, scale_bits: scale.to_bits() };
        swapped(&Tensor::record(op, &inputs.iter().collect::<Vec<_>>(), vec![y, sums])[0])
    }
}

/// Panics unless the last two dimensions of a mask broadcast to those of the scores.
#[track_caller]
fn check_mask(op: &str, q: &Tensor, k: &Tensor, mask: Option<&Tensor>) {
    let Some(mask) = mask else { return };
    let (dtype, m) = (mask.dtype(), mask.shape());
    assert!(dtype.is_float() || dtype == DType::Bool, "{op}: a mask of type {dtype}");
    let scores = [q.size(-2), k.size(-2)];
    let fits = m.iter().rev().zip(scores.iter().rev()).all(|(m, s)| m == s || *m == 1);
    assert!(fits, "{op}: mask {m:?} for q {:?} and k {:?}, scores {scores:?}", q.shape(), k.shape());
}

/// The order in memory of results `[.., heads, T, E]`: `[.., T, heads, E]`. The heads of a position are neighbours, as in the
/// projections before and after attention.
fn stored(shape: &[usize]) -> Vec<usize> {
    let mut shape = shape.to_vec();
    let n = shape.len();
    if n >= 4 {
        shape.swap(n - 3, n - 2);
    }
    shape
}

/// Converts from [`stored`] order to the usual one, or back.
fn swapped(x: &Tensor) -> Tensor {
    if x.rank() >= 4 { x.transpose(-3, -2) } else { x.clone() }
}

/// The layout, in the usual order, of a tensor in [`stored`] order.
fn swapped_layout(layout: &Layout) -> Layout {
    let n = layout.rank();
    let mut order: Vec<usize> = (0..n).collect();
    if n >= 4 {
        order.swap(n - 3, n - 2);
    }
    layout.permute(&order)
}

impl Attention {
    /// The kernels' inputs; the mask, if there is one, is input `mask`.
    fn inputs(self, cx: &mut Lower, mask: usize) -> (AttentionInputs, [Arg; 3], Option<Arg>) {
        let [(q_arg, q), (k_arg, k), (v_arg, v)] = [0, 1, 2].map(|i| cx.input(i));
        let dtype = (cx.inputs() > mask).then(|| cx.input_meta(mask).dtype);
        let mask = dtype.map(|dtype| (dtype, cx.input(mask)));
        let (mask_arg, mask) = mask.map(|(dtype, (arg, layout))| (arg, (dtype, layout))).unzip();
        let inputs =
            AttentionInputs { q, k, v, mask, window: self.window, scale: f32::from_bits(self.scale_bits) };
        (inputs, [q_arg, k_arg, v_arg], mask_arg)
    }

    /// The attention weights for queries, keys and an optional mask.
    #[track_caller]
    fn probabilities(self, q: &Tensor, k: &Tensor, mask: Option<&Tensor>) -> Tensor {
        let mut scores = q.matmul(&k.transpose(-1, -2)) * f32::from_bits(self.scale_bits);
        let mut seen = None;
        if let Some(mask) = mask {
            let allowed = if mask.dtype().is_float() { mask.gt(f32::NEG_INFINITY) } else { mask.clone() };
            if mask.dtype().is_float() {
                scores = scores + mask.where_(&allowed, &mask.number(0.0));
            }
            seen = Some(allowed);
        }
        let (rows, cols) = (q.size(-2), k.size(-2));
        let [row, col] = [(rows, 1), (cols, 0)].map(|(n, dim)| Tensor::arange(q.device(), n).unsqueeze(dim));
        let mut restrict = |within: Tensor| {
            seen = Some(seen.take().map_or(within.clone(), |s: Tensor| s.logical_and(&within)))
        };
        let AttentionWindow { before, after } = self.window;
        if after < cols {
            restrict((&col - &row).le(after as f32));
        }
        if before < rows {
            restrict((&row - &col).le(before as f32));
        }
        let Some(seen) = seen else { return scores.softmax(-1) };
        // Rows without any key must not become NaN.
        let lowest = scores.number(-1e30);
        scores.where_(&seen, &lowest).softmax(-1) * seen.to(DType::F32)
    }

    /// The attention weights, and the gradients of the scores.
    fn slopes(self, [q, k, v, dy]: [&Tensor; 4], mask: Option<&Tensor>) -> (Tensor, Tensor) {
        let p = self.probabilities(q, k, mask);
        let dp = dy.matmul(&v.transpose(-1, -2));
        let ds = &p * (&dp - (&p * &dp).sum(&[-1], true));
        (p, ds)
    }
}

/// Fills the outputs with zeros if there are no elements to compute with; returns whether it did.
fn zeros(cx: &mut Lower, outputs: usize) -> bool {
    let empty = (0..3).any(|i| cx.input_meta(i).numel() == 0);
    for o in (0..outputs).filter(|_| empty) {
        let whole = Layout::contiguous(&cx.output_meta(o).shape);
        let out = cx.output(o);
        cx.launch(Map::fill(DType::F32, 0, whole), &[out]);
    }
    empty
}

impl KernelOp for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn lower(&self, cx: &mut Lower) {
        if zeros(cx, 2) {
            return;
        }
        let (inputs, [q, k, v], mask) = self.inputs(cx, 3);
        let y = swapped_layout(&Layout::contiguous(&cx.output_meta(0).shape));
        let outputs = [cx.output(0), cx.output(1)];
        let args: Vec<Arg> = [q, k, v].into_iter().chain(mask).chain(outputs).collect();
        cx.launch(kernels::Attention::new(&inputs, &y), &args);
    }

    fn gradient(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        grads: &[Option<Tensor>],
    ) -> Vec<Option<Tensor>> {
        let Some(dy) = &grads[0] else { return vec![None; inputs.len()] };
        let (q, k, v, mask) = (&inputs[0], &inputs[1], &inputs[2], inputs.get(3));
        let sums = &outputs[1];
        let stats = Meta::new(&[&[2], sums.shape()].concat(), DType::F32);
        let stats = Tensor::record(AttentionStats, &[&outputs[0], dy, sums], vec![stats]).remove(0);
        let all: Vec<&Tensor> = [q, k, v, dy, &stats].into_iter().chain(mask).collect();
        let joined = Joined::of([q, k, v].map(Tensor::shape));
        let meta = Meta::new(&joined.shape, DType::F32);
        let gradients = Tensor::record(AttentionGrad(*self), &all, vec![meta]).remove(0);
        let mut found: Vec<Option<Tensor>> = (joined.parts.iter().zip([q, k, v]))
            .map(|(&[start, len], t)| {
                Some(swapped(&gradients.narrow(joined.dim as isize, start, len).reshape(&stored(t.shape()))))
            })
            .collect();
        // The mask's gradient needs the matrix that the kernels avoid. It is computed only if it is used.
        found
            .extend(mask.map(|m| m.dtype().is_float().then(|| self.slopes([q, k, v, &swapped(dy)], mask).1)));
        found
    }
}

/// The statistics of each row that [`AttentionGrad`] needs, from the output and its gradient, in [`stored`] order, and the logarithms
/// of the sums.
#[derive(Debug, Hash)]
struct AttentionStats;

impl KernelOp for AttentionStats {
    fn name(&self) -> &'static str {
        "attention_stats"
    }

    fn lower(&self, cx: &mut Lower) {
        if zeros(cx, 1) {
            return;
        }
        let [(y_arg, y), (dy_arg, dy)] = [0, 1].map(|i| cx.input(i));
        let args = [y_arg, dy_arg, cx.dense(2), cx.output(0)];
        cx.launch(kernels::AttentionStats::new(&swapped_layout(&y), &swapped_layout(&dy)), &args);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        decomposed(inputs, grads, |inputs| {
            let delta = swapped(&(&inputs[0] * &inputs[1])).sum(&[-1], false);
            vec![stack(&[&inputs[2], &delta], 0)]
        })
    }
}

/// How the gradients of queries, keys and values lie in one tensor: side by side at every position if the shapes are equal, as for one
/// projection before attention, otherwise one after the other.
struct Joined {
    shape: Vec<usize>,
    dim: usize,
    /// First index and length of each along the dimension.
    parts: [[usize; 2]; 3],
}

impl Joined {
    /// For inputs of these shapes `[.., T, E]`.
    fn of(shapes: [&[usize]; 3]) -> Joined {
        let [q, k, v] = shapes.map(|shape| shape.iter().product::<usize>());
        if shapes[0] != shapes[1] || shapes[1] != shapes[2] {
            return Joined { shape: vec![q + k + v], dim: 0, parts: [[0, q], [q, k], [q + k, v]] };
        }
        let mut shape = stored(shapes[0]);
        // Before the dimensions of heads and features.
        let dim = shape.len() - if shape.len() >= 4 { 2 } else { 1 };
        shape.insert(dim, 3);
        Joined { shape, dim, parts: [[0, 1], [1, 1], [2, 1]] }
    }

    /// The layouts of the three gradients, for inputs of these shapes.
    fn layouts(&self, shapes: [&[usize]; 3]) -> [Layout; 3] {
        let whole = Layout::contiguous(&self.shape);
        [0, 1, 2].map(|i| {
            let [start, len] = self.parts[i];
            let part = whole.slice(self.dim, start, len, 1).reshape(&stored(shapes[i]));
            swapped_layout(&part.expect("a dimension of one, or a dense part"))
        })
    }
}

/// The gradients of queries, keys and values, [`Joined`] in [`stored`] order. Inputs: queries, keys, values, the output's gradient (in
/// [`stored`] order), statistics and the optional mask.
#[derive(Debug, Hash)]
struct AttentionGrad(Attention);

impl KernelOp for AttentionGrad {
    fn name(&self) -> &'static str {
        "attention_grad"
    }

    fn lower(&self, cx: &mut Lower) {
        if zeros(cx, 1) {
            return;
        }
        let (inputs, [q, k, v], mask) = self.0.inputs(cx, 5);
        let (dy_arg, dy) = cx.input(3);
        let shapes = [&inputs.q, &inputs.k, &inputs.v].map(Layout::shape);
        let [dq, dk, dv] = Joined::of(shapes).layouts(shapes);
        let reads = [q, k, v, dy_arg, cx.dense(4)];
        let args: Vec<Arg> = reads.into_iter().chain(mask).chain([cx.output(0)]).collect();
        cx.launch(kernels::AttentionGrad::new(&inputs, &swapped_layout(&dy), [&dq, &dk, &dv]), &args);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        decomposed(inputs, grads, |inputs| {
            let (q, k, v, dy) = (&inputs[0], &inputs[1], &inputs[2], swapped(&inputs[3]));
            let (p, ds) = self.0.slopes([q, k, v, &dy], inputs.get(5));
            let ds = ds * f32::from_bits(self.0.scale_bits);
            let (dk, dv) = (ds.transpose(-1, -2).matmul(q), p.transpose(-1, -2).matmul(&dy));
            let joined = Joined::of([q, k, v].map(Tensor::shape));
            let part = |(t, [_, len]): (&Tensor, [usize; 2])| {
                let mut shape = joined.shape.clone();
                shape[joined.dim] = len;
                swapped(t).reshape(&shape)
            };
            let dq = ds.matmul(k);
            let parts: Vec<Tensor> = [&dq, &dk, &dv].into_iter().zip(joined.parts).map(part).collect();
            vec![cat(&parts.iter().collect::<Vec<_>>(), joined.dim as isize)]
        })
    }
}
