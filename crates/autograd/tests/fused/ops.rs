//! The ops that random graphs are made of. Each op takes operands of any shape, and keeps values and slopes moderate. Ops with kinks
//! get shifted operands, so that equal values that were rounded differently don't fall on different sides of a kink.

use autograd::{CrossEntropy, Device, Padding, Pool2d, Reduction, Tensor, batch_norm_train, cat};

use super::numbers::{Numbers, Values};

type Apply = fn(&mut Context, &Tensor, &Tensor, usize) -> Tensor;

/// Makes leaves with values of their own.
pub struct Context {
    device: Device,
    variables: Vec<Tensor>,
}

impl Context {
    pub fn new(device: &Device) -> Context {
        Context { device: device.clone(), variables: vec![] }
    }

    /// A new variable with values between -1 and 1.
    pub fn variable(&mut self, shape: &[usize]) -> Tensor {
        let mut numbers = Numbers::new(1 + self.variables.len() as u64);
        let values = numbers.draw(Values::Between(-1.0, 1.0), shape.iter().product());
        self.input(&Tensor::constant(&self.device, &values, shape))
    }

    /// A new variable with the values of `data`.
    pub fn input(&mut self, data: &Tensor) -> Tensor {
        let variable = data.variable();
        self.variables.push(variable.clone());
        variable
    }

    /// The same values for every shape, between 0.3 and 1 with either sign.
    pub fn constant(&self, shape: &[usize]) -> Tensor {
        let values = Numbers::new(99).draw(Values::Signed(0.3, 1.0), shape.iter().product());
        Tensor::constant(&self.device, &values, shape)
    }

    /// `x` with differences between its elements that rounding cannot reverse. The more elements, the smaller the differences, so that
    /// sums do not lose the contribution of `x`.
    fn distinct(&self, x: &Tensor) -> Tensor {
        let values = Numbers::new(7).draw(Values::Distinct, x.numel());
        let closer = (100.0 / x.numel() as f32).min(1.0);
        (x.tanh() * 0.05 + Tensor::constant(&self.device, &values, x.shape())) * closer
    }

    pub fn variables(&self) -> &[Tensor] {
        &self.variables
    }
}

/// The centre that operands are shifted to, away from kinks.
const SHIFT: f32 = 0.37;

/// Name and function of a context, two operands, and a detail. The simplest come first, as shrinking ends there.
pub const OPS: &[(&str, Apply)] = &[
    ("neg", |_, a, _, _| -a),
    ("add", |_, a, b, _| a + fit(a, b)),
    ("scale", |_, a, _, d| a * (0.1 * d as f32 - 1.5) * 0.5),
    ("sub", |_, a, b, _| fit(a, b) - a),
    ("mul", |_, a, b, _| a.sin() * fit(a, b)),
    ("div", |_, a, b, _| a / (fit(a, b).square() + 1.0)),
    ("max", |_, a, b, _| a.maximum(fit(a, b) + SHIFT)),
    ("where", |_, a, b, _| a.where_(&fit(a, b).gt(SHIFT), &(a * 0.5))),
    ("relu", |_, a, _, _| (a + SHIFT).relu()),
    ("clamp", |_, a, _, _| a.clamp(-SHIFT, 0.61)),
    ("abs", |_, a, _, _| (a - SHIFT).abs()),
    ("tanh", |_, a, _, _| a.tanh()),
    ("sigmoid", |_, a, _, _| a.sigmoid()),
    ("gelu", |_, a, _, _| a.tanh().gelu_tanh()),
    ("exp", |_, a, _, _| (-a.square()).exp()),
    ("log", |_, a, _, _| (a.square() + 1.0).log()),
    ("rsqrt", |_, a, _, _| (a.square() + 0.5).rsqrt()),
    ("sum", |_, a, _, d| a.sum(&dims(a, d), d.is_multiple_of(2)) * 0.5),
    ("mean", |_, a, _, d| a.mean(&dims(a, d), d.is_multiple_of(2))),
    ("amax", |cx, a, _, d| cx.distinct(a).amax(&dims(a, d), d.is_multiple_of(2))),
    ("prod", |_, a, _, d| a.cos().prod(&dims(a, d), d.is_multiple_of(2))),
    ("var", |_, a, _, d| a.tanh().var(&dims(a, d), 0.0, true)),
    ("flatten", |_, a, _, _| a.reshape(&[a.numel()])),
    ("reshape", |_, a, _, d| {
        let columns = (1..=a.numel()).filter(|&n| a.numel().is_multiple_of(n)).collect::<Vec<_>>();
        let columns = columns[d % columns.len()];
        a.reshape(&[a.numel() / columns, columns])
    }),
    ("permute", |_, a, _, d| {
        let mut order: Vec<isize> = (0..a.rank() as isize).collect();
        order.rotate_left(d % a.rank().max(1));
        a.permute(&order)
    }),
    ("flip", |_, a, _, d| a.flip(&dims(a, d))),
    ("slice", |_, a, _, d| match a.rank() {
        0 => a.clone(),
        rank => {
            let dim = d % rank;
            let size = a.shape()[dim] as isize;
            a.slice(dim as isize, (d as isize / 4) % size, size, 1 + d as isize % 2)
        }
    }),
    ("expand", |_, a, _, d| if grown(a) { a.clone() } else { a.expand(&[&[1 + d % 3], a.shape()].concat()) }),
    ("pad", |_, a, _, d| match a.rank() {
        0 => a.clone(),
        _ => a.pad(&[(d as isize % 2, 1)], Padding::Constant(0.5)),
    }),
    ("cat", |_, a, b, _| {
        let [a, b] = [a, b].map(|t| if grown(t) { t.mean_all() } else { t.clone() });
        let [a, b] = [a, b].map(|t| t.reshape(&[t.numel()]));
        cat(&[&a, &b, &a], 0)
    }),
    ("matmul", |cx, a, _, d| {
        let a = matrix(a);
        let weight = cx.variable(&[1 + d % 5, a.shape()[1]]);
        a.matmul(&weight.t()) / a.shape()[1] as f32
    }),
    ("linear", |cx, a, _, d| {
        let a = matrix(a);
        let (rows, columns) = (1 + d % 5, a.shape()[1]);
        let (weight, bias) = (cx.variable(&[rows, columns]), cx.variable(&[rows]));
        (a / columns as f32).linear(&weight, Some(&bias))
    }),
    ("product with itself", |_, a, _, _| {
        let a = matrix(a);
        a.sin().t().matmul(&a) / a.shape()[0] as f32
    }),
    ("conv2d", |cx, a, _, d| {
        let a = image(a);
        let (channels, outputs, kernel) = (a.shape()[1], 1 + d % 3, if d % 4 == 0 { 1 } else { 3 });
        let weight = cx.variable(&[outputs, channels, kernel, kernel]);
        let bias = (d % 2 == 0).then(|| cx.variable(&[outputs]));
        let (stride, padding) = ([1 + d / 3 % 2; 2], [kernel / 2; 2]);
        (a / (channels * kernel) as f32).conv2d(&weight, bias.as_ref(), stride, padding, [1; 2], 1)
    }),
    ("batch norm", |cx, a, _, _| {
        let a = image(a);
        let channels = a.shape()[1];
        if a.numel() == channels {
            return a;
        }
        let (weight, bias) = (cx.variable(&[channels]), cx.variable(&[channels]));
        batch_norm_train(&a, &weight, &bias, EPS).y
    }),
    ("layer norm", |cx, a, _, _| {
        let a = matrix(a);
        let (weight, bias) = (cx.variable(&[a.shape()[1]]), cx.variable(&[a.shape()[1]]));
        a.layer_norm(&weight, &bias, EPS)
    }),
    ("softmax", |_, a, _, d| matrix(a).softmax((d % 2) as isize)),
    ("log softmax", |_, a, _, d| matrix(a).log_softmax((d % 2) as isize)),
    ("cross entropy", |cx, a, _, d| {
        let a = matrix(a);
        let (rows, classes) = (a.shape()[0], a.shape()[1]);
        let target: Vec<i32> = (0..rows).map(|r| ((r + d) % classes) as i32).collect();
        let target = Tensor::from_slice(&cx.device, &target, &[rows]).unwrap();
        let reduction = [Reduction::None, Reduction::Mean][d % 2];
        a.cross_entropy_with(
            &target,
            CrossEntropy { label_smoothing: 0.1, reduction, ..CrossEntropy::default() },
        )
    }),
    ("max pool", |cx, a, _, _| {
        cx.distinct(&image(a)).max_pool2d(Pool2d { stride: [1; 2], padding: [1; 2], ..Pool2d::new(3) }).0
    }),
    ("embedding", |cx, a, _, d| {
        let a = matrix(a);
        let index: Vec<i32> = (0..1 + d % 7).map(|i| ((i * 3 + d) % a.shape()[0]) as i32).collect();
        a.embedding(&Tensor::from_slice(&cx.device, &index, &[index.len()]).unwrap())
    }),
];

/// Large, so that normalising nearly constant rows amplifies nothing.
const EPS: f32 = 0.1;

/// Whether a tensor is too large to grow further.
fn grown(a: &Tensor) -> bool {
    a.numel() > 150
}

/// An operand made from `b` that broadcasts with `a`: `b` itself, or its mean.
fn fit(a: &Tensor, b: &Tensor) -> Tensor {
    let pairs = a.shape().iter().rev().zip(b.shape().iter().rev());
    let fits = pairs.clone().all(|(x, y)| x == y || *x == 1 || *y == 1);
    if fits && !(grown(a) && grown(b)) { b.clone() } else { b.mean_all() }
}

/// The dimensions whose bits are set.
fn dims(a: &Tensor, bits: usize) -> Vec<isize> {
    (0..a.rank() as isize).filter(|d| bits >> (d % 6) & 1 == 1).collect()
}

/// Reshaped to `[rows, columns]`.
fn matrix(a: &Tensor) -> Tensor {
    let columns = a.shape().last().copied().unwrap_or(1);
    a.reshape(&[a.numel() / columns, columns])
}

/// Reshaped to `[N, C, H, W]`.
fn image(a: &Tensor) -> Tensor {
    let mut shape = a.shape().to_vec();
    while shape.len() > 4 {
        let first = shape.remove(0);
        shape[0] *= first;
    }
    while shape.len() < 4 {
        shape.insert(0, 1);
    }
    a.reshape(&shape)
}
