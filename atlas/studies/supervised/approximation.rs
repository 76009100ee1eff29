//! Universal approximation: a hidden layer with enough units approximates a continuous function arbitrarily well (Cybenko 1989). Widths 2
//! to 64 learn `sin(3x) + 0.3 cos(9x)`: `cargo run --release -p wgrad-atlas -- approximation`.

use atlas::prelude::*;

pub const STUDY: Study = Study {
    name: "approximation",
    about: "One hidden layer of 2 to 64 tanh units approximates a curve, the better the wider it is.",
    on_gpu: true,
    data: None,
    run,
};

const WIDTHS: [usize; 4] = [2, 8, 32, 64];

fn curve(x: f32) -> f32 {
    (3.0 * x).sin() + 0.3 * (9.0 * x).cos()
}

fn run(lab: &mut Lab) -> Result<()> {
    let xs: Vec<f32> = (0..128).map(|i| i as f32 / 64.0 - 1.0).collect();
    let ys: Vec<f32> = xs.iter().map(|&x| curve(x)).collect();
    let x = Tensor::from_slice(lab.device(), &xs, &[xs.len(), 1])?;
    let y = Tensor::from_slice(lab.device(), &ys, &[xs.len(), 1])?;
    let steps = lab.pick(3000, 600);

    let along = |ys: &[f32]| xs.iter().zip(ys).map(|(&x, &y)| (x.into(), y.into())).collect::<Vec<_>>();
    let mut panel = plot::Panel::new("", "x", "y").with(plot::Series::new("target", along(&ys)));
    let mut errors = Vec::new();
    let taught = targets(&y)?;
    for width in WIDTHS {
        let params = lab.params();
        let (hidden, out) =
            (Linear::new(&params.path("hidden"), 1, width), Linear::new(&params.path("out"), width, 1));
        // First-layer weights at the scale of the curve's oscillations, with transitions spread over the interval.
        for name in ["hidden.weight", "hidden.bias"] {
            let param = params.get(name).context("a parameter of the first layer")?;
            param.set(&(param.value() * 6.0));
        }
        let net = |x: &Tensor| out.forward(&hidden.forward(x).tanh());
        let mut opt = Adam::new(&params);
        lab.fit(&format!("{width} units"), steps, &mut opt, Cosine::new(0.02, 0.0, steps), |_| {
            Ok(net(&x).mse_loss(&taught, Reduction::Mean))
        })?;
        let error = net(&x).mse_loss(&y, Reduction::Mean).item()?.sqrt();
        lab.figure(format!("rmse of {width} units"), error);
        errors.push(f64::from(error));
        panel = panel.with(plot::Series::new(format!("{width} units"), along(&net(&x).to_vec()?)));
    }
    lab.expect("rmse of 2 units", errors[0], 0.2..0.7);
    lab.expect("rmse of 64 units", errors[3], ..0.03);
    lab.expect("64 units against 2", errors[3] / errors[0], ..0.1);
    lab.picture("approximation", |path| plot::Figure::new("Universal approximation").panel(panel).save(path))
}
