//! The two-dimensional Ising model (Ising 1925), and what is known exactly about it (Onsager 1944; Yang 1952).

use std::f64::consts::PI;

use autograd::{DType, Device, Generator, Tensor};

/// Spins of -1 and 1 on periodic square lattices, with energy `E = -sum s_i s_j` over pairs of neighbours, in units of the coupling, at
/// inverse temperature `beta`. The black fields of the chessboard are sampled at once, then the white ones: spins of one colour do not
/// interact.
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use methods::energy::Ising;
/// let device = Device::named("cpu")?;
/// let ising = Ising::new(&device, 8, 0.2);
/// let (mut spins, generator) = (Tensor::ones(&device, &[100, 8, 8]), Generator::new(1));
/// for _ in 0..30 {
///     spins = ising.sweep(&spins, &generator);
/// }
/// assert_eq!(ising.energy(&Tensor::ones(&device, &[1, 8, 8])).item()?, -2.0);
/// // At a high temperature, neighbours are hardly correlated.
/// assert!(ising.energy(&spins).mean_all().item()? > -0.6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ising {
    beta: f32,
    /// `[L, L]`: 1 on the black fields.
    black: Tensor,
}

impl Ising {
    /// Lattices of `side` x `side` spins.
    ///
    /// # Panics
    /// When `side` is odd: the chessboard would not be periodic.
    #[track_caller]
    pub fn new(device: &Device, side: usize, beta: f32) -> Ising {
        assert!(side > 0 && side.is_multiple_of(2), "Ising: a side of {side} spins is odd");
        let field = |i: usize| ((i / side + i % side) % 2) as f32;
        let black: Vec<f32> = (0..side * side).map(field).collect();
        Ising { beta, black: Tensor::constant(device, &black, &[side, side]) }
    }

    /// The sum of the four neighbours of every spin, `[C, L, L]`.
    fn neighbours(spins: &Tensor) -> Tensor {
        spins.roll(1, 1) + spins.roll(-1, 1) + spins.roll(1, 2) + spins.roll(-1, 2)
    }

    /// One sweep of Gibbs sampling of the spins `[C, L, L]`: the black ones given the white ones, then vice versa.
    #[track_caller]
    pub fn sweep(&self, spins: &Tensor, generator: &Generator) -> Tensor {
        let half = |spins: &Tensor, fields: &Tensor| {
            let up = (Ising::neighbours(spins) * (2.0 * self.beta)).sigmoid();
            let drawn = generator.uniform(spins.device(), spins.shape()).lt(&up).to(DType::F32) * 2.0 - 1.0;
            drawn.where_(&fields.gt(0.5), spins)
        };
        let spins = half(spins, &self.black);
        half(&spins, &(1.0 - &self.black)).detach()
    }

    /// The energy per spin `[C]`, from -2 to 2.
    #[track_caller]
    pub fn energy(&self, spins: &Tensor) -> Tensor {
        // Every pair is counted from both sides.
        (spins * Ising::neighbours(spins)).mean(&[1, 2], false) * -0.5
    }

    /// The mean spin `[C]`.
    #[track_caller]
    pub fn magnetisation(&self, spins: &Tensor) -> Tensor {
        spins.mean(&[1, 2], false)
    }

    /// The critical inverse temperature `ln(1 + sqrt(2)) / 2`, below which an infinite lattice is disordered.
    pub fn critical_beta() -> f64 {
        (1.0 + 2f64.sqrt()).ln() / 2.0
    }

    /// The energy per spin of an infinite lattice (Onsager 1944).
    ///
    /// ```
    /// use methods::energy::Ising;
    /// assert!((Ising::onsager_energy(Ising::critical_beta()) + 2f64.sqrt()).abs() < 1e-6);
    /// ```
    pub fn onsager_energy(beta: f64) -> f64 {
        let double = 2.0 * beta;
        let k = 2.0 * double.sinh() / double.cosh().powi(2);
        // The complete elliptic integral of the first kind by the arithmetic-geometric mean.
        let (mut a, mut g) = (1.0, (1.0 - k * k).max(0.0).sqrt().max(1e-300));
        while (a - g).abs() > 1e-14 {
            (a, g) = (0.5 * (a + g), (a * g).sqrt());
        }
        let integral = PI / (2.0 * a);
        -(1.0 + 2.0 / PI * (2.0 * double.tanh().powi(2) - 1.0) * integral) / double.tanh()
    }

    /// The absolute mean spin of an infinite lattice (Yang 1952): 0 up to [`critical_beta`](Ising::critical_beta).
    ///
    /// ```
    /// use methods::energy::Ising;
    /// assert_eq!(Ising::yang_magnetisation(0.4), 0.0);
    /// assert!((Ising::yang_magnetisation(0.5) - 0.911_319).abs() < 1e-6);
    /// ```
    pub fn yang_magnetisation(beta: f64) -> f64 {
        (1.0 - (2.0 * beta).sinh().powi(-4)).max(0.0).powf(0.125)
    }

    /// The expected energy per spin and the expected absolute mean spin of a lattice with `side` spins a side, by enumeration of all its
    /// states.
    ///
    /// # Panics
    /// When the side is over 4.
    #[track_caller]
    pub fn enumerate(side: usize, beta: f64) -> (f64, f64) {
        assert!(side <= 4, "Ising: 2^{} states are too many to enumerate", side * side);
        let count = side * side;
        let (mut total, mut energy, mut size) = (0.0, 0.0, 0.0);
        for state in 0..1u32 << count {
            let spin = |i: usize| i64::from(state >> i & 1) * 2 - 1;
            let agree = |i: usize| {
                let (row, column) = (i / side, i % side);
                spin(i) * (spin((row + 1) % side * side + column) + spin(row * side + (column + 1) % side))
            };
            let e = -(0..count).map(agree).sum::<i64>() as f64;
            let weight = (-beta * e).exp();
            total += weight;
            energy += weight * e;
            size += weight * (2 * i64::from(state.count_ones()) - count as i64).unsigned_abs() as f64;
        }
        (energy / total / count as f64, size / total / count as f64)
    }
}
