//! Rotary position embeddings.

use autograd::{Device, Tensor, stack};

use super::positions::{angles, places, rates};

/// Rotates each pair of features `2i`, `2i + 1` of queries and keys by the angle `t / base^(2i / E)` at position `t`, so that their dot
/// products depend only on distances (Su et al. 2021, "RoFormer", equation 34). `base` is 10,000 in the paper.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::Rotary;
/// let device = Device::named("cpu")?;
/// let rotary = Rotary::new(&device, 16, 2, 10_000.0);
/// let x = Tensor::from_slice(&device, &[1.0f32, 0.0, 1.0, 0.0], &[2, 2])?;
/// let y = rotary.forward(&x, 0).to_vec::<f32>()?;
/// for (y, want) in y.iter().zip([1.0, 0.0, 1f32.cos(), 1f32.sin()]) {
///     assert!((y - want).abs() < 1e-6);
/// }
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias("RoPE", "RotaryPositionalEmbeddings"))]
pub struct Rotary {
    /// `[length, E / 2]`
    cos: Tensor,
    sin: Tensor,
    halves: bool,
}

impl Rotary {
    /// For up to `length` positions and `features` features per head.
    ///
    /// # Panics
    /// When the number of features is odd.
    #[track_caller]
    pub fn new(device: &Device, length: usize, features: usize, base: f64) -> Rotary {
        assert!(features.is_multiple_of(2), "Rotary: an odd number of features {features}");
        Rotary::with_rates(device, length, &rates(features, base))
    }

    /// For up to `length` positions, where pair `i` turns by `rates[i]` from one position to the next.
    pub fn with_rates(device: &Device, length: usize, rates: &[f64]) -> Rotary {
        let table = |f: fn(f64) -> f64| {
            let values: Vec<f32> = angles(length, rates).map(|angle| f(angle) as f32).collect();
            Tensor::constant(device, &values, &[length, rates.len()])
        };
        Rotary { cos: table(f64::cos), sin: table(f64::sin), halves: false }
    }

    /// Pairs feature `i` with `i + E / 2` instead of `2i` with `2i + 1`, as Llama's files have it (`rotate_half`).
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// # use models::Rotary;
    /// let device = Device::named("cpu")?;
    /// let rotary = Rotary::with_rates(&device, 16, &[1.0, 0.0]).halves();
    /// let y = rotary.forward(&Tensor::from_slice(&device, &[1.0f32, 5.0, 0.0, 7.0], &[1, 4])?, 1).to_vec::<f32>()?;
    /// for (y, want) in y.iter().zip([1f32.cos(), 5.0, 1f32.sin(), 7.0]) {
    ///     assert!((y - want).abs() < 1e-6);
    /// }
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn halves(self) -> Rotary {
        Rotary { halves: true, ..self }
    }

    /// Rotates `x [.., T, E]` at positions `start..start + T`.
    ///
    /// # Panics
    /// When the positions exceed the table, or `x` has a different number of features.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, start: usize) -> Tensor {
        let features = 2 * self.cos.shape()[1];
        let fits = x.rank() >= 2 && x.size(-1) == features;
        assert!(fits, "Rotary: {:?} with {features} features", x.shape());
        let count = x.size(-2);
        let (cos, sin) =
            (places("Rotary", &self.cos, start, count), places("Rotary", &self.sin, start, count));
        let (split, dim) = if self.halves { ([2, features / 2], -2) } else { ([features / 2, 2], -1) };
        let pairs = x.reshape(&[&x.shape()[..x.rank() - 1], &split].concat());
        let (a, b) = (pairs.select(dim, 0), pairs.select(dim, 1));
        let turned = stack(&[&(&a * &cos - &b * &sin), &(a * sin + b * cos)], dim);
        turned.reshape(x.shape())
    }
}
