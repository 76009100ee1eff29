//! Recommendation by matrix factorisation with sampled negatives (Koren et al. 2009; Hu et al. 2008): the score of a pair is the product of
//! a user's and an item's vector. The users' preferences are known here, which bounds what any recommender can achieve:
//! `cargo run --release -p wgrad-atlas -- recommender`.

use atlas::prelude::*;
use atlas::synthetic::choices;
use wgrad::data::synthetic::Choices;
use wgrad::models::MatrixFactorization;

pub const STUDY: Study = Study {
    name: "recommender",
    about: "Matrix factorisation with drawn negatives finds what users like, far beyond the most popular items.",
    on_gpu: false,
    data: None,
    run,
};

const NEGATIVES: usize = 8;
/// The number of recommended items.
const K: usize = 10;

/// Mean recall and discounted gain of the ten best items that a user has not chosen yet, by scores `[users, items]`.
fn quality(set: &Choices, scores: &[f32]) -> [f64; 2] {
    let (users, items) = (set.train.len(), set.taste.columns());
    let mut sums = [0.0; 2];
    for user in 0..users {
        let mut scores = scores[user * items..][..items].to_vec();
        set.train[user].iter().for_each(|&item| scores[item] = f32::MIN);
        let relevant: Vec<bool> = (0..items).map(|item| set.test[user].contains(&item)).collect();
        let gains: Vec<f32> = relevant.iter().map(|&r| f32::from(r)).collect();
        sums[0] += metrics::recall_at_k(&relevant, &scores, K);
        sums[1] += metrics::ndcg(&gains, &scores, K);
    }
    sums.map(|sum| sum / users as f64)
}

/// Scores of all pairs after training on the choices.
fn factorise(lab: &Lab, set: &Choices) -> Result<Vec<f32>> {
    let (users, items) = (set.train.len(), set.taste.columns());
    let params = lab.params();
    let net = MatrixFactorization::new(&params, users, items, 8);
    let pairs: Vec<[i32; 2]> = set
        .train
        .iter()
        .enumerate()
        .flat_map(|(u, chosen)| chosen.iter().map(move |&i| [u as i32, i as i32]))
        .collect();
    let mut draws = lab.draws(0);
    let (batch, steps) = (1024, lab.pick(1500, 400));
    lab.fit(
        "factors",
        steps,
        &mut AdamW::new(&params).weight_decay(0.3),
        Cosine::new(0.03, 0.0, steps),
        |_| {
            let (mut of, mut candidates) =
                (Vec::with_capacity(batch), Vec::with_capacity(batch * (NEGATIVES + 1)));
            for _ in 0..batch {
                let [user, item] = pairs[draws.below(pairs.len() as u32) as usize];
                of.push(user);
                candidates.push(item);
                candidates.extend((0..NEGATIVES).map(|_| draws.below(items as u32) as i32));
            }
            let of = Tensor::from_slice(lab.device(), &of, &[batch])?;
            let candidates = Tensor::from_slice(lab.device(), &candidates, &[batch, NEGATIVES + 1])?;
            let scores = net.forward(&of, &candidates);
            Ok(scores.select(1, 0).negative_sampling_loss(&scores.narrow(1, 1, NEGATIVES), Reduction::Mean))
        },
    )?;
    Ok(net.all(&Tensor::arange(lab.device(), users).to(DType::I32)).to_vec::<f32>()?)
}

/// The correlation of two scorings of a user's items, averaged over users.
fn correlation(a: &[f32], b: &[f32], items: usize) -> f64 {
    let of = |(a, b): (&[f32], &[f32])| {
        let mean = |v: &[f32]| v.iter().map(|&v| f64::from(v)).sum::<f64>() / items as f64;
        let (am, bm) = (mean(a), mean(b));
        let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| f(f64::from(a) - am, f64::from(b) - bm)).sum()
        };
        sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
    };
    let rows = a.chunks(items).zip(b.chunks(items));
    rows.map(of).sum::<f64>() / (a.len() / items) as f64
}

fn run(lab: &mut Lab) -> Result<()> {
    let (users, items) = (lab.pick(1000, 400), lab.pick(300, 150));
    let set = choices(users, items, 4, lab.pick(40, 32), lab.seed());
    let mut popular = vec![0.0f32; items];
    set.train.iter().flatten().for_each(|&item| popular[item] += 1.0);
    let mut draws = lab.draws(1);
    let chance: Vec<f32> = (0..users * items).map(|_| draws.between(0.0, 1.0)).collect();
    let found = factorise(lab, &set)?;
    let ranks = [
        ("chance", quality(&set, &chance)),
        ("popularity", quality(&set, &popular.repeat(users))),
        ("factors", quality(&set, &found)),
        ("true tastes", quality(&set, set.taste.values())),
    ];
    for (name, [recall, gain]) in ranks {
        lab.figure(format!("{name}: recall of 10"), recall);
        lab.figure(format!("{name}: discounted gain of 10"), gain);
    }
    let [_, popularity, factors, truth] = ranks.map(|(_, quality)| quality);
    for (i, what) in ["recall", "discounted gain"].into_iter().enumerate() {
        lab.expect(format!("{what}: factors against popularity"), factors[i] / popularity[i], 1.5..);
        lab.expect(format!("{what}: factors against true tastes"), factors[i] / truth[i], 0.75..1.02);
    }
    let near = correlation(&found, set.taste.values(), items);
    lab.expect("correlation of found and true tastes", near, 0.8..);

    let bars = |i: usize, name: &str| plot::Bars::new(name, ranks.map(|(_, quality)| quality[i])).group(i, 2);
    let quality = plot::Panel::new("The first ten items", "", "mean over users")
        .layer(bars(0, "recall"))
        .layer(bars(1, "discounted gain"))
        .x_names(ranks.map(|(name, _)| name));
    let points = set.taste.values().iter().zip(&found).step_by(users * items / 2000);
    let points =
        plot::Points::new("a user and an item", points.map(|(&t, &f)| (t.into(), f.into()))).radius(2.0);
    let tastes = plot::Panel::new(format!("Correlation {near:.2}"), "true taste", "score").layer(points);
    lab.picture("recommender", |path| {
        plot::Figure::new("What users will choose").panel(quality).panel(tastes).save(path)
    })
}
