//! The conditional random field against an enumeration of all tag sequences, on every device.

use autograd::{Device, Reduction, Result, Tensor};
use gpu_core::testing::devices;
use models::{Adam, Crf, Params};

const STEPS: usize = 4;
const TAGS: usize = 3;
const LENGTHS: [i32; 3] = [4, 1, 3];

fn values(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + seed * 11) % 23) as f32 / 7.0 - 1.5).collect()
}

struct Problem {
    crf: Crf,
    emissions: Tensor,
    lengths: Tensor,
    /// Start, transitions and end, emissions.
    numbers: [Vec<f32>; 4],
}

impl Problem {
    fn new(device: &Device) -> Problem {
        let params = Params::new(device, 0);
        let crf = Crf::new(&params, TAGS);
        let n = LENGTHS.len();
        let numbers = [values(TAGS, 1), values(TAGS * TAGS, 2), values(TAGS, 3), values(STEPS * n * TAGS, 4)];
        let names = ["start_transitions", "transitions", "end_transitions"];
        for (name, values) in names.iter().zip(&numbers) {
            let param = params.get(name).unwrap();
            param.set(&Tensor::from_slice(device, values, param.value().shape()).unwrap());
        }
        let emissions = Tensor::from_slice(device, &numbers[3], &[STEPS, n, TAGS]).unwrap();
        let lengths = Tensor::from_slice(device, &LENGTHS, &[n]).unwrap();
        Problem { crf, emissions, lengths, numbers }
    }

    fn score(&self, item: usize, tags: &[usize]) -> f64 {
        let [start, transitions, end, emissions] = &self.numbers;
        let emission = |t: usize| emissions[(t * LENGTHS.len() + item) * TAGS + tags[t]];
        let arcs = tags.windows(2).map(|w| transitions[w[0] * TAGS + w[1]]);
        let all = (0..tags.len()).map(emission).chain(arcs);
        let ends = start[tags[0]] + end[tags[tags.len() - 1]];
        all.map(f64::from).sum::<f64>() + f64::from(ends)
    }
}

/// All sequences of tags of an item, with their scores.
fn sequences(problem: &Problem, item: usize) -> Vec<(Vec<usize>, f64)> {
    let length = LENGTHS[item] as u32;
    let tags = |code: usize| (0..length).map(|t| code / TAGS.pow(t) % TAGS).collect::<Vec<_>>();
    (0..TAGS.pow(length)).map(tags).map(|t| (t.clone(), problem.score(item, &t))).collect()
}

#[test]
fn agrees_with_all_sequences() -> Result<()> {
    for device in devices() {
        let p = Problem::new(&device);
        let total = p.crf.log_partition(&p.emissions, &p.lengths).to_vec::<f32>()?;
        let marginals = p.crf.marginals(&p.emissions, &p.lengths).to_vec::<f32>()?;
        let (scores, tags) = p.crf.decode(&p.emissions, &p.lengths);
        let nll = p.crf.nll_loss(&p.emissions, &tags, &p.lengths, Reduction::None).to_vec::<f32>()?;
        let (scores, tags) = (scores.to_vec::<f32>()?, tags.to_vec::<i32>()?);
        for item in 0..LENGTHS.len() {
            let all = sequences(&p, item);
            let want = all.iter().map(|s| s.1.exp()).sum::<f64>().ln();
            assert!((f64::from(total[item]) - want).abs() < 1e-5, "{} for {want}", total[item]);
            let (best, score) = all.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
            assert!((f64::from(scores[item]) - score).abs() < 1e-5, "{} for {score}", scores[item]);
            assert!((f64::from(nll[item]) - (want - score)).abs() < 1e-5);
            for t in 0..STEPS {
                let at = t * LENGTHS.len() + item;
                assert_eq!(tags[at], best.get(t).map_or(-1, |&tag| tag as i32), "step {t} of {item}");
                for tag in 0..TAGS {
                    let through = all.iter().filter(|s| s.0.get(t) == Some(&tag));
                    let want = through.map(|s| (s.1 - want).exp()).sum::<f64>();
                    assert!((f64::from(marginals[at * TAGS + tag]) - want).abs() < 1e-5);
                }
            }
        }
    }
    Ok(())
}

/// Tags alternate independently of emissions: only transitions can learn that.
#[test]
fn learns_which_tag_follows_which() -> Result<()> {
    let device = Device::named("cpu")?;
    let params = Params::new(&device, 0);
    let crf = Crf::new(&params, 2);
    let emissions = Tensor::zeros(&device, &[5, 2, 2]);
    let tags = Tensor::from_slice(&device, &[0i32, 1, 1, 0, 0, 1, 1, -100, 0, -100], &[5, 2])?;
    let lengths = Tensor::from_slice(&device, &[5i32, 3], &[2])?;
    let mut opt = Adam::new(&params);
    for _ in 0..60 {
        let loss = crf.nll_loss(&emissions, &tags, &lengths, Reduction::Mean);
        opt.step(loss.backward(), 0.2)?;
    }
    let start = Tensor::from_slice(&device, &[9.0f32, 0.0], &[1, 1, 2])?;
    let emissions = autograd::cat(&[&start, &Tensor::zeros(&device, &[3, 1, 2])], 0);
    let (_, tags) = crf.decode(&emissions, &Tensor::from_slice(&device, &[4i32], &[1])?);
    assert_eq!(tags.to_vec::<i32>()?, [0, 1, 0, 1]);
    Ok(())
}

#[test]
#[should_panic(expected = "crf: emissions [4, 3, 5]")]
fn other_numbers_of_tags_are_refused() {
    let p = Problem::new(&Device::named("cpu").unwrap());
    p.crf.log_partition(&Tensor::zeros(p.emissions.device(), &[4, 3, 5]), &p.lengths);
}
