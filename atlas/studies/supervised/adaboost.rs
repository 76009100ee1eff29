//! AdaBoost (Freund and Schapire 1997) of decision stumps on real tumours, against scikit-learn and its own theory, beside a network:
//! `cargo run --release -p wgrad-atlas -- adaboost`.

use atlas::{Table, prelude::*};
use methods::boosting::AdaBoost;
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "adaboost",
    about: "Fifty questions about one measurement each, asked where the others were wrong, name tumours as well as a network does.",
    on_gpu: false,
    data: None,
    run,
};

const ROUNDS: usize = 50;
/// Of scikit-learn 1.9.1's `AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), n_estimators=50)` on the same rows: the stumps' first weighted
/// errors, and the mistakes on rows seen and unseen after 1, 10 and 50 rounds.
const ERRORS: [f64; 6] = [0.07042254, 0.13005051, 0.16650697, 0.24108488, 0.25410354, 0.23094294];
const MISTAKES: [(usize, usize, usize); 3] = [(1, 30, 19), (10, 8, 7), (50, 0, 2)];

fn run(lab: &mut Lab) -> Result<()> {
    let [train, test] = Table::breast_cancer().split();
    let labels = |table: &Table| table.classes.iter().map(|&class| class == 1).collect::<Vec<bool>>();
    let (seen, unseen) = (labels(&train), labels(&test));
    let boosted = AdaBoost::fit(&train.rows, &seen, ROUNDS);
    let apart =
        boosted.rounds.iter().zip(ERRORS).map(|(round, error)| (round.1 - error).abs()).fold(0.0, f64::max);
    lab.expect("errors of six stumps apart from scikit-learn's", apart, ..1e-6);
    let mistakes = |table: &Table, labels: &[bool], rounds: usize| {
        table
            .rows
            .iter()
            .zip(labels)
            .filter(|(row, label)| (boosted.score(row, rounds) > 0.0) != **label)
            .count() as f64
    };
    for (rounds, of_seen, of_unseen) in MISTAKES {
        let more = mistakes(&train, &seen, rounds) - of_seen as f64;
        lab.expect(
            format!("{rounds} rounds: mistakes on seen rows more than scikit-learn's {of_seen}"),
            more,
            0.0..=0.0,
        );
        let more = mistakes(&test, &unseen, rounds) - of_unseen as f64;
        lab.expect(
            format!("{rounds} rounds: mistakes on unseen rows more than scikit-learn's {of_unseen}"),
            more,
            -1.0..=1.0,
        );
    }

    // The exponential loss is the product of 2 sqrt(error (1 - error)), and the share of mistakes is below it.
    let (mut product, mut off, mut above) = (1.0, 0.0f64, f64::MIN);
    let [mut share, mut bound, mut new] = [vec![], vec![], vec![]];
    for (t, (_, error, _)) in boosted.rounds.iter().enumerate() {
        product *= 2.0 * (error * (1.0 - error)).sqrt();
        let signed = |(row, &label): (&Vec<f64>, &bool)| {
            let score = boosted.score(row, t + 1);
            (if label { -score } else { score }).exp()
        };
        let loss = train.rows.iter().zip(&seen).map(signed).sum::<f64>() / seen.len() as f64;
        off = off.max((loss / product - 1.0).abs());
        let round = (t + 1) as f64;
        let wrong = mistakes(&train, &seen, t + 1) / seen.len() as f64;
        above = above.max(wrong - product);
        share.push((round, wrong));
        bound.push((round, product));
        new.push((round, mistakes(&test, &unseen, t + 1) / unseen.len() as f64));
    }
    lab.expect("exponential loss over the product of the rounds, less 1", off, ..1e-9);
    lab.expect("share of mistakes above the product, at most", above, ..0.0);
    let network = network(lab)?;
    lab.expect("network: share of mistakes on unseen rows", network, ..0.05);
    let last = new[new.len() - 1].1;
    lab.expect("AdaBoost: share of mistakes on unseen rows", last, ..0.03);

    let panel = plot::Panel::new("Tumours by decision stumps", "rounds", "share of mistakes")
        .with(plot::Series::new("seen", share).exact())
        .with(plot::Series::new("unseen", new).exact())
        .with(plot::Series::new("bound of seen", bound).exact())
        .with(plot::Series::new("network, unseen", [(1.0, network), (ROUNDS as f64, network)]).exact())
        .y_range(0.0, 0.3);
    lab.picture("adaboost", |path| plot::Figure::new("AdaBoost").panel(panel).save(path))
}

/// The share of unseen rows that a network gets wrong.
fn network(lab: &Lab) -> Result<f64> {
    let [train, test] = Table::breast_cancer().standardized().split();
    let ((x, y), (asked, truth)) = (train.to_device(lab.device())?, test.to_device(lab.device())?);
    let params = lab.params();
    let net = Mlp::new(&params, &[30, 16, 2]);
    let mut opt = AdamW::new(&params).weight_decay(0.1);
    let steps = lab.pick(400, 200);
    lab.fit("network", steps, &mut opt, Cosine::new(0.01, 0.0, steps), |_| {
        Ok(net.forward(&x).cross_entropy(&y))
    })?;
    Ok(1.0 - metrics::accuracy(&net.forward(&asked), &truth)?)
}
