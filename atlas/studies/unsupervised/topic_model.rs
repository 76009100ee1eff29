//! Latent Dirichlet allocation by collapsed Gibbs sampling: planted topics, the rows and columns of a square of 25 words (Griffiths and
//! Steyvers 2004), are found again: `cargo run --release -p wgrad-atlas -- topic_model`.

use atlas::prelude::*;
use methods::unsupervised::TopicSampler;

pub const STUDY: Study = Study {
    name: "topic_model",
    about: "Gibbs sampling finds the planted topics of documents, and samples from the posterior of a tiny corpus.",
    on_gpu: false,
    data: None,
    run,
};

const SIDE: usize = 5;
const WORDS: usize = SIDE * SIDE;
const TOPICS: usize = 2 * SIDE;

/// The words of each topic: a row or a column of the square.
fn planted() -> Vec<Vec<f64>> {
    let inside = |topic: usize, word: usize| {
        if topic < SIDE { word / SIDE == topic } else { word % SIDE == topic - SIDE }
    };
    let row =
        |topic| (0..WORDS).map(|word| if inside(topic, word) { 1.0 / SIDE as f64 } else { 0.0 }).collect();
    (0..TOPICS).map(row).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn run(lab: &mut Lab) -> Result<()> {
    let mut draws = lab.draws(0);
    tiny(lab, &mut draws);
    let truth = planted();
    let mixtures: Vec<Vec<f64>> = (0..lab.pick(2000, 500)).map(|_| draws.dirichlet(1.0, TOPICS)).collect();
    let document = |mixture: &Vec<f64>, draws: &mut Draws| {
        (0..100)
            .map(|_| {
                let topic = draws.weighted(mixture);
                draws.weighted(&truth[topic])
            })
            .collect::<Vec<_>>()
    };
    let documents: Vec<Vec<usize>> = mixtures.iter().map(|mixture| document(mixture, &mut draws)).collect();
    // The mean log-probability of a word, for topics and mixtures.
    let likelihood = |topics: &[Vec<f64>], mixtures: &[Vec<f64>]| {
        let word = |m: &Vec<f64>, word: usize| {
            m.iter().zip(topics).map(|(p, topic)| p * topic[word]).sum::<f64>().ln()
        };
        let sums = documents.iter().zip(mixtures).map(|(d, m)| d.iter().map(|&w| word(m, w)).sum::<f64>());
        sums.sum::<f64>() / (100 * documents.len()) as f64
    };
    let mut sampler = TopicSampler::new(documents.clone(), WORDS, TOPICS, (1.0, 0.1), &mut draws);
    let (mut curve, mut shown) = (Vec::new(), Vec::new());
    for sweep in lab.steps("Gibbs sampling", lab.pick(300, 120)) {
        if [0, 5, 20].contains(&sweep) {
            shown.push((sweep, sampler.words()));
        }
        curve.push((sweep as f64, likelihood(&sampler.words(), &sampler.mixtures())));
        sampler.sweep(&mut draws);
    }
    let found = sampler.words();
    let matched: Vec<usize> = truth
        .iter()
        .map(|row| {
            (0..TOPICS)
                .max_by(|&a, &b| cosine(&found[a], row).total_cmp(&cosine(&found[b], row)))
                .unwrap_or(0)
        })
        .collect();
    let mut distinct = matched.clone();
    distinct.sort_unstable();
    distinct.dedup();
    lab.expect("planted topics with a topic of their own, of 10", distinct.len() as f64, 10.0..=10.0);
    let worst =
        truth.iter().zip(&matched).map(|(row, &topic)| cosine(row, &found[topic])).fold(1.0, f64::min);
    lab.expect("least cosine of a planted topic and the one found", worst, 0.97..);
    let ideal = likelihood(&truth, &mixtures);
    lab.expect("nats a word gained over one topic", curve[curve.len() - 1].1 + (WORDS as f64).ln(), 0.15..);
    lab.expect("nats a word below the planted model", ideal - curve[curve.len() - 1].1, -0.05..0.05);

    shown.push((curve.len(), matched.iter().map(|&topic| found[topic].clone()).collect()));
    let mut tiles = Tiles::new(SIDE, SIDE);
    for (sweep, words) in &shown {
        let values: Vec<f32> = words.iter().flatten().map(|&p| 4.0 * p as f32).collect();
        tiles = tiles.grey(&values, |i| if i == 0 { format!("sweep {sweep}") } else { String::new() });
    }
    let panel = plot::Panel::new("", "sweep", "log-probability of a word");
    let panel = panel.with(plot::Series::new("sampler", curve.iter().copied()).exact());
    let panel =
        panel.with(plot::Series::new("planted model", [(0.0, ideal), (curve.len() as f64, ideal)]).exact());
    let images = tiles.images();
    let figure = plot::Figure::new("Topics of 25 words").panel(panel).images(&images, TOPICS);
    lab.picture("topic_model", |path| figure.save(path))
}

/// Two documents of three words: how often each of the 64 assignments of topics is drawn, against its posterior probability.
fn tiny(lab: &mut Lab, draws: &mut Draws) {
    const PRIOR: (f64, f64) = (0.7, 0.4);
    let documents = [[0, 0, 1], [1, 2, 2]];
    // The product of the predictive probabilities of the words' topics and of the words, one after the other.
    let probability = |code: usize| {
        let (mut by_document, mut by_word, mut p) = ([[0.0; 2]; 2], [[0.0; 3]; 2], 1.0);
        for i in 0..6 {
            let (d, word, topic) = (i / 3, documents[i / 3][i % 3], code >> i & 1);
            let total = |counts: &[f64]| counts.iter().sum::<f64>();
            p *= (by_document[d][topic] + PRIOR.0) / (total(&by_document[d]) + 2.0 * PRIOR.0);
            p *= (by_word[topic][word] + PRIOR.1) / (total(&by_word[topic]) + 3.0 * PRIOR.1);
            by_document[d][topic] += 1.0;
            by_word[topic][word] += 1.0;
        }
        p
    };
    let exact: Vec<f64> = (0..64).map(probability).collect();
    let sum: f64 = exact.iter().sum();
    let mut sampler = TopicSampler::new(documents.map(Vec::from).to_vec(), 3, 2, PRIOR, draws);
    let (mut counts, sweeps) = ([0.0; 64], lab.pick(1_000_000, 200_000));
    for _ in 0..sweeps {
        sampler.sweep(draws);
        let code = sampler.assignments().iter().flatten().rev().fold(0, |code, topic| 2 * code + topic);
        counts[code] += 1.0 / f64::from(sweeps);
    }
    let apart = exact.iter().zip(counts).map(|(p, count)| (p / sum - count).abs()).sum::<f64>() / 2.0;
    lab.expect("tiny corpus: total variation from the exact posterior", apart, ..0.02);
}
