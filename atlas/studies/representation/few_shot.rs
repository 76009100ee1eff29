//! Prototypical networks (Snell, Swersky and Zemel 2017) and matching networks (Vinyals et al. 2016): an embedding trained on some
//! characters tells five new ones apart from one example each: `cargo run --release -p wgrad-atlas -- few_shot`.

use atlas::prelude::*;
use methods::representation::{matching_log_probs, prototypical_logits};
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "few_shot",
    about: "Prototypical and matching networks know new characters from one example each.",
    on_gpu: true,
    data: None,
    run,
};

/// Characters to train on; the later ones are for testing.
const KNOWN: usize = 200;
const ALL: usize = 250;
/// Examples per character.
const EACH: usize = 12;
const WAYS: usize = 5;
const QUERIES: usize = 10;

/// A task: one example `[5, P]` and ten queries `[50, P]` of each of five characters from a range, and the classes of both.
struct Task {
    support: Tensor,
    queries: Tensor,
    support_labels: Tensor,
    query_labels: Tensor,
}

impl Task {
    /// Rows of `images [EACH * ALL, P]` are ordered by example, then by character.
    fn draw(images: &Tensor, from: std::ops::Range<usize>, draws: &mut Draws) -> Result<Task> {
        let mut classes: Vec<usize> = from.collect();
        draws.shuffle(&mut classes);
        let mut times: Vec<usize> = (0..EACH).collect();
        draws.shuffle(&mut times);
        let rows = |times: &[usize]| -> Result<Tensor> {
            let of = |&time: &usize| classes[..WAYS].iter().map(move |class| (time * ALL + class) as i32);
            let rows: Vec<i32> = times.iter().flat_map(of).collect();
            Ok(images.index_select(0, &Tensor::from_slice(images.device(), &rows, &[rows.len()])?))
        };
        let labels = Tensor::arange(images.device(), WAYS);
        Ok(Task {
            support: rows(&times[..1])?,
            queries: rows(&times[1..=QUERIES])?,
            query_labels: labels.repeat(&[QUERIES]),
            support_labels: labels,
        })
    }

    /// Logits of the queries' classes, from embeddings.
    fn logits(&self, embed: &dyn Fn(&Tensor) -> Tensor, matching: bool) -> Tensor {
        let (support, queries) = (embed(&self.support), embed(&self.queries));
        if matching {
            matching_log_probs(&queries, &support, &self.support_labels, WAYS, 0.1)
        } else {
            prototypical_logits(&queries, &support, &self.support_labels, WAYS)
        }
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let characters = synthetic::glyphs(ALL, ALL * EACH, lab.seed())?.average_pooled(2)?;
    let images = characters.to_device(lab.device())?.images.flatten(1, -1);
    let net = |params: &Params| Mlp::new(params, &[images.size(1), 128, 64]);
    let tasks = lab.pick(200, 50);
    let accuracy = |embed: &dyn Fn(&Tensor) -> Tensor, matching: bool| -> Result<f32> {
        let mut draws = lab.draws(1);
        let mut right = Tensor::zeros(lab.device(), &[]);
        for _ in 0..tasks {
            let task = Task::draw(&images, KNOWN..ALL, &mut draws)?;
            let answers = task.logits(embed, matching).argmax(1, false);
            right = right + answers.eq(&task.query_labels).to(DType::F32).mean_all() / tasks as f32;
        }
        Ok(right.item()?)
    };
    let pixels = accuracy(&|x| x.clone(), false)?;
    let untrained = net(&lab.params());
    let untrained = accuracy(&|x| untrained.forward(x), false)?;

    let steps = lab.pick(4000, 500);
    let mut learned = Vec::new();
    for (name, matching) in [("prototypical", false), ("matching", true)] {
        let params = lab.params();
        let net = net(&params);
        let embed = |x: &Tensor| net.forward(x);
        let mut draws = lab.draws(0);
        let mut opt = Adam::new(&params);
        lab.fit(name, steps, &mut opt, Cosine::new(2e-3, 0.0, steps), |_| {
            let task = Task::draw(&images, 0..KNOWN, &mut draws)?;
            Ok(task.logits(&embed, matching).cross_entropy(&targets(&task.query_labels)?))
        })?;
        learned.push((name, accuracy(&embed, matching)?));
    }
    lab.expect("pixels: right of new characters", pixels, 0.3..0.7);
    lab.expect("untrained embedding", untrained, 0.25..0.65);
    for (name, share) in &learned {
        lab.expect(format!("{name} network"), *share, lab.pick(0.75, 0.65)..=1.0);
        lab.expect(format!("{name} network over pixels"), share - pixels, lab.pick(0.15, 0.07)..0.7);
    }

    let bars = [("pixels", pixels), ("untrained", untrained)].into_iter().chain(learned);
    let (names, shares): (Vec<&str>, Vec<f64>) = bars.map(|(name, share)| (name, f64::from(share))).unzip();
    let panel = plot::Panel::new("Five new characters, one example each", "", "share of right answers")
        .layer(plot::Bars::new("", shares))
        .x_names(names)
        .y_range(0.0, 1.0);
    let [_, height, width] = characters.shape();
    let shown = |i: usize| plot::GridImage {
        pixels: characters.image(ALL * (i / 10) + KNOWN + i % 10),
        height,
        width,
        label: format!("new {}", i % 10),
        ok: None,
    };
    let shown: Vec<plot::GridImage> = (0..30).map(shown).collect();
    let title = "Learning to compare characters";
    lab.picture("few_shot", |path| plot::Figure::new(title).panel(panel).images(&shown, 10).save(path))
}
