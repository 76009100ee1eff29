//! Adversarial attacks and adversarial training.

use anyhow::Result;
use clap::Args;
use methods::adversarial::{Pgd, fgsm};
use serde_json::{Value, json};
use wgrad::data::ImageSet;
use wgrad::prelude::*;
use wgrad::train::plot::{Figure, GridImage, Panel, Series, image_grid};

use crate::subject::{Fit, Subject};

/// The most that a pixel changes, of 255.
const EPSILONS: [u32; 4] = [1, 2, 4, 8];

/// Images in a row of the picture.
const SHOWN: usize = 8;

#[derive(Debug, Args)]
pub struct Attack {
    /// Steps of adversarial training
    #[arg(long, default_value_t = 300)]
    steps: usize,

    /// First learning rate of adversarial training
    #[arg(long, default_value_t = 0.02)]
    lr: f32,
}

/// Accuracies under both attacks, by epsilon.
struct Found {
    clean: f64,
    fgsm: Vec<f64>,
    pgd: Vec<f64>,
}

/// Steps of 2/255 for the largest epsilon, and of the same share of the smaller ones: 7 of them (Madry et al. 2018, CIFAR-10).
fn pgd(epsilon: f32) -> Pgd {
    Pgd { epsilon, step: epsilon / 4.0, steps: 7, range: [0.0, 1.0] }
}

fn shares() -> [f32; 4] {
    EPSILONS.map(|epsilon| epsilon as f32 / 255.0)
}

impl Attack {
    pub fn run(&self, subject: &Subject) -> Result<Value> {
        let generator = Generator::new(subject.seed);
        let plain = measure(subject, &generator)?;
        draw_images(subject, &generator)?;
        let [.., largest] = shares();
        let net = &subject.net;
        let fit = Fit { what: "adversarial training", images: None, steps: self.steps, lr: self.lr };
        subject.fit(net, fit, |pixels, labels| {
            // Batch norms' statistics are updated by training steps, not by attacks.
            let loss = |x: &Tensor| net.forward(x, Mode::Eval).cross_entropy(labels);
            let found = pgd(largest).attack(pixels, &generator, loss)?;
            Ok(net.forward(&found, Mode::Train).cross_entropy(labels))
        })?;
        net.params.save(subject.out.join("robust.safetensors"))?;
        let robust = measure(subject, &generator)?;
        draw_curves(subject, [("plain", &plain), ("trained with PGD", &robust)])?;
        let figures = |found: &Found| json!({ "clean": found.clean, "fgsm": found.fgsm, "pgd": found.pgd });
        Ok(json!({
            "epsilons": shares(), "images": subject.test_set.len(),
            "plain": figures(&plain), "robust": figures(&robust), "steps": self.steps,
        }))
    }
}

fn measure(subject: &Subject, generator: &Generator) -> Result<Found> {
    let attacked = |attack: &dyn Fn(&Tensor, &dyn Fn(&Tensor) -> Tensor) -> Result<Tensor>| -> Result<f64> {
        let batches = subject.test.iter().map(|[pixels, labels]| {
            let loss = |x: &Tensor| subject.net.forward(x, Mode::Eval).cross_entropy(labels);
            let found = attack(pixels, &loss)?;
            wgrad::autograd::evaluate(&[&found])?;
            Ok([found, labels.clone()])
        });
        subject.net.accuracy(&batches.collect::<Result<Vec<_>>>()?)
    };
    let fast = |epsilon| attacked(&|x, loss| Ok(fgsm(x, epsilon, loss).clamp(0.0, 1.0)));
    let projected = |epsilon| attacked(&|x, loss| Ok(pgd(epsilon).attack(x, generator, loss)?));
    Ok(Found {
        clean: subject.net.accuracy(&subject.test)?,
        fgsm: shares().into_iter().map(fast).collect::<Result<_>>()?,
        pgd: shares().into_iter().map(projected).collect::<Result<_>>()?,
    })
}

/// Images that the network names rightly, what PGD makes of them, and the difference, enlarged.
fn draw_images(subject: &Subject, generator: &Generator) -> Result<()> {
    let [pixels, labels] = &subject.test[0];
    let answers = |x: &Tensor| subject.net.forward(x, Mode::Eval).argmax(1, false).to_vec::<i32>();
    let [.., largest] = shares();
    let loss = |x: &Tensor| subject.net.forward(x, Mode::Eval).cross_entropy(labels);
    let found = pgd(largest).attack(pixels, generator, loss)?;
    let (before, after, truth) = (answers(pixels)?, answers(&found)?, labels.to_vec::<i32>()?);
    let off = (&found - pixels) / (2.0 * largest) + 0.5;
    let set: &ImageSet = &subject.test_set;
    let [_, height, width] = set.shape();
    let name = |class: i32| set.classes()[class as usize].clone();
    let shown: Vec<usize> = (0..truth.len()).filter(|&i| before[i] == truth[i]).take(SHOWN).collect();
    let bytes = |of: &Tensor, i: usize| -> Result<Vec<u8>> {
        Ok(of.select(0, i).to_vec::<f32>()?.iter().map(|p| (p * 255.0).round() as u8).collect())
    };
    let mut cells: Vec<(Vec<u8>, String, Option<bool>)> = vec![];
    for (of, said) in [(pixels, Some(&before)), (&found, Some(&after)), (&off, None)] {
        for &i in &shown {
            let label = said.map_or("change".into(), |said| name(said[i]));
            cells.push((bytes(of, i)?, label, said.map(|said| said[i] == truth[i])));
        }
    }
    let images: Vec<GridImage> = cells
        .iter()
        .map(|(pixels, label, ok)| GridImage { pixels, height, width, label: label.clone(), ok: *ok })
        .collect();
    let title = "Images, what PGD makes of them with changes of at most 8/255, and the changes, enlarged";
    Ok(image_grid(subject.out.join("adversarial.png"), title, &images, SHOWN)?)
}

fn draw_curves(subject: &Subject, found: [(&str, &Found); 2]) -> Result<()> {
    let mut panel = Panel::new("", "most that a pixel changes, of 255", "test accuracy").y_range(0.0, 1.0);
    for (name, found) in found {
        for (attack, line) in [("FGSM", &found.fgsm), ("PGD", &found.pgd)] {
            let points = EPSILONS.iter().map(|&e| f64::from(e)).zip(line.iter().copied());
            let points = [(0.0, found.clean)].into_iter().chain(points);
            panel = panel.with(Series::new(format!("{name}, {attack}"), points));
        }
    }
    Ok(Figure::new("Accuracy under attack").panel(panel).save(subject.out.join("attack.png"))?)
}
