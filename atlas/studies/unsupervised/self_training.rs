//! Few labels and many points: a network labels for itself what it is sure of (Lee 2013), or is asked to answer the same whatever noise there is
//! (Laine and Aila 2017), as when both are put together (Sohn et al. 2020). `cargo run --release -p wgrad-atlas -- self_training`.

use atlas::prelude::*;
use models::Mlp;

pub const STUDY: Study = Study {
    name: "self_training",
    about: "Pseudo-labels and consistency under noise learn two moons from five labels a class.",
    on_gpu: false,
    data: None,
    run,
};

const LABELS: usize = 5;
const NOISE: f32 = 0.2;
const SURE: f32 = 0.9;

#[derive(Clone, Copy)]
enum Method {
    Supervised,
    PseudoLabels,
    Consistency,
}

fn run(lab: &mut Lab) -> Result<()> {
    let moons = synthetic::moons(400, 0.08, lab.seed());
    let [x, y] = moons.to_device(lab.device())?;
    // One labelled point somewhere in each fifth of a moon.
    let (mut draws, part) = (lab.draws(0), moons.labels.len() / 2 / LABELS);
    let row = |i: usize| 2 * (i / 2 * part) + i % 2 + 2 * draws.below(part as u32) as usize;
    let rows: Vec<i32> = (0..2 * LABELS).map(row).map(|row| row as i32).collect();
    let labelled = Tensor::from_slice(lab.device(), &rows, &[rows.len()])?;
    let [few, labels] = [&x, &y].map(|t| t.index_select(0, &labelled));
    let held_out = synthetic::moons(1000, 0.08, lab.seed() + 100);
    let [test, truth] = held_out.to_device(lab.device())?;

    let methods = [
        ("supervised", Method::Supervised),
        ("pseudo-labels", Method::PseudoLabels),
        ("consistency", Method::Consistency),
    ];
    let mut figure = plot::Figure::new("Two moons with five labels each").columns(3);
    let mut found = Vec::new();
    for (name, method) in methods {
        let params = lab.params();
        let net = Mlp::new(&params, &[2, 32, 32, 2]);
        let generator = Generator::new(lab.seed());
        let noisy = |x: &Tensor| x + generator.normal(x.device(), x.shape()) * NOISE;
        let (steps, mut opt) = (lab.pick(3000, 500), Adam::new(&params));
        lab.fit(name, steps, &mut opt, Cosine::new(1e-2, 0.0, steps), |step| {
            let loss = net.forward(&few).cross_entropy(&labels);
            // More and more, as there is something to go by (Laine and Aila 2017).
            let trust = Tensor::scalar(lab.device(), step as f32 / steps as f32);
            let more = match method {
                Method::Supervised => return Ok(loss),
                Method::PseudoLabels => {
                    let answers = net.forward(&x).detach().softmax(1);
                    let (most, class) = answers.max_dim(1, false);
                    let sure = most.gt(SURE).to(DType::F32);
                    let each = net.forward(&noisy(&x)).cross_entropy_with(
                        &class,
                        CrossEntropy { reduction: Reduction::None, ..CrossEntropy::default() },
                    );
                    (each * sure).mean_all()
                }
                Method::Consistency => {
                    let [one, other] = [noisy(&x), noisy(&x)].map(|x| net.forward(&x).softmax(1));
                    one.mse_loss(&other.detach(), Reduction::Mean) * 2.0
                }
            };
            Ok(loss + more * trust)
        })?;
        let accuracy =
            |x: &Tensor, y: &Tensor| net.forward(x).argmax(1, false).eq(y).to(DType::F32).mean_all().item();
        found.push(accuracy(&test, &truth)?);
        lab.expect(format!("{name}: accuracy on labelled points"), accuracy(&few, &labels)?, 1.0..);

        const SAMPLES: usize = 80;
        let (across, up) = ((-1.6, 2.6), (-1.1, 1.6));
        let mut places = Vec::new();
        let mut field = plot::Field::sample(across, up, SAMPLES, |x, y| {
            places.extend([x as f32, y as f32]);
            0.0
        });
        let places = Tensor::from_slice(lab.device(), &places, &[SAMPLES * SAMPLES, 2])?;
        field.values =
            net.forward(&places).argmax(1, false).to_vec::<i32>()?.into_iter().map(f64::from).collect();
        let given = few.to_vec::<f32>()?;
        let given = |class: usize| {
            (0..LABELS)
                .map(|i| 2 * i + class)
                .map(|i| (given[2 * i].into(), given[2 * i + 1].into()))
                .collect::<Vec<_>>()
        };
        let panel = plot::Panel::new(format!("{name}: {:.1} %", found[found.len() - 1] * 100.0), "x", "y")
            .layer(field.colors(plot::ColorMap::Classes))
            .layer(plot::Points::new("labelled 0", given(0)).radius(6.0))
            .layer(plot::Points::new("labelled 1", given(1)).radius(6.0))
            .layer(plot::Points::new("unlabelled", moons.pairs(None)).radius(1.2));
        figure = figure.panel(panel);
    }
    lab.expect("accuracy of labels alone", found[0], 0.7..0.97);
    lab.expect("accuracy with pseudo-labels", found[1], 0.93..);
    lab.expect("accuracy with consistency", found[2], 0.93..);
    lab.expect("pseudo-labels above labels alone", found[1] - found[0], 0.02..);
    lab.expect("consistency above labels alone", found[2] - found[0], 0.02..);
    lab.picture("self_training", |path| figure.save(path))
}
