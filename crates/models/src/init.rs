//! Initial values of parameters, as `torch.nn.init`.

use gpu_core::philox;

/// The side of a layer whose variance is preserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fan {
    /// Inputs of a unit, for the variance of activations.
    In,
    /// Outputs that depend on a unit, for the variance of gradients.
    Out,
}

/// The non-linearity after a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonlinearity {
    /// None; gain 1.
    Linear,
    /// Logistic function; gain 1, as in PyTorch.
    Sigmoid,
    /// Hyperbolic tangent; gain 5/3.
    Tanh,
    /// `max(x, 0)`; gain `sqrt(2)`.
    Relu,
    /// Leaky ReLU with this slope below 0.
    LeakyRelu(f32),
    /// Scaled exponential linear unit; gain 3/4, as in PyTorch.
    Selu,
}

impl Nonlinearity {
    /// The gain with which a layer and its non-linearity preserve variance (`torch.nn.init.calculate_gain`).
    ///
    /// ```
    /// use models::init::Nonlinearity;
    /// assert_eq!(Nonlinearity::Relu.gain(), 2f32.sqrt());
    /// ```
    #[doc(alias = "calculate_gain")]
    pub fn gain(self) -> f32 {
        match self {
            Nonlinearity::Linear | Nonlinearity::Sigmoid => 1.0,
            Nonlinearity::Tanh => 5.0 / 3.0,
            Nonlinearity::Relu => std::f32::consts::SQRT_2,
            Nonlinearity::LeakyRelu(slope) => (2.0 / (1.0 + slope * slope)).sqrt(),
            Nonlinearity::Selu => 0.75,
        }
    }
}

/// How to draw a parameter's initial values. The generator is Philox 4x32-10 keyed by the seed and the parameter's name, so that values
/// depend neither on the device nor on the rest of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// This value everywhere.
    Constant(f32),
    /// Uniform in `low..high`.
    Uniform {
        /// Lower end.
        low: f32,
        /// Upper end.
        high: f32,
    },
    /// Normal.
    Normal {
        /// Mean.
        mean: f32,
        /// Standard deviation.
        std: f32,
    },
    /// Uniform with standard deviation `gain / sqrt(fan)` (He et al. 2015).
    KaimingUniform {
        /// The [gain](Nonlinearity::gain) of the non-linearity.
        gain: f32,
        /// The side whose variance is preserved.
        fan: Fan,
    },
    /// Normal with standard deviation `gain / sqrt(fan)` (He et al. 2015).
    KaimingNormal {
        /// The [gain](Nonlinearity::gain) of the non-linearity.
        gain: f32,
        /// The side whose variance is preserved.
        fan: Fan,
    },
    /// Uniform with standard deviation `gain sqrt(2 / (fan_in + fan_out))` (Glorot and Bengio 2010).
    XavierUniform {
        /// The [gain](Nonlinearity::gain) of the non-linearity.
        gain: f32,
    },
    /// Normal with standard deviation `gain sqrt(2 / (fan_in + fan_out))` (Glorot and Bengio 2010).
    XavierNormal {
        /// The [gain](Nonlinearity::gain) of the non-linearity.
        gain: f32,
    },
    /// Normal, redrawn until within `low..=high`.
    TruncNormal {
        /// Mean before truncation.
        mean: f32,
        /// Standard deviation before truncation.
        std: f32,
        /// Smallest value.
        low: f32,
        /// Largest value.
        high: f32,
    },
    /// Orthonormal rows or columns, whichever are fewer, of the matrix `[first dimension, others]`, times `gain` (Saxe et al. 2014).
    Orthogonal {
        /// Length of the orthogonal rows or columns.
        gain: f32,
    },
}

impl Init {
    /// All 0, as biases of normalisations.
    pub const ZEROS: Init = Init::Constant(0.0);
    /// All 1, as weights of normalisations.
    pub const ONES: Init = Init::Constant(1.0);

    /// He initialisation before ReLU that preserves the variance of gradients, as in torchvision's ResNets.
    pub const HE_FAN_OUT: Init = Init::KaimingNormal { gain: std::f32::consts::SQRT_2, fan: Fan::Out };

    /// PyTorch's default for weights of linear and convolution layers: uniform within `1 / sqrt(fan_in)`.
    pub fn torch_default() -> Init {
        Init::KaimingUniform { gain: (1.0f32 / 3.0).sqrt(), fan: Fan::In }
    }

    /// PyTorch's default for biases: uniform within `1 / sqrt(fan_in)`.
    pub fn torch_bias(fan_in: usize) -> Init {
        let bound = if fan_in > 0 { 1.0 / (fan_in as f32).sqrt() } else { 0.0 };
        Init::Uniform { low: -bound, high: bound }
    }

    /// Draws values for a parameter of `shape`.
    ///
    /// # Panics
    /// When an orthogonal parameter has fewer than two dimensions.
    ///
    /// ```
    /// use models::Init;
    /// let values = Init::Uniform { low: -1.0, high: 1.0 }.draw(&[1000], 42, "weight");
    /// assert!(values.iter().all(|v| (-1.0..1.0).contains(v)));
    /// assert!(values.iter().sum::<f32>().abs() < 100.0);
    /// ```
    pub fn draw(self, shape: &[usize], seed: u64, name: &str) -> Vec<f32> {
        let (fan_in, fan_out) = fans(shape);
        let fan_of = |fan| if fan == Fan::In { fan_in } else { fan_out };
        let he = |gain: f32, fan| gain / fan_of(fan).sqrt();
        let glorot = |gain: f32| gain * (2.0 / (fan_in + fan_out)).sqrt();
        let count = shape.iter().product();
        let source = Source { seed, stream: stream(name), count };
        // A uniform distribution within +-b has standard deviation b / sqrt(3).
        let uniform = |std: f32| source.uniform(-3f32.sqrt() * std, 3f32.sqrt() * std);
        match self {
            Init::Constant(value) => vec![value; count],
            Init::Uniform { low, high } => source.uniform(low, high),
            Init::Normal { mean, std } => source.normal(mean, std),
            Init::KaimingUniform { gain, fan } => uniform(he(gain, fan)),
            Init::KaimingNormal { gain, fan } => source.normal(0.0, he(gain, fan)),
            Init::XavierUniform { gain } => uniform(glorot(gain)),
            Init::XavierNormal { gain } => source.normal(0.0, glorot(gain)),
            Init::TruncNormal { mean, std, low, high } => source.trunc_normal(mean, std, low, high),
            Init::Orthogonal { gain } => orthogonal(shape, &source.normal(0.0, 1.0), gain),
        }
    }
}

/// Connections into and out of a unit: `[out, in, k..]` has fans `in * k` and `out * k`.
fn fans(shape: &[usize]) -> (f32, f32) {
    let field: usize = shape.iter().skip(2).product();
    let at = |d: usize| shape.get(d).copied().unwrap_or(1).max(1);
    ((at(1) * field.max(1)) as f32, (at(0) * field.max(1)) as f32)
}

/// Hashes a name to a stream number (FNV-1a).
pub(crate) fn stream(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3))
}

/// Orthonormalises normal draws of `shape`, as a matrix of the first dimension by the others, along the shorter side.
fn orthogonal(shape: &[usize], draws: &[f32], gain: f32) -> Vec<f32> {
    assert!(shape.len() >= 2, "Init::Orthogonal: of shape {shape:?}");
    let rows = shape[0];
    let columns = shape[1..].iter().product::<usize>();
    let (few, long) = (rows.min(columns), rows.max(columns));
    let at =
        |vector: usize, i: usize| if rows <= columns { vector * columns + i } else { i * columns + vector };
    let mut basis: Vec<Vec<f64>> = vec![];
    for k in 0..few {
        let mut v: Vec<f64> = (0..long).map(|i| f64::from(draws[at(k, i)])).collect();
        // Gram-Schmidt; the second round removes rounding errors of the first.
        for _ in 0..2 {
            for b in &basis {
                let along: f64 = v.iter().zip(b).map(|(v, b)| v * b).sum();
                v.iter_mut().zip(b).for_each(|(v, b)| *v -= along * b);
            }
        }
        let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        v.iter_mut().for_each(|v| *v /= norm);
        basis.push(v);
    }
    let mut values = vec![0.0; rows * columns];
    for (k, v) in basis.iter().enumerate() {
        v.iter().enumerate().for_each(|(i, v)| values[at(k, i)] = gain * *v as f32);
    }
    values
}

struct Source {
    seed: u64,
    stream: u64,
    count: usize,
}

impl Source {
    /// An unlimited stream of random words.
    fn words(&self) -> impl Iterator<Item = [u32; 4]> {
        let (seed, stream) = (self.seed, self.stream);
        (0..).map(move |i| philox::philox(seed, i, stream))
    }

    fn uniform(&self, low: f32, high: f32) -> Vec<f32> {
        self.words().flatten().take(self.count).map(|w| low + (high - low) * philox::uniform(w)).collect()
    }

    fn normal(&self, mean: f32, std: f32) -> Vec<f32> {
        let pairs = self.words().flat_map(|[a, b, c, d]| [philox::normal(a, b), philox::normal(c, d)]);
        pairs.flatten().take(self.count).map(|z| mean + std * z).collect()
    }

    /// By rejection from a uniform distribution over the bounds, cut to within 9 deviations of the most probable value.
    fn trunc_normal(&self, mean: f32, std: f32, low: f32, high: f32) -> Vec<f32> {
        let [low, high] = [low, high].map(|x| f64::from((x - mean) / std));
        let peak = 0f64.clamp(low, high);
        let (from, to) = (low.max(peak - 9.0), high.min(peak + 9.0));
        let tries = self.words().flat_map(|[a, b, c, d]| [[a, b], [c, d]]);
        let accepted = tries.filter_map(|words| {
            let [at, chance] = words.map(|w| f64::from(philox::uniform(w)));
            let z = from + (to - from) * at;
            (chance < ((peak * peak - z * z) / 2.0).exp()).then_some(z)
        });
        accepted.take(self.count).map(|z| (f64::from(mean) + f64::from(std) * z) as f32).collect()
    }
}
