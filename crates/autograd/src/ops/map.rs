//! Element-wise operations with broadcasting: recording, operators, and the table of derivatives.

use std::f32::consts::FRAC_2_SQRT_PI;
use std::ops::{Add, Div, Mul, Neg, Sub};

use gpu_core::DType;
use gpu_core::kernels::{Binary, Unary};

use crate::op::{MapOp, Meta, Op};
use crate::{Tensor, autocast};

/// The broadcast of shapes by NumPy's rules.
#[track_caller]
pub(crate) fn broadcast(op: &str, shapes: &[&[usize]]) -> Vec<usize> {
    let rank = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
    let mut out = vec![1; rank];
    for shape in shapes {
        for (o, &n) in out[rank - shape.len()..].iter_mut().zip(*shape) {
            if *o == 1 {
                *o = n;
            }
            assert!(n == *o || n == 1, "{op}: shapes {shapes:?} do not broadcast");
        }
    }
    out
}

impl Tensor {
    #[track_caller]
    pub(crate) fn unary(&self, op: Unary) -> Tensor {
        let dtype = self.dtype();
        let fits = match op {
            Unary::Cast(_) => true,
            Unary::Not => dtype == DType::Bool,
            Unary::Neg | Unary::Abs | Unary::Sign => matches!(dtype, DType::F32 | DType::I32),
            _ => dtype.is_float(),
        };
        assert!(fits, "{}: of a tensor of type {dtype}", format!("{op:?}").to_lowercase());
        let meta = Meta::new(self.shape(), op.dtype(dtype));
        Tensor::record_op(self.device(), Op::Map(MapOp::Unary(op)), vec![self.clone()], vec![meta]).remove(0)
    }

    #[track_caller]
    pub(crate) fn binary(&self, op: Binary, other: &Tensor) -> Tensor {
        let name = format!("{op:?}").to_lowercase();
        let (a, b) = (self.dtype(), other.dtype());
        assert!(a == b, "{name}: types {a} and {b}; cast one of them with to()");
        let logical = matches!(op, Binary::And | Binary::Or | Binary::Xor);
        assert!(!(logical && a.is_float()), "{name}: of tensors of type {a}");
        assert!(!matches!(op, Binary::Pow | Binary::Atan2) || a.is_float(), "{name}: of tensors of type {a}");
        let meta = Meta { shape: broadcast(&name, &[self.shape(), other.shape()]), dtype: op.dtype(a) };
        let inputs = vec![self.clone(), other.clone()];
        let result =
            Tensor::record_op(self.device(), Op::Map(MapOp::Binary(op)), inputs, vec![meta]).remove(0);
        autocast::result(&name, &whole([self, other], &result), result)
    }

    /// A number as a tensor of this one's type: an f32 may change between steps without a new plan.
    #[track_caller]
    pub(crate) fn number(&self, value: f32) -> Tensor {
        match self.dtype() {
            DType::F32 => Tensor::scalar(self.device(), value),
            DType::I32 => Tensor::scalars(self.device(), &[value as i32]).reshape(&[]),
            DType::U32 => Tensor::scalars(self.device(), &[value as u32]).reshape(&[]),
            DType::Bool => {
                Tensor::scalars(self.device(), &[u32::from(value != 0.0)]).reshape(&[]).to(DType::Bool)
            }
        }
    }

    /// An integer as a tensor of this one's type: exact for integer types, where an f32 is not above 2^24.
    #[track_caller]
    pub(crate) fn integer(&self, value: i32) -> Tensor {
        match self.dtype() {
            DType::I32 => Tensor::scalars(self.device(), &[value]).reshape(&[]),
            DType::U32 => Tensor::scalars(self.device(), &[value as u32]).reshape(&[]),
            DType::F32 | DType::Bool => self.number(value as f32),
        }
    }

    /// Elements of `self` where `condition` is true, of `other` elsewhere; all three broadcast.
    ///
    /// # Panics
    /// When `condition` is not of type bool, the types differ, or the shapes do not broadcast.
    #[track_caller]
    pub fn where_(&self, condition: &Tensor, other: &Tensor) -> Tensor {
        assert!(condition.dtype() == DType::Bool, "where: the condition is of type {}", condition.dtype());
        assert!(self.dtype() == other.dtype(), "where: types {} and {}", self.dtype(), other.dtype());
        let shape = broadcast("where", &[condition.shape(), self.shape(), other.shape()]);
        let inputs = vec![condition.clone(), self.clone(), other.clone()];
        let meta = Meta { shape, dtype: self.dtype() };
        let result = Tensor::record_op(self.device(), Op::Map(MapOp::Select), inputs, vec![meta]).remove(0);
        autocast::result("where", &whole([self, other], &result), result)
    }

    /// Sums out broadcast dimensions, so that the result has `shape`.
    #[track_caller]
    pub(crate) fn sum_to(&self, shape: &[usize]) -> Tensor {
        if self.shape() == shape {
            return self.clone();
        }
        let front = self.rank() - shape.len();
        let summed = |d: usize| d < front || (shape[d - front] == 1 && self.shape()[d] != 1);
        let dims: Vec<isize> = (0..self.rank()).filter(|&d| summed(d)).map(|d| d as isize).collect();
        self.sum(&dims, false).reshape(shape)
    }
}

/// The operands that are not broadcast: those that the type of the result depends on in mixed precision.
fn whole<'a>(operands: [&'a Tensor; 2], result: &Tensor) -> Vec<&'a Tensor> {
    operands.into_iter().filter(|t| t.numel() == result.numel()).collect()
}

/// The derivative table: gradients of the operands of an element-wise operation.
pub(crate) fn map_gradient(op: MapOp, inputs: &[Tensor], y: &Tensor, g: &Tensor) -> Vec<Option<Tensor>> {
    let grads = match op {
        MapOp::Unary(op) => vec![unary_gradient(op, &inputs[0], y, g)],
        MapOp::Binary(op) => {
            let (a, b) = binary_gradient(op, &inputs[0], &inputs[1], y, g);
            vec![a, b]
        }
        MapOp::Select => {
            let (c, zero) = (&inputs[0], Tensor::literal(g.device(), 0.0));
            vec![None, Some(g.where_(c, &zero)), Some(zero.where_(c, g))]
        }
    };
    inputs.iter().zip(grads).map(|(x, d)| d.map(|d| d.sum_to(x.shape()))).collect()
}

fn unary_gradient(op: Unary, x: &Tensor, y: &Tensor, g: &Tensor) -> Option<Tensor> {
    use Unary::*;
    let one = || Tensor::literal(g.device(), 1.0);
    Some(match op {
        Neg => -g,
        Abs => g * x.sign(),
        Recip => -(g * y * y),
        Sqrt => g / (y * Fixed(2.0)),
        Rsqrt => g * y * y * y * Fixed(-0.5),
        Exp => g * y,
        Expm1 => g * (y + Fixed(1.0)),
        Log => g / x,
        Log1p => g / (x + Fixed(1.0)),
        Sin => g * x.cos(),
        Cos => -(g * x.sin()),
        Tan => g * (y * y + Fixed(1.0)),
        Asin => g * (one() - x * x).rsqrt(),
        Acos => -(g * (one() - x * x).rsqrt()),
        Atan => g / (x * x + Fixed(1.0)),
        Sinh => g * x.cosh(),
        Cosh => g * x.sinh(),
        Asinh => g * (x * x + Fixed(1.0)).rsqrt(),
        Acosh => g * (x * x - Fixed(1.0)).rsqrt(),
        Atanh => g / (one() - x * x),
        Tanh => g * (one() - y * y),
        Erf => g * (-(x * x)).exp() * Fixed(FRAC_2_SQRT_PI),
        Erfc => g * (-(x * x)).exp() * Fixed(-FRAC_2_SQRT_PI),
        Sigmoid => g * y * (one() - y),
        Relu => g.where_(&y.gt(Fixed(0.0)), &Tensor::literal(g.device(), 0.0)),
        GeluTanh => g * x.unary(GeluTanhGrad),
        GeluTanhGrad => g * gelu_tanh_curvature(x),
        Sign | Floor | Ceil | Round | Trunc => g.zeros_like(),
        IsNan | IsInf | Not => return None,
        AsHalf(_) if autocast::given(&x.node) => g.clone(),
        AsHalf(half) => g.as_half(half),
        Cast(_) if x.dtype().is_float() && g.dtype().is_float() => g.clone(),
        Cast(_) => return None,
    })
}

/// The second derivative of [`Unary::GeluTanh`].
fn gelu_tanh_curvature(x: &Tensor) -> Tensor {
    let scale = 2.0 * (2.0 / std::f32::consts::PI).sqrt();
    let square = x * x * 0.044_715;
    let s = ((&square * x + x) * scale).sigmoid();
    let (slope, bend) = ((square * 3.0 + 1.0) * scale, x * (6.0 * 0.044_715 * scale));
    let inner = (s.number(1.0) - &s * 2.0) * &slope * &slope + bend;
    &s * (s.number(1.0) - &s) * (slope * 2.0 + x * inner)
}

fn binary_gradient(
    op: Binary,
    a: &Tensor,
    b: &Tensor,
    y: &Tensor,
    g: &Tensor,
) -> (Option<Tensor>, Option<Tensor>) {
    use Binary::*;
    if !a.dtype().is_float() {
        return (None, None);
    }
    let pair = |da: Tensor, db: Tensor| (Some(da), Some(db));
    let zero = || Tensor::literal(g.device(), 0.0);
    match op {
        Add => pair(g.clone(), g.clone()),
        Sub => pair(g.clone(), -g),
        Mul => pair(g * b, g * a),
        Div => pair(g / b, -(g * y / b)),
        Pow => {
            let da = g * b * a.pow(&(b - Fixed(1.0)));
            // 0^b has no finite logarithm; its derivative with respect to b is 0 for b >= 0.
            let log = Tensor::literal(a.device(), 0.0)
                .where_(&a.eq(Fixed(0.0)).logical_and(b.ge(Fixed(0.0))), &a.log());
            pair(zero().where_(&b.eq(Fixed(0.0)), &da), g * y * log)
        }
        Atan2 => {
            let r = g / (a * a + b * b);
            pair(&r * b, -(&r * a))
        }
        Fmod => pair(g.clone(), -(g * (a / b).trunc())),
        Max | Min => {
            let (wins, ties) = (if op == Max { a.gt(b) } else { a.lt(b) }, a.eq(b));
            // Ties share the gradient, as in torch.
            let share = Tensor::literal(g.device(), 0.5).where_(&ties, &wins.to(DType::F32));
            let da = g * &share;
            pair(da, g * (Tensor::literal(g.device(), 1.0) - share))
        }
        Eq | Ne | Lt | Le | Gt | Ge | And | Or | Xor => (None, None),
    }
}

/// A tensor or a number as an operand. A number takes the type of the other operand; for integer types an `i32` is exact, and an `f32`
/// is truncated.
pub trait Operand {
    #[doc(hidden)]
    fn beside(&self, other: &Tensor) -> Tensor;
}

impl Operand for Tensor {
    fn beside(&self, _: &Tensor) -> Tensor {
        self.clone()
    }
}
impl Operand for &Tensor {
    fn beside(&self, _: &Tensor) -> Tensor {
        (*self).clone()
    }
}
/// A number that plans depend on, for constants in formulas.
pub(crate) struct Fixed(pub f32);

impl Operand for Fixed {
    #[track_caller]
    fn beside(&self, other: &Tensor) -> Tensor {
        Tensor::literal(other.device(), self.0)
    }
}
impl Operand for f32 {
    #[track_caller]
    fn beside(&self, other: &Tensor) -> Tensor {
        other.number(*self)
    }
}
impl Operand for i32 {
    #[track_caller]
    fn beside(&self, other: &Tensor) -> Tensor {
        other.integer(*self)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $op:ident) => {
        impl<T: Operand> $trait<T> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: T) -> Tensor {
                self.binary(Binary::$op, &other.beside(self))
            }
        }
        impl<T: Operand> $trait<T> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: T) -> Tensor {
                self.binary(Binary::$op, &other.beside(&self))
            }
        }
        impl $trait<&Tensor> for f32 {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                other.number(self).binary(Binary::$op, other)
            }
        }
        impl $trait<Tensor> for f32 {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor {
                other.number(self).binary(Binary::$op, &other)
            }
        }
    };
}
operator!(Add, add, Add);
operator!(Sub, sub, Sub);
operator!(Mul, mul, Mul);
operator!(Div, div, Div);

impl Neg for &Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        self.unary(Unary::Neg)
    }
}
impl Neg for Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        self.unary(Unary::Neg)
    }
}

/// Methods that take a tensor or a number, with broadcasting.
macro_rules! binary_methods {
    ($($(#[$doc:meta])* $name:ident = $op:ident;)*) => {
        impl Tensor {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, other: impl Operand) -> Tensor {
                self.binary(Binary::$op, &other.beside(self))
            }
        )*}
    };
}
binary_methods! {
    /// `self` to the power of `other`, element-wise.
    pow = Pow;
    /// The angle of the point `(other, self)`, in radians.
    atan2 = Atan2;
    /// Remainder with the sign of `self`, C's `fmod`.
    fmod = Fmod;
    /// The larger of two elements; NaN if either is NaN. Ties share the gradient.
    maximum = Max;
    /// The smaller of two elements; NaN if either is NaN. Ties share the gradient.
    minimum = Min;
    /// Whether elements are equal (bool).
    eq = Eq;
    /// Whether elements differ (bool).
    ne = Ne;
    /// `self < other` (bool).
    lt = Lt;
    /// `self <= other` (bool).
    le = Le;
    /// `self > other` (bool).
    gt = Gt;
    /// `self >= other` (bool).
    ge = Ge;
    /// Both are true (bool tensors).
    logical_and = And;
    /// Either is true (bool tensors).
    logical_or = Or;
    /// Exactly one is true (bool tensors).
    logical_xor = Xor;
}

impl Tensor {
    /// Remainder with the sign of `other`, as Python's `%`.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[-3.5f32, 3.5], &[2])?;
    /// assert_eq!(x.remainder(2.0).to_vec::<f32>()?, [0.5, 1.5]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn remainder(&self, other: impl Operand) -> Tensor {
        let other = other.beside(self);
        let r = self.fmod(&other);
        let opposite = r.lt(0.0).logical_xor(other.lt(0.0)).logical_and(r.ne(0.0));
        (&r + &other).where_(&opposite, &r)
    }

    /// The quotient rounded down, as `torch.div` with `rounding_mode="floor"`; the gradient is 0.
    #[track_caller]
    pub fn floor_divide(&self, other: impl Operand) -> Tensor {
        let other = other.beside(self);
        // Computed from the remainder: a quotient just below an integer may be rounded up to it, and `floor` would keep that.
        let whole = ((self - self.remainder(&other)) / &other).round();
        (self / &other).trunc().where_(&other.eq(0.0), &whole)
    }

    /// `self + (end - self) * weight`
    #[track_caller]
    pub fn lerp(&self, end: &Tensor, weight: impl Operand) -> Tensor {
        self + (end - self) * weight
    }
}
