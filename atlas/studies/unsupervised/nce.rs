//! Learning by discrimination from noise: noise-contrastive estimation finds the parameters of an unnormalised model and its normaliser
//! (Gutmann and Hyvarinen 2010); InfoNCE bounds the mutual information of two variables (van den Oord et al. 2018).
//! `cargo run --release -p wgrad-atlas -- nce`.

use std::f64::consts::TAU;

use atlas::prelude::*;

pub const STUDY: Study = Study {
    name: "nce",
    about: "Noise-contrastive estimation learns a normaliser; InfoNCE bounds mutual information.",
    on_gpu: false,
    data: None,
    run,
};

/// The precision matrix of the data's normal distribution: `[a, b; b, c]`.
const PRECISION: [f32; 3] = [1.5, -0.7, 1.0];
/// Deviation of the noise in both dimensions.
const WIDE: f32 = 2.0;

fn run(lab: &mut Lab) -> Result<()> {
    let learned = normaliser(lab)?;
    let bounds = information(lab)?;
    lab.picture("nce", |path| {
        plot::Figure::new("Learning by contrast").panel(learned).panel(bounds).save(path)
    })
}

fn normaliser(lab: &mut Lab) -> Result<plot::Panel> {
    let [a, b, c] = PRECISION;
    let det = a * c - b * b;
    let log_z = TAU.ln() - 0.5 * f64::from(det).ln();
    // The Cholesky factor of the covariance [c, -b; -b, a] / det.
    let [l00, l10] = [(c / det).sqrt(), -b / det / (c / det).sqrt()];
    let root = Tensor::from_slice(lab.device(), &[l00, 0.0, l10, (a / det - l10 * l10).sqrt()], &[2, 2])?;
    let (count, generator) = (lab.pick(40_000, 6000), Generator::new(lab.seed()));
    let data = generator.normal(lab.device(), &[count, 2]).matmul(&root.t());
    let by_noise = |x: &Tensor| {
        x.square().sum(&[-1], false) * (-0.5 / WIDE.powi(2)) - (TAU.ln() as f32 + 2.0 * WIDE.ln())
    };

    let mut panel = plot::Panel::new("Minus the learned constant", "step", "log of the normaliser");
    let steps = 500;
    for ratio in [1, 10] {
        let params = lab.params();
        let precision = params.param("precision", &[3], Init::Constant(0.5));
        let constant = params.param("constant", &[], Init::Constant(0.0));
        // The model is not constrained to integrate to 1.
        let model = |x: &Tensor| {
            let [x, y] = [0, 1].map(|i| x.select(-1, i));
            let [a, b, c] = [0, 1, 2].map(|i| precision.value().select(0, i));
            (x.square() * a + &x * &y * b * 2.0 + y.square() * c) * -0.5 + constant.value()
        };
        let noise = generator.normal(lab.device(), &[count, ratio, 2]) * WIDE;
        let loss =
            || model(&data).nce_loss(&by_noise(&data), &model(&noise), &by_noise(&noise), Reduction::Mean);
        let (mut opt, rate, mut path) = (Adam::new(&params), Cosine::new(0.2, 0.0, steps), Vec::new());
        for step in lab.steps("noise-contrastive", steps) {
            opt.step(loss().backward(), rate.lr(step))?;
            path.push((step as f64, -f64::from(constant.value().item()?)));
        }
        let found = precision.value().to_vec::<f32>()?;
        let worst = found.iter().zip(PRECISION).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let name = format!("{ratio} of noise to one of data");
        lab.expect(format!("{name}: log of the normaliser, off by"), path[steps - 1].1 - log_z, -0.06..0.06);
        lab.expect(format!("{name}: largest error of a precision"), worst, ..0.12);
        panel = panel.with(plot::Series::new(name, path).exact());
    }
    lab.figure("log of the normaliser", log_z);
    Ok(panel.with(plot::Series::new("true", [(0.0, log_z), (steps as f64, log_z)])))
}

fn information(lab: &mut Lab) -> Result<plot::Panel> {
    const PAIRS: usize = 4;
    const RHO: f32 = 0.8;
    let exact = -0.5 * PAIRS as f64 * (1.0 - f64::from(RHO * RHO)).ln();
    let (generator, device) = (Generator::new(lab.seed() + 1), lab.device().clone());
    // Batches [B, N, D] of pairs of normal vectors whose components have correlation rho.
    let draw = |batches: usize, n: usize| {
        let x = generator.normal(&device, &[batches, n, PAIRS]);
        let y = &x * RHO + generator.normal(&device, &[batches, n, PAIRS]) * (1.0 - RHO * RHO).sqrt();
        (x, y)
    };
    // log p(y | x), without terms that do not depend on x: the optimal critic.
    let ideal = |x: &Tensor, y: &Tensor| {
        let strength = 1.0 / (1.0 - RHO * RHO);
        x.matmul(&y.transpose(1, 2)) * (RHO * strength)
            - x.square().sum(&[2], true) * (0.5 * RHO * RHO * strength)
    };
    // log N minus the cross-entropy of identifying each y's own x among all.
    let bound = |scores: &Tensor| {
        let n = scores.shape()[1];
        let own = scores.diagonal(0, 1, 2) - scores.logsumexp(&[1], false);
        own.mean_all() + (n as f32).ln()
    };
    let total = lab.pick(1 << 14, 1 << 12);
    let mut curve = Vec::new();
    for n in [2, 4, 16, 64, 256] {
        let (x, y) = draw(total / n, n);
        curve.push((n as f64, f64::from(bound(&ideal(&x, &y)).item()?)));
    }
    let above_log = curve.iter().map(|(n, bound)| bound - n.ln()).fold(f64::NEG_INFINITY, f64::max);
    let rise = curve.windows(2).map(|pair| pair[1].1 - pair[0].1).fold(f64::INFINITY, f64::min);
    lab.figure("exact mutual information", exact);
    lab.expect("largest InfoNCE bound less log N", above_log, ..0.0);
    lab.expect("least rise of the bound with N", rise, 0.05..);
    lab.expect("bound of 256 less the exact information", curve[4].1 - exact, -0.35..0.03);

    const N: usize = 64;
    let params = lab.params();
    let [f, g] = ["x", "y"].map(|name| models::Mlp::new(&params.path(name), &[PAIRS, 64, 32]));
    // The optimal critic is a bilinear term minus a function of x alone, given by `offset`.
    let offset = models::Mlp::new(&params.path("offset"), &[PAIRS, 32, 1]);
    let critic =
        |x: &Tensor, y: &Tensor| f.forward(x).matmul(&g.forward(y).transpose(1, 2)) + offset.forward(x);
    let steps = lab.pick(2000, 250);
    lab.fit("critic", steps, &mut Adam::new(&params), Cosine::new(4e-3, 0.0, steps), |_| {
        let (x, y) = draw(4, N);
        Ok(-bound(&critic(&x, &y)))
    })?;
    let (x, y) = draw(total / N, N);
    let [learned, best] = [critic(&x, &y), ideal(&x, &y)].map(|scores| bound(&scores).item());
    let (learned, best) = (f64::from(learned?), f64::from(best?));
    lab.expect("learned critic of 64: bound over the ideal one's", learned / best, 0.85..1.005);
    let line = |name: &str, y: f64| plot::Series::new(name, [(2.0, y), (256.0, y)]);
    let logs = [2.0f64, 16.0].map(|n| (n, n.ln()));
    Ok(plot::Panel::new("InfoNCE", "pairs in a batch", "mutual information, nats")
        .with(plot::Series::new("bound, ideal critic", curve))
        .with(line("exact", exact))
        .with(plot::Series::new("log N", logs))
        .layer(plot::Points::new("learned critic", [(N as f64, learned)]).radius(5.0))
        .log_x())
}
