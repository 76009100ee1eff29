//! Canary releases: a new version serves a share of the requests, and is rolled back if it errs more often than the current one, by a test
//! of two proportions: `cargo run --release -p wgrad-atlas -- rollback`.

use atlas::prelude::*;
use wgrad::models::Mlp;
use wgrad::train::Registry;

pub const STUDY: Study = Study {
    name: "rollback",
    about: "A registry of versions whose current one changes in one step: a better canary stays, a broken one is taken back.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

/// Requests during the trial of a canary; one in five goes to the canary.
const REQUESTS: usize = 3000;
const SHARE: f64 = 0.2;
/// Requests between judgements, of which there are five; one false alarm in a thousand at each makes at most one in two hundred in all.
const EVERY: usize = 600;
const LEVEL: f64 = 3.09;

/// The z statistic of a canary's errors against the current version's at each judgement, up to a rollback.
fn trial(draws: &mut Draws, current: &[bool], canary: &[bool]) -> Vec<f64> {
    let (mut tallies, mut found) = ([(0, 0); 2], vec![]);
    for request in 1..=REQUESTS {
        let (example, to_canary) = (draws.below(current.len() as u32) as usize, draws.unit() < SHARE);
        let tally = &mut tallies[usize::from(to_canary)];
        tally.0 += u64::from(if to_canary { canary[example] } else { current[example] });
        tally.1 += 1;
        if request % EVERY == 0 {
            found.push(metrics::two_proportion_z(tallies[1], tallies[0]));
            if found.last() > Some(&LEVEL) {
                break;
            }
        }
    }
    found
}

fn goes(trial: &[f64]) -> bool {
    trial.last() > Some(&LEVEL)
}

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.small_digits(2000, 2000)?;
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (x, seen) = (test.images.flatten(1, -1), train.images.flatten(1, -1));
    let params = lab.params();
    let net = Mlp::new(&params, &[49, 64, 10]);
    let directory = lab.out().join("registry");
    if directory.exists() {
        std::fs::remove_dir_all(&directory)?;
    }
    let registry = Registry::open(directory)?;
    let wrong = || -> Result<Vec<bool>> {
        let answers = net.forward(&x).argmax(1, false).to_vec::<i32>()?;
        Ok(answers.iter().zip(set.test.labels()).map(|(&a, &label)| a != label as i32).collect())
    };
    // A briefly trained first version, a longer trained one, and one trained to call a 7 a 1.
    let mut draws = lab.draws(0);
    let mut errors = Vec::new();
    for (name, steps, seven) in [("hasty", 80, 7), ("longer", lab.pick(800, 300), 7), ("faulty", 100, 1)] {
        let taught = Tensor::from_slice(lab.device(), &[0, 1, 2, 3, 4, 5, 6, seven, 8, 9], &[10])?;
        lab.fit(name, steps, &mut Adam::new(&params), 3e-3, |_| {
            let [x, y] = minibatch(&mut draws, 64, [&seen, &train.labels])?;
            Ok(net.forward(&x).cross_entropy(&taught.index_select(0, &y)))
        })?;
        let found = wrong()?;
        let rate = found.iter().filter(|&&w| w).count() as f64 / found.len() as f64;
        registry.publish(&params, &json!({ "name": name, "error": rate }))?;
        lab.figure(format!("error of the {name} version"), rate);
        errors.push(found);
    }

    registry.promote(1)?;
    registry.promote(2)?;
    let better = trial(&mut draws, &errors[0], &errors[1]);
    if goes(&better) {
        registry.rollback()?;
    }
    lab.expect("current after a better canary", registry.current()?.context("a version")?, 2.0..=2.0);
    registry.promote(3)?;
    let faulty = trial(&mut draws, &errors[1], &errors[2]);
    if goes(&faulty) {
        registry.rollback()?;
    }
    let current = registry.current()?.context("a version")?;
    registry.load(current, &params)?;
    lab.expect("current after a faulty canary", current, 2.0..=2.0);
    lab.expect("answers changed by the rollback", f64::from(u8::from(wrong()? != errors[1])), 0.0..=0.0);
    lab.expect("requests until it is noticed", (faulty.len() * EVERY) as f64, ..REQUESTS as f64);

    let trials = lab.pick(1000, 300);
    let mut share = |current: usize, canary: usize| {
        let gone = (0..trials).filter(|_| goes(&trial(&mut draws, &errors[current], &errors[canary])));
        gone.count() as f64 / f64::from(trials)
    };
    lab.expect("an equal canary goes", share(1, 1), ..0.025);
    lab.expect("a better canary goes", share(0, 1), ..0.005);
    lab.expect("a faulty canary goes", share(1, 2), 0.98..);
    let equal = trial(&mut draws, &errors[1], &errors[1]);
    let mut panel =
        plot::Panel::new("", "requests", "z of the canary's errors against the current version's");
    for (name, trial) in [("better", better), ("equal", equal), ("faulty", faulty)] {
        let points = trial.iter().enumerate().map(|(i, &z)| (((i + 1) * EVERY) as f64, z));
        panel = panel.with(plot::Series::new(name, points.collect::<Vec<_>>()));
    }
    let level = plot::Series::new("goes", [(EVERY as f64, LEVEL), (REQUESTS as f64, LEVEL)]).exact();
    lab.picture("rollback", |path| plot::Figure::new("Three canaries").panel(panel.with(level)).save(path))
}
