//! A normalising flow of images: affine couplings (RealNVP, Dinh et al. 2017) over whitened pixels, whose exact likelihood is compared with those
//! of independent pixels and of one normal distribution: `cargo run --release -p wgrad-atlas -- image_flow`.

use std::f64::consts::LN_2;

use atlas::prelude::*;
use atlas::{TINY_IMAGES, TinyImages, separation};
use methods::generative::{AffineCoupling, Bijection, NormalizingFlow, Permutation, Whitening};

pub const STUDY: Study = Study {
    name: "image_flow",
    about: "A flow needs fewer bits for images than a normal distribution of their pixels, and draws better ones.",
    on_gpu: false,
    data: Some(TINY_IMAGES),
    run,
};

const BATCH: usize = 128;
/// The most passes over the training images.
const PASSES: usize = 60;
/// The weight decay times the number of training images: without, a flow of 1437 digits learns them by heart.
const DECAY: f32 = 4300.0;

/// Images as rows of grey levels.
struct Levels {
    /// `[N, D]`, whole numbers from 0.
    train: Tensor,
    /// `[M, D]`
    test: Tensor,
    /// `[C, H, W]`
    shape: [usize; 3],
    /// The number of levels.
    count: usize,
}

impl Levels {
    /// Digits of 16 levels, or photographs of 256.
    fn new(lab: &Lab) -> Result<Levels> {
        let set = lab.tiny_images(lab.pick(20_000, 10_000), 1000)?;
        let shape = set.train.shape();
        let count = if shape[0] == 1 { 16 } else { 256 };
        let rows = |set: &data::ImageSet| {
            let levels: Vec<f32> = set.pixels().iter().map(|&p| f32::from(p / (256 / count) as u8)).collect();
            Tensor::from_slice(lab.device(), &levels, &[set.len(), shape.iter().product()])
        };
        Ok(Levels { train: rows(&set.train)?, test: rows(&set.test)?, shape, count })
    }

    /// Images from -1 to 1 of rows with or without noise, `[N, C, H, W]`.
    fn images(&self, rows: &Tensor) -> Tensor {
        let images = rows.floor().clamp(0.0, (self.count - 1) as f32) * (2.0 / (self.count - 1) as f32) - 1.0;
        images.reshape(&[rows.size(0), self.shape[0], self.shape[1], self.shape[2]])
    }
}

/// Pixels of one colour of a checkerboard, and then those of the other.
fn checkerboard([channels, height, width]: [usize; 3]) -> Vec<usize> {
    let black = |i: &usize| (i / width + i % width).is_multiple_of(2);
    let (black, white): (Vec<usize>, _) =
        (0..channels * height * width).partition(|i| black(&(i % (height * width))));
    [white, black].concat()
}

/// Independent pixels: for each the logarithms of the probabilities of its levels.
struct Histograms(Vec<Vec<f32>>);

impl Histograms {
    /// From the training images and, so that no level is impossible, one more of each level.
    fn new(levels: &Levels) -> Result<Histograms> {
        let (rows, dim) = (levels.train.to_vec::<f32>()?, levels.train.size(1));
        let mut counts = vec![vec![1u32; levels.count]; dim];
        rows.iter().enumerate().for_each(|(i, &level)| counts[i % dim][level as usize] += 1);
        let total = (rows.len() / dim + levels.count) as f64;
        let log = |count: u32| (f64::from(count) / total).ln() as f32;
        Ok(Histograms(counts.into_iter().map(|pixel| pixel.into_iter().map(log).collect()).collect()))
    }

    /// Bits per dimension of rows `[N, D]`.
    fn bits(&self, rows: &Tensor) -> Result<f64> {
        let rows = rows.to_vec::<f32>()?;
        let log = |(i, level): (usize, &f32)| f64::from(self.0[i % self.0.len()][*level as usize]);
        Ok(-rows.iter().enumerate().map(log).sum::<f64>() / rows.len() as f64 / LN_2)
    }

    fn sample(&self, device: &Device, draws: &mut Draws, count: usize) -> Result<Tensor> {
        let levels: Vec<f32> =
            (0..count).flat_map(|_| self.0.iter()).map(|pixel| draws.categorical(pixel) as f32).collect();
        Ok(Tensor::from_slice(device, &levels, &[count, self.0.len()])?)
    }
}

/// A flow that starts as the normal distribution of `rows`: whitening, and then pairs of couplings that each transform one half of the pixels,
/// first the two colours of a checkerboard, then random halves.
fn couplings(
    (params, count, hidden): (&Params, usize, usize),
    whitening: Whitening,
    levels: &Levels,
    draws: &mut Draws,
) -> NormalizingFlow {
    let (device, dim) = (params.device(), levels.train.size(1));
    let mut layers: Vec<Box<dyn Bijection>> = vec![Box::new(whitening)];
    let mut order = checkerboard(levels.shape);
    for pair in 0..count {
        layers.push(Box::new(Permutation::new(device, &order)));
        for swapped in [false, true] {
            let params = params.path(2 * pair + usize::from(swapped));
            layers.push(Box::new(AffineCoupling::new(&params, dim, swapped, hidden)));
        }
        draws.shuffle(&mut order);
    }
    NormalizingFlow::new(device, dim, layers)
}

/// Levels with uniform noise up to the next one, as numbers of a density: the mean of its logarithm is at most that of the levels' probabilities (Theis
/// et al. 2016).
fn noisy(rows: &Tensor, draw: &Generator) -> Tensor {
    rows + draw.uniform(rows.device(), rows.shape())
}

/// How well the likelihood separates other images from the held-out ones.
fn separate(lab: &mut Lab, flow: &NormalizingFlow, levels: &Levels, draw: &Generator) -> Result<()> {
    let (test, dim) = (&levels.test, levels.test.size(1));
    let likelihood = |rows: &Tensor| -> Result<Vec<f32>> { Ok(flow.log_prob(&noisy(rows, draw)).to_vec()?) };
    let own = likelihood(&levels.test)?;
    let separation = |rows: &Tensor| -> Result<f64> { Ok(separation(&own, &likelihood(rows)?)) };
    let mut order: Vec<i32> = (0..dim as i32).collect();
    lab.draws(2).shuffle(&mut order);
    let scrambled = test.index_select(1, &Tensor::from_slice(lab.device(), &order, &[dim])?);
    let noise = (draw.uniform(lab.device(), test.shape()) * levels.count as f32).floor();
    lab.expect("ROC-AUC against noise", separation(&noise)?, 0.99..);
    lab.expect("ROC-AUC against scrambled images", separation(&scrambled)?, 0.99..);
    lab.expect("ROC-AUC against negatives", separation(&((levels.count - 1) as f32 - test))?, 0.99..);
    // Simple images can be more likely than those that were learnt (Nalisnick et al. 2019).
    let constant = test.mean(&[1], true).floor().expand(test.shape());
    lab.figure("ROC-AUC against images of one grey", separation(&constant)?);
    Ok(())
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let mut draws = lab.draws(1);
    let levels = Levels::new(lab)?;
    let dim = levels.train.size(1);
    let whitening = || Whitening::fit(&noisy(&levels.train, &draw));

    let params = lab.params();
    let size = (&params, lab.pick(6, 4), if levels.shape[0] == 1 { 128 } else { 256 });
    let flow = couplings(size, whitening()?, &levels, &mut draws);
    let steps = lab.pick(5000, 1500).min(PASSES * levels.train.size(0) / BATCH);
    let mut opt = AdamW::new(&params).weight_decay(DECAY / levels.train.size(0) as f32);
    lab.fit("log-likelihood", steps, &mut opt, Cosine::new(3e-3, 0.0, steps), |_| {
        let [rows] = minibatch(&mut draws, BATCH, [&levels.train])?;
        Ok(-flow.log_prob(&noisy(&rows, &draw)).mean_all() / dim as f32)
    })?;

    let bits = |model: &NormalizingFlow, rows: &Tensor| -> Result<f64> {
        let nats = (0..4).map(|_| Ok(f64::from(model.log_prob(&noisy(rows, &draw)).mean_all().item()?)));
        Ok(-nats.sum::<Result<f64>>()? / 4.0 / dim as f64 / LN_2)
    };
    let pixels = Histograms::new(&levels)?;
    let normal = NormalizingFlow::new(&device, dim, vec![Box::new(whitening()?)]);
    let trained = levels.train.narrow(0, 0, levels.test.size(0));
    let (independent, gaussian) = (pixels.bits(&levels.test)?, bits(&normal, &levels.test)?);
    let found = bits(&flow, &levels.test)?;
    lab.figure("bits of a level", (levels.count as f64).log2());
    lab.figure("bits per dimension: independent pixels", independent);
    lab.figure("bits per dimension: a normal distribution", gaussian);
    lab.expect("bits per dimension: the flow", found, ..1.4);
    lab.figure("bits per dimension: the flow, of training images", bits(&flow, &trained)?);
    lab.expect("the flow below the normal distribution", gaussian - found, 0.5..);
    lab.expect("the flow below independent pixels", independent - found, 0.08..);
    let x = noisy(&levels.test, &draw).detach();
    let off = (flow.inverse(&flow.forward(&x).0) - &x).abs().amax(&[0, 1], false).item()?;
    lab.expect("inverse, error in levels", off, ..0.01);
    separate(lab, &flow, &levels, &draw)?;

    let mut tiles = Tiles::new(TinyImages::SIDE, TinyImages::SIDE);
    for (name, rows) in [
        ("held out", levels.test.narrow(0, 0, 10)),
        ("flow", flow.sample(&draw, 30)),
        ("normal distribution", normal.sample(&draw, 10)),
        ("independent pixels", pixels.sample(&device, &mut draws, 10)?),
    ] {
        TinyImages::bytes(&levels.images(&rows))?.into_iter().for_each(|pixels| tiles.add(name, pixels));
    }
    lab.picture("image_flow", |path| {
        plot::Figure::new("Images, and those drawn from three densities")
            .images(&tiles.images(), 10)
            .save(path)
    })
}
