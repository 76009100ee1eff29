//! Learning rates against textbook numbers computed in double precision.

use models::{
    Cosine, CosineAnnealingWarmRestarts, CyclicLr, ExponentialLr, InverseTimeLr, LinearLr, OneCycle,
    PolynomialLr, ReduceLrOnPlateau, Schedule, SequentialLr, Step, Warmup,
};

#[track_caller]
fn close(got: f32, wanted: f64) {
    let tolerance = 2e-6 * wanted.abs() + 1e-8;
    assert!((f64::from(got) - wanted).abs() <= tolerance, "{got}, not {wanted}");
}

/// Epoch, and the rates of a step schedule (times 0.1 every 30), a cosine over 100, and a cosine over 90 after 10 of warm-up.
const TEXTBOOK: [(usize, f64, f64, f64); 5] = [
    (1, 0.1, 0.099_975_328_1, 0.01),
    (10, 0.1, 0.097_552_825_8, 0.1),
    (30, 0.01, 0.079_389_262_6, 0.088_302_222_2),
    (60, 0.001, 0.034_549_150_3, 0.041_317_591_1),
    (100, 0.0001, 0.0, 0.0),
];

#[test]
fn textbook_schedules() {
    let step = Step::new(0.1, 0.1, [30, 60, 90]);
    let cosine = Cosine::new(0.1, 0.0, 100);
    let warm = Warmup::new(0.0, 10, Cosine::new(0.1, 0.0, 90));
    for (epoch, stepped, annealed, warmed) in TEXTBOOK {
        close(step.lr(epoch), stepped);
        close(cosine.lr(epoch), annealed);
        close(warm.lr(epoch), warmed);
    }
    assert_eq!((0.3f32.lr(0), 0.3f32.lr(usize::MAX)), (0.3, 0.3));
}

#[test]
fn ends_and_edges() {
    let cosine = Cosine::new(0.1, 0.01, 100);
    close(cosine.lr(0), 0.1);
    close(cosine.lr(50), 0.055);
    for late in [100, 101, usize::MAX] {
        close(cosine.lr(late), 0.01);
    }
    close(Cosine::new(0.1, 0.01, 0).lr(0), 0.01);
    close(Warmup::new(0.5, 4, 0.2).lr(0), 0.1);
    close(Warmup::new(0.5, 4, 0.2).lr(2), 0.15);
    close(Warmup::new(0.0, 0, 0.2).lr(0), 0.2);
    // Milestones may be unsorted, and at step 0.
    let step = Step::new(1.0, 0.5, [10, 0, 5]);
    assert_eq!([0, 4, 5, 9, 10].map(|s| step.lr(s)), [0.5, 0.5, 0.25, 0.25, 0.125]);
    assert_eq!(Step::new(1.0, 0.5, []).lr(1000), 1.0);
}

/// The formula of torch's OneCycleLR with its defaults, written out.
#[test]
fn one_cycle() {
    let (max, steps) = (0.4f64, 200.0);
    let cycle = OneCycle::new(0.4, 200);
    let (first, top, end) = (max / 25.0, 0.3 * steps - 1.0, steps - 1.0);
    let anneal = |a: f64, b: f64, at: f64| b + (a - b) / 2.0 * (1.0 + (std::f64::consts::PI * at).cos());
    for step in 0..200 {
        let s = f64::from(step);
        let rise = s <= top;
        let wanted = if rise {
            anneal(first, max, s / top)
        } else {
            anneal(max, first / 1e4, (s - top) / (end - top))
        };
        close(cycle.lr(step as usize), wanted);
    }
    close(cycle.lr(0), 0.016);
    close(cycle.lr(59), 0.4);
    close(cycle.lr(100_000), 1.6e-6);
    close(OneCycle::new(1.0, 100).div(10.0, 100.0).lr(0), 0.1);
    close(OneCycle::new(1.0, 100).warm(0.5).lr(49), 1.0);
    for steps in [0, 1, 2, 3] {
        let cycle = OneCycle::new(1.0, steps);
        assert!((0..5).all(|s| (0.0..=1.0).contains(&cycle.lr(s))), "{steps} steps");
    }
}

#[test]
fn exponential_and_inverse_time() {
    let exponential = ExponentialLr::new(0.1, (-0.03f64).exp());
    for (epoch, wanted) in [(1, 0.097_044_553_4), (10, 0.074_081_822_1), (100, 0.004_978_706_8)] {
        close(exponential.lr(epoch), wanted);
    }
    close(InverseTimeLr::new(0.3, 0.5).lr(4), 0.1);
}

#[test]
fn far_ahead_and_without_steps() {
    let far = usize::MAX >> 12;
    close(LinearLr::new(0.1, 0.5, 2.0, 0).lr(0), 0.2);
    close(LinearLr::new(0.1, 0.5, 2.0, 10).lr(far), 0.2);
    close(PolynomialLr::new(0.1, 2.0, 0).lr(0), 0.0);
    close(CosineAnnealingWarmRestarts::new(0.1, 0.0, 1, 1).lr(far), 0.1);
    assert!(CosineAnnealingWarmRestarts::new(0.1, 0.0, 3, 2).lr(far) <= 0.1);
    close(CyclicLr::new(0.1, 0.2, 2).halving().lr(far), 0.1);
    let parts: Vec<Box<dyn Schedule>> = vec![Box::new(1.0), Box::new(2.0)];
    let cut = SequentialLr::new(parts, [0]);
    assert_eq!(cut.lr(0), 2.0);
}

/// 2 steps up, 4 down.
#[test]
fn cycles() {
    let cycle = CyclicLr::new(1.0, 2.0, 2).down(4);
    let rates = |c: &CyclicLr| [0, 1, 2, 3, 4, 6, 8].map(|step| c.lr(step));
    assert_eq!(rates(&cycle), [1.0, 1.5, 2.0, 1.75, 1.5, 1.0, 2.0]);
    assert_eq!(rates(&cycle.halving()), [1.0, 1.5, 2.0, 1.75, 1.5, 1.0, 1.5]);
    assert_eq!(cycle.exp_range(0.5).lr(2), 1.25);
    assert_eq!((cycle.momentum(0), cycle.momentum(2)), (0.9, 0.8));
}

#[test]
fn plateaus() {
    let mut plateau = ReduceLrOnPlateau::new(1.0).maximize().factor(0.5).patience(1).cooldown(2).min_lr(0.3);
    let mut rates = vec![];
    for metric in [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5] {
        plateau.step(metric);
        rates.push(plateau.lr());
    }
    assert_eq!(rates, [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]);
}
