//! Pruning: removes weights of small magnitude in rounds with fine-tuning (Han et al. 2015), or whole channels (Li et al. 2017):
//! `cargo run --release -p wgrad-atlas -- pruning`.

use atlas::prelude::*;
use wgrad::models::Mlp;
use wgrad::models::compress::{Masks, load_sparse, save_sparse};

pub const STUDY: Study = Study {
    name: "pruning",
    about: "A digit classifier keeps its accuracy with a fifth of its weights, if they are the largest, and with half of its channels.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const SIZES: [usize; 4] = [49, 128, 64, 10];
const SPARSITIES: [f64; 5] = [0.5, 0.8, 0.9, 0.95, 0.98];

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.small_digits(lab.pick(6000, 2000), lab.pick(2000, 1000))?;
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (x, seen) = (test.images.flatten(1, -1), train.images.flatten(1, -1));
    let dense = lab.out().join("dense.safetensors");
    let params = lab.params();
    let net = Mlp::new(&params, &SIZES);
    let mut draws = lab.draws(0);
    let mut learn = |lab: &Lab, what: &str, steps: usize, lr: f32, masks: Option<&Masks>| -> Result<f64> {
        lab.fit(what, steps, &mut Adam::new(&params), Cosine::new(lr, 0.0, steps), |_| {
            masks.iter().for_each(|masks| masks.apply());
            let [x, y] = minibatch(&mut draws, 64, [&seen, &train.labels])?;
            Ok(net.forward(&x).cross_entropy(&y))
        })?;
        masks.iter().for_each(|masks| masks.apply());
        metrics::accuracy(&net.forward(&x), &test.labels).map_err(Into::into)
    };
    let full = learn(lab, "dense", lab.pick(1500, 400), 3e-3, None)?;
    params.save(&dense)?;
    let weights = params.matching("*.weight");
    let tuning = lab.pick(500, 80);

    // In rounds: each prunes the result of the previous one.
    let (mut cut, mut tuned) = (vec![], vec![]);
    for sparsity in SPARSITIES {
        let masks = Masks::magnitude(&weights, sparsity)?;
        tuned.push((sparsity, learn(lab, &format!("{sparsity} by magnitude"), tuning, 2e-3, Some(&masks))?));
        if sparsity == 0.9 {
            let sparse = lab.out().join("sparse.safetensors");
            save_sparse(&params, &sparse)?;
            let bytes = |path| Ok::<_, std::io::Error>(std::fs::metadata(path)?.len() as f64);
            let before = net.forward(&x).to_vec::<f32>()?;
            load_sparse(&params, &sparse)?;
            let same = before == net.forward(&x).to_vec::<f32>()?;
            lab.expect("file of a tenth of the weights", bytes(&sparse)? / bytes(&dense)?, 0.13..0.17);
            lab.expect("same answers from that file", f64::from(u8::from(same)), 1.0..=1.0);
        }
    }
    let generator = Generator::new(lab.seed());
    let mut random = vec![];
    for sparsity in SPARSITIES {
        params.load(&dense)?;
        Masks::magnitude(&weights, sparsity)?.apply();
        cut.push((sparsity, metrics::accuracy(&net.forward(&x), &test.labels)?));
        params.load(&dense)?;
        let masks = Masks::random(&weights, sparsity, &generator)?;
        random.push((sparsity, learn(lab, &format!("{sparsity} at random"), tuning, 2e-3, Some(&masks))?));
    }

    // Prunes half of the hidden channels, and extracts the small dense network that remains.
    params.load(&dense)?;
    let masks = Masks::channels(&params, &["fc1", "fc2"], 0.5)?;
    let halved = learn(lab, "half of the channels", tuning, 2e-3, Some(&masks))?;
    let small = lab.params();
    let narrow = Mlp::new(&small, &[SIZES[0], SIZES[1] / 2, SIZES[2] / 2, SIZES[3]]);
    keep_channels(&params, &masks, &small)?;
    let apart = (narrow.forward(&x) - net.forward(&x)).abs().amax(&[0, 1], false).item()?;

    lab.expect("accuracy of the dense net", full, 0.9..);
    lab.expect("lost with a fifth of the weights", full - tuned[1].1, ..0.03);
    lab.expect("lost with a tenth of the weights", full - tuned[2].1, ..0.07);
    lab.expect("a tenth, by magnitude against random", tuned[2].1 - random[2].1, lab.pick(0.15, 0.4)..);
    lab.expect("a tenth, gain of fine-tuning", tuned[2].1 - cut[2].1, 0.2..);
    lab.expect("lost with half of the channels", full - halved, ..0.04);
    lab.expect("the small net against the masked one", apart, ..1e-4);
    lab.expect("its parameters", small.count() as f64 / params.count() as f64, 0.3..0.4);
    let lines = [("smallest, in rounds", tuned), ("random", random), ("smallest, no fine-tuning", cut)];
    let panel = plot::Panel::new("", "share of weights removed", "test accuracy");
    let panel = panel.with(plot::Series::new("dense", [(0.5, full), (0.98, full)]).exact());
    let panel =
        lines.into_iter().fold(panel, |panel, (name, line)| panel.with(plot::Series::new(name, line)));
    lab.picture("pruning", |path| plot::Figure::new("Pruning").panel(panel).save(path))
}

/// Copies the remaining channels of layers `fc1`, `fc2`, `fc3` to a network of just that size.
fn keep_channels(from: &Params, masks: &Masks, to: &Params) -> Result<()> {
    let mut columns: Option<Tensor> = None;
    for layer in ["fc1", "fc2", "fc3"] {
        let bias = format!("{layer}.bias");
        let rows = match masks.of(&bias) {
            None => None,
            Some(mask) => {
                let kept = mask.to_vec::<f32>()?;
                let kept: Vec<i32> = (0..kept.len()).filter(|&i| kept[i] == 1.0).map(|i| i as i32).collect();
                Some(Tensor::from_slice(mask.device(), &kept, &[kept.len()])?)
            }
        };
        for (name, both) in [(format!("{layer}.weight"), true), (bias, false)] {
            let mut value = from.get(&name).context("a layer")?.value();
            if let Some(rows) = &rows {
                value = value.index_select(0, rows);
            }
            if let (Some(columns), true) = (&columns, both) {
                value = value.index_select(1, columns);
            }
            to.get(&name).context("the same layer")?.set(&value);
        }
        columns = rows;
    }
    Ok(())
}
