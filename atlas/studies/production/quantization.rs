//! Quantisation: int8 codes with calibrated ranges (Jacob et al. 2018) and training through the rounding (straight-through
//! estimator, Bengio et al. 2013): `cargo run --release -p wgrad-atlas -- quantization`.

use std::path::Path;

use atlas::prelude::*;
use wgrad::models::Mlp;
use wgrad::models::compress::{Observer, QuantScheme, QuantSpec, Quantizer, load_quantized, save_quantized};

pub const STUDY: Study = Study {
    name: "quantization",
    about: "A digit classifier in int8 is as good at a quarter of the size; with 2 or 3 bits, it has to train with them.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const SIZES: [usize; 4] = [49, 256, 128, 10];

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.small_digits(lab.pick(6000, 2000), lab.pick(2000, 1000))?;
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (x, seen) = (test.images.flatten(1, -1), train.images.flatten(1, -1));
    let params = lab.params();
    let net = Mlp::new(&params, &SIZES);
    let mut draws = lab.draws(0);
    let mut learn = |lab: &Lab,
                     what: &str,
                     params: &Params,
                     steps: usize,
                     lr: f32,
                     forward: &dyn Fn(&Tensor) -> Tensor| {
        lab.fit(what, steps, &mut Adam::new(params), Cosine::new(lr, 0.0, steps), |_| {
            let [x, y] = minibatch(&mut draws, 64, [&seen, &train.labels])?;
            Ok(forward(&x).cross_entropy(&y))
        })
    };
    learn(lab, "f32", &params, lab.pick(1500, 300), 3e-3, &|x| net.forward(x))?;
    let exact = metrics::accuracy(&net.forward(&x), &test.labels)?;

    let inputs = calibrated(&params, &seen.narrow(0, 0, 500))?;
    let rounded = |params: &Params, spec: QuantSpec, x: &Tensor| {
        let weights = |_, w: &Tensor| spec.fit(w).fake_quantize(w);
        forward(params, x, &weights, &mut |layer, x| inputs[layer].fake_quantize(x))
    };
    let int8 = metrics::accuracy(&rounded(&params, QuantSpec::INT8_WEIGHTS, &x), &test.labels)?;
    lab.expect("accuracy in f32", exact, 0.9..);
    lab.expect("accuracy lost in int8", exact - int8, -0.006..0.006);

    errors(lab, &params.get("fc2.weight").context("the second layer")?.value())?;
    let file = lab.out().join("f32.safetensors");
    params.save(&file)?;
    files(lab, &params, &file, &x)?;

    // Fewer bits: rounding after training, and training with rounded weights.
    let (mut after, mut aware) = (Vec::new(), Vec::new());
    for bits in [2, 3, 4, 6, 8] {
        let spec = QuantSpec { bits, scheme: QuantScheme::Symmetric, axis: Some(0) };
        after.push((f64::from(bits), metrics::accuracy(&rounded(&params, spec, &x), &test.labels)?));
        if bits <= lab.pick(4, 3) {
            let tuned = lab.params();
            Mlp::new(&tuned, &SIZES);
            tuned.load(&file)?;
            learn(lab, &format!("{bits} bits"), &tuned, lab.pick(1000, 150), 1e-3, &|x| {
                rounded(&tuned, spec, x)
            })?;
            aware.push((f64::from(bits), metrics::accuracy(&rounded(&tuned, spec, &x), &test.labels)?));
        }
    }
    lab.expect("2 bits in training", aware[0].1, 0.88..);
    lab.expect("gain of training with 2 bits", aware[0].1 - after[0].1, 0.05..);
    lab.expect("gain of training with 3 bits", aware[1].1 - after[1].1, 0.004..);
    let lines = [("rounded after training", after), ("trained with rounding", aware)];
    let f32s = plot::Series::new("f32", [(2.0, exact), (8.0, exact)]).exact();
    let panel = plot::Panel::new("", "bits of a weight", "test accuracy").with(f32s);
    let panel =
        lines.into_iter().fold(panel, |panel, (name, line)| panel.with(plot::Series::new(name, line)));
    lab.picture("quantization", |path| plot::Figure::new("Quantised weights").panel(panel).save(path))
}

/// The forward pass of [`Mlp`], with hooks that replace the weights and the inputs of each layer.
fn forward(
    params: &Params,
    x: &Tensor,
    weights: &dyn Fn(usize, &Tensor) -> Tensor,
    inputs: &mut dyn FnMut(usize, &Tensor) -> Tensor,
) -> Tensor {
    let layers: Vec<Tensor> = params.all().iter().map(Param::value).collect();
    let mut x = x.clone();
    for (i, layer) in layers.chunks(2).enumerate() {
        let read = inputs(i, &if i == 0 { x } else { x.relu() });
        x = read.linear(&weights(i, &layer[0]), Some(&layer[1]));
    }
    x
}

/// Calibrated ranges of each layer's inputs, from some images.
fn calibrated(params: &Params, images: &Tensor) -> Result<Vec<Quantizer>> {
    let mut observers = [0; 3].map(|_| Observer::new(QuantSpec::INT8_ACTIVATIONS));
    let mut fault = Ok(());
    forward(params, images, &|_, w| w.clone(), &mut |layer, x| {
        fault = fault.clone().and(observers[layer].observe(x));
        x.clone()
    });
    fault?;
    Ok(observers.iter().filter_map(Observer::quantizer).collect())
}

/// The rounding errors of a layer's weights.
fn errors(lab: &mut Lab, weight: &Tensor) -> Result<()> {
    let per_tensor = QuantSpec { axis: None, ..QuantSpec::INT8_WEIGHTS };
    let [by_tensor, by_channel] = [per_tensor, QuantSpec::INT8_WEIGHTS].map(|spec| spec.fit(weight));
    let off = |by: &Quantizer| (by.fake_quantize(weight) - weight) / &by.scale;
    lab.expect("largest error, in steps", off(&by_channel).abs().amax(&[0, 1], false).item()?, 0.49..0.5001);
    // Errors that are uniform over a step have a deviation of 1 / sqrt(12) steps.
    let uniform = off(&by_tensor).square().mean_all().item()?.sqrt() * 12f32.sqrt();
    lab.expect("rms error against a uniform one", uniform, 0.97..1.03);
    let rms = |by: &Quantizer| (by.fake_quantize(weight) - weight).square().mean_all().item();
    lab.expect("error by channel against by tensor", (rms(&by_channel)? / rms(&by_tensor)?).sqrt(), ..0.9);
    Ok(())
}

/// An int8 file against the f32 file: its size, and the predictions of a network that loads it.
fn files(lab: &mut Lab, params: &Params, full: &Path, x: &Tensor) -> Result<()> {
    let small = lab.out().join("int8.safetensors");
    save_quantized(params, &small, QuantSpec::INT8_WEIGHTS)?;
    let bytes = |path: &Path| Ok::<_, std::io::Error>(std::fs::metadata(path)?.len() as f64);
    lab.expect("file in int8 against f32", bytes(&small)? / bytes(full)?, 0.25..0.285);
    let restored = lab.params();
    let served = Mlp::new(&restored, &SIZES);
    load_quantized(&restored, &small)?;
    let same =
        forward(params, x, &|_, w| QuantSpec::INT8_WEIGHTS.fit(w).fake_quantize(w), &mut |_, x| x.clone());
    lab.expect(
        "loaded against simulated",
        (served.forward(x) - same).abs().amax(&[0, 1], false).item()?,
        ..1e-4,
    );
    Ok(())
}
