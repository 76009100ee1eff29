//! Variational autoencoders of small digits (Kingma and Welling 2014): samples, interpolation between codes, and class-conditional samples
//! (Sohn et al. 2015). `cargo run --release -p wgrad-atlas -- vae`.

use atlas::prelude::*;
use methods::unsupervised::importance_weighted_bound;
use models::{ConditionalVae, Mlp, Vae};

pub const STUDY: Study = Study {
    name: "vae",
    about: "A variational autoencoder and a conditional one: bounds, samples and interpolations.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const SIDE: usize = 14;
const PIXELS: usize = SIDE * SIDE;
const LATENT: usize = 6;
const BATCH: usize = 100;

fn run(lab: &mut Lab) -> Result<()> {
    let digits = lab.digits(lab.pick(6000, 1500), 500)?;
    let [train, test] = [digits.train.to_device(lab.device())?, digits.test.to_device(lab.device())?];
    // Binary pixels, for which a Bernoulli likelihood is exact.
    let [x, held_out] = [&train, &test].map(|set| {
        let half = set.images.avg_pool2d(Pool2d::new(2), false, None).flatten(1, -1);
        half.gt(0.35).to(DType::F32).detach()
    });
    let generator = Generator::new(lab.seed());
    let noise = |x: &Tensor| generator.normal(x.device(), &[x.shape()[0], LATENT]);

    let (vae_params, given_params, judge_params) = (lab.params(), lab.params(), lab.params());
    let net = Vae::new(&vae_params, PIXELS, 128, LATENT);
    let given = ConditionalVae::new(&given_params, PIXELS, 10, 128, LATENT);
    let judge = Mlp::new(&judge_params, &[PIXELS, 64, 10]);
    let steps = lab.pick(6000, 500);
    let rate = Cosine::new(4e-3, 0.0, steps);
    let mut draws = lab.draws(0);
    let losses = lab.fit("VAE", steps, &mut Adam::new(&vae_params), rate, |_| {
        let [x] = minibatch(&mut draws, BATCH, [&x])?;
        Ok(net.forward(&x, &noise(&x)).loss(&x))
    })?;
    lab.fit("conditional VAE", steps, &mut Adam::new(&given_params), rate, |_| {
        let [x, y] = minibatch(&mut draws, BATCH, [&x, &train.labels])?;
        Ok(given.forward(&x, &y.one_hot(10), &noise(&x)).loss(&x))
    })?;
    lab.fit("classifier", steps / 2, &mut Adam::new(&judge_params), 3e-3, |_| {
        let [x, y] = minibatch(&mut draws, BATCH, [&x, &train.labels])?;
        Ok(judge.forward(&x).cross_entropy(&y))
    })?;

    let bound = |k: usize| {
        let (mu, logvar) = net.encode(&held_out);
        let eps = generator.normal(lab.device(), &[k, held_out.shape()[0], LATENT]);
        let z = &mu + (&logvar * 0.5).exp() * &eps;
        let logits = net.decode(&z);
        let x = held_out.unsqueeze(0).expand(logits.shape());
        let likelihood =
            logits.binary_cross_entropy_with_logits(&x, None, None, Reduction::None).sum(&[2], false);
        // log p(z) - log q(z | x)
        let prior = (eps.square() + &logvar - z.square()).sum(&[2], false) * 0.5;
        importance_weighted_bound(&(prior - likelihood).t()).mean_all().item()
    };
    // The baseline: independent pixels, each with its best probability.
    let p = x.mean(&[0], true).clamp(1e-4, 1.0 - 1e-4);
    let alone = -p.expand(held_out.shape()).binary_cross_entropy(&held_out, None, Reduction::Sum).item()?
        / held_out.shape()[0] as f32;
    let (elbo, tighter) = (bound(1)?, bound(50)?);
    lab.figure("log-likelihood of an image, pixels on their own", alone);
    lab.figure("ELBO", elbo);
    lab.expect("ELBO above independent pixels", elbo - alone, 6.0..);
    lab.expect("bound of 50 draws above the ELBO", tighter - elbo, 0.2..3.0);
    let out = given.forward(&held_out, &test.labels.one_hot(10), &noise(&held_out));
    lab.expect("ELBO with the class above that without", -out.loss(&held_out).item()? - elbo, 1.0..);

    let right = |images: &Tensor, labels: &Tensor| {
        judge.forward(images).argmax(1, false).eq(labels).to(DType::F32).mean_all().item()
    };
    lab.expect("classifier on digits", right(&held_out, &test.labels)?, 0.85..);
    let wanted = &test.labels;
    let ordered = given.decode(&noise(&held_out), &wanted.one_hot(10)).sigmoid();
    lab.expect("classifier on digits as ordered", right(&ordered, wanted)?, 0.8..);
    // Samples vary as much as digits: no collapse to one image.
    let samples = net.decode(&noise(&held_out)).sigmoid();
    let spread = |x: &Tensor| (x - x.mean(&[0], true)).square().mean_all();
    lab.expect(
        "variance of samples over that of digits",
        (spread(&samples) / spread(&held_out)).item()?,
        0.2..0.9,
    );

    let curve = losses.iter().enumerate().map(|(i, loss)| (i as f64, -loss));
    let panel = plot::Panel::new("Training", "step", "ELBO of a batch, nats")
        .with(plot::Series::new("ELBO", curve).exact());
    lab.picture("vae-training", |path| plot::Figure::new("Variational autoencoder").panel(panel).save(path))?;
    let labels = test.labels.to_vec::<i32>()?;
    let code = |digit: i32| {
        let first = labels.iter().position(|&label| label == digit);
        let first = first.with_context(|| format!("no {digit} among the {} test images", labels.len()))?;
        Ok::<_, anyhow::Error>(net.encode(&held_out.narrow(0, first, 1)).0)
    };
    let (mut between, mut ends) = (Vec::new(), Vec::new());
    for [from, to] in [[0, 1], [3, 8], [4, 7]] {
        let (a, b) = (code(from)?, code(to)?);
        between.extend((0..10).map(|i| a.lerp(&b, i as f32 / 9.0)));
        ends.extend([from, to]);
    }
    let between = net.decode(&cat(&between.iter().collect::<Vec<_>>(), 0)).sigmoid();
    // The middle of a row has no class.
    let end = |i: usize| match i % 10 {
        0 => ends[i / 10 * 2].to_string(),
        9 => ends[i / 10 * 2 + 1].to_string(),
        _ => String::new(),
    };
    show(lab, "vae", "Samples of a variational autoencoder", &samples.narrow(0, 0, 30), |_| String::new())?;
    show(lab, "vae-between", "The way from one code to another", &between, end)?;
    show(lab, "vae-conditional", "Digits as ordered", &ordered.narrow(0, 0, 30), |i| labels[i].to_string())
}

fn show(
    lab: &mut Lab,
    name: &str,
    title: &str,
    images: &Tensor,
    label: impl Fn(usize) -> String,
) -> Result<()> {
    let tiles = plot::Tiles::new(SIDE, SIDE).grey(&images.to_vec::<f32>()?, label);
    lab.picture(name, |path| plot::image_grid(path, title, &tiles.images(), 10))
}
