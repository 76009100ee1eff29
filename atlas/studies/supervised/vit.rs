//! A small vision transformer (Dosovitskiy et al. 2021) on digits of 28 x 28 pixels, with and without position embeddings; without them it
//! is invariant to the order of the patches: `cargo run --release -p wgrad-atlas -- vit`.

use atlas::prelude::*;

pub const STUDY: Study = Study {
    name: "vit",
    about: "A vision transformer reads digits, with several times the errors where it has no positions.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const SIDE: usize = 28;
const PATCH: usize = 7;
/// Patches per row.
const PATCHES: usize = SIDE / PATCH;

struct Trained {
    net: Vit,
    accuracy: f64,
    /// The change of the logits when patches are swapped.
    moved: f32,
}

fn train(lab: &Lab, set: &data::Dataset, positions: bool) -> Result<Trained> {
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let params = lab.params();
    let options = VitOptions {
        channels: 1,
        width: 48,
        heads: 4,
        depth: lab.pick(2, 1),
        ..VitOptions::new([SIDE; 2], PATCH, 10)
    };
    let net = Vit::new(&params, VitOptions { mlp_ratio: 2, ..options });
    if positions {
        // As large as the patch embeddings, because the training is short.
        params.redraw("pos_embed", Init::Normal { mean: 0.0, std: 0.2 });
    } else {
        params.redraw("pos_embed", Init::ZEROS);
        params.freeze("pos_embed");
    }
    let steps = lab.pick(1500, 200);
    let (mut draws, what) = (lab.draws(0), if positions { "with positions" } else { "without" });
    lab.fit(what, steps, &mut AdamW::new(&params), OneCycle::new(0.005, steps), |_| {
        let [x, y] = minibatch(&mut draws, 32, [&train.images, &train.labels])?;
        Ok(net.forward(&x, Mode::Train).cross_entropy(&y))
    })?;
    let logits = net.forward(&test.images, Mode::Eval);
    let right = logits.argmax(-1, false).eq(&test.labels).to(DType::F32).mean_all();
    let rolled = net.forward(&test.images.roll(PATCH as isize, 2).roll(2 * PATCH as isize, 3), Mode::Eval);
    let moved = (&logits - rolled).abs().amax(&[0, 1], false).item()?;
    Ok(Trained { accuracy: right.item()?.into(), net, moved })
}

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.digits(lab.pick(6000, 2000), lab.pick(1000, 300))?;
    let (with, without) = (train(lab, &set, true)?, train(lab, &set, false)?);
    lab.expect("accuracy", with.accuracy, 0.8..=1.0);
    lab.expect("accuracy without positions", without.accuracy, 0.3..0.98);
    let errors = (1.0 - without.accuracy) / (1.0 - with.accuracy).max(1e-3);
    lab.expect("errors without positions over those with", errors, 2.0..);
    lab.expect_same("without positions: logits of rolled digits apart", without.moved, ..1e-3, 1e-3);
    lab.expect("with positions: logits of rolled digits apart", with.moved, 1.0..);

    // The attention of the class token in the last block, averaged over the heads.
    let shown = set.test.subset(0..10)?;
    let x = shown.to_device(lab.device())?.images;
    let last = with.net.attention(&x).pop().context("a last block")?;
    let sums = last.sum(&[-1], false);
    lab.expect_same("sums of attention", (sums - 1.0).abs().amax(&[0, 1, 2], false).item()?, ..1e-5, 1e-5);
    let looks = last.mean(&[1], false).select(1, 0).narrow(1, 1, PATCHES * PATCHES);
    let looks =
        looks.reshape(&[10, PATCHES, PATCHES]).repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2);
    let looks = looks.to_vec::<f32>()?;
    let maps = looks.chunks(SIDE * SIDE).enumerate().map(|(i, map)| {
        let most = map.iter().copied().fold(0.0, f32::max);
        plot::overlay(shown.image(i), map, 0.0, most, 0.7)
    });
    let maps: Vec<Vec<u8>> = maps.collect();
    let cell = |pixels, label: String| plot::GridImage { pixels, height: SIDE, width: SIDE, label, ok: None };
    let digits = (0..10).map(|i| cell(shown.image(i), format!("a {}", shown.labels()[i])));
    let looks = maps.iter().map(|map| cell(map, "attention".into()));
    let cells: Vec<_> = digits.chain(looks).collect();
    let title = "Where the class token of a vision transformer looks";
    lab.picture("vit", |path| plot::Figure::new(title).images(&cells, 10).save(path))
}
