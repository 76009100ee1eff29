//! Transfer between classes of images (Yosinski et al. 2014): a residual network trained on five classes learns five others from few labels,
//! as a frozen extractor of features under a new last layer, or fine-tuned as a whole; both against as many steps from random weights:
//! `cargo run --release -p wgrad-atlas -- class_transfer`.

use atlas::PHOTOGRAPHS;
use atlas::prelude::*;
use wgrad::data::ImageSet;

pub const STUDY: Study = Study {
    name: "class_transfer",
    about: "Features of five classes of images help to learn five others from few labels: frozen or fine-tuned.",
    on_gpu: false,
    data: Some(PHOTOGRAPHS),
    run,
};

/// Classes from this on are the new ones.
const CLASSES: usize = 5;
const BATCH: usize = 32;
const RATE: f32 = 3e-3;
/// The last layer's parameters.
const HEAD: &str = "linear.*";
/// Photographs are harder to tell apart than shapes: so many times as many steps are taken.
const PHOTOS: usize = 5;

/// Images `[N, 3, H, W]` of five classes and their labels `[N]`, 0 to 4.
struct Images {
    x: Tensor,
    y: Tensor,
}

impl Images {
    /// The first `each` images of each of the classes from `first` on.
    fn new(lab: &Lab, set: &ImageSet, first: usize, each: usize) -> Result<Images> {
        let mut seen = [0; CLASSES];
        let mut wanted = |label: u32| {
            let count = (label as usize).checked_sub(first).and_then(|class| seen.get_mut(class));
            count.is_some_and(|count| std::mem::replace(count, *count + 1) < each)
        };
        let labels = set.labels();
        let of = set.subset((0..set.len()).filter(|&i| wanted(labels[i])))?.to_device(lab.device())?;
        // About mean 0 and deviation 1; a quarter of the pixels with the small budget.
        let images = (of.images - 0.45) * 4.0;
        let x = lab.pick(images.clone(), images.avg_pool2d(Pool2d::new(2), false, None)).detach();
        Ok(Images { x, y: (of.labels - first as i32).detach() })
    }
}

struct Net {
    params: Params,
    net: ResNet,
}

impl Net {
    fn new(lab: &Lab) -> Net {
        let params = lab.params();
        Net { net: ResNet::cifar(&params, 8, CLASSES), params }
    }

    /// The features of another network with their running statistics, and a new last layer.
    fn with_features(lab: &Lab, of: &Net) -> Net {
        let net = Net::new(lab);
        net.params.copy_from(&of.params, &[HEAD]);
        net
    }

    /// Trains what is not frozen; `rates` are those of the features and of the last layer. In [`Mode::Eval`], batch norm uses the
    /// running statistics, and does not update them.
    fn fit(
        &self,
        lab: &Lab,
        what: &str,
        on: &Images,
        steps: usize,
        rates: [f32; 2],
        mode: Mode,
    ) -> Result<()> {
        let steps = steps * if lab.data().is_some() { PHOTOS } else { 1 };
        let (mut draws, generator) = (lab.draws(0), Generator::new(lab.seed()));
        let mut opt = Adam::new(&self.params).group(HEAD, 0.0, rates[1]).group("*", 0.0, rates[0]);
        lab.fit(what, steps, &mut opt, OneCycle::new(RATE, steps), |_| {
            let [x, y] = minibatch(&mut draws, BATCH, [&on.x, &on.y])?;
            let x = data::on_device::random_flip(&x, 0.5, &generator);
            let x = data::on_device::random_crop(&x, x.size(2) / 8, &generator);
            Ok(self.net.forward(&x, mode).cross_entropy(&y))
        })?;
        Ok(())
    }

    fn accuracy(&self, of: &Images) -> Result<f64> {
        let n = of.x.size(0);
        let mut right = 0.0;
        for start in (0..n).step_by(500) {
            let count = (n - start).min(500);
            let logits = self.net.forward(&of.x.narrow(0, start, count), Mode::Eval);
            right += metrics::accuracy(&logits, &of.y.narrow(0, start, count))? * count as f64;
        }
        Ok(right / n as f64)
    }

    /// The largest change of a feature's parameter or running statistic from another network's.
    fn moved_from(&self, of: &Net) -> Result<f32> {
        let own = self.params.all().into_iter();
        let mut own = own.filter(|param| !models::wildcard::matches(HEAD, param.name()));
        own.try_fold(0.0f32, |most, own| {
            let other = of.params.get(own.name()).context("the same names")?;
            let apart = (own.value() - other.value()).abs().flatten(0, -1);
            Ok(most.max(apart.amax(&[0], false).item()?))
        })
    }
}

/// How the new classes are learned.
#[derive(Clone, Copy)]
enum Way {
    Scratch,
    Frozen,
    Tuned,
}

impl Way {
    const ALL: [(Way, &str); 3] =
        [(Way::Scratch, "from scratch"), (Way::Frozen, "frozen features"), (Way::Tuned, "fine-tuned")];

    fn learn(self, lab: &Lab, what: &str, old: &Net, few: &Images) -> Result<Net> {
        let steps = lab.pick(100, 60);
        let net = match self {
            Way::Scratch => Net::new(lab),
            Way::Frozen | Way::Tuned => Net::with_features(lab, old),
        };
        match self {
            Way::Scratch => net.fit(lab, what, few, steps, [1.0, 1.0], Mode::Train)?,
            Way::Tuned => net.fit(lab, what, few, steps, [0.5, 1.0], Mode::Train)?,
            Way::Frozen => {
                net.params.freeze("*");
                net.params.unfreeze(HEAD);
                // A linear model can take larger steps.
                net.fit(lab, what, few, steps, [0.0, 10.0], Mode::Eval)?;
            }
        }
        Ok(net)
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.photographs_or_shapes(lab.pick(10_000, 4000), lab.pick(2000, 1000))?;
    let of = |set, first| Images::new(lab, set, first, usize::MAX);
    let (old_train, old_test, test) = (of(&set.train, 0)?, of(&set.test, 0)?, of(&set.test, CLASSES)?);
    let old = Net::new(lab);
    old.fit(lab, "old classes", &old_train, lab.pick(600, 250), [1.0, 1.0], Mode::Train)?;
    lab.expect("accuracy on the old classes", old.accuracy(&old_test)?, 0.8..=1.0);

    let labels = lab.pick(vec![5, 20, 50, 200], vec![5, 20]);
    let mut curves = Way::ALL.map(|(_, name)| (name, Vec::new()));
    let mut moved = 0.0f32;
    for &each in &labels {
        let few = Images::new(lab, &set.train, CLASSES, each)?;
        for ((way, name), (_, curve)) in Way::ALL.into_iter().zip(&mut curves) {
            let net = way.learn(lab, &format!("{each} labels, {name}"), &old, &few)?;
            if let Way::Frozen = way {
                moved = moved.max(net.moved_from(&old)?);
            }
            curve.push(net.accuracy(&test)?);
        }
        let [scratch, frozen, tuned] = curves.each_ref().map(|(_, curve)| curve[curve.len() - 1]);
        lab.expect(format!("accuracy from scratch with {each} labels a class"), scratch, 0.15..0.95);
        for (name, accuracy) in [("frozen features", frozen), ("fine-tuning", tuned)] {
            let what = format!("gained by {name} with {each} labels a class");
            // With more labels, features of other classes are worth less.
            if each <= 20 {
                lab.expect(what, accuracy - scratch, if each < 20 { 0.08 } else { 0.03 }..0.6);
            } else {
                lab.figure(what, accuracy - scratch);
            }
        }
    }
    lab.expect("frozen weights moved by", moved, ..=0.0);

    let mut panel =
        plot::Panel::new("Five new classes", "labels of a class", "accuracy").log_x().y_range(0.2, 1.0);
    for (name, curve) in curves {
        let points = labels.iter().map(|&each| each as f64).zip(curve);
        panel = panel.with(plot::Series::new(name, points).exact());
    }
    lab.picture("class_transfer", |path| {
        plot::Figure::new("Classes learned from few labels, after five others").panel(panel).save(path)
    })
}
