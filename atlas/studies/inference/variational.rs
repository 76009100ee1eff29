//! Variational inference: the evidence lower bound and its gap; independent normal distributions for a correlated posterior, which
//! underestimate its variances (Bishop 2006, section 10.1.2), by stochastic gradients; and coordinate ascent for a mixture (Blei,
//! Kucukelbir and McAuliffe 2017): `cargo run --release -p wgrad-atlas -- variational`.

use atlas::prelude::*;
use methods::inference::{MeanField, MixtureCavi};

pub const STUDY: Study = Study {
    name: "variational",
    about: "Stochastic variational inference and coordinate ascent reach what theory says, the bound and its gap.",
    on_gpu: true,
    data: None,
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    let line = Line::new(lab);
    let regression = line.study(lab)?;
    let mixture = mixture(lab)?;
    lab.picture("variational", |path| {
        let figure = plot::Figure::new("Variational inference").columns(2);
        regression.into_iter().chain(mixture).fold(figure, plot::Figure::panel).save(path)
    })
}

/// `y = w0 + w1 x + N(0, noise)` with `w ~ N(0, I)`, with x far from 0 so that the posterior of the weights is correlated.
struct Line {
    x: Vec<f64>,
    y: Vec<f64>,
    noise: f64,
}

/// A symmetric 2 x 2 matrix `[[a, b], [b, c]]`.
#[derive(Clone, Copy)]
struct Symmetric(f64, f64, f64);

impl Symmetric {
    fn det(self) -> f64 {
        self.0 * self.2 - self.1 * self.1
    }

    fn inverse(self) -> Symmetric {
        Symmetric(self.2 / self.det(), -self.1 / self.det(), self.0 / self.det())
    }

    fn apply(self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.0 * x + self.1 * y, self.1 * x + self.2 * y]
    }

    fn square(self, x: [f64; 2]) -> f64 {
        let image = self.apply(x);
        x[0] * image[0] + x[1] * image[1]
    }
}

impl Line {
    fn new(lab: &Lab) -> Line {
        let mut draws = lab.draws(0);
        let noise = 0.25;
        let x: Vec<f64> = (0..20).map(|_| 1.0 + 0.6 * draws.normal()).collect();
        let y = x.iter().map(|x| 0.5 - 1.0 * x + f64::sqrt(noise) * draws.normal()).collect();
        Line { x, y, noise }
    }

    /// The exact posterior's precision and mean.
    fn posterior(&self) -> (Symmetric, [f64; 2]) {
        let sum = |f: &dyn Fn(f64, f64) -> f64| {
            self.x.iter().zip(&self.y).map(|(x, y)| f(*x, *y)).sum::<f64>() / self.noise
        };
        let precision = Symmetric(1.0 + sum(&|_, _| 1.0), sum(&|x, _| x), 1.0 + sum(&|x, _| x * x));
        let shift = [sum(&|_, y| y), sum(&|x, y| x * y)];
        (precision, precision.inverse().apply(shift))
    }

    fn log_joint(&self, w: [f64; 2]) -> f64 {
        let tau = std::f64::consts::TAU;
        let fit = |(x, y): (&f64, &f64)| {
            let error = y - w[0] - w[1] * x;
            -0.5 * (error * error / self.noise + (tau * self.noise).ln())
        };
        self.x.iter().zip(&self.y).map(fit).sum::<f64>() - 0.5 * (w[0] * w[0] + w[1] * w[1]) - tau.ln()
    }

    /// The log evidence, by Bayes' rule at the posterior mean.
    fn log_evidence(&self) -> f64 {
        let (precision, mean) = self.posterior();
        self.log_joint(mean) + std::f64::consts::TAU.ln() - 0.5 * precision.det().ln()
    }

    /// The divergence of independent normal distributions from the posterior.
    fn divergence(&self, loc: [f64; 2], scale: [f64; 2]) -> f64 {
        let (precision, mean) = self.posterior();
        let variances = scale.map(|s| s * s);
        let trace = precision.0 * variances[0] + precision.2 * variances[1];
        let distance = precision.square([loc[0] - mean[0], loc[1] - mean[1]]);
        0.5 * (trace + distance - 2.0 - precision.det().ln() - (variances[0] * variances[1]).ln())
    }

    fn study(&self, lab: &mut Lab) -> Result<[plot::Panel; 2]> {
        let device = lab.device().clone();
        let column = |values: &[f64]| -> Result<Tensor> {
            let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
            Ok(Tensor::from_slice(&device, &values, &[1, values.len()])?)
        };
        let (x, y) = (column(&self.x)?, column(&self.y)?);
        let (noise, tau) = (self.noise as f32, std::f32::consts::TAU);
        let log_joint = |w: &Tensor| {
            let error = &y - w.narrow(1, 0, 1) - w.narrow(1, 1, 1) * &x;
            let fit = error.square() / noise + (tau * noise).ln();
            (fit.sum(&[1], false) + w.square().sum(&[1], false)) * -0.5 - tau.ln()
        };
        let params = lab.params();
        let q = MeanField::new(&params, 2, 1.0);
        let generator = Generator::new(lab.seed());
        let read = |q: &MeanField| -> Result<[[f64; 2]; 2]> {
            let both = [q.distribution().loc.to_vec::<f32>()?, q.distribution().scale.to_vec::<f32>()?];
            Ok(both.map(|v| [v[0].into(), v[1].into()]))
        };
        // The identity holds for every q, also before learning: evidence = bound + divergence.
        let bound = f64::from(q.elbo(log_joint, 200_000, &generator).item()?);
        let [loc, scale] = read(&q)?;
        let evidence = self.log_evidence();
        let gap = evidence - bound - self.divergence(loc, scale);
        lab.expect(
            "evidence less bound less divergence, of their size",
            gap / (evidence - bound),
            -0.02..0.02,
        );

        let steps = lab.pick(3000, 800);
        let mut opt = Adam::new(&params);
        let losses = lab.fit("stochastic", steps, &mut opt, Cosine::new(0.05, 0.0, steps), |_| {
            Ok(-q.elbo(log_joint, 32, &generator))
        })?;
        let (precision, mean) = self.posterior();
        let [loc, scale] = read(&q)?;
        let off = (loc[0] - mean[0]).hypot(loc[1] - mean[1]);
        lab.expect_same("mean, off by", off, ..0.02, 0.01);
        // The best independent distributions match the diagonal of the precision, not the variances.
        for (i, diagonal) in [precision.0, precision.2].into_iter().enumerate() {
            let against = scale[i] * scale[i] * diagonal;
            lab.expect_same(format!("variance {i} against 1 / precision"), against, 0.9..1.1, 0.03);
        }
        let exact = precision.inverse();
        lab.expect("variance against the posterior's", scale[0] * scale[0] / exact.0, 0.05..0.6);
        // The remaining gap is the divergence of the best approximation: half the logarithm of a ratio of determinants.
        let best = 0.5 * (precision.0 * precision.2 / precision.det()).ln();
        lab.expect_same(
            "divergence against the least",
            self.divergence(loc, scale) / best,
            0.999..1.05,
            0.02,
        );
        Ok([self.contours(loc, scale), bound_panel(&losses, evidence, best)])
    }

    fn contours(&self, loc: [f64; 2], scale: [f64; 2]) -> plot::Panel {
        let (precision, mean) = self.posterior();
        let exact = precision.inverse();
        let reach = [3.5 * exact.0.sqrt(), 3.5 * exact.2.sqrt()];
        let ends = |i: usize| (mean[i] - reach[i], mean[i] + reach[i]);
        let density = |a: f64, b: f64| (-0.5 * precision.square([a - mean[0], b - mean[1]])).exp();
        let ellipse = |deviations: f64| {
            (0..=100)
                .map(move |i| (0.01 * std::f64::consts::TAU * f64::from(i)).sin_cos())
                .map(move |(s, c)| (loc[0] + deviations * scale[0] * c, loc[1] + deviations * scale[1] * s))
        };
        plot::Panel::new("Posterior and independent approximation", "intercept", "slope")
            .layer(plot::Field::sample(ends(0), ends(1), 90, density).contours(5))
            .with(plot::Series::new("approximation, 1 deviation", ellipse(1.0)).exact())
            .with(plot::Series::new("2 deviations", ellipse(2.0)).exact())
    }
}

fn bound_panel(losses: &[f64], evidence: f64, gap: f64) -> plot::Panel {
    let last = losses.len() as f64;
    let level = |name: &str, at: f64| plot::Series::new(name, [(0.0, at), (last, at)]).exact();
    let bound = losses.iter().enumerate().map(|(i, loss)| (i as f64, -loss));
    plot::Panel::new("Evidence lower bound", "update", "nats")
        .with(plot::Series::new("bound", bound))
        .with(level("log evidence", evidence))
        .with(level("best of independent", evidence - gap))
        .y_range(evidence - 10.0, evidence + 2.0)
}

/// Coordinate ascent finds three components.
fn mixture(lab: &mut Lab) -> Result<[plot::Panel; 2]> {
    const CENTRES: [[f64; 2]; 3] = [[-3.0, 0.0], [3.0, 1.0], [0.0, 4.0]];
    let set = synthetic::blobs(300, &CENTRES, 1.0, lab.seed());
    let points: Vec<[f64; 2]> = set.pairs(None).into_iter().map(|(x, y)| [x, y]).collect();
    let mut draws = lab.draws(1);
    let mut best: Option<(Vec<f64>, MixtureCavi<2>)> = None;
    let mut fall = 0f64;
    // The bound has local maxima: use the best of several starts.
    for _ in 0..8 {
        let start = (0..3).map(|_| [draws.normal(), 2.0 + draws.normal()]).collect();
        let mut cavi = MixtureCavi::new(start, 1.0, 25.0);
        let bounds: Vec<f64> = (0..60).map(|_| cavi.update(&points)).collect();
        fall = bounds.windows(2).map(|pair| pair[0] - pair[1]).fold(fall, f64::max);
        if best.as_ref().is_none_or(|(other, _)| other[59] < bounds[59]) {
            best = Some((bounds, cavi));
        }
    }
    let (bounds, cavi) = best.context("eight starts")?;
    lab.expect("coordinate ascent: furthest fall of the bound", fall, ..1e-8);
    let nearest = |c: &[f64; 2]| {
        cavi.means.iter().map(|m| (m[0] - c[0]).hypot(m[1] - c[1])).fold(f64::INFINITY, f64::min)
    };
    // The means of a hundred points have a standard error of a tenth in each direction.
    lab.expect("coordinate ascent: furthest centre", CENTRES.iter().map(nearest).fold(0.0, f64::max), ..0.4);
    // 100 points of variance 1 and a prior of variance 25, the same for all components.
    let variance = cavi.variances.iter().sum::<f64>() / 3.0;
    lab.expect("coordinate ascent: variance of a mean", variance, 0.0095..0.0107);
    let mut panel = plot::Panel::new("Mixture by coordinate ascent", "", "");
    for k in 0..3 {
        let own = points.iter().zip(&cavi.responsibilities).filter(|(_, r)| r[k] > 0.5);
        panel = panel.layer(plot::Points::new(format!("component {k}"), own.map(|(x, _)| (x[0], x[1]))));
    }
    let means = plot::Points::new("expected means", cavi.means.iter().map(|m| (m[0], m[1]))).radius(8.0);
    let curve = bounds.iter().enumerate().take(30).map(|(i, b)| (i as f64, *b));
    let rise = plot::Panel::new("Its bound never falls", "update", "nats")
        .with(plot::Series::new("bound of the mixture", curve));
    Ok([panel.layer(means), rise])
}
