//! Domain-adversarial training on real digits (Ganin et al. 2016, whose MNIST-M has digits before photographs): labels are known for white
//! digits on black, and predicted for digits before backgrounds of all greys, which are seen without labels. Features from which a
//! domain classifier cannot tell the two apart serve both: `cargo run --release -p wgrad-atlas -- digit_domains`.

use atlas::RealDigits;
use atlas::prelude::*;
use methods::representation::{reversal_strength, reverse_gradient};
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "digit_domains",
    about: "Gradient reversal carries a classifier of white digits over to digits on grey backgrounds without their labels.",
    on_gpu: false,
    data: None,
    run,
};

const SIDE: usize = 8;
const BATCH: usize = 64;
/// Half of the training digits are of each domain.
const HALF: usize = RealDigits::TRAIN / 2;
const FEATURES: usize = 64;
/// The brightest grey of a background; strokes are up to 1.
const BRIGHTEST: f32 = 0.7;
/// The largest weight of the reversed gradient. With 1, one run of three ends worse than without.
const STRENGTH: f32 = 0.3;
const RUNS: u64 = 3;

/// Digits `[N, 64]` before backgrounds of 2 x 2 random greys, smooth between them.
fn on_backgrounds(digits: &Tensor, generator: &Generator) -> Tensor {
    let n = digits.size(0);
    let greys = generator.uniform(digits.device(), &[n, 1, 2, 2]);
    let smooth = greys.interpolate(Resize::To(&[SIDE; 2]), Interpolation::Linear { align_corners: true });
    digits.maximum(&(smooth.flatten(1, -1) * BRIGHTEST)).detach()
}

/// Two convolutions with pooling, a linear layer for features, and classifiers of digits and domains.
struct Net {
    params: Params,
    convs: [Conv2d; 2],
    features: Linear,
    classes: Linear,
    domain: Mlp,
}

impl Net {
    fn new(lab: &Lab, run: u64) -> Net {
        let params = Params::new(lab.device(), lab.seed() + run);
        let conv = |name: &str, from, to| Conv2d::new(&params.path(name), from, to, 3).padding(1).build();
        Net {
            convs: [conv("conv1", 1, 16), conv("conv2", 16, 32)],
            features: Linear::new(&params.path("features"), 32 * 4, FEATURES),
            classes: Linear::new(&params.path("classes"), FEATURES, 10),
            domain: Mlp::new(&params.path("domain"), &[FEATURES, 64, 1]),
            params,
        }
    }

    fn features(&self, digits: &Tensor) -> Tensor {
        let images = digits.reshape(&[digits.size(0), 1, SIDE, SIDE]);
        let layer = |x: Tensor, conv: &Conv2d| conv.forward(&x).relu().max_pool2d(Pool2d::new(2)).0;
        self.features.forward(&self.convs.iter().fold(images, layer).flatten(1, -1)).relu()
    }

    fn accuracy(&self, digits: &Tensor, labels: &Tensor) -> Result<f64> {
        Ok(metrics::accuracy(&self.classes.forward(&self.features(digits)), labels)?)
    }

    /// The share of digits whose domain the classifier of domains finds.
    fn told(&self, source: &Tensor, target: &Tensor) -> Result<f64> {
        let share = |x: &Tensor, domain: f32| {
            let found = self.domain.forward(&self.features(x)).gt(0.0).to(DType::F32);
            found.eq(domain).to(DType::F32).mean_all()
        };
        Ok(((share(source, 0.0) + share(target, 1.0)) * 0.5).item()?.into())
    }
}

/// A network trained with labels of some digits, and with reversed gradients of the domain of those and of `target`.
fn trained(
    lab: &Lab,
    name: &str,
    run: u64,
    known: &(Tensor, Tensor),
    target: &Tensor,
    strength: f32,
) -> Result<Net> {
    let net = Net::new(lab, run);
    let steps = lab.pick(4000, 1200);
    let [mut draws, mut others] = [1, 2].map(|stream| Draws::new(lab.seed() + run, 0, stream));
    let domains = Tensor::arange(lab.device(), 2).repeat_interleave(BATCH, 0).to(DType::F32);
    let mut opt = Adam::new(&net.params);
    lab.fit(name, steps, &mut opt, Cosine::new(2e-3, 0.0, steps), |step| {
        let [known, labels] = minibatch(&mut draws, BATCH, [&known.0, &known.1])?;
        let [unknown] = minibatch(&mut others, BATCH, [target])?;
        let lambda = strength * reversal_strength(step as f32 / steps as f32);
        let features = net.features(&cat(&[&known, &unknown], 0));
        let told = net.domain.forward(&reverse_gradient(&features, lambda)).squeeze(&[1]);
        let classes = net.classes.forward(&features.narrow(0, 0, BATCH)).cross_entropy(&labels);
        Ok(classes + told.binary_cross_entropy_with_logits(&domains, None, None, Reduction::Mean))
    })?;
    Ok(net)
}

fn run(lab: &mut Lab) -> Result<()> {
    let digits = lab.real_digits()?;
    let generator = Generator::new(lab.seed());
    let half = |of: &Tensor, start| of.narrow(0, start, HALF).detach();
    let source = (half(&digits.train.0, 0), half(&digits.train.1, 0));
    let target = on_backgrounds(&half(&digits.train.0, HALF), &generator);
    let test = on_backgrounds(&digits.test.0, &generator);
    let labels = &digits.test.1;

    let (mut plain, mut adapted, mut told) = (Vec::new(), Vec::new(), [0.0; 2]);
    for run in 0..RUNS {
        for (i, name, strength) in [(0, "labels of the source", 0.0), (1, "domain-adversarial", STRENGTH)] {
            let net = trained(lab, name, run, &source, &target, strength)?;
            told[i] += net.told(&source.0, &target)? / RUNS as f64;
            [&mut plain, &mut adapted][i].push(net.accuracy(&test, labels)?);
            if run == 0 {
                lab.expect(
                    format!("{name}: right on white digits"),
                    net.accuracy(&digits.test.0, labels)?,
                    0.85..=1.0,
                );
            }
        }
    }
    let hidden = (target.clone(), half(&digits.train.1, HALF));
    let best = trained(lab, "labels of the target", 0, &hidden, &target, 0.0)?.accuracy(&test, labels)?;
    let mean = |shares: &[f64]| shares.iter().sum::<f64>() / RUNS as f64;
    let (before, after) = (mean(&plain), mean(&adapted));
    lab.expect("labels of the source: right on grey backgrounds", before, 0.6..0.82);
    lab.expect("domain-adversarial: right on grey backgrounds, above that", after - before, 0.02..);
    lab.expect("labels of the target: right on grey backgrounds", best, 0.8..=1.0);
    lab.expect("labels of the source: domains told apart", told[0], 0.9..=1.0);
    lab.expect("domain-adversarial: domains told apart", told[1], 0.3..0.8);

    let mut tiles = Tiles::new(SIDE, SIDE);
    for (name, images) in [("labels known", &source.0), ("labels asked", &target)] {
        tiles = tiles.grey(&images.narrow(0, 0, 10).to_vec::<f32>()?, |_| name.into());
    }
    let panel = plot::Panel::new("Right on grey backgrounds", "run", "share")
        .with(plot::Series::new("labels of the source", (1..).map(f64::from).zip(plain)).exact())
        .with(plot::Series::new("domain-adversarial", (1..).map(f64::from).zip(adapted)).exact())
        .with(plot::Series::new("labels of the target", (1..=RUNS).map(|run| (run as f64, best))).exact())
        .y_range(0.5, 1.0);
    lab.picture("digit_domains", |path| {
        plot::Figure::new("Digits before grey backgrounds, without their labels").panel(panel).save(path)
    })?;
    lab.picture("digits", |path| plot::Figure::new("Two domains").images(&tiles.images(), 10).save(path))
}
