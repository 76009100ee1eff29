//! A deep autoencoder of sigmoid units, pre-trained layer by layer (Bengio et al. 2007; Vincent et al. 2010); from random weights it stays
//! at the mean image for long. `cargo run --release -p wgrad-atlas -- stacked_autoencoder`.

use atlas::prelude::*;

pub const STUDY: Study = Study {
    name: "stacked_autoencoder",
    about: "Layer-wise pre-training gets a deep autoencoder going that random weights do not.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const SIDE: usize = 14;
const SIZES: [usize; 5] = [SIDE * SIDE, 64, 48, 32, 24];

/// Encoders and decoders of sigmoid units from each size to the next; the output is linear.
struct Stack(Vec<[Linear; 2]>);

impl Stack {
    /// Parameters `0.encoder.*`, `0.decoder.*`, `1.encoder.*` and so on.
    fn new(params: &Params) -> Stack {
        let pair = |i: usize| {
            let params = params.path(i);
            let [from, to] = [SIZES[i], SIZES[i + 1]];
            [Linear::new(&params.path("encoder"), from, to), Linear::new(&params.path("decoder"), to, from)]
        };
        Stack((0..SIZES.len() - 1).map(pair).collect())
    }

    fn encode(&self, layer: usize, x: &Tensor) -> Tensor {
        self.0[layer][0].forward(x).sigmoid()
    }

    fn decode(&self, layer: usize, code: &Tensor) -> Tensor {
        let x = self.0[layer][1].forward(code);
        if layer == 0 { x } else { x.sigmoid() }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let code = (0..self.0.len()).fold(x.clone(), |x, layer| self.encode(layer, &x));
        (0..self.0.len()).rev().fold(code, |code, layer| self.decode(layer, &code))
    }

    fn error(&self, x: &Tensor) -> Tensor {
        self.forward(x).mse_loss(x, Reduction::Mean)
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let StandardizedDigits { train: x, test, mean, scale } =
        lab.standardized_digits(lab.pick(4000, 1000), 500)?;

    let (fresh, trained) = (lab.params(), lab.params());
    let (plain, stack) = (Stack::new(&fresh), Stack::new(&trained));
    let steps = lab.pick(3000, 300);
    let train = |what: &str, rate: f32, params: &Params, x: &Tensor, error: &dyn Fn(&Tensor) -> Tensor| {
        let (mut opt, mut draws) = (Adam::new(params), lab.draws(0));
        lab.fit(what, steps, &mut opt, Cosine::new(rate, 0.0, steps), |_| {
            let [x] = minibatch(&mut draws, 100, [x])?;
            Ok(error(&x))
        })
    };
    // Each layer learns to reconstruct the codes of the one below.
    let mut below = x.clone();
    for layer in 0..stack.0.len() {
        train(&format!("layer {}", layer + 1), 1e-2, &trained.path(layer), &below, &|h| {
            stack.decode(layer, &stack.encode(layer, h)).mse_loss(h, Reduction::Mean)
        })?;
        below = stack.encode(layer, &below).detach();
    }
    let before = stack.error(&test).item()?;
    let deep_path = train("from random weights", 5e-3, &fresh, &x, &|x| plain.error(x))?;
    let tuned_path = train("pre-trained", 5e-3, &trained, &x, &|x| stack.error(x))?;
    let (deep, tuned) = (plain.error(&test).item()?, stack.error(&test).item()?);
    lab.expect("pre-trained: error before fine-tuning, in variances", before, ..0.7);
    lab.expect("pre-trained: error after fine-tuning", tuned, ..0.5);
    lab.figure("from random weights: error", deep);
    lab.expect("error over that from random weights", tuned / deep, ..0.6);

    let along = |path: &[f64]| path.iter().enumerate().map(|(i, &v)| (i as f64, v)).collect::<Vec<_>>();
    let panel = plot::Panel::new("All layers together", "step", "error, in variances")
        .with(plot::Series::new("from random weights", along(&deep_path)).exact())
        .with(plot::Series::new("pre-trained layer by layer", along(&tuned_path)).exact())
        .y_range(0.0, 1.3);
    let mut tiles = plot::Tiles::new(SIDE, SIDE);
    let rows =
        [("digits", test.clone()), ("random", plain.forward(&test)), ("pre-trained", stack.forward(&test))];
    for (name, images) in rows {
        let values = (images.narrow(0, 0, 10) * &scale + &mean).to_vec::<f32>()?;
        tiles = tiles.grey(&values, |i| if i == 0 { name.into() } else { String::new() });
    }
    let images = tiles.images();
    let figure = plot::Figure::new("Four layers of sigmoid units down to 24 numbers, and back").columns(1);
    lab.picture("stacked_autoencoder", |path| figure.panel(panel).images(&images, 10).save(path))
}
