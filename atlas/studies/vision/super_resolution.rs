//! Super-resolution: SRCNN (Dong et al. 2014) sharpens interpolated digits, ESPCN (Shi et al. 2016) upsamples by pixel shuffling; both are
//! compared with bilinear and bicubic interpolation: `cargo run --release -p wgrad-atlas -- super_resolution`.

use atlas::prelude::*;
use wgrad::models::{Espcn, Srcnn};

pub const STUDY: Study = Study {
    name: "super_resolution",
    about: "SRCNN and ESPCN double the resolution of digits better than interpolation does.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const SIDE: usize = 28;

/// Interpolated to twice the size.
fn enlarged(x: &Tensor, by: Interpolation) -> Tensor {
    x.interpolate(Resize::By(&[2.0]), by)
}

const BILINEAR: Interpolation = Interpolation::Linear { align_corners: false };
const BICUBIC: Interpolation = Interpolation::Cubic { align_corners: false };

/// From small images `[N, 1, H, W]` to `[N, 1, 2H, 2W]`.
type Net = Box<dyn Fn(&Tensor) -> Tensor>;

/// SRCNN on the bicubic interpolation; it learns the residual, as in VDSR (Kim et al. 2016).
fn srcnn(params: &Params) -> Net {
    let net = Srcnn::new(params, 1, [16, 8]);
    Box::new(move |x| {
        let x = enlarged(x, BICUBIC);
        &x + net.forward(&x)
    })
}

fn espcn(params: &Params) -> Net {
    let net = Espcn::new(params, 1, [24, 12], 2);
    Box::new(move |x| net.forward(x))
}

fn run(lab: &mut Lab) -> Result<()> {
    let digits = lab.digits(lab.pick(2000, 500), lab.pick(200, 60))?;
    let [large, test] = [&digits.train, &digits.test].map(|set| set.to_device(lab.device()));
    let (large, test) = (large?.images, test?.images);
    let halved = |x: &Tensor| x.avg_pool2d(Pool2d::new(2), true, None);
    let (small, test_small) = (halved(&large), halved(&test));
    let target = test.to_vec::<f32>()?;

    let mut results = vec![
        ("bilinear", enlarged(&test_small, BILINEAR).to_vec::<f32>()?),
        ("bicubic", enlarged(&test_small, BICUBIC).to_vec::<f32>()?),
    ];
    for (name, build, steps) in
        [("SRCNN", srcnn as fn(&Params) -> Net, lab.pick(600, 90)), ("ESPCN", espcn, lab.pick(1200, 250))]
    {
        let (params, mut draws) = (lab.params(), lab.draws(0));
        let net = build(&params);
        lab.fit(name, steps, &mut Adam::new(&params), OneCycle::new(0.004, steps), |_| {
            let [small, large] = minibatch(&mut draws, 16, [&small, &large])?;
            Ok(net(&small).mse_loss(&large, Reduction::Mean))
        })?;
        results.push((name, net(&test_small).to_vec::<f32>()?));
    }
    let decibels: Vec<f64> = results.iter().map(|(_, pixels)| metrics::psnr(pixels, &target, 1.0)).collect();
    for ((name, pixels), decibels) in results.iter().zip(&decibels) {
        lab.figure(format!("PSNR of {name}"), *decibels);
        lab.figure(format!("SSIM of {name}"), metrics::ssim(pixels, &target, [SIDE, SIDE], 1.0));
    }
    lab.expect("bicubic over bilinear, dB", decibels[1] - decibels[0], 0.3..);
    lab.expect("SRCNN over bicubic, dB", decibels[2] - decibels[1], lab.pick(3.0, 0.6)..);
    lab.expect("ESPCN over bicubic, dB", decibels[3] - decibels[1], lab.pick(3.0, 0.6)..);

    let bytes = |values: &[f32]| values.iter().map(|v| (v * 255.0).round().clamp(0.0, 255.0) as u8).collect();
    let mut tiles = Tiles::new(SIDE, SIDE);
    let coarse = enlarged(&test_small, Interpolation::Nearest).to_vec::<f32>()?;
    for i in [2, 3, 5, 8] {
        let part = |values: &[f32]| bytes(&values[i * SIDE * SIDE..][..SIDE * SIDE]);
        tiles.add("14 x 14", part(&coarse));
        for (name, pixels) in &results {
            tiles.add(*name, part(pixels));
        }
        tiles.add("28 x 28", part(&target));
    }
    lab.picture("super_resolution", |path| {
        plot::Figure::new("Twice the resolution").images(&tiles.images(), 6).save(path)
    })
}
