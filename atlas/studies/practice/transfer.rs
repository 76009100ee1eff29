//! Transfer learning: a network trained on the digits learns from a few examples which of them are prime, with its features frozen,
//! fine-tuned at a smaller rate, or unfrozen layer by layer (Howard and Ruder 2018): `cargo run --release -p wgrad-atlas -- transfer`.

use atlas::prelude::*;
use wgrad::data::ImageSet;

pub const STUDY: Study = Study {
    name: "transfer",
    about: "Features that tell digits apart help to learn which are prime from two examples each: frozen, fine-tuned or unfrozen by layer.",
    on_gpu: false,
    data: None,
    run,
};

/// Two feature layers and a head.
struct Net {
    params: Params,
    features: [Linear; 2],
    head: Linear,
}

impl Net {
    fn new(lab: &Lab, classes: usize) -> Net {
        let params = lab.params();
        let layer = |name, inputs, outputs| Linear::new(&params.path(name), inputs, outputs);
        let (features, head) = ([layer("fc1", 49, 128), layer("fc2", 128, 64)], layer("head", 64, classes));
        Net { features, head, params }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        self.head.forward(&self.features.iter().fold(x.clone(), |x, layer| layer.forward(&x).relu()))
    }

    /// The features of another network, and a new head for two classes.
    fn with_features(lab: &Lab, of: &Net) -> Net {
        let net = Net::new(lab, 2);
        net.params.copy_from(&of.params, &["head.*"]);
        net
    }

    fn fit(&self, lab: &Lab, what: &str, set: &(Tensor, Tensor), steps: usize, lr: f32) -> Result<()> {
        let mut draws = lab.draws(0);
        // Created after freezing, so that it updates only the other parameters; features learn at a tenth of the head's rate.
        let mut opt = Adam::new(&self.params).group("fc*", 0.0, 0.1);
        lab.fit(what, steps, &mut opt, lr, |_| {
            let [x, y] = minibatch(&mut draws, 20, [&set.0, &set.1])?;
            Ok(self.forward(&x).cross_entropy(&y))
        })?;
        Ok(())
    }

    fn accuracy(&self, set: &(Tensor, Tensor)) -> Result<f64> {
        Ok(metrics::accuracy(&self.forward(&set.0), &set.1)?)
    }
}

/// Images `[N, 49]`, and whether they show a prime `[N]`.
fn primes(lab: &Lab, set: &ImageSet) -> Result<(Tensor, Tensor)> {
    let labels: Vec<i32> = set.labels().iter().map(|label| i32::from([2, 3, 5, 7].contains(label))).collect();
    let labels = Tensor::from_slice(lab.device(), &labels, &[labels.len()])?;
    Ok((set.to_device(lab.device())?.images.flatten(1, -1), labels))
}

fn run(lab: &mut Lab) -> Result<()> {
    let (old_set, new_set) = (lab.seed(), lab.seed() + 1000);
    let digits = synthetic::small_digits(3000, 1, old_set)?.train.to_device(lab.device())?;
    let set = synthetic::small_digits(20, 1000, new_set)?;
    let (target, test) = (primes(lab, &set.train)?, primes(lab, &set.test)?);
    let (long, short) = (lab.pick(2500, 800), lab.pick(300, 150));
    let old = Net::new(lab, 10);
    old.fit(lab, "digits", &(digits.images.flatten(1, -1), digits.labels), long, 1e-2)?;

    let scratch = Net::new(lab, 2);
    scratch.fit(lab, "from scratch", &target, short, 1e-2)?;
    let frozen = Net::with_features(lab, &old);
    frozen.params.freeze("fc*");
    frozen.fit(lab, "frozen features", &target, short, 1e-2)?;
    let kept = frozen.params.get("fc1.weight").zip(old.params.get("fc1.weight")).context("a weight")?;
    let moved = (kept.0.value() - kept.1.value()).abs().amax(&[0, 1], false).item()?;
    let tuned = Net::with_features(lab, &old);
    tuned.fit(lab, "fine-tuned", &target, short, 1e-2)?;
    let unfrozen = Net::with_features(lab, &old);
    unfrozen.params.freeze("fc*");
    for layers in ["head", "fc2", "fc1"] {
        unfrozen.params.unfreeze(&format!("{layers}.*"));
        unfrozen.fit(lab, &format!("unfrozen down to {layers}"), &target, short / 3, 1e-2)?;
    }

    let from_scratch = scratch.accuracy(&test)?;
    lab.expect("accuracy from scratch", from_scratch, 0.5..0.85);
    for (name, net) in [("frozen features", frozen), ("fine-tuned", tuned), ("unfrozen by layer", unfrozen)] {
        let accuracy = net.accuracy(&test)?;
        lab.figure(format!("accuracy, {name}"), accuracy);
        lab.expect(format!("gained over scratch, {name}"), accuracy - from_scratch, 0.03..);
    }
    lab.expect("frozen weights moved by", moved, ..=0.0);
    Ok(())
}
