//! Depth: plain networks of 10 and more layers train worse than shallow ones, residual networks (He et al. 2016) do not:
//! `cargo run --release -p wgrad-atlas -- depth`.

use atlas::prelude::*;

pub const STUDY: Study = Study {
    name: "depth",
    about: "Digit classifiers of 2, 5, 10 and 20 layers: without residual connections the deep ones do not even fit the training set.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const DEPTHS: [usize; 4] = [2, 5, 10, 20];

/// Hidden layers of 32 units, with or without residual connections.
struct Net {
    first: Linear,
    hidden: Vec<Linear>,
    last: Linear,
    residual: bool,
    share: f32,
}

impl Net {
    fn new(params: &Params, depth: usize, residual: bool) -> Net {
        let hidden = (2..depth).map(|i| Linear::new(&params.path(format!("fc{i}")), 32, 32)).collect();
        let (first, last) =
            (Linear::new(&params.path("first"), 49, 32), Linear::new(&params.path("last"), 32, 10));
        Net { first, hidden, last, residual, share: (1.0 / depth as f32).sqrt() }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let mut x = self.first.forward(x).relu();
        for layer in &self.hidden {
            let next = layer.forward(&x).relu();
            // Each branch is scaled by 1 / sqrt(depth).
            x = if self.residual { x + next * self.share } else { next };
        }
        self.last.forward(&x)
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.small_digits(1000, 1000)?;
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (seen, unseen) = (train.images.flatten(1, -1), test.images.flatten(1, -1));
    let steps = lab.pick(1000, 250);
    let mut curves = plot::Panel::new("Training, mean of 25 steps", "step", "cross entropy").log_y();
    let mut ends = plot::Panel::new("In the end", "layers", "test accuracy").y_range(0.0, 1.0);
    for residual in [false, true] {
        let kind = if residual { "residual" } else { "plain" };
        let mut accuracies = Vec::new();
        for depth in DEPTHS {
            let (params, mut draws) = (lab.params(), lab.draws(0));
            let net = Net::new(&params, depth, residual);
            let name = format!("{kind}, {depth} layers");
            let mut opt = Adam::new(&params);
            let losses = lab.fit(&name, steps, &mut opt, Cosine::new(5e-3, 0.0, steps), |_| {
                let [x, y] = minibatch(&mut draws, 64, [&seen, &train.labels])?;
                Ok(net.forward(&x).cross_entropy(&y))
            })?;
            let accuracy = metrics::accuracy(&net.forward(&unseen), &test.labels)?;
            let loss = losses[steps - 25..].iter().sum::<f64>() / 25.0;
            accuracies.push((depth as f64, accuracy));
            match (residual, depth) {
                (_, 2) => lab.expect(format!("training loss, {name}"), loss, ..1.4),
                // A uniform guess has a loss of ln 10 = 2.30.
                (false, 20) => lab.expect(format!("training loss, {name}"), loss, 2.2..2.4),
                (false, _) => lab.figure(format!("training loss, {name}"), loss),
                (true, _) => lab.expect(format!("training loss, {name}"), loss, ..0.4),
            }
            if depth == 20 || (depth == 2 && !residual) {
                let means = losses.chunks(25).enumerate();
                let means =
                    means.map(|(i, part)| (25.0 * i as f64, part.iter().sum::<f64>() / part.len() as f64));
                curves = curves.with(plot::Series::new(&name, means).exact());
            }
        }
        match residual {
            true => lab.expect("accuracy, residual, 20 layers", accuracies[3].1, 0.8..),
            false => lab.expect("accuracy, plain, 20 layers", accuracies[3].1, ..0.3),
        }
        ends = ends.with(plot::Series::new(kind, accuracies));
    }
    lab.picture("depth", |path| plot::Figure::new("Depth").panel(curves).panel(ends).save(path))
}
