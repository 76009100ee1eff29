//! Positions added to embeddings: learned or sinusoidal.

use autograd::{Device, Tensor};

use crate::{Init, Param, Params};

/// A trained vector for each position, added to `[N, T, E]`. Parameter `weight [length, E]`, initially standard normal, as in
/// `torch.nn.Embedding`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{LearnedPositions, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let positions = LearnedPositions::new(&params, 4, 1);
/// params.get("weight").unwrap().set(&Tensor::from_slice(&device, &[0.0f32, 1.0, 2.0, 3.0], &[4, 1])?);
/// let x = Tensor::zeros(&device, &[1, 2, 1]);
/// assert_eq!(positions.forward(&x, 0).to_vec::<f32>()?, [0.0, 1.0]);
/// assert_eq!(positions.forward(&x, 2).to_vec::<f32>()?, [2.0, 3.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct LearnedPositions {
    weight: Param,
}

impl LearnedPositions {
    /// A table for `length` positions of `width` features, drawn from the standard normal distribution.
    #[track_caller]
    pub fn new(params: &Params, length: usize, width: usize) -> LearnedPositions {
        let normal = Init::Normal { mean: 0.0, std: 1.0 };
        LearnedPositions { weight: params.param("weight", &[length, width], normal) }
    }

    /// Adds the vectors of positions `start..start + T` to `x [N, T, E]`.
    ///
    /// # Panics
    /// When the positions exceed the table, or `x` has a different width.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, start: usize) -> Tensor {
        x + rows("LearnedPositions", &self.weight.value(), start, x)
    }
}

/// Sinusoids of geometrically increasing wavelength, added to `[N, T, E]` (Vaswani et al. 2017, section 3.5): position `t` gets
/// `sin(t / 10000^(2i / E))` in feature `2i` and the cosine of the same angle in feature `2i + 1`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::SinusoidalPositions;
/// let device = Device::named("cpu")?;
/// let positions = SinusoidalPositions::new(&device, 16, 4);
/// let y = positions.forward(&Tensor::zeros(&device, &[1, 1, 4]), 3).to_vec::<f32>()?;
/// for (y, want) in y.iter().zip([3f32.sin(), 3f32.cos(), 0.03f32.sin(), 0.03f32.cos()]) {
///     assert!((y - want).abs() < 1e-6);
/// }
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias = "PositionalEncoding")]
pub struct SinusoidalPositions {
    table: Tensor,
}

impl SinusoidalPositions {
    /// # Panics
    /// When `width` is odd.
    #[track_caller]
    pub fn new(device: &Device, length: usize, width: usize) -> SinusoidalPositions {
        assert!(width.is_multiple_of(2), "SinusoidalPositions: an odd width {width}");
        let mut table = Vec::with_capacity(length * width);
        for angle in angles(length, &rates(width, 10_000.0)) {
            table.extend([angle.sin() as f32, angle.cos() as f32]);
        }
        SinusoidalPositions { table: Tensor::constant(device, &table, &[length, width]) }
    }

    /// Adds the sinusoids of positions `start..start + T` to `x [N, T, E]`.
    ///
    /// # Panics
    /// When the positions exceed the table, or `x` has a different width.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, start: usize) -> Tensor {
        x + rows("SinusoidalPositions", &self.table, start, x)
    }
}

/// `1 / base^(2i / width)` for every `i < width / 2`.
pub(crate) fn rates(width: usize, base: f64) -> Vec<f64> {
    (0..width / 2).map(|i| base.powf(-((2 * i) as f64) / width as f64)).collect()
}

/// `t rates[i]` for every position `t` and every `i`.
pub(super) fn angles(length: usize, rates: &[f64]) -> impl Iterator<Item = f64> {
    (0..length).flat_map(move |t| rates.iter().map(move |rate| t as f64 * rate))
}

/// Rows of a table `[length, E]` for `x [.., T, E]` at positions `start..start + T`.
#[track_caller]
fn rows(op: &str, table: &Tensor, start: usize, x: &Tensor) -> Tensor {
    let (s, t) = (x.shape(), table.shape());
    let fits = s.len() >= 2 && s.last() == t.last();
    assert!(fits, "{op}: input {s:?} for positions {t:?}");
    places(op, table, start, s[s.len() - 2])
}

/// Rows `start..start + count` of a table. If `start` is not 0, they are looked up by an index operand, so that a start that changes from
/// step to step makes no new plans.
#[track_caller]
pub(super) fn places(op: &str, table: &Tensor, start: usize, count: usize) -> Tensor {
    let (length, end) = (table.shape()[0], start.saturating_add(count));
    assert!(end <= length, "{op}: positions {start}..{end} of {length}");
    if start == 0 {
        return table.narrow(0, 0, count);
    }
    table.embedding(&(Tensor::arange(table.device(), count) + start as i32))
}
