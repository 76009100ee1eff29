//! Classical classifiers of smartcore and linfa compared with a multilayer perceptron, on the same moons, spirals and digits:
//! `cargo run --release -p wgrad-atlas -- baselines`.

use atlas::prelude::*;
use atlas::synthetic::{moons, small_digits, spirals};
use linfa::traits::{Fit, Predict};
use linfa_clustering::GaussianMixtureModel;
use ndarray::Array2;
use smartcore::ensemble::random_forest_classifier::{
    RandomForestClassifier, RandomForestClassifierParameters,
};
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::naive_bayes::gaussian::GaussianNB;
use smartcore::neighbors::knn_classifier::{KNNClassifier, KNNClassifierParameters};
use smartcore::svm::Kernels;
use smartcore::svm::svc::{MultiClassSVC, SVCParameters};
use smartcore::tree::decision_tree_classifier::DecisionTreeClassifier;
use smartcore::xgboost::{XGRegressor, XGRegressorParameters};
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "baselines",
    about: "Trees, forests, boosting, neighbours, kernels, naive Bayes and mixtures beside a multilayer perceptron.",
    on_gpu: false,
    data: None,
    run,
};

type Rows = Vec<Vec<f64>>;

/// Training and test rows with their classes.
struct Task {
    name: &'static str,
    classes: usize,
    train: (Rows, Vec<u32>),
    test: (Rows, Vec<u32>),
    /// Components of the Gaussian mixture.
    components: usize,
    /// The kernel is 1/e at distance `1 / sqrt(gamma)`.
    gamma: f64,
}

const MODELS: [&str; 8] = [
    "decision tree",
    "random forest",
    "gradient boosting",
    "k-nearest neighbours",
    "kernel SVM",
    "Gaussian mixture",
    "naive Bayes",
    "perceptron, 2 x 64",
];

/// A model's predictions for rows, after training on the task.
fn answers(lab: &Lab, model: &str, task: &Task, rows: &Rows) -> Result<Vec<u32>> {
    let (x, y) = (DenseMatrix::from_2d_vec(&task.train.0)?, &task.train.1);
    let asked = DenseMatrix::from_2d_vec(rows)?;
    Ok(match model {
        "decision tree" => DecisionTreeClassifier::fit(&x, y, Default::default())?.predict(&asked)?,
        "random forest" => {
            let options = RandomForestClassifierParameters::default().with_n_trees(lab.pick(100, 15));
            RandomForestClassifier::fit(&x, y, options.with_seed(lab.seed()))?.predict(&asked)?
        }
        "gradient boosting" => boosting(lab, task, &x, &asked)?,
        "k-nearest neighbours" => {
            let options = KNNClassifierParameters::default().with_k(5);
            KNNClassifier::fit(&x, y, options)?.predict(&asked)?
        }
        "kernel SVM" => {
            let targets: Vec<i32> = y.iter().map(|&class| class as i32).collect();
            let options =
                SVCParameters::default().with_c(10.0).with_kernel(Kernels::rbf().with_gamma(task.gamma));
            let options = options.with_seed(Some(lab.seed()));
            let found = MultiClassSVC::fit(&x, &targets, &options)?.predict(&asked)?;
            found.into_iter().map(|class| class as u32).collect()
        }
        "Gaussian mixture" => mixture(lab, task, rows)?,
        "naive Bayes" => GaussianNB::fit(&x, y, Default::default())?.predict(&asked)?,
        _ => perceptron(lab, task, rows)?,
    })
}

/// Boosted trees for each class against the others; the highest score wins.
fn boosting(lab: &Lab, task: &Task, x: &DenseMatrix<f64>, asked: &DenseMatrix<f64>) -> Result<Vec<u32>> {
    let options = XGRegressorParameters::default().with_n_estimators(lab.pick(40, 10)).with_max_depth(4);
    let mut scores: Vec<Vec<f64>> = Vec::new();
    for class in 0..task.classes as u32 {
        let target: Vec<f64> = task.train.1.iter().map(|&label| f64::from(label == class)).collect();
        scores.push(XGRegressor::fit(x, &target, options.clone())?.predict(asked)?);
    }
    let best = |row: usize| (0..scores.len()).max_by(|&a, &b| scores[a][row].total_cmp(&scores[b][row]));
    Ok((0..scores[0].len()).filter_map(best).map(|class| class as u32).collect())
}

/// A mixture of all rows, in which each component predicts the majority class of its rows.
fn mixture(lab: &Lab, task: &Task, rows: &Rows) -> Result<Vec<u32>> {
    let array = |rows: &Rows| Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat());
    let x = linfa::DatasetBase::from(array(&task.train.0)?);
    let params = GaussianMixtureModel::params(task.components).n_runs(lab.pick(5, 1));
    let model = params.reg_covariance(1e-3).fit(&x)?;
    let mut votes = vec![vec![0; task.classes]; task.components];
    for (&component, &class) in model.predict(x.records()).iter().zip(&task.train.1) {
        votes[component][class as usize] += 1;
    }
    let winner = |votes: &Vec<i32>| (0..votes.len()).max_by_key(|&class| votes[class]).unwrap_or(0) as u32;
    Ok(model.predict(&array(rows)?).iter().map(|&component| winner(&votes[component])).collect())
}

fn perceptron(lab: &Lab, task: &Task, rows: &Rows) -> Result<Vec<u32>> {
    let tensor = |rows: &Rows| {
        let values: Vec<f32> = rows.iter().flatten().map(|&v| v as f32).collect();
        Tensor::from_slice(lab.device(), &values, &[rows.len(), rows[0].len()])
    };
    let labels: Vec<i32> = task.train.1.iter().map(|&label| label as i32).collect();
    let (x, y) = (tensor(&task.train.0)?, Tensor::from_slice(lab.device(), &labels, &[labels.len()])?);
    let params = lab.params();
    let net = Mlp::new(&params, &[task.train.0[0].len(), 64, 64, task.classes]);
    let steps = lab.pick(800, 200);
    lab.fit(task.name, steps, &mut Adam::new(&params), Cosine::new(0.02, 0.0, steps), |_| {
        Ok(net.forward(&x).cross_entropy(&y))
    })?;
    let found = net.forward(&tensor(rows)?).argmax(-1, false).to_vec::<i32>()?;
    Ok(found.into_iter().map(|class| class as u32).collect())
}

fn tasks(lab: &Lab) -> Result<Vec<Task>> {
    let seed = lab.seed();
    let points = |set: &data::synthetic::LabelledPoints| {
        let rows = (0..set.labels.len()).map(|i| set.x.row(i).iter().map(|&v| v.into()).collect());
        (rows.collect::<Rows>(), set.labels.clone())
    };
    let images = |set: &data::ImageSet| {
        let rows = (0..set.len()).map(|i| set.image(i).iter().map(|&p| f64::from(p) / 255.0).collect());
        (rows.collect::<Rows>(), set.labels().to_vec())
    };
    let digits = small_digits(lab.pick(1500, 300), lab.pick(500, 300), seed)?;
    let (few, many) = (lab.pick(400, 300), lab.pick(900, 450));
    let other = seed + 1000;
    Ok(vec![
        Task {
            name: "moons",
            classes: 2,
            train: points(&moons(few, 0.2, seed)),
            test: points(&moons(500, 0.2, other)),
            components: 8,
            gamma: 3.0,
        },
        Task {
            name: "spirals",
            classes: 3,
            train: points(&spirals(many, 3, 0.03, seed)),
            test: points(&spirals(510, 3, 0.03, other)),
            components: 40,
            gamma: 20.0,
        },
        Task {
            name: "digits",
            classes: 10,
            train: images(&digits.train),
            test: images(&digits.test),
            components: 30,
            gamma: 0.3,
        },
    ])
}

/// The minimum accuracy of each model on moons, spirals and digits.
const BARS: [[f64; 3]; 8] = [
    [0.9, 0.85, 0.5],
    [0.93, 0.9, 0.7],
    [0.93, 0.85, 0.6],
    [0.93, 0.93, 0.75],
    [0.93, 0.93, 0.75],
    [0.9, 0.75, 0.4],
    [0.8, 0.4, 0.5],
    [0.93, 0.93, 0.75],
];

fn run(lab: &mut Lab) -> Result<()> {
    const PLANE: (f64, f64) = (-1.15, 1.15);
    let side = lab.pick(120, 30);
    let (tasks, mut panels, mut table) = (tasks(lab)?, Vec::new(), vec![vec![0.0; 3]; MODELS.len()]);
    for (t, task) in tasks.iter().enumerate() {
        for (m, model) in MODELS.into_iter().enumerate() {
            let mut accuracy = 0.0;
            // For the spirals, predictions over the whole plane too.
            let mut ask = |points: &[[f32; 2]]| -> Result<Vec<f64>> {
                let plane = points.iter().map(|p| p.map(f64::from).to_vec());
                let rows: Rows = task.test.0.iter().cloned().chain(plane).collect();
                let found = answers(lab, model, task, &rows)?;
                let (test, plane) = found.split_at(task.test.0.len());
                let right = test.iter().zip(&task.test.1).filter(|(a, b)| a == b).count();
                accuracy = right as f64 / test.len() as f64;
                Ok(plane.iter().map(|&class| class.into()).collect())
            };
            if task.name == "spirals" {
                let field = plot::Field::sample_all(PLANE, PLANE, side, ask)?.colors(plot::ColorMap::Classes);
                panels.push(plot::Panel::new(format!("{model}: {accuracy:.2}"), "", "").layer(field).equal());
            } else {
                ask(&[])?;
            }
            lab.expect(format!("{}: {model}", task.name), accuracy, BARS[m][t]..=1.0);
            table[m][t] = accuracy;
        }
    }
    let best = |t: usize| table.iter().map(|row| row[t]).fold(0.0, f64::max);
    lab.expect("spirals: naive Bayes, whose classes overlap", table[6][1], ..0.6);
    for (t, task) in tasks.iter().enumerate() {
        lab.expect(format!("{}: perceptron behind the best", task.name), best(t) - table[7][t], ..0.07);
    }
    let points = spirals(300, 3, 0.03, lab.seed());
    let mut figure =
        plot::Figure::new("What classifiers make of three spirals, with their accuracy").columns(4);
    for panel in panels {
        let class = |c: u32| plot::Points::new(format!("class {c}"), points.pairs(Some(c))).radius(2.5);
        figure = figure.panel((0..3).fold(panel, |panel, c| panel.layer(class(c))));
    }
    lab.picture("baselines", |path| figure.save(path))?;
    let field = plot::Field::matrix(MODELS.len(), 3, table.concat()).cell_text(3).bar("accuracy");
    let panel = plot::Panel::new("", "", "").layer(field).y_down();
    let panel = panel.x_names(tasks.iter().map(|task| task.name)).y_names(MODELS);
    lab.picture("baselines-table", |path| plot::Figure::new("Accuracy on test data").panel(panel).save(path))
}
