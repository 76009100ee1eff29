//! Autoencoders with sparse codes, four ways: an L1 penalty, a divergence from a target rate (Ng 2011), the k largest units per image
//! (Makhzani and Frey 2014), and the images of a batch with the largest activations of each unit (Makhzani and Frey 2015).
//! `cargo run --release -p wgrad-atlas -- sparse_autoencoders`.

use atlas::prelude::*;
use models::Autoencoder;

pub const STUDY: Study = Study {
    name: "sparse_autoencoders",
    about: "Sparse codes of digits: L1, a target rate, k-sparse and winner-take-all, against a plain autoencoder.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const SIDE: usize = 14;
const UNITS: usize = 64;
const RATE: f32 = 0.05;
const ACTIVE: usize = 6;
const BATCH: usize = 100;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    L1,
    TargetRate,
    KSparse,
    WinnerTakeAll,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Plain => "plain",
            Kind::L1 => "L1",
            Kind::TargetRate => "target rate",
            Kind::KSparse => "k-sparse",
            Kind::WinnerTakeAll => "winner-take-all",
        }
    }

    fn code(self, net: &Autoencoder, x: &Tensor) -> Tensor {
        let code = net.encode(x);
        match self {
            Kind::Plain | Kind::L1 => code.relu(),
            Kind::TargetRate => code.sigmoid(),
            Kind::KSparse => code.relu().keep_topk(ACTIVE, 1),
            // Each unit keeps only its largest activations over the batch.
            Kind::WinnerTakeAll => code.keep_topk((RATE * x.shape()[0] as f32) as usize, 0),
        }
    }

    fn penalty(self, code: &Tensor) -> Option<Tensor> {
        match self {
            Kind::L1 => Some(code.abs().mean_all() * 2.0),
            Kind::TargetRate => Some(code.mean(&[0], false).sparsity_kl(RATE, Reduction::Mean) * 30.0),
            _ => None,
        }
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let StandardizedDigits { train, test, .. } = lab.standardized_digits(lab.pick(4000, 1000), 500)?;
    let steps = lab.pick(4000, 300);
    let mut tiles = plot::Tiles::new(SIDE, SIDE);
    let mut shares = Vec::new();
    let kinds = [Kind::Plain, Kind::L1, Kind::TargetRate, Kind::KSparse, Kind::WinnerTakeAll];
    for kind in kinds {
        let params = lab.params();
        let net = Autoencoder::new(&params, &[SIDE * SIDE, UNITS]);
        if kind == Kind::TargetRate {
            // Initialises the units' mean activation to the target rate.
            let bias = params.get("encoder.fc1.bias").context("the encoder's bias")?;
            bias.set(&(bias.value() + (RATE / (1.0 - RATE)).ln()));
        }
        let (mut opt, mut draws) = (Adam::new(&params), lab.draws(0));
        lab.fit(kind.name(), steps, &mut opt, Cosine::new(1e-2, 0.0, steps), |_| {
            let [x] = minibatch(&mut draws, BATCH, [&train])?;
            let code = kind.code(&net, &x);
            let loss = net.decode(&code).mse_loss(&x, Reduction::Mean);
            Ok(kind.penalty(&code).into_iter().fold(loss, |loss, penalty| loss + penalty))
        })?;
        let code = kind.code(&net, &test);
        let error = net.decode(&code).mse_loss(&test, Reduction::Mean).item()?;
        let active = code.abs().gt(0.05).to(DType::F32);
        let share = active.mean_all().item()?;
        lab.expect(
            format!("{}: error, in variances", kind.name()),
            error,
            ..match kind {
                Kind::Plain => 0.25,
                _ => 0.6,
            },
        );
        match kind {
            Kind::Plain => lab.expect("plain: share of active units", share, 0.3..),
            Kind::L1 => lab.expect("L1: share of active units", share, 0.01..0.25),
            Kind::TargetRate => {
                let rates = code.mean(&[0], false);
                lab.expect("target rate: mean rate", rates.mean_all().item()?, 0.035..0.065);
                lab.expect(
                    "target rate: deviation of the units' rates",
                    rates.std(&[0], 1.0, false).item()?,
                    ..0.03,
                );
            }
            Kind::KSparse => {
                lab.expect(
                    "k-sparse: most active units of an image",
                    code.gt(0.0).to(DType::F32).sum(&[1], false).amax(&[0], false).item()?,
                    1.0..=ACTIVE as f64,
                );
            }
            Kind::WinnerTakeAll => {
                let wins = code.ne(0.0).to(DType::F32).mean(&[0], false);
                lab.expect(
                    "winner-take-all: largest share of images that a unit is active for",
                    wins.amax(&[0], false).item()?,
                    0.04..0.0501,
                );
                lab.expect(
                    "winner-take-all: units that are never active",
                    wins.eq(0.0).to(DType::F32).sum_all().item()?,
                    ..=3.0,
                );
            }
        }
        shares.push(f64::from(share));
        // What a unit adds to the image, for the most active units.
        let order = active.mean(&[0], false).topk(10, 0, true).1;
        let weight = params.get("decoder.fc1.weight").context("the decoder's weight")?.value();
        let atoms = weight.t().index_select(0, &order).normalize(2.0, 1, 1e-8).to_vec::<f32>()?;
        tiles = tiles.diverging(&atoms, 0.5, |i| if i == 0 { kind.name().into() } else { String::new() });
    }
    let bars = plot::Panel::new("Share of units above 0.05", "", "share")
        .layer(plot::Bars::new("", shares))
        .x_names(kinds.map(Kind::name));
    let figure = plot::Figure::new("What the most active units of sparse autoencoders draw").columns(1);
    let images = tiles.images();
    lab.picture("sparse_autoencoders", |path| figure.images(&images, 10).panel(bars).save(path))
}
