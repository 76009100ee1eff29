//! What strategies choose, on functions whose minimum is known.

use search::{Budget, Dimension, Next, Outcome, Space, Strategy, Trial, Value, Values};
use train::Goal;

fn number(values: &Values, name: &str) -> f64 {
    match &values[name] {
        Value::Float(x) => *x,
        Value::Integer(x) => *x as f64,
        other => panic!("{name} is {other}"),
    }
}

fn finish(trial: &mut Trial, objective: f64) {
    trial.outcome = Some(Outcome::Finished { objective, seconds: 0.0 });
}

/// All trials of a strategy, one after another.
fn run(strategy: &Strategy, space: &Space, seed: u64, objective: impl Fn(&Trial) -> f64) -> Vec<Trial> {
    strategy.check(space).unwrap();
    let mut trials = vec![];
    while let Next::Run(mut trial) = strategy.next(space, seed, Goal::Min, &trials, 1) {
        let value = objective(&trial);
        finish(&mut trial, value);
        trials.push(trial);
    }
    trials
}

/// Trials until the objective came within `margin` of `minimum`.
fn needed(trials: &[Trial], minimum: f64, margin: f64) -> Option<usize> {
    trials.iter().position(|t| t.objective().unwrap() <= minimum + margin).map(|i| i + 1)
}

/// Branin's function with its usual constants; the minimum is 0.397887 in three places.
fn branin(values: &Values) -> f64 {
    use std::f64::consts::PI;
    let (x, y) = (number(values, "x"), number(values, "y"));
    let valley = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    valley * valley + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0
}

fn branin_space() -> Space {
    Space::new([("x", Dimension::Uniform(-5.0, 10.0)), ("y", Dimension::Uniform(0.0, 15.0))]).unwrap()
}

/// Hartmann's function of three variables; the minimum is -3.86278.
fn hartmann3(values: &Values) -> f64 {
    const A: [[f64; 3]; 4] = [[3.0, 10.0, 30.0], [0.1, 10.0, 35.0], [3.0, 10.0, 30.0], [0.1, 10.0, 35.0]];
    const P: [[f64; 3]; 4] = [
        [0.3689, 0.1170, 0.2673],
        [0.4699, 0.4387, 0.7470],
        [0.1091, 0.8732, 0.5547],
        [0.0381, 0.5743, 0.8828],
    ];
    let x = ["a", "b", "c"].map(|name| number(values, name));
    let peak = |i: usize| (0..3).map(|j| A[i][j] * (x[j] - P[i][j]).powi(2)).sum::<f64>();
    -(0..4).map(|i| [1.0, 1.2, 3.0, 3.2][i] * (-peak(i)).exp()).sum::<f64>()
}

fn hartmann_space() -> Space {
    Space::new(["a", "b", "c"].map(|name| (name, Dimension::Uniform(0.0, 1.0)))).unwrap()
}

#[test]
fn functions_have_their_minima() {
    let at = |x: f64, y: f64| [("x".to_owned(), Value::Float(x)), ("y".to_owned(), Value::Float(y))].into();
    assert!((branin(&at(std::f64::consts::PI, 2.275)) - 0.397887).abs() < 1e-6);
    let at = [("a", 0.114614), ("b", 0.555649), ("c", 0.852547)];
    let values = at.map(|(name, x)| (name.to_owned(), Value::Float(x))).into();
    assert!((hartmann3(&values) + 3.86278).abs() < 1e-5);
}

/// Within 0.05 of the minimum in 35 trials, for which random search needs hundreds.
#[test]
fn bayesian_search_finds_the_minimum_of_branin() {
    for seed in 0..5 {
        let trials = run(&Strategy::Bayesian { trials: 35 }, &branin_space(), seed, |t| branin(&t.values));
        let needed = needed(&trials, 0.397887, 0.05);
        println!("branin, seed {seed}: {needed:?}");
        assert!(needed.is_some(), "seed {seed}");
        let random = run(&Strategy::Random { trials: 105 }, &branin_space(), seed, |t| branin(&t.values));
        let best = |trials: &[Trial]| trials.iter().map(|t| t.objective().unwrap()).fold(f64::MAX, f64::min);
        let (ours, theirs) = (best(&trials), best(&random));
        println!("  best {ours}, at random of three times as many {theirs}");
        assert!(ours < theirs, "seed {seed}: {ours}, at random {theirs}");
    }
}

/// Within 0.05 of the minimum in 45 trials.
#[test]
fn bayesian_search_finds_the_minimum_of_hartmann() {
    for seed in 0..5 {
        let trials =
            run(&Strategy::Bayesian { trials: 45 }, &hartmann_space(), seed, |t| hartmann3(&t.values));
        let random =
            run(&Strategy::Random { trials: 450 }, &hartmann_space(), seed, |t| hartmann3(&t.values));
        let (ours, theirs) = (needed(&trials, -3.86278, 0.05), needed(&random, -3.86278, 0.05));
        println!("hartmann, seed {seed}: {ours:?}, at random {theirs:?}");
        assert!(ours.is_some(), "seed {seed}");
        assert!(
            theirs.is_none_or(|theirs| 2 * ours.unwrap() < theirs),
            "seed {seed}: {ours:?}, at random {theirs:?}"
        );
    }
}

/// Whole numbers, a logarithm and options, of which one is best.
#[test]
fn bayesian_search_handles_mixed_spaces() {
    let options = ["sgd", "adam", "lion", "adagrad"].map(Value::from).to_vec();
    let space = Space::new([
        ("lr", Dimension::LogUniform(1e-5, 1.0)),
        ("layers", Dimension::Integer(1, 12)),
        ("optimizer", Dimension::Choice(options)),
    ]);
    let objective = |t: &Trial| {
        let lr = (number(&t.values, "lr") / 3e-3).log10();
        let layers = (number(&t.values, "layers") - 7.0) / 4.0;
        let optimizer = if t.values["optimizer"] == "adam".into() { 0.0 } else { 1.0 };
        lr * lr + layers * layers + optimizer
    };
    let space = space.unwrap();
    let trials = run(&Strategy::Bayesian { trials: 40 }, &space, 1, objective);
    let best =
        trials.iter().min_by(|a, b| a.objective().unwrap().total_cmp(&b.objective().unwrap())).unwrap();
    println!("{best:?}");
    assert_eq!((&best.values["layers"], &best.values["optimizer"]), (&Value::Integer(7), &"adam".into()));
    assert!(best.objective().unwrap() < 0.01);
    for (i, trial) in trials.iter().enumerate() {
        assert!(
            space.contains(&trial.values) && !trials[..i].iter().any(|t| t.values == trial.values),
            "{i}"
        );
    }
}

/// Failed trials are worth as little as the worst, and flat or huge objectives break nothing.
#[test]
fn bayesian_search_survives_bad_objectives() {
    let space = branin_space();
    let strategy = Strategy::Bayesian { trials: 25 };
    let mut trials: Vec<Trial> = vec![];
    while let Next::Run(mut trial) = strategy.next(&space, 0, Goal::Min, &trials, 1) {
        if number(&trial.values, "x") < 2.5 {
            trial.outcome = Some(Outcome::Failed { error: "no".into(), seconds: 0.0 });
        } else {
            let value = branin(&trial.values);
            finish(&mut trial, value);
        }
        trials.push(trial);
    }
    let late = trials[15..].iter().filter(|t| t.objective().is_some()).count();
    assert!(late >= 7, "{late} of the last 10 are where trials do not fail");
    for objective in [|_: &Trial| 1.0, |t: &Trial| f64::MAX * (1.0 - 2.0 * (t.number % 2) as f64)] {
        assert_eq!(run(&Strategy::Bayesian { trials: 12 }, &space, 0, objective).len(), 12);
    }
    // Smaller than the number of trials: some are repeated.
    let tiny = Space::new([("a", Dimension::Choice(vec![Value::Integer(1), Value::Integer(2)]))]).unwrap();
    assert_eq!(run(&Strategy::Bayesian { trials: 12 }, &tiny, 0, |t| number(&t.values, "a")).len(), 12);
}

#[test]
fn goals_are_mirrored() {
    let (space, strategy) = (branin_space(), Strategy::Bayesian { trials: 20 });
    let run = |goal, sign: f64| {
        let mut trials = vec![];
        while let Next::Run(mut trial) = strategy.next(&space, 4, goal, &trials, 1) {
            let value = sign * branin(&trial.values);
            finish(&mut trial, value);
            trials.push(trial);
        }
        trials.into_iter().map(|t| t.values).collect::<Vec<_>>()
    };
    assert_eq!(run(Goal::Min, 1.0), run(Goal::Max, -1.0));
}

/// Trials that run at once end in any order; what is tried does not depend on it.
#[test]
fn parallel_trials_do_not_depend_on_who_ends_first() {
    let space = branin_space();
    let run = |strategy: &Strategy, objective: &dyn Fn(&Trial) -> f64, newest_first: bool| {
        let (mut trials, mut running): (Vec<Trial>, Vec<usize>) = (vec![], vec![]);
        loop {
            match strategy.next(&space, 2, Goal::Min, &trials, 3) {
                Next::Run(trial) if running.len() < 3 => {
                    running.push(trial.number);
                    trials.push(trial);
                    continue;
                }
                Next::Done if running.is_empty() => return trials,
                Next::Wait => assert!(!running.is_empty(), "it waits for nobody"),
                _ => {}
            }
            let number = if newest_first { running.pop().unwrap() } else { running.remove(0) };
            let value = objective(&trials[number]);
            finish(&mut trials[number], value);
        }
    };
    let budget = Budget { name: "epochs".into(), min: 1, max: 9, factor: 3 };
    let strategies = [
        Strategy::Bayesian { trials: 16 },
        Strategy::Hyperband { budget },
        Strategy::Grid { points: 3 },
        Strategy::Random { trials: 7 },
    ];
    for strategy in &strategies {
        let objective = |t: &Trial| branin(&t.values) + 1.0 / t.budget.unwrap_or(1) as f64;
        assert_eq!(run(strategy, &objective, false), run(strategy, &objective, true), "{strategy:?}");
    }
    // At once, no place is tried twice.
    let trials = run(&strategies[0], &|t| branin(&t.values), true);
    for i in 0..trials.len() {
        assert!(!trials[..i].iter().any(|t| t.values == trials[i].values));
    }
}

#[test]
fn grids_are_complete() {
    let space: Space = toml::from_str(
        "a.choice = ['x', 'y']\nb.integer = [1, 3]\nc.log_uniform = [0.01, 1]\nd.integer = [0, 100]",
    )
    .unwrap();
    let strategy = Strategy::Grid { points: 3 };
    let trials = run(&strategy, &space, 0, |_| 0.0);
    assert_eq!((trials.len(), strategy.total(&space)), (54, 54));
    let of = |name: &str| {
        let mut seen: Vec<String> = trials.iter().map(|t| t.values[name].to_string()).collect();
        seen.sort();
        seen.dedup();
        seen
    };
    assert_eq!((of("a"), of("b")), (vec!["x".into(), "y".into()], vec!["1".into(), "2".into(), "3".into()]));
    let [low, middle, high] = &of("c")[..] else { panic!("{:?}", of("c")) };
    assert_eq!((low.as_str(), high.as_str()), ("0.01", "1.0"));
    assert!((middle.parse::<f64>().unwrap() - 0.1).abs() < 1e-12);
    assert_eq!(of("d"), ["0", "100", "50"]);
    for i in 0..trials.len() {
        assert!(!trials[..i].iter().any(|t| t.values == trials[i].values));
    }
}

#[test]
fn random_trials_depend_on_seed_and_number() {
    let space = branin_space();
    let run = |trials, seed| run(&Strategy::Random { trials }, &space, seed, |t| branin(&t.values));
    assert_eq!(run(20, 5)[..10], run(10, 5));
    assert_ne!(run(10, 5), run(10, 6));
    let x: Vec<f64> = run(2000, 0).iter().map(|t| number(&t.values, "x")).collect();
    let mean = x.iter().sum::<f64>() / 2000.0;
    assert!((mean - 2.5).abs() < 0.4 && x.iter().any(|&x| x < -4.9) && x.iter().any(|&x| x > 9.9), "{mean}");
}

/// Learning curves `rate + 2 / budget` times a number that a small budget gets wrong.
fn curve(trial: &Trial) -> f64 {
    let rate = number(&trial.values, "x");
    let budget = trial.budget.unwrap() as f64;
    let wobble =
        ((trial.values["x"].to_string().bytes().map(u64::from).sum::<u64>() % 17) as f64 / 17.0 - 0.5) * 0.3;
    rate + (2.0 + wobble) / budget
}

#[test]
fn successive_halving_keeps_the_best() {
    let space = Space::new([("x", Dimension::Uniform(0.0, 4.0))]).unwrap();
    let budget = Budget { name: "epochs".into(), min: 1, max: 27, factor: 3 };
    let strategy = Strategy::SuccessiveHalving { trials: 27, budget };
    let trials = run(&strategy, &space, 3, curve);
    let rungs: Vec<usize> =
        [1, 3, 9, 27].map(|b| trials.iter().filter(|t| t.budget == Some(b)).count()).to_vec();
    assert_eq!((rungs, strategy.total(&space)), (vec![27, 9, 3, 1], 40));
    // The winner is the best of all 27 by its whole curve, for a third of the epochs.
    let best =
        trials[..27].iter().min_by(|a, b| number(&a.values, "x").total_cmp(&number(&b.values, "x"))).unwrap();
    assert_eq!(trials[39].values, best.values);
    for trial in trials.iter().filter(|t| t.promoted_from.is_some()) {
        let from = &trials[trial.promoted_from.unwrap()];
        assert_eq!((from.values == trial.values, from.budget.unwrap() * 3), (true, trial.budget.unwrap()));
    }
    let spent: i64 = trials.iter().map(|t| t.budget.unwrap()).sum();
    assert_eq!((spent, 27 * 27), (108, 729));
}

/// Li et al. 2018, table 1: R = 81, factor 3.
#[test]
fn hyperbands_brackets_are_the_papers() {
    let space = Space::new([("x", Dimension::Uniform(0.0, 4.0))]).unwrap();
    let budget = Budget { name: "epochs".into(), min: 1, max: 81, factor: 3 };
    let trials = run(&Strategy::Hyperband { budget }, &space, 0, curve);
    let mut runs: Vec<(i64, usize)> = vec![];
    for trial in &trials {
        match runs.last_mut() {
            Some((budget, count)) if *budget == trial.budget.unwrap() => *count += 1,
            _ => runs.push((trial.budget.unwrap(), 1)),
        }
    }
    #[rustfmt::skip]
    let want = [
        (1, 81), (3, 27), (9, 9), (27, 3), (81, 1),
        (3, 34), (9, 11), (27, 3), (81, 1),
        (9, 15), (27, 5), (81, 1),
        (27, 8), (81, 2 + 5),
    ];
    assert_eq!(runs, want);
    let drawn = trials.iter().filter(|t| t.promoted_from.is_none());
    let mut values: Vec<String> = drawn.map(|t| t.values["x"].to_string()).collect();
    values.sort();
    values.dedup();
    assert_eq!(values.len(), 81 + 34 + 15 + 8 + 5, "every bracket draws values of its own");
}

/// Failures are not promoted; a rung of failures ends its bracket.
#[test]
fn failures_are_not_promoted() {
    let space = Space::new([("x", Dimension::Uniform(0.0, 4.0))]).unwrap();
    let budget = Budget { name: "epochs".into(), min: 1, max: 9, factor: 3 };
    let strategy = Strategy::SuccessiveHalving { trials: 9, budget };
    for (failing, want) in [(9, 9), (8, 11), (0, 13)] {
        let mut trials: Vec<Trial> = vec![];
        while let Next::Run(mut trial) = strategy.next(&space, 0, Goal::Min, &trials, 1) {
            if trial.number < failing {
                trial.outcome = Some(Outcome::Failed { error: "no".into(), seconds: 0.0 });
            } else {
                finish(&mut trial, 1.0);
            }
            trials.push(trial);
        }
        assert_eq!(trials.len(), want, "{failing} failing");
        assert!(trials[9..].iter().all(|t| t.promoted_from.unwrap() >= failing));
    }
}

#[test]
fn wrong_strategies_are_refused() {
    let space =
        Space::new([("x", Dimension::Uniform(0.0, 4.0)), ("y", Dimension::Integer(0, 1 << 40))]).unwrap();
    let fault = |text: &str| {
        let strategy: Result<Strategy, _> = serde_json::from_str(text);
        let strategy = strategy.unwrap_or_else(|e| panic!("{text}: {e}"));
        strategy.check(&space).unwrap_err().to_string()
    };
    let cases = [
        (r#"{"random": {"trials": 0}}"#, "trials is 0"),
        (r#"{"grid": {"points": 0}}"#, "points is 0"),
        (r#"{"grid": {"points": 100000000000}}"#, "more than 1000000 combinations"),
        (r#"{"grid": {"points": 2000}}"#, "more than 1000000 combinations"),
        (r#"{"hyperband": {"budget": {"name": "x", "min": 1, "max": 9}}}"#, "x is the budget and"),
        (r#"{"hyperband": {"budget": {"name": "e", "min": 0, "max": 9}}}"#, "1 <= min < max"),
        (r#"{"hyperband": {"budget": {"name": "e", "min": 1, "max": 9, "factor": 1}}}"#, "factor of 2"),
        (r#"{"hyperband": {"budget": {"name": "", "min": 1, "max": 9}}}"#, "name"),
        (
            r#"{"hyperband": {"budget": {"name": "e", "min": 1, "max": 9000000000000000000}}}"#,
            "too far apart",
        ),
    ];
    for (text, want) in cases {
        assert!(fault(text).contains(want), "{text}: {}", fault(text));
    }
    let unknown: Result<Strategy, _> = serde_json::from_str(r#"{"random": {"trails": 3}}"#);
    assert!(unknown.unwrap_err().to_string().contains("unknown field `trails`"));
}
