//! Hidden Markov models: forward-backward and Viterbi against all ways of the states, Baum-Welch on a casino's dice (Durbin et al. 1998),
//! and Rao-Blackwellised estimates: `cargo run --release -p wgrad-atlas -- hidden_markov`.

use atlas::prelude::*;
use methods::inference::HiddenMarkov;

pub const STUDY: Study = Study {
    name: "hidden_markov",
    about: "When a casino changes its dice: smoothing, the most probable way, learning, and estimates with part of the sum done exactly.",
    on_gpu: false,
    data: None,
    run,
};

/// A fair die and one that shows a six half of the time.
fn casino() -> HiddenMarkov {
    HiddenMarkov {
        start: vec![0.5, 0.5],
        transition: vec![vec![0.95, 0.05], vec![0.1, 0.9]],
        emission: vec![vec![1.0 / 6.0; 6], vec![0.1, 0.1, 0.1, 0.1, 0.1, 0.5]],
    }
}

/// A model of random probabilities.
fn random(states: usize, symbols: usize, draws: &mut Draws) -> HiddenMarkov {
    let mut rows =
        |count: usize, width: usize| (0..count).map(|_| draws.dirichlet(1.0, width)).collect::<Vec<_>>();
    HiddenMarkov {
        start: rows(1, states).remove(0),
        transition: rows(states, states),
        emission: rows(states, symbols),
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let mut draws = lab.draws(0);
    enumeration(lab, &mut draws);
    const SHOWN: usize = 300;
    let (rolls, casino) = (lab.pick(20_000, 4000), casino());
    let (states, seen) = casino.sample(rolls, &mut draws);
    let smoothed = casino.forward_backward(&seen);
    let path = casino.viterbi(&seen);
    let right = |guess: &dyn Fn(usize) -> usize| {
        (0..rolls).filter(|&t| guess(t) == states[t]).count() as f64 / rolls as f64
    };
    lab.expect(
        "casino: dice named by smoothing",
        right(&|t| usize::from(smoothed.states[t][1] > 0.5)),
        0.77..,
    );
    lab.expect("casino: dice named by Viterbi", right(&|t| path[t]), 0.75..);

    let sequences: Vec<Vec<usize>> =
        (0..lab.pick(200, 60)).map(|_| casino.sample(300, &mut draws).1).collect();
    // The chain that learns starts out with states that last.
    let lasting = vec![vec![0.8, 0.2], vec![0.2, 0.8]];
    let mut learned = HiddenMarkov { transition: lasting, ..random(2, 6, &mut draws) };
    let likelihoods: Vec<f64> = (0..lab.pick(300, 200)).map(|_| learned.baum_welch(&sequences)).collect();
    let fall = likelihoods.windows(2).map(|pair| pair[0] - pair[1]).fold(f64::MIN, f64::max);
    lab.expect("Baum-Welch: largest fall of the log-likelihood in a step", fall, ..1e-6);
    let truth: f64 = sequences.iter().map(|seen| casino.forward_backward(seen).log_likelihood).sum();
    let last = likelihoods[likelihoods.len() - 1];
    lab.expect("Baum-Welch: log-likelihood over that of the true model", last - truth, 0.0..30.0);
    let six = learned.emission.iter().map(|row| row[5]).fold(0.0, f64::max);
    lab.expect("Baum-Welch: the loaded die's share of sixes", six, 0.45..0.55);

    let line = |value: &dyn Fn(usize) -> f64| (0..SHOWN).map(|t| (t as f64, value(t))).collect::<Vec<_>>();
    let dice = plot::Panel::new("Which die", "roll", "probability of the loaded die")
        .with(plot::Series::new("given all rolls", line(&|t| smoothed.states[t][1])).exact())
        .with(plot::Series::new("truth", line(&|t| 1.2 + 0.1 * states[t] as f64)).exact())
        .with(plot::Series::new("Viterbi", line(&|t| 1.05 + 0.1 * path[t] as f64)).exact());
    let learning = plot::Panel::new("Baum-Welch", "step", "log-likelihood less that of the true model")
        .with(
            plot::Series::new("", likelihoods.iter().enumerate().map(|(i, v)| (i as f64, v - truth))).exact(),
        )
        .y_range(-400.0, 50.0);
    let figure = plot::Figure::new("A casino that changes its dice").panel(dice).panel(learning);
    lab.picture("hidden_markov", |path| figure.save(path))
}

/// Eight steps of three states: all ways of the states, and a state's probability by draws.
fn enumeration(lab: &mut Lab, draws: &mut Draws) {
    const STEPS: usize = 8;
    let model = random(3, 4, draws);
    let (_, seen) = model.sample(STEPS, draws);
    let ways: Vec<Vec<usize>> = (0..3usize.pow(STEPS as u32))
        .map(|i| (0..STEPS as u32).map(|t| i / 3usize.pow(t) % 3).collect())
        .collect();
    let joint: Vec<f64> = ways.iter().map(|way| model.joint(way, &seen)).collect();
    let evidence: f64 = joint.iter().sum();
    let share = |holds: &dyn Fn(&Vec<usize>) -> bool| {
        joint.iter().zip(&ways).filter(|(_, way)| holds(way)).map(|(p, _)| p).sum::<f64>() / evidence
    };
    let found = model.forward_backward(&seen);
    lab.expect("log-likelihood from all ways", (found.log_likelihood - evidence.ln()).abs(), ..1e-12);
    let mut apart = 0.0f64;
    for (t, (a, b)) in (0..STEPS).flat_map(|t| (0..9).map(move |i| (t, (i / 3, i % 3)))) {
        apart = apart.max((found.states[t][a] - share(&|way| way[t] == a)).abs());
        if t + 1 < STEPS {
            apart = apart.max((found.pairs[t][a][b] - share(&|way| way[t] == a && way[t + 1] == b)).abs());
        }
    }
    lab.expect("probabilities of states and pairs from all ways", apart, ..1e-12);
    let best = joint.iter().copied().fold(0.0, f64::max);
    lab.expect(
        "Viterbi: probability over the best of all ways",
        model.joint(&model.viterbi(&seen), &seen) / best,
        1.0 - 1e-12..=1.0,
    );

    // Draws of whole ways estimate a state's probability by counting, or by its conditional probability given its neighbours, which
    // depends on less chance (Rao 1945; Blackwell 1947): the law of total variance gives both variances.
    let at = STEPS / 2;
    let given = |way: &[usize]| {
        let weight = |s: usize| {
            model.transition[way[at - 1]][s] * model.emission[s][seen[at]] * model.transition[s][way[at + 1]]
        };
        weight(0) / (0..3).map(weight).sum::<f64>()
    };
    let exact = found.states[at][0];
    let squares: f64 = joint.iter().zip(&ways).map(|(p, way)| p * given(way).powi(2)).sum::<f64>() / evidence;
    let theory = (squares - exact * exact) / (exact * (1.0 - exact));
    let count = lab.pick(200_000, 20_000);
    let drawn: Vec<&Vec<usize>> = (0..count).map(|_| &ways[draws.weighted(&joint)]).collect();
    let moments = |values: &mut dyn Iterator<Item = f64>| {
        let values: Vec<f64> = values.collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64)
    };
    let plain = moments(&mut drawn.iter().map(|way| f64::from(u8::from(way[at] == 0))));
    let better = moments(&mut drawn.iter().map(|way| given(way)));
    let error = (better.0 - exact).abs() / (better.1 / count as f64).sqrt();
    lab.expect("Rao-Blackwell: error of the mean in standard errors", error, ..4.5);
    lab.expect("Rao-Blackwell: variance over that of counting", better.1 / plain.1, ..0.9);
    lab.expect(
        "Rao-Blackwell: the same over the law of total variance",
        better.1 / plain.1 / theory,
        0.9..1.1,
    );
}
