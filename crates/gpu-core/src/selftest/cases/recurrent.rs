use super::{Case, noise, values};
use crate::kernels::{Gru, GruGrad, Lstm, LstmGrad, Rnn, RnnGrad, Sequence};

pub(super) fn cases() -> Vec<Case> {
    let small = Sequence { steps: 3, batch: 3, hidden: 8 };
    let odd = Sequence { steps: 2, batch: 9, hidden: 34 };
    [small, odd].into_iter().flat_map(|s| [lstm(s), gru(s), rnn(s, true), rnn(s, false)].concat()).collect()
}

/// Larger than for single products, because errors accumulate over the steps.
const TOLERANCE: f32 = 3e-5;

/// Sizes of a state, of all states, and of a weight.
fn sizes(s: Sequence) -> [usize; 3] {
    [s.batch * s.hidden, s.steps * s.batch * s.hidden, s.hidden * s.hidden]
}

/// Weights, biases, the first states, and products with the inputs, of `gates` gates.
fn inputs(case: Case, s: Sequence, gates: usize, biases: usize, states: usize) -> Case {
    let [state, all, weight] = sizes(s);
    let scale = 1.5 / (s.hidden as f32).sqrt();
    let weight: Vec<f32> = noise(gates * weight, 1).iter().map(|w| w * scale).collect();
    let case = case.floats(&weight).floats(&noise(biases * s.hidden, 2));
    let case = (0..states).fold(case, |case, i| case.floats(&noise(state, 3 + i as u64)));
    case.floats(&noise(gates * all, 5))
}

/// Adds the inputs of the gradient: arguments of the forward case, as they are after its run.
fn saved(case: Case, from: &Case, arguments: &[usize]) -> Case {
    let results = from.results();
    arguments.iter().fold(case, |case, &i| case.floats(&values(&results[i])))
}

/// The gates are read as products with the inputs, and written as the activated gates.
fn lstm(s: Sequence) -> Vec<Case> {
    let [state, all, _] = sizes(s);
    let forward = inputs(Case::new(Lstm::new(s), TOLERANCE), s, 4, 4, 2).writes(all).writes(all);
    let back = |with: bool| {
        let case =
            saved(Case::new(LstmGrad::new(s, with), TOLERANCE), &forward, &[0, 4, 5]).floats(&noise(all, 6));
        let case = if with { case.floats(&noise(all, 7)) } else { case };
        case.writes(4 * all).writes(2 * state)
    };
    vec![back(false), back(true), forward]
}

fn gru(s: Sequence) -> Vec<Case> {
    let [state, all, _] = sizes(s);
    let forward = inputs(Case::new(Gru::new(s), TOLERANCE), s, 3, 4, 1).writes(all).writes(all);
    let back = saved(Case::new(GruGrad::new(s), TOLERANCE), &forward, &[0, 3, 4, 5]).floats(&noise(all, 6));
    vec![back.writes(4 * all).writes(state), forward]
}

fn rnn(s: Sequence, relu: bool) -> Vec<Case> {
    let [state, all, _] = sizes(s);
    let forward = inputs(Case::new(Rnn::new(s, relu), TOLERANCE), s, 1, 1, 1).writes(all);
    let back = saved(Case::new(RnnGrad::new(s, relu), TOLERANCE), &forward, &[0, 4]).floats(&noise(all, 6));
    vec![back.writes(all).writes(state), forward]
}
