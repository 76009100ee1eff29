//! Random labels (Zhang et al. 2017, "Understanding deep learning requires rethinking generalization"): a network fits any labels, but true
//! ones faster: `cargo run --release -p wgrad-atlas -- random_labels`.

use atlas::prelude::*;
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "random_labels",
    about: "A network learns 300 digits by heart, whether their labels are true, half of them, or none; only truth generalises.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const EXAMPLES: usize = 300;

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.small_digits(EXAMPLES, 1000)?;
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (seen, unseen) = (train.images.flatten(1, -1), test.images.flatten(1, -1));
    let steps = lab.pick(600, 300);
    let (mut panel, mut until) = (plot::Panel::new("", "step", "training loss").log_y(), Vec::new());
    for (name, share) in [("true labels", 0.0), ("half random", 0.5), ("random labels", 1.0)] {
        let (params, mut draws) = (lab.params(), lab.draws(0));
        let label = |&label: &u32| if draws.happens(share) { draws.below(10) as i32 } else { label as i32 };
        let labels: Vec<i32> = set.train.labels().iter().map(label).collect();
        let labels = Tensor::from_slice(lab.device(), &labels, &[EXAMPLES])?;
        let net = Mlp::new(&params, &[49, 256, 10]);
        let losses = lab.fit(name, steps, &mut Adam::new(&params), 5e-3, |_| {
            Ok(net.forward(&seen).cross_entropy(&labels))
        })?;
        let learned = losses.iter().position(|&loss| loss < 0.2).unwrap_or(steps);
        until.push(learned as f64);
        lab.expect(
            format!("{name}: training accuracy"),
            metrics::accuracy(&net.forward(&seen), &labels)?,
            0.995..,
        );
        lab.figure(format!("{name}: steps to a loss of 0.2"), learned as f64);
        let unseen = metrics::accuracy(&net.forward(&unseen), &test.labels)?;
        match name {
            "true labels" => lab.expect(format!("{name}: test accuracy"), unseen, 0.85..),
            "half random" => lab.expect(format!("{name}: test accuracy"), unseen, 0.2..0.75),
            _ => lab.expect(format!("{name}: test accuracy"), unseen, 0.04..0.17),
        }
        let points = losses.iter().enumerate().map(|(step, &loss)| (step as f64, loss));
        panel = panel.with(plot::Series::new(name, points.collect::<Vec<_>>()).exact());
    }
    lab.expect("how much longer random labels take", until[2] / until[0], 1.3..);
    lab.expect("how much longer half random labels take", until[1] / until[0], 1.3..);
    lab.picture("random_labels", |path| plot::Figure::new("Learning by heart").panel(panel).save(path))
}
