//! Linear support vector machines (Cortes and Vapnik 1995): subgradient descent on `|w|^2 / 2 + C sum of hinge losses` against smartcore's
//! solver of the dual problem, and the margin between separable classes against the distance of their convex hulls:
//! `cargo run --release -p wgrad-atlas -- svm`.

use atlas::prelude::*;
use atlas::synthetic::blobs;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::svm::Kernels;
use smartcore::svm::svc::{SVC, SVCParameters};
use wgrad::data::synthetic::LabelledPoints;

pub const STUDY: Study = Study {
    name: "svm",
    about: "A linear support vector machine by subgradients has the dual solver's objective, margin and support vectors.",
    on_gpu: false,
    data: None,
    run,
};

/// The weight of the hinge losses.
const C: f64 = 1.0;

/// A decision boundary: the class is the sign of `w . x + b`.
#[derive(Clone, Copy)]
struct Line {
    w: [f64; 2],
    b: f64,
}

impl Line {
    fn at(&self, (x, y): (f64, f64)) -> f64 {
        self.w[0] * x + self.w[1] * y + self.b
    }

    /// Half the width of the margin band.
    fn margin(&self) -> f64 {
        1.0 / self.w[0].hypot(self.w[1])
    }

    /// `t (w . x + b)` of every point: 1 on the margin, less inside.
    fn margins(&self, points: &[(f64, f64)], targets: &[i32]) -> Vec<f64> {
        points.iter().zip(targets).map(|(&point, &t)| f64::from(t) * self.at(point)).collect()
    }

    fn objective(&self, points: &[(f64, f64)], targets: &[i32]) -> f64 {
        let hinge = self.margins(points, targets).into_iter().map(|m| (1.0 - m).max(0.0)).sum::<f64>();
        0.5 / self.margin().powi(2) + C * hinge
    }

    /// The level line of a value, for the picture.
    fn drawn(&self, name: &str, value: f64, xs: (f64, f64)) -> plot::Series {
        let y = |x: f64| (value - self.b - self.w[0] * x) / self.w[1];
        plot::Series::new(name, [xs.0, xs.1].map(|x| (x, y(x)))).exact()
    }
}

/// Subgradient descent on the mean loss, with a learning rate that decays to 0.
fn primal(lab: &Lab, points: &LabelledPoints, targets: &[i32]) -> Result<Line> {
    let n = targets.len();
    let x = points.x.to_device(lab.device())?;
    let t: Vec<f32> = targets.iter().map(|&t| t as f32).collect();
    let t = Tensor::from_slice(lab.device(), &t, &[n])?;
    let params = lab.params();
    let w = params.param("w", &[2, 1], Init::ZEROS);
    let b = params.param("b", &[], Init::ZEROS);
    let steps = lab.pick(4000, 1000);
    lab.fit("subgradients", steps, &mut Sgd::new(&params), Cosine::new(0.3, 0.0, steps), |_| {
        let scores = x.matmul(&w.value()).squeeze(&[-1]) + b.value();
        let hinge = scores.hinge_loss(&t, Reduction::Mean);
        Ok(hinge + w.value().square().sum_all() * (0.5 / (C * n as f64) as f32))
    })?;
    let weights = w.value().to_vec::<f32>()?;
    Ok(Line { w: [weights[0].into(), weights[1].into()], b: b.value().item()?.into() })
}

/// The solution by smartcore, with the linear decision function read off at three points.
fn dual(points: &[(f64, f64)], targets: &[i32], seed: u64) -> Result<Line> {
    let matrix =
        |points: &[(f64, f64)]| DenseMatrix::from_2d_vec(&points.iter().map(|p| vec![p.0, p.1]).collect());
    let options = SVCParameters::default().with_c(C).with_kernel(Kernels::linear()).with_epoch(50);
    let options = options.with_tol(1e-6).with_seed(Some(seed));
    let (x, probes) = (matrix(points)?, matrix(&[(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])?);
    let targets = targets.to_vec();
    let found = SVC::fit(&x, &targets, &options)?.decision_function(&probes)?;
    Ok(Line { w: [found[1] - found[0], found[2] - found[0]], b: found[0] })
}

/// The distance between the convex hulls of two classes: the smallest distance of a point of one from a segment between two points of the
/// other.
fn hull_distance(points: &LabelledPoints) -> f64 {
    let [a, b] = [0, 1].map(|class| points.pairs(Some(class)));
    let from_segment = |p: (f64, f64), q: (f64, f64), r: (f64, f64)| {
        let (d, e) = ((r.0 - q.0, r.1 - q.1), (p.0 - q.0, p.1 - q.1));
        let along =
            ((d.0 * e.0 + d.1 * e.1) / (d.0 * d.0 + d.1 * d.1).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        (e.0 - along * d.0).hypot(e.1 - along * d.1)
    };
    let nearest = |from: &[(f64, f64)], to: &[(f64, f64)]| {
        let segments = || to.iter().flat_map(|&q| to.iter().map(move |&r| (q, r)));
        from.iter()
            .flat_map(|&p| segments().map(move |(q, r)| from_segment(p, q, r)))
            .fold(f64::MAX, f64::min)
    };
    nearest(&a, &b).min(nearest(&b, &a))
}

fn panel(title: String, points: &LabelledPoints, line: &Line, supports: Vec<(f64, f64)>) -> plot::Panel {
    let of = |class: u32| plot::Points::new(format!("class {class}"), points.pairs(Some(class)));
    let all = points.pairs(None);
    let least = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).fold(f64::MAX, f64::min) - 0.5;
    let most = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).fold(f64::MIN, f64::max) + 0.5;
    let xs = (least(|p| p.0), most(|p| p.0));
    plot::Panel::new(title, "", "")
        .with(line.drawn("w x + b = 0", 0.0, xs))
        .with(line.drawn("w x + b = 1", 1.0, xs))
        .with(line.drawn("w x + b = -1", -1.0, xs))
        .layer(plot::Points::new("support vectors", supports).radius(7.0))
        .layer(of(0))
        .layer(of(1))
        .x_range(xs.0, xs.1)
        .y_range(least(|p| p.1), most(|p| p.1))
        .equal()
}

fn run(lab: &mut Lab) -> Result<()> {
    let mut figure = plot::Figure::new("Support vector machines");
    for (name, distance) in [("apart", 3.0), ("overlapping", 0.9)] {
        let points = blobs(80, &[[-distance, 0.0], [distance, 0.6]], 0.8, lab.seed());
        let pairs = points.pairs(None);
        let targets: Vec<i32> = points.labels.iter().map(|&label| 2 * label as i32 - 1).collect();
        let (found, exact) = (primal(lab, &points, &targets)?, dual(&pairs, &targets, lab.seed())?);
        let ratio = found.objective(&pairs, &targets) / exact.objective(&pairs, &targets);
        lab.expect(format!("{name}: objective over that of the dual solver"), ratio, 0.99..1.01);
        lab.expect(format!("{name}: margin over its"), found.margin() / exact.margin(), 0.97..1.03);
        let supports = |line: &Line| -> Vec<bool> {
            line.margins(&pairs, &targets).into_iter().map(|m| m < 1.03).collect()
        };
        let (ours, theirs) = (supports(&found), supports(&exact));
        let agreed = ours.iter().zip(&theirs).filter(|(a, b)| a == b).count() as f64 / ours.len() as f64;
        lab.expect(format!("{name}: points that both take for support vectors or not"), agreed, 0.95..=1.0);
        let margins = found.margins(&pairs, &targets);
        let outside = margins.iter().filter(|&&m| m < 0.97).count();
        if name == "apart" {
            lab.expect(
                "apart: margin over half the distance of the hulls",
                2.0 * found.margin() / hull_distance(&points),
                0.97..1.03,
            );
            lab.expect("apart: points within the margin", outside as f64, ..=0.0);
        } else {
            lab.expect("overlapping: points within the margin", outside as f64, 8.0..60.0);
        }
        let supports = pairs.iter().zip(&ours).filter(|(_, s)| **s).map(|(&p, _)| p).collect();
        figure = figure.panel(panel(format!("Classes {name}"), &points, &found, supports));
    }
    lab.picture("svm", |path| figure.save(path))
}
