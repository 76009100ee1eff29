//! Hopfield networks: patterns stored as minima of an energy (Hopfield 1982; Ramsauer et al. 2021, "Hopfield networks is all you need").

use autograd::Tensor;

/// `N` units of -1 and 1 that store patterns by Hebb's rule, `W = X^T X / N` with zero diagonal, and recall them by setting each unit to
/// the sign of its input. The capacity is about `0.138 N` random patterns (Amit, Gutfreund and Sompolinsky 1985).
///
/// ```
/// use methods::energy::Hopfield;
/// let pattern = [1.0, -1.0, 1.0, 1.0, -1.0, -1.0];
/// let net = Hopfield::new(&[pattern.to_vec()]);
/// let mut state = pattern;
/// state[0] = -1.0;
/// net.recall(&mut state, 10);
/// assert_eq!(state, pattern);
/// assert!((net.energy(&state) + 2.5).abs() < 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct Hopfield {
    units: usize,
    /// `[N, N]`
    weight: Vec<f32>,
}

impl Hopfield {
    /// Stores patterns of equal length.
    ///
    /// # Panics
    /// Without patterns, or when their lengths differ.
    #[track_caller]
    pub fn new(patterns: &[Vec<f32>]) -> Hopfield {
        let units = patterns.first().map_or(0, Vec::len);
        assert!(units > 0 && patterns.iter().all(|p| p.len() == units), "Hopfield: lengths of patterns");
        let mut weight = vec![0.0; units * units];
        for pattern in patterns {
            for (row, &x) in weight.chunks_exact_mut(units).zip(pattern) {
                row.iter_mut().zip(pattern).for_each(|(w, y)| *w += x * y / units as f32);
            }
        }
        (0..units).for_each(|i| weight[i * units + i] = 0.0);
        Hopfield { units, weight }
    }

    /// `-x W x / 2`
    ///
    /// # Panics
    /// When the state does not have `N` units.
    #[track_caller]
    pub fn energy(&self, state: &[f32]) -> f64 {
        assert_eq!(state.len(), self.units, "Hopfield: units of a state");
        let terms = state.iter().enumerate().map(|(i, x)| f64::from(*x) * f64::from(self.input(state, i)));
        -0.5 * terms.sum::<f64>()
    }

    /// Updates one unit after the other until none flips, in at most `sweeps` sweeps. Returns the energy after each sweep, which never
    /// rises; unless `sweeps` ran out, the last sweep changed nothing.
    ///
    /// # Panics
    /// When the state does not have `N` units.
    #[track_caller]
    pub fn recall(&self, state: &mut [f32], sweeps: usize) -> Vec<f64> {
        assert_eq!(state.len(), self.units, "Hopfield: units of a state");
        let mut energies = Vec::new();
        for _ in 0..sweeps {
            let mut turned = false;
            for i in 0..self.units {
                // A unit with input 0 keeps its state.
                if self.input(state, i) * state[i] < 0.0 {
                    state[i] = -state[i];
                    turned = true;
                }
            }
            energies.push(self.energy(state));
            if !turned {
                break;
            }
        }
        energies
    }

    fn input(&self, state: &[f32], i: usize) -> f32 {
        self.weight[i * self.units..][..self.units].iter().zip(state).map(|(w, x)| w * x).sum()
    }
}

/// Real-valued patterns `X [P, N]`, recalled by attention: `x <- softmax(beta x X^T) X`. The capacity is exponential in `N`, and recall
/// mostly takes one step.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::energy::ModernHopfield;
/// let device = Device::named("cpu")?;
/// let net = ModernHopfield::new(&Tensor::from_slice(&device, &[1.0f32, 1.0, -1.0, 1.0], &[2, 2])?, 8.0);
/// let recalled = net.recall(&Tensor::from_slice(&device, &[0.9f32, 0.5], &[1, 2])?);
/// assert!(recalled.to_vec::<f32>()?.iter().all(|x| (x - 1.0).abs() < 1e-4));
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ModernHopfield {
    patterns: Tensor,
    beta: f32,
}

impl ModernHopfield {
    /// A memory of `patterns [P, N]`; a larger `beta` recalls single patterns, a smaller one mixtures.
    pub fn new(patterns: &Tensor, beta: f32) -> ModernHopfield {
        ModernHopfield { patterns: patterns.clone(), beta }
    }

    /// One step from states `[B, N]`: attention with the patterns as keys and values.
    #[track_caller]
    pub fn recall(&self, state: &Tensor) -> Tensor {
        (state.matmul(&self.patterns.t()) * self.beta).softmax(1).matmul(&self.patterns)
    }

    /// `-logsumexp(beta X x) / beta + x x / 2`, `[B]`, which no step raises (up to constants, equation 2 of the paper).
    #[track_caller]
    pub fn energy(&self, state: &Tensor) -> Tensor {
        let similarity = (state.matmul(&self.patterns.t()) * self.beta).logsumexp(&[1], false);
        state.square().sum(&[1], false) * 0.5 - similarity / self.beta
    }
}
