//! Serving: a trained model is saved to a file, loaded into a fresh model, frozen, and queried one image at a time and in batches:
//! `cargo run --release -p wgrad-atlas -- serving`.

use std::time::Instant;

use atlas::prelude::*;
use wgrad::models::{Mlp, Snapshot, freeze};

pub const STUDY: Study = Study {
    name: "serving",
    about: "A model answers the same after a round trip through a file, alone and in batches, and how fast.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const SIZES: [usize; 4] = [49, 128, 64, 10];
const BATCHES: [usize; 4] = [1, 8, 64, 256];

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.small_digits(2000, 512)?;
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (x, seen) = (test.images.flatten(1, -1), train.images.flatten(1, -1));
    let params = lab.params();
    let net = Mlp::new(&params, &SIZES);
    let mut draws = lab.draws(0);
    lab.fit("training", lab.pick(800, 250), &mut Adam::new(&params), 3e-3, |_| {
        let [x, y] = minibatch(&mut draws, 64, [&seen, &train.labels])?;
        Ok(net.forward(&x).cross_entropy(&y))
    })?;
    let path = lab.out().join("model.safetensors");
    let snapshot: Snapshot = params.snapshot(&[])?;
    snapshot.write(&path, "digits, 49-128-64-10")?;

    // The server has only the architecture and the file.
    let served_params = Params::new(lab.device(), 0);
    let served = Mlp::new(&served_params, &SIZES);
    served_params.load(&path)?;
    let (ours, theirs) = (net.forward(&x).to_vec::<f32>()?, served.forward(&x).to_vec::<f32>()?);
    lab.expect("logits that differ after the round trip", apart(&ours, &theirs), 0.0..=0.0);
    lab.expect("accuracy", metrics::accuracy(&served.forward(&x), &test.labels)?, 0.88..);
    lab.expect("bytes a parameter", std::fs::metadata(&path)?.len() as f64 / params.count() as f64, 4.0..4.1);

    let (requests, frozen): (Vec<f32>, _) = (x.to_vec()?, freeze(served));
    let most = x.shape()[0].min(512);
    let ask = |from: usize, count: usize| -> Result<Vec<f32>> {
        let images = &requests[from * 49..(from + count) * 49];
        let images = Tensor::from_slice(lab.device(), images, &[count, 49])?;
        Ok(frozen.call(&[images])?[0].to_vec::<f32>()?)
    };
    let (mut throughput, mut singles, mut latencies) = (Vec::new(), Vec::new(), Vec::new());
    for batch in BATCHES {
        ask(0, batch)?; // the first compiles
        let (rounds, start) = (lab.pick(4096, 512) / batch, Instant::now());
        for round in 0..rounds {
            let began = Instant::now();
            let answers = ask(round * batch % (most / batch * batch), batch)?;
            if batch == 1 {
                latencies.push(1e3 * began.elapsed().as_secs_f64());
                singles.extend(if round < most { answers } else { vec![] });
            }
        }
        throughput.push((batch as f64, (rounds * batch) as f64 / start.elapsed().as_secs_f64()));
    }
    lab.expect("one by one against one batch", apart(&singles, &theirs), ..1e-4);
    latencies.sort_by(f64::total_cmp);
    for percent in [50, 95, 99] {
        lab.figure(format!("ms to answer, p{percent}"), latencies[(latencies.len() - 1) * percent / 100]);
    }
    for (batch, rate) in &throughput {
        lab.figure(format!("images a second, batches of {batch}"), *rate);
    }
    let online = latencies.iter().enumerate().map(|(i, &ms)| (100.0 * i as f64 / latencies.len() as f64, ms));
    let online = plot::Panel::new("One at a time", "percent of requests", "answered within (ms)")
        .with(plot::Series::new("", online).exact())
        .log_y();
    let batches = plot::Panel::new("In batches", "images in a batch", "images a second")
        .with(plot::Series::new("", throughput))
        .log_x()
        .log_y();
    lab.picture("serving", |path| plot::Figure::new("Serving").panel(online).panel(batches).save(path))
}

/// The largest absolute difference.
fn apart(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}
