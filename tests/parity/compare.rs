//! Comparing tensors with the reference.

use autograd::{DType, Tensor};

use super::fixtures::{Array, Data};

/// The agreement of a tensor with the reference.
#[derive(Clone, Debug)]
pub struct Check {
    pub tensor: String,
    /// The largest error divided by the allowed one.
    pub ratio: f64,
    /// Where the largest error is.
    pub detail: String,
}

impl Check {
    pub fn new(tensor: &str, ratio: f64, detail: impl Into<String>) -> Check {
        Check { tensor: tensor.into(), ratio, detail: detail.into() }
    }

    pub fn passed(&self) -> bool {
        self.ratio <= 1.0
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}: worst error ratio {:.3}, {}", self.tensor, self.ratio, self.detail)
    }
}

/// Compares a tensor with the reference: floats within `atol + rtol * |reference|`, NaN with NaN, infinities with sign; others exactly.
pub fn compare(name: &str, got: &Tensor, want: &Array, rtol: f32, atol: f32) -> Check {
    if got.shape() != want.shape {
        return Check::new(name, f64::INFINITY, format!("shape {:?} for {:?}", got.shape(), want.shape));
    }
    let kind = match &want.data {
        Data::Float(_) => DType::F32,
        Data::Int(_) => DType::I32,
        Data::Bool(_) => DType::Bool,
    };
    if got.dtype() != kind {
        return Check::new(name, f64::INFINITY, format!("type {} for {kind}", got.dtype()));
    }
    match &want.data {
        Data::Float(want) => worst(name, &got.to_vec::<f32>().expect("read"), want, rtol, atol),
        Data::Int(want) => exact(name, &got.to_vec::<i32>().expect("read"), want),
        Data::Bool(want) => exact(name, &got.to_vec::<u32>().expect("read"), want),
    }
}

fn exact<T: PartialEq + std::fmt::Debug>(name: &str, got: &[T], want: &[T]) -> Check {
    assert_eq!(got.len(), want.len(), "{name}: number of values");
    match got.iter().zip(want).position(|(g, w)| g != w) {
        Some(at) => {
            Check::new(name, f64::INFINITY, format!("element {at}: {:?} for {:?}", got[at], want[at]))
        }
        None => Check::new(name, 0.0, "equal"),
    }
}

/// Compares values, and returns the element with the largest error.
pub fn worst(name: &str, got: &[f32], want: &[f32], rtol: f32, atol: f32) -> Check {
    assert_eq!(got.len(), want.len(), "{name}: number of values");
    let ratio = |(&g, &w): (&f32, &f32)| -> f64 {
        if g == w || (g.is_nan() && w.is_nan()) {
            return 0.0;
        }
        let error = (f64::from(g) - f64::from(w)).abs();
        if !error.is_finite() {
            return f64::INFINITY;
        }
        error / (f64::from(atol) + f64::from(rtol) * f64::from(w.abs()))
    };
    let ratios = got.iter().zip(want).map(ratio);
    match ratios.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)) {
        Some((at, ratio)) => {
            Check::new(name, ratio, format!("element {at}: {:e} for {:e}", got[at], want[at]))
        }
        None => Check::new(name, 0.0, "no elements"),
    }
}
