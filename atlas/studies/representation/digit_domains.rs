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

/// Digits `[N, 64]` and backgrounds of 2 x 2 random greys, smooth between them: `|digit - background|`.
fn on_backgrounds(digits: &Tensor, generator: &Generator) -> Tensor {
    let n = digits.size(0);
    let greys = generator.uniform(digits.device(), &[n, 1, 2, 2]);
    let smooth = greys.interpolate(Resize::To(&[SIDE; 2]), Interpolation::Linear { align_corners: true });
    let e = |n: &str, d: f32| std::env::var(n).ok().and_then(|v| v.parse().ok()).unwrap_or(d);
    let noise = generator.normal(digits.device(), digits.shape());
    match e("KIND", 0.0) as i32 {
        0 => (digits - smooth.flatten(1, -1) * e("BG", 0.5)).abs().detach(),
        1 => (digits * e("CON", 0.6) + smooth.flatten(1, -1) * e("BG", 0.5) + noise * e("NOISE", 0.0)).detach(),
        _ => (digits.maximum(&(smooth.flatten(1, -1) * e("BG", 0.5))) + noise * e("NOISE", 0.0)).detach(),
    }
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
    fn new(lab: &Lab) -> Net {
        let params = lab.params();
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

fn run(lab: &mut Lab) -> Result<()> {
    let digits = lab.real_digits()?;
    let generator = Generator::new(lab.seed());
    let half = |of: &Tensor, start| of.narrow(0, start, HALF).detach();
    let (source, labels) = (half(&digits.train.0, 0), half(&digits.train.1, 0));
    let target = on_backgrounds(&half(&digits.train.0, HALF), &generator);
    let hidden = half(&digits.train.1, HALF);
    let test = on_backgrounds(&digits.test.0, &generator);
    let domains = Tensor::arange(lab.device(), 2).repeat_interleave(BATCH, 0).to(DType::F32);

    let steps = lab.pick(4000, 1500);
    let mut shares = Vec::new();
    for (name, known, known_labels, strength) in [
        ("labels of the source", &source, &labels, 0.0),
        ("domain-adversarial", &source, &labels, std::env::var("LAM").ok().and_then(|v| v.parse().ok()).unwrap_or(1.0f32)),
        ("labels of the target", &target, &hidden, 0.0),
    ] {
        let net = Net::new(lab);
        let [mut draws, mut others] = [lab.draws(1), lab.draws(2)];
        let mut opt = Adam::new(&net.params);
        lab.fit(name, steps, &mut opt, Cosine::new(2e-3, 0.0, steps), |step| {
            let [known, labels] = minibatch(&mut draws, BATCH, [known, known_labels])?;
            let [unknown] = minibatch(&mut others, BATCH, [&target])?;
            let lambda = strength * reversal_strength(step as f32 / steps as f32);
            let features = net.features(&cat(&[&known, &unknown], 0));
            let told = net.domain.forward(&reverse_gradient(&features, lambda)).squeeze(&[1]);
            let classes = net.classes.forward(&features.narrow(0, 0, BATCH)).cross_entropy(&labels);
            Ok(classes + told.binary_cross_entropy_with_logits(&domains, None, None, Reduction::Mean))
        })?;
        lab.figure(format!("{name}: domains told apart"), net.told(&source, &target)?);
        lab.figure(format!("{name}: right on white digits"), net.accuracy(&digits.test.0, &digits.test.1)?);
        let share = net.accuracy(&test, &digits.test.1)?;
        lab.figure(format!("{name}: right on grey backgrounds"), share);
        shares.push(share);
    }
    Ok(())
}
