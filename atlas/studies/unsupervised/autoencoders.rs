//! Denoising (Vincent et al. 2008), contractive (Rifai et al. 2011) and convolutional autoencoders, and the purpose of each.
//! `cargo run --release -p wgrad-atlas -- autoencoders`.

use atlas::prelude::*;
use models::{Autoencoder, ConvAutoencoder};
use wgrad::autograd::jacobian_penalty;

pub const STUDY: Study = Study {
    name: "autoencoders",
    about: "Plain, denoising, contractive and convolutional autoencoders of digits.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const SIDE: usize = 14;
const PIXELS: usize = SIDE * SIDE;
const BATCH: usize = 100;
/// In deviations of the pixels.
const NOISE: f32 = 1.0;

fn run(lab: &mut Lab) -> Result<()> {
    let digits = lab.standardized_digits(lab.pick(4000, 1000), 500)?;
    denoising(lab, &digits)?;
    contractive(lab, &digits)?;
    convolutional(lab, &digits)
}

/// Minimises `loss` on minibatches of digits.
fn train(lab: &Lab, what: &str, params: &Params, x: &Tensor, loss: impl Fn(&Tensor) -> Tensor) -> Result<()> {
    let (mut opt, mut draws, steps) = (Adam::new(params), lab.draws(0), lab.pick(3000, 300));
    lab.fit(what, steps, &mut opt, Cosine::new(1e-2, 0.0, steps), |_| {
        let [x] = minibatch(&mut draws, BATCH, [x])?;
        Ok(loss(&x))
    })?;
    Ok(())
}

fn denoising(lab: &mut Lab, digits: &StandardizedDigits) -> Result<()> {
    let generator = Generator::new(lab.seed());
    let noisy = |x: &Tensor| x + generator.normal(x.device(), x.shape()) * NOISE;
    let nets: Vec<Autoencoder> = ["plain", "denoising"]
        .iter()
        .map(|&name| {
            let params = lab.params();
            let net = Autoencoder::new(&params, &[PIXELS, 128, 24]);
            let input = |x: &Tensor| if name == "plain" { x.clone() } else { noisy(x) };
            train(lab, name, &params, &digits.train, |x| {
                net.forward(&input(x)).mse_loss(x, Reduction::Mean)
            })?;
            Ok(net)
        })
        .collect::<Result<_>>()?;
    let test = &digits.test;
    let corrupted = noisy(test);
    let error = |of: &Tensor| of.mse_loss(test, Reduction::Mean).item();
    let (plain, denoised) = (nets[0].forward(&corrupted), nets[1].forward(&corrupted));
    lab.expect("plain: error on clean images, in variances", error(&nets[0].forward(test))?, ..0.25);
    lab.expect("denoising: what is left of the noise", error(&denoised)? / error(&corrupted)?, ..0.45);
    lab.expect(
        "denoising: error over the plain one's on noisy images",
        error(&denoised)? / error(&plain)?,
        ..0.75,
    );

    let rows = [("clean", test), ("noisy", &corrupted), ("plain", &plain), ("denoising", &denoised)];
    let mut tiles = plot::Tiles::new(SIDE, SIDE);
    for (name, images) in rows {
        let values = (images.narrow(0, 0, 10) * &digits.scale + &digits.mean).to_vec::<f32>()?;
        tiles = tiles.grey(&values, |i| if i == 0 { name.into() } else { String::new() });
    }
    let images = tiles.images();
    lab.picture("autoencoders", |path| {
        plot::image_grid(path, "Digits and what autoencoders make of them", &images, 10)
    })
}

/// The penalty in closed form: the Jacobian of sigmoid units is `h (1 - h)` times their weights.
fn contractive(lab: &mut Lab, digits: &StandardizedDigits) -> Result<()> {
    let mut found = Vec::new();
    for (name, strength) in [("sigmoid", 0.0), ("contractive", 0.2)] {
        let params = lab.params();
        let net = Autoencoder::new(&params, &[PIXELS, 32]);
        let weight = params.get("encoder.fc1.weight").context("the encoder's weight")?;
        let norm = |code: &Tensor| {
            let slopes = (code * (1.0 - code)).square();
            slopes.matmul(&weight.value().square().sum(&[1], true)).mean_all()
        };
        train(lab, name, &params, &digits.train, |x| {
            let code = net.encode(x).sigmoid();
            net.decode(&code).mse_loss(x, Reduction::Mean) + norm(&code) * strength
        })?;
        let x = digits.test.variable();
        let code = net.encode(&x).sigmoid();
        let (closed, derived) = (norm(&code).item()?, jacobian_penalty(&code, &x).item()?);
        let error = net.decode(&code).mse_loss(&x, Reduction::Mean).item()?;
        lab.expect(
            format!("{name}: Jacobian by the closed form over that by backward passes"),
            closed / derived,
            0.9999..1.0001,
        );
        lab.figure(format!("{name}: squared Frobenius norm of the Jacobian"), derived);
        lab.expect(format!("{name}: error, in variances"), error, ..0.5);
        found.push(derived);
    }
    lab.expect("contractive: Jacobian over the plain one's", found[1] / found[0], ..0.4);
    Ok(())
}

fn convolutional(lab: &mut Lab, digits: &StandardizedDigits) -> Result<()> {
    // Padded to 16 x 16, which can be halved twice.
    let square =
        |x: &Tensor| x.reshape(&[x.shape()[0], 1, SIDE, SIDE]).pad(&[(1, 1), (1, 1)], Padding::Constant(0.0));
    let (params, flat) = (lab.params(), lab.params());
    Autoencoder::new(&flat, &[PIXELS, 128, 24]);
    let dense = flat.count();
    let net = ConvAutoencoder::new(&params, &[1, 8, 8]);
    train(lab, "convolutional", &params, &digits.train, |x| {
        let x = square(x);
        net.forward(&x).mse_loss(&x, Reduction::Mean)
    })?;
    let x = square(&digits.test);
    let error =
        net.forward(&x).mse_loss(&x, Reduction::Mean).item()? * x.shape()[2].pow(2) as f32 / PIXELS as f32;
    lab.expect("convolutional: error, in variances", error, ..0.35);
    lab.expect(
        "convolutional: parameters over a dense autoencoder's",
        params.count() as f64 / dense as f64,
        ..0.2,
    );
    // Shifting the input by four pixels, on an empty background, shifts the code by one position.
    let wide = x.pad(&[(8, 8), (8, 8)], Padding::Constant(0.0));
    let (code, moved) = (net.encode(&wide), net.encode(&wide.roll(4, 3)));
    let off = (code.roll(1, 3) - moved).narrow(3, 2, 4).abs().amax(&[0, 1, 2, 3], false).item()?;
    lab.expect("convolutional: how far the code of a moved image is from the moved code", off, ..1e-5);
    Ok(())
}
