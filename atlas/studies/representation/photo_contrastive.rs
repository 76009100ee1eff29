//! SimCLR (Chen et al. 2020) on colour images: a convolutional encoder learns without labels which two views show the same image. What it learns
//! depends on what the views share: two parts of an image can be matched by their colours alone, unless these are changed too:
//! `cargo run --release -p wgrad-atlas -- photo_contrastive`.

use atlas::PHOTOGRAPHS;
use atlas::prelude::*;
use methods::representation::linear_probe;
use wgrad::data::{ColorJitter, ImageSet, RandomResizedCrop};
use wgrad::models::Backbone;

pub const STUDY: Study = Study {
    name: "photo_contrastive",
    about: "SimCLR on colour images: crops and colours together teach an encoder more without labels than crops alone.",
    on_gpu: false,
    data: Some(PHOTOGRAPHS),
    run,
};

const CLASSES: usize = 10;
const RATE: f32 = 5e-3;
const FEATURES: usize = 128;
const CODE: usize = 64;
const TEMPERATURE: f32 = 0.5;
const LABELS: usize = 500;
/// The weight decay of the classifier on features: 0.01 to 0.1 are about equal, 0.001 and 0.3 worse, for pixels, an untrained and a trained encoder.
const DECAY: f32 = 0.01;
/// Photographs vary more than shapes: so many times as many steps are taken.
const PHOTOS: usize = 16;

/// A convolutional encoder from images to features, a projection to the vectors that are compared, and a classifier for training with labels.
struct Encoder {
    params: Params,
    body: Backbone,
    hidden: Linear,
    norm: BatchNorm1d,
    out: Linear,
    classes: Linear,
}

impl Encoder {
    fn new(lab: &Lab) -> Encoder {
        let params = lab.params();
        Encoder {
            body: Backbone::new(&params.path("body"), 3, &[(32, 1), (64, 2), (FEATURES, 2)]),
            hidden: Linear::new(&params.path("head.hidden"), FEATURES, FEATURES),
            norm: BatchNorm1d::new(&params.path("head.norm"), FEATURES),
            out: Linear::new(&params.path("head.out"), FEATURES, CODE),
            classes: Linear::new(&params.path("classes"), FEATURES, CLASSES),
            params,
        }
    }

    /// `[N, FEATURES]` of images `[N, 3, H, W]` in 0..1.
    fn features(&self, images: &Tensor, mode: Mode) -> Tensor {
        self.body.last(&((images - 0.45) * 4.0), mode).mean(&[2, 3], false)
    }

    /// [`features`](Encoder::features) for the probe, part by part.
    fn all_features(&self, images: &Tensor) -> Tensor {
        let parts = images.split(500, 0);
        let parts: Vec<Tensor> =
            parts.iter().map(|part| self.features(&half(part), Mode::Eval).detach()).collect();
        cat(&parts.iter().collect::<Vec<_>>(), 0)
    }

    fn codes(&self, images: &Tensor) -> Tensor {
        let hidden = self.hidden.forward(&self.features(images, Mode::Train));
        self.out.forward(&self.norm.forward(&hidden, Mode::Train).relu())
    }
}

/// What a view changes.
#[derive(Clone, Copy, PartialEq)]
enum View {
    Crop,
    Colour,
    Both,
}

/// Images at half their side: a quarter of the work.
fn half(images: &Tensor) -> Tensor {
    images.avg_pool2d(Pool2d::new(2), false, None)
}

impl View {
    /// Views `[N, 3, 16, 16]` of images `[N, 3, 32, 32]`.
    fn of(self, images: &Tensor, generator: &Generator) -> Tensor {
        let part = match self {
            View::Colour => images.clone(),
            View::Crop | View::Both => {
                let crop = RandomResizedCrop { scale: [0.4, 1.0], ..RandomResizedCrop::default() };
                data::on_device::random_resized_crop(images, &crop, generator)
            }
        };
        let mut view = data::on_device::random_flip(&half(&part), 0.5, generator);
        if self != View::Crop {
            // Strength 0.5 of the paper, which leaves a fifth of the images without jitter.
            let jitter = ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
            view = data::on_device::color_jitter(&view, &jitter, generator);
            view = data::on_device::random_grayscale(&view, 0.2, generator);
        }
        view
    }
}

/// Images `[N, 3, 32, 32]` in 0..1 and their labels `[N]`.
struct Images {
    x: Tensor,
    y: Tensor,
}

impl Images {
    fn new(lab: &Lab, set: &ImageSet) -> Result<Images> {
        let batch = set.to_device(lab.device())?;
        Ok(Images { x: batch.images.detach(), y: batch.labels })
    }
}

/// The number of steps, of which photographs need more.
fn steps(lab: &Lab, full: usize, small: usize) -> usize {
    lab.pick(full, small) * if lab.data().is_some() { PHOTOS } else { 1 }
}

/// An encoder trained with labels.
fn supervised(lab: &Lab, shown: [&Tensor; 2]) -> Result<Encoder> {
    let encoder = Encoder::new(lab);
    encoder.params.freeze("head.*");
    let (generator, mut draws, steps) = (Generator::new(lab.seed()), lab.draws(0), steps(lab, 150, 60));
    lab.fit("supervised", steps, &mut Adam::new(&encoder.params), OneCycle::new(RATE, steps), |_| {
        let [x, y] = minibatch(&mut draws, 64, shown)?;
        let features = encoder.features(&View::Both.of(&x, &generator), Mode::Train);
        Ok(encoder.classes.forward(&features).cross_entropy(&y))
    })?;
    Ok(encoder)
}

/// An encoder trained to find the other view of an image among those of others.
fn contrasted(lab: &Lab, name: &str, view: View, images: &Tensor) -> Result<Encoder> {
    let encoder = Encoder::new(lab);
    encoder.params.freeze("classes.*");
    let (generator, mut draws, steps) = (Generator::new(lab.seed()), lab.draws(1), steps(lab, 250, 150));
    lab.fit(name, steps, &mut Adam::new(&encoder.params), OneCycle::new(RATE, steps), |_| {
        let [images] = minibatch(&mut draws, lab.pick(128, 64), [images])?;
        let [a, b] = [(); 2].map(|()| encoder.codes(&view.of(&images, &generator)));
        Ok(a.nt_xent_loss(&b, TEMPERATURE, Reduction::Mean))
    })?;
    Ok(encoder)
}

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.photographs_or_shapes(lab.pick(10_000, 3000), lab.pick(2000, 1000))?;
    let (train, test) = (Images::new(lab, &set.train)?, Images::new(lab, &set.test)?);
    let few = LABELS.min(set.train.len());
    let (shown, labels) = (train.x.narrow(0, 0, few), train.y.narrow(0, 0, few));
    let probe = |features: &dyn Fn(&Tensor) -> Tensor| {
        linear_probe((&features(&shown), &labels), (&features(&test.x), &test.y), CLASSES, DECAY)
    };
    let pixels = probe(&|images| images.avg_pool2d(Pool2d::new(4), false, None).flatten(1, -1))?;
    let untrained = Encoder::new(lab);
    let random = probe(&|images| untrained.all_features(images))?;
    lab.figure("probe of pixels", pixels);
    lab.expect("probe of an untrained encoder", random, 0.15..0.35);

    let supervised = supervised(lab, [&shown, &labels])?;
    let answers = supervised.classes.forward(&supervised.all_features(&test.x));
    let supervised = metrics::accuracy(&answers, &test.y)?;
    lab.figure("supervised with the same labels", supervised);

    let mut bars =
        vec![("pixels", f64::from(pixels)), ("untrained", random.into()), ("supervised", supervised)];
    let views = [("both", View::Both), ("crop", View::Crop), ("colour", View::Colour)];
    for (name, view) in views.into_iter().take(lab.pick(3, 1)) {
        let encoder = contrasted(lab, name, view, &train.x)?;
        let share = probe(&|images| encoder.all_features(images))?;
        lab.figure(format!("{name}: probe"), share);
        bars.push((name, share.into()));
    }
    let of = |name: &str| bars.iter().find(|(bar, _)| *bar == name).map_or(f64::NAN, |(_, share)| *share);
    for (other, least) in [
        ("pixels", lab.pick(0.2, 0.06)),
        ("untrained", lab.pick(0.25, 0.1)),
        ("supervised", lab.pick(0.03, 0.08)),
    ] {
        lab.expect(format!("both: probe over {other}"), of("both") - of(other), least..0.6);
    }
    if bars.len() > 4 {
        lab.expect("both: probe over crop", of("both") - of("crop"), 0.15..0.6);
        lab.figure("both: probe over colour", of("both") - of("colour"));
    }
    let panel = plot::Panel::new("With 500 labels", "", "share of right answers")
        .layer(plot::Bars::new("", bars.iter().map(|(_, share)| *share)))
        .x_names(bars.iter().map(|(name, _)| *name))
        .y_range(0.0, 1.0);
    lab.picture("photo_contrastive", |path| {
        plot::Figure::new("Features of colour images learned without labels").panel(panel).save(path)
    })
}
