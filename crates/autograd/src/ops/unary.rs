//! Functions of one tensor, element by element.

use gpu_core::DType;
use gpu_core::kernels::Unary;

use crate::Tensor;

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $name:ident = $op:ident;)*) => {
        impl Tensor {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self) -> Tensor {
                self.unary(Unary::$op)
            }
        )*}
    };
}
unary_methods! {
    /// `|x|`. The gradient at 0 is 0.
    abs = Abs;
    /// -1, 0 or 1; 0 for NaN. The gradient is 0.
    sign = Sign;
    /// `1 / x`
    reciprocal = Recip;
    /// Square root; NaN for negative numbers.
    sqrt = Sqrt;
    /// `1 / sqrt(x)`
    rsqrt = Rsqrt;
    /// `e^x`
    exp = Exp;
    /// `exp(x) - 1`, accurate near 0.
    expm1 = Expm1;
    /// Natural logarithm.
    log = Log;
    /// `log(1 + x)`, accurate near 0.
    log1p = Log1p;
    /// Sine of radians.
    sin = Sin;
    /// Cosine of radians.
    cos = Cos;
    /// Tangent of radians.
    tan = Tan;
    /// Arcsine in radians; NaN outside of `[-1, 1]`.
    asin = Asin;
    /// Arccosine in radians; NaN outside of `[-1, 1]`.
    acos = Acos;
    /// Arctangent in radians.
    atan = Atan;
    /// Hyperbolic sine.
    sinh = Sinh;
    /// Hyperbolic cosine.
    cosh = Cosh;
    /// Inverse of the hyperbolic sine.
    asinh = Asinh;
    /// Inverse of the hyperbolic cosine; NaN below 1.
    acosh = Acosh;
    /// Inverse of the hyperbolic tangent; NaN outside of `[-1, 1]`.
    atanh = Atanh;
    /// Hyperbolic tangent.
    tanh = Tanh;
    /// The error function.
    erf = Erf;
    /// `1 - erf(x)`, accurate even if that is small.
    erfc = Erfc;
    /// `1 / (1 + exp(-x))`
    sigmoid = Sigmoid;
    /// `max(x, 0)`; NaN stays NaN. The gradient at 0 is 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[-1.0f32, 0.0, 2.0], &[3])?;
    /// assert_eq!(x.relu().to_vec::<f32>()?, [0.0, 0.0, 2.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    relu = Relu;
    /// The largest integer that is not above. The gradient is 0.
    floor = Floor;
    /// The smallest integer that is not below. The gradient is 0.
    ceil = Ceil;
    /// Rounds to the nearest integer, ties to even.
    round = Round;
    /// The integer part, towards 0. The gradient is 0.
    trunc = Trunc;
    /// Whether elements are NaN (bool).
    isnan = IsNan;
    /// Whether elements are infinite (bool).
    isinf = IsInf;
    /// Negation of a bool tensor.
    logical_not = Not;
}

impl Tensor {
    /// Converts to another type: float to integer truncates, to bool tests for non-zero.
    #[doc(alias("float", "type_as"))]
    #[track_caller]
    pub fn to(&self, dtype: DType) -> Tensor {
        if dtype == self.dtype() { self.clone() } else { self.unary(Unary::Cast(dtype)) }
    }

    /// Zeros of this shape and type.
    #[track_caller]
    pub fn zeros_like(&self) -> Tensor {
        self.number(0.0).expand(self.shape())
    }

    /// Ones of this shape and type.
    #[track_caller]
    pub fn ones_like(&self) -> Tensor {
        self.number(1.0).expand(self.shape())
    }

    /// Whether elements are neither NaN nor infinite (bool).
    #[track_caller]
    pub fn isfinite(&self) -> Tensor {
        self.isnan().logical_or(self.isinf()).logical_not()
    }

    /// `x * x`
    #[track_caller]
    pub fn square(&self) -> Tensor {
        self * self
    }

    /// `2^x`, exact for integers.
    #[track_caller]
    pub fn exp2(&self) -> Tensor {
        self.rpow(2.0)
    }

    /// `base^x`, as `base ** x` in Python.
    #[track_caller]
    pub fn rpow(&self, base: f32) -> Tensor {
        self.number(base).pow(self)
    }

    /// Logarithm to base 2.
    #[track_caller]
    pub fn log2(&self) -> Tensor {
        self.log() * std::f32::consts::LOG2_E
    }

    /// Logarithm to base 10.
    #[track_caller]
    pub fn log10(&self) -> Tensor {
        self.log() * std::f32::consts::LOG10_E
    }

    /// The fraction that [`trunc`](Tensor::trunc) removes, with the sign of `x`.
    #[track_caller]
    pub fn frac(&self) -> Tensor {
        self - self.trunc()
    }
}
