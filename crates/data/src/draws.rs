//! The random numbers of one item in one epoch.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::rng::{self, Use};

/// Random numbers for augmenting one item: a function of seed, epoch and item, whoever asks for them and when.
///
/// ```
/// use data::Draws;
/// let mut draws = Draws::new(42, 0, 7);
/// let first = draws.between(-1.0, 1.0);
/// assert!((-1.0..1.0).contains(&first));
/// assert_eq!(Draws::new(42, 0, 7).between(-1.0, 1.0), first);
/// assert_ne!(Draws::new(42, 1, 7).between(-1.0, 1.0), first);
/// ```
#[derive(Debug, Clone)]
pub struct Draws {
    seed: u64,
    epoch: usize,
    index: u32,
    rng: ChaCha8Rng,
}

impl Draws {
    /// The numbers of item `index` in `epoch`.
    pub fn new(seed: u64, epoch: usize, index: u32) -> Draws {
        Draws::at(0, seed, epoch, index)
    }

    /// The numbers of what is done to an item at `place` of a list, so that one change does not move the next one's numbers.
    pub(crate) fn at(place: usize, seed: u64, epoch: usize, index: u32) -> Draws {
        let item = u64::from(index) | (place as u64) << 32;
        Draws { seed, epoch, index, rng: rng::stream(seed, Use::Augment, epoch as u64, item) }
    }

    /// Whether the item's turn has come: random in the first epoch, and the other way in every next.
    pub(crate) fn alternates(&self) -> bool {
        let first = rng::stream(self.seed, Use::Flip, 0, u64::from(self.index)).next_u32() >> 31 == 1;
        first != (self.epoch % 2 == 1)
    }

    /// A whole number below `n`; 0 if that is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        rng::below(&mut self.rng, n)
    }

    /// Uniform in `[low, high)`, in steps of 2^-24 of the span.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        rng::between(&mut self.rng, low, high)
    }

    /// Uniform in `[0, 1)`, in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        rng::unit(&mut self.rng)
    }

    /// True with probability `p`.
    pub fn happens(&mut self, p: f32) -> bool {
        self.unit() < f64::from(p)
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        // 1 - u lies in (0, 1], so that the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// One of the items, fewer than 2^32, all equally probable.
    ///
    /// ```
    /// let mut draws = data::Draws::new(42, 0, 7);
    /// let picked: Vec<&str> = (0..100).map(|_| *draws.pick(&["a", "b"])).collect();
    /// assert!(picked.contains(&"a") && picked.contains(&"b"));
    /// ```
    ///
    /// # Panics
    /// Where there are none.
    #[track_caller]
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u32) as usize]
    }

    /// Brings the items, fewer than 2^32, into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        rng::shuffle(&mut self.rng, items);
    }

    /// Weights that sum to 1, of the symmetric Dirichlet distribution of `concentration` above 0.
    pub(crate) fn dirichlet(&mut self, concentration: f64, count: usize) -> Vec<f64> {
        let logs: Vec<f64> = (0..count).map(|_| self.log_gamma(concentration)).collect();
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.iter().map(|log| (log - largest).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }

    /// The logarithm of a gamma variable of rate 1 (Marsaglia and Tsang 2000, "A simple method for generating gamma
    /// variables"), as those of small concentrations are too small for floats.
    fn log_gamma(&mut self, concentration: f64) -> f64 {
        // The method is for concentrations of at least 1; a power of a uniform number takes its result to a smaller one.
        let power = (1.0 - self.unit()).ln() / concentration;
        let d = concentration + 1.0 - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
                return (d * v).ln() + power;
            }
        }
    }
}
