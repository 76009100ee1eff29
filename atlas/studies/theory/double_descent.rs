//! Double descent (Belkin et al. 2019): the test error of the least squares fit peaks when there are as many features as examples, and
//! falls again beyond: `cargo run --release -p wgrad-atlas -- double_descent`.

use atlas::prelude::*;

pub const STUDY: Study = Study {
    name: "double_descent",
    about: "Test error by the number of features: the exact curve of isotropic regression, and networks of random ReLU features.",
    on_gpu: false,
    data: None,
    run,
};

const EXAMPLES: usize = 40;
const WIDTHS: [usize; 13] = [5, 10, 20, 28, 34, 38, 40, 42, 48, 60, 80, 160, 320];
/// Deviation of the label noise.
const NOISE: f32 = 0.5;
const UNSEEN: usize = 300;

/// The median over runs of the test error of the minimum-norm least squares fit.
fn errors(
    lab: &Lab,
    ridge: f32,
    features: impl Fn(&Generator, usize) -> [[Tensor; 2]; 2],
) -> Result<Vec<f64>> {
    let runs = lab.pick(31, 9);
    let mut medians = Vec::new();
    for width in WIDTHS {
        let mut found = Vec::new();
        for run in 0..runs {
            let generator = Generator::new(lab.seed() * 1000 + run);
            let [[x, y], [unseen, truth]] = features(&generator, width);
            let y = targets(&y)?;
            let weights = match ridge {
                0.0 => linalg::pinv(&x)?.matmul(&y),
                _ => {
                    let penalty = Tensor::full(x.device(), ridge, &[width]).diag_embed(0);
                    linalg::solve(&(x.t().matmul(&x) + penalty), &x.t().matmul(&y))?
                }
            };
            let error = (unseen.matmul(&weights) - truth).square().mean_all();
            found.push(f64::from(error.item()?));
        }
        found.sort_by(f64::total_cmp);
        medians.push(found[runs as usize / 2]);
    }
    Ok(medians)
}

/// The risk of the minimum-norm least squares fit with isotropic features, if the truth uses all of them with weights of norm 1 (Hastie et
/// al. 2022, "Surprises in high-dimensional ridgeless least squares interpolation").
fn theory(width: usize) -> f64 {
    let (ratio, variance) = (width as f64 / EXAMPLES as f64, f64::from(NOISE * NOISE));
    if ratio < 1.0 { variance * ratio / (1.0 - ratio) } else { 1.0 - 1.0 / ratio + variance / (ratio - 1.0) }
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let noise = |generator: &Generator| generator.normal(&device, &[EXAMPLES, 1]) * NOISE;
    let isotropic = |generator: &Generator, width: usize| {
        let truth = generator.normal(&device, &[width, 1]);
        let truth = &truth / truth.square().sum_all().sqrt();
        let set = |rows: usize| generator.normal(&device, &[rows, width]);
        let (x, unseen) = (set(EXAMPLES), set(UNSEEN));
        let (y, clean) = (x.matmul(&truth) + noise(generator), unseen.matmul(&truth));
        [[x, y], [unseen, clean]]
    };
    // The hidden layer of the network is random, only its output layer is trained.
    let random = |generator: &Generator, width: usize| {
        const INPUTS: usize = 10;
        let hidden = generator.normal(&device, &[INPUTS, width]);
        let truth = generator.normal(&device, &[INPUTS, 1]) * (1.0 / INPUTS as f32).sqrt();
        let set = |rows: usize| generator.normal(&device, &[rows, INPUTS]);
        let (x, unseen) = (set(EXAMPLES), set(UNSEEN));
        let (y, clean) = (x.matmul(&truth) + noise(generator), unseen.matmul(&truth));
        let layer = |x: &Tensor| x.matmul(&hidden).relu() * (1.0 / width as f32).sqrt();
        [[layer(&x), y], [layer(&unseen), clean]]
    };
    let linear = errors(lab, 0.0, isotropic)?;
    let network = errors(lab, 0.0, random)?;
    let tamed = errors(lab, 0.3, random)?;

    let at = |width: usize| WIDTHS.iter().position(|&w| w == width).unwrap_or(0);
    for width in [10, 20, 60, 80, 160, 320] {
        let name = format!("{width} features, error over theory's");
        lab.expect(name, linear[at(width)] / theory(width), 0.5..1.6);
    }
    for (name, errors) in [("linear", &linear), ("network", &network)] {
        let peak = (0..WIDTHS.len()).fold(0, |best, i| if errors[i] > errors[best] { i } else { best });
        lab.expect(format!("{name}: features at the peak"), WIDTHS[peak] as f64, 38.0..=42.0);
        lab.expect(format!("{name}: peak over the error of 320"), errors[peak] / errors[12], 5.0..);
        lab.expect(format!("{name}: peak over the error of 10"), errors[peak] / errors[1], 5.0..);
    }
    lab.expect(
        "network: 320 features against the best of up to 34",
        network[12] / network[..5].iter().copied().fold(f64::MAX, f64::min),
        ..1.0,
    );
    lab.expect("network: the peak with weight decay", tamed[at(40)] / network[at(40)], ..0.3);
    let series = |name, errors: Vec<f64>| {
        plot::Series::new(name, WIDTHS.iter().zip(errors).map(|(&w, e)| (w as f64, e)).collect::<Vec<_>>())
    };
    let curve = (4..400).map(|width| (width as f64, theory(width)));
    let panel = |title| {
        plot::Panel::new(title, "features", "test error")
            .log_x()
            .log_y()
            .x_range(4.0, 400.0)
            .y_range(0.02, 300.0)
    };
    let exact = panel("Isotropic features, 40 examples")
        .layer(plot::Points::new("least squares", WIDTHS.iter().zip(&linear).map(|(&w, &e)| (w as f64, e))))
        .with(plot::Series::new("theory", curve.collect::<Vec<_>>()).exact());
    let random = panel("Random ReLU features, 40 examples")
        .with(series("least squares", network))
        .with(series("with weight decay", tamed));
    lab.picture("double_descent", |path| {
        plot::Figure::new("Double descent").panel(exact).panel(random).save(path)
    })
}
