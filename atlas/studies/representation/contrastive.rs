//! Self-supervised learning from two augmented views of each image: SimCLR (Chen et al. 2020), MoCo with its queue and momentum encoder (He
//! et al. 2019), and BYOL without negatives (Grill et al. 2020). The features are evaluated by a linear classifier with fifty labels per
//! class: `cargo run --release -p wgrad-atlas -- contrastive`.

use atlas::prelude::*;
use methods::representation::{NegativeQueue, byol_loss, linear_probe, spread, update_target};
use wgrad::models::{Mlp, Mode};

pub const STUDY: Study = Study {
    name: "contrastive",
    about: "SimCLR, MoCo and BYOL on digits: features learned without labels, judged by a linear probe.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const BATCH: usize = 128;
const FEATURES: usize = 64;
const CODE: usize = 32;

/// An encoder from images to features, and a projection to the vectors that are compared.
struct Encoder {
    body: Mlp,
    hidden: Linear,
    norm: BatchNorm1d,
    out: Linear,
}

impl Encoder {
    fn new(params: &Params) -> Encoder {
        Encoder {
            body: Mlp::new(&params.path("body"), &[49, 128, FEATURES]),
            hidden: Linear::new(&params.path("hidden"), FEATURES, 128),
            norm: BatchNorm1d::new(&params.path("norm"), 128),
            out: Linear::new(&params.path("out"), 128, CODE),
        }
    }

    fn features(&self, images: &Tensor) -> Tensor {
        self.body.forward(&images.flatten(1, -1)).relu()
    }

    fn forward(&self, images: &Tensor) -> Tensor {
        let h = self.hidden.forward(&self.features(images));
        self.out.forward(&self.norm.forward(&h, Mode::Train).relu())
    }
}

/// An augmented view of each image: shifted, changed in brightness, and noisy.
fn view(images: &Tensor, generator: &Generator) -> Tensor {
    let light = generator.uniform(images.device(), &[images.size(0), 1, 1, 1]) + 0.5;
    let moved = data::on_device::random_crop(images, 1, generator) * light;
    data::on_device::gaussian_noise(&moved, 0.1, generator)
}

/// An encoder with the additional parts of the methods.
struct Learner {
    params: Params,
    encoder: Encoder,
    /// The momentum encoder of MoCo and BYOL.
    slow: (Params, Encoder),
    /// BYOL's prediction of the slow encoder's projection.
    predictor: (Linear, BatchNorm1d, Linear),
    queue: NegativeQueue,
}

#[derive(Clone, Copy, PartialEq)]
enum Method {
    SimClr,
    MoCo,
    Byol,
    /// BYOL without predictor and target network, which can collapse to the same vector for all images.
    Bare,
}

impl Learner {
    fn new(lab: &Lab) -> Learner {
        let (params, slow) = (lab.params(), lab.params());
        let encoder = Encoder::new(&params.path("encoder"));
        let second = Encoder::new(&slow.path("encoder"));
        slow.freeze("*");
        let head = params.path("predictor");
        let predictor = (
            Linear::new(&head.path("hidden"), CODE, 128),
            BatchNorm1d::new(&head.path("norm"), 128),
            Linear::new(&head.path("out"), 128, CODE),
        );
        let random = Generator::new(lab.seed()).normal(lab.device(), &[4 * BATCH, CODE]);
        Learner { params, encoder, slow: (slow, second), predictor, queue: NegativeQueue::new(&random) }
    }

    fn predict(&self, z: &Tensor) -> Tensor {
        let (hidden, norm, out) = &self.predictor;
        out.forward(&norm.forward(&hidden.forward(z), Mode::Train).relu())
    }

    fn loss(&mut self, method: Method, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        Ok(match method {
            Method::SimClr => {
                self.encoder.forward(a).nt_xent_loss(&self.encoder.forward(b), 0.5, Reduction::Mean)
            }
            Method::MoCo => {
                update_target(&self.slow.0, &self.params, 0.05)?;
                let keys = self.slow.1.forward(b).detach();
                let loss = self.encoder.forward(a).info_nce_loss(
                    &keys,
                    Some(self.queue.keys()),
                    0.2,
                    Reduction::Mean,
                );
                self.queue.push(&keys)?;
                loss
            }
            Method::Byol => {
                update_target(&self.slow.0, &self.params, 0.05)?;
                let of = |x: &Tensor, y: &Tensor| {
                    byol_loss(&self.predict(&self.encoder.forward(x)), &self.slow.1.forward(y))
                };
                of(a, b) + of(b, a)
            }
            Method::Bare => {
                let [za, zb] = [a, b].map(|x| self.encoder.forward(x));
                2.0 - za.cosine_similarity(&zb, 1, 1e-8).mean_all() * 2.0
            }
        })
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let digits = lab.small_digits(lab.pick(4000, 2000), 1000)?;
    let (train, test) = (digits.train.to_device(lab.device())?, digits.test.to_device(lab.device())?);
    let few = 500;
    // Shifted by at most one pixel, so that features of shape suffice.
    let moved =
        |images: &Tensor, seed| data::on_device::random_crop(images, 1, &Generator::new(seed)).detach();
    let (unlabelled, unseen) = (moved(&train.images, 1), moved(&test.images, 2));
    let (shown, labels) = (unlabelled.narrow(0, 0, few), train.labels.narrow(0, 0, few));
    let probe = |features: &dyn Fn(&Tensor) -> Tensor| {
        linear_probe((&features(&shown), &labels), (&features(&unseen), &test.labels), 10, 1e-3)
    };
    let pixels = probe(&|images| images.flatten(1, -1))?;
    let untrained = Learner::new(lab);
    let random = probe(&|images| untrained.encoder.features(images))?;
    lab.figure("probe of pixels", pixels);
    lab.expect("probe of an untrained encoder", random, 0.2..0.7);

    let mut bars = vec![("pixels", pixels), ("untrained", random)];
    for (name, method) in
        [("SimCLR", Method::SimClr), ("MoCo", Method::MoCo), ("BYOL", Method::Byol), ("bare", Method::Bare)]
    {
        let steps = if method == Method::Bare { 60 } else { lab.pick(1500, 400) };
        let mut learner = Learner::new(lab);
        let mut opt = Adam::new(&learner.params)
            .only(move |param| matches!(method, Method::Byol) || param.name().starts_with("encoder"));
        let generator = Generator::new(lab.seed() + 1);
        let mut draws = lab.draws(method as u32);
        lab.fit(name, steps, &mut opt, Cosine::new(2e-3, 0.0, steps), |_| {
            let [images] = minibatch(&mut draws, BATCH, [&unlabelled])?;
            learner.loss(method, &view(&images, &generator), &view(&images, &generator))
        })?;
        let codes = learner.encoder.forward(&unseen);
        // 1 for evenly spread codes.
        let spread = spread(&codes).item()? * (CODE as f32).sqrt();
        if method == Method::Bare {
            lab.expect("spread of codes without predictor and target network", spread, ..0.25);
            continue;
        }
        let share = probe(&|images| learner.encoder.features(images))?;
        bars.push((name, share));
        // BYOL learns more slowly at first, because its target changes with it.
        let least = if method == Method::Byol { lab.pick(0.15, 0.02) } else { lab.pick(0.2, 0.08) };
        lab.expect(format!("{name}: probe over the untrained encoder"), share - random, least..0.6);
        lab.expect(format!("{name}: probe over pixels"), share - pixels, least..0.6);
        lab.expect(format!("{name}: spread of codes"), spread, 0.4..1.01);
    }

    let heights = bars.iter().map(|(_, share)| f64::from(*share));
    let panel = plot::Panel::new("A linear classifier of 500 labelled digits", "", "share of right answers")
        .layer(plot::Bars::new("", heights))
        .x_names(bars.iter().map(|(name, _)| *name))
        .y_range(0.0, 1.0);
    lab.picture("contrastive", |path| {
        plot::Figure::new("Features learned without labels").panel(panel).save(path)
    })
}
