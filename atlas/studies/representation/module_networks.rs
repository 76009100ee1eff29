//! Neural module networks (Andreas et al. 2016): questions about small scenes, answered by modules put together as each question says, beside a network
//! that reads scene and question at once: `cargo run --release -p wgrad-atlas -- module_networks`.

use atlas::prelude::*;
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "module_networks",
    about: "Modules that learnt what is red and what is to the left answer questions in which the two never met.",
    on_gpu: false,
    data: None,
    run,
};

const SIDE: usize = 3;
const CELLS: usize = SIDE * SIDE;
const WORDS: [&str; 5] = ["red", "green", "blue", "round", "square"];
const DIRECTIONS: [&str; 2] = ["left of", "above"];
/// The numbers that describe a cell.
const FEATURES: usize = 12;

/// "Is there a WORD DIRECTION a WORD?", next to it.
#[derive(Clone, Copy, PartialEq)]
struct Question {
    first: usize,
    direction: usize,
    second: usize,
}

impl Question {
    fn all() -> Vec<Question> {
        let words = || 0..WORDS.len();
        let pairs = words().flat_map(|first| words().map(move |second| (first, second)));
        let of = |(first, second)| (0..2).map(move |direction| Question { first, direction, second });
        pairs.flat_map(of).collect()
    }

    /// One in five questions is kept from training, so that every word and direction is known, but not together.
    fn is_new(self) -> bool {
        (self.first + 2 * self.second + self.direction).is_multiple_of(5)
    }

    /// The answer for a scene: for each cell, whether each word holds.
    fn answer(self, scene: &[[bool; 5]]) -> bool {
        (0..CELLS).any(|cell| {
            neighbour(cell, self.direction)
                .is_some_and(|of| scene[cell][self.first] && scene[of][self.second])
        })
    }
}

/// The cell that this one is left of, or above.
fn neighbour(cell: usize, direction: usize) -> Option<usize> {
    let (row, column) = (cell / SIDE, cell % SIDE);
    match direction {
        0 => (column + 1 < SIDE).then_some(cell + 1),
        _ => (row + 1 < SIDE).then_some(cell + SIDE),
    }
}

/// Scenes `[N, 9, 12]`, questions `[N]` each, and answers `[N]`.
struct Asked {
    scenes: Tensor,
    first: Tensor,
    direction: Tensor,
    second: Tensor,
    answers: Tensor,
}

/// Questions with as many answers yes as no. A cell is empty, or has a colour and a shape; it is seen through a random matrix, with noise.
fn ask(lab: &Lab, questions: &[Question], count: usize, matrix: &[f64], draws: &mut Draws) -> Result<Asked> {
    let (mut seen, mut asked, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    while answers.len() < count {
        let question = *draws.pick(questions);
        let scene: [[bool; 5]; CELLS] = std::array::from_fn(|_| {
            let (filled, colour, shape) =
                (draws.happens(0.6), draws.below(3) as usize, 3 + draws.below(2) as usize);
            std::array::from_fn(|word| filled && (word == colour || word == shape))
        });
        let answer = question.answer(&scene);
        if answer != answers.len().is_multiple_of(2) {
            continue;
        }
        for cell in scene {
            let number =
                |f: usize| (0..5).filter(|&w| cell[w]).map(|w| matrix[w * FEATURES + f]).sum::<f64>();
            seen.extend((0..FEATURES).map(|f| (number(f) + 0.1 * draws.normal()) as f32));
        }
        asked.push(question);
        answers.push(answer);
    }
    let numbers = |of: &dyn Fn(&Question) -> usize| {
        let values: Vec<i32> = asked.iter().map(|q| of(q) as i32).collect();
        Tensor::from_slice(lab.device(), &values, &[count])
    };
    let answers: Vec<f32> = answers.into_iter().map(|answer| f32::from(u8::from(answer))).collect();
    Ok(Asked {
        scenes: Tensor::from_slice(lab.device(), &seen, &[count, CELLS, FEATURES])?,
        first: numbers(&|q| q.first)?,
        direction: numbers(&|q| q.direction)?,
        second: numbers(&|q| q.second)?,
        answers: Tensor::from_slice(lab.device(), &answers, &[count])?,
    })
}

/// `find`, one for each word; `relate`, one for each direction; `and`, a product; and `exists`.
struct Modules {
    find: Param,
    find_bias: Param,
    relate: Param,
    relate_bias: Param,
    exists: Linear,
}

impl Modules {
    fn new(params: &Params) -> Modules {
        let small = Init::Normal { mean: 0.0, std: 0.3 };
        Modules {
            find: params.param("find", &[WORDS.len(), FEATURES], small),
            find_bias: params.param("find_bias", &[WORDS.len(), 1], Init::ZEROS),
            relate: params.param("relate", &[DIRECTIONS.len(), CELLS, CELLS], small),
            relate_bias: params.param("relate_bias", &[DIRECTIONS.len(), CELLS], Init::ZEROS),
            exists: Linear::new(&params.path("exists"), 1, 1),
        }
    }

    /// Where a word holds, `[N, 9]`.
    fn find(&self, scenes: &Tensor, word: &Tensor) -> Tensor {
        let weights = self.find.value().index_select(0, word).unsqueeze(2);
        (scenes.bmm(&weights).squeeze(&[2]) + self.find_bias.value().index_select(0, word)).sigmoid()
    }

    /// The cells in this direction from those of a map, `[N, 9]`.
    fn relate(&self, map: &Tensor, direction: &Tensor) -> Tensor {
        let moved = map.unsqueeze(1).bmm(&self.relate.value().index_select(0, direction)).squeeze(&[1]);
        (moved + self.relate_bias.value().index_select(0, direction)).sigmoid()
    }

    /// `exists(and(find(first), relate(find(second))))`, `[N]`.
    fn forward(&self, asked: &Asked) -> Tensor {
        let near = self.relate(&self.find(&asked.scenes, &asked.second), &asked.direction);
        let both = self.find(&asked.scenes, &asked.first) * near;
        self.exists.forward(&both.sum(&[1], true)).squeeze(&[1])
    }
}

/// All of scene and question in a row, `[N, 120]`.
fn flat(asked: &Asked) -> Tensor {
    let words =
        [(&asked.first, WORDS.len()), (&asked.direction, DIRECTIONS.len()), (&asked.second, WORDS.len())];
    let words = words.map(|(index, count)| index.one_hot(count).to(DType::F32));
    cat(&[&asked.scenes.flatten(1, -1), &words[0], &words[1], &words[2]], 1)
}

fn accuracy(logits: &Tensor, asked: &Asked) -> Result<f64> {
    Ok(logits.gt(0.0).to(DType::F32).eq(&asked.answers).to(DType::F32).mean_all().item()?.into())
}

fn run(lab: &mut Lab) -> Result<()> {
    let mut draws = lab.draws(0);
    let matrix: Vec<f64> = (0..WORDS.len() * FEATURES).map(|_| draws.normal()).collect();
    let (new, known): (Vec<Question>, Vec<Question>) = Question::all().into_iter().partition(|q| q.is_new());
    let mut set = |questions: &[Question], count: usize| ask(lab, questions, count, &matrix, &mut draws);
    let train = set(&known, lab.pick(8000, 4000))?;
    let tests = [set(&known, 1000)?, set(&new, 1000)?];
    let train = Asked { answers: targets(&train.answers)?, ..train };

    let steps = lab.pick(3000, 1000);
    let params = lab.params();
    let modules = Modules::new(&params);
    let of = [&train.scenes, &train.first, &train.direction, &train.second, &train.answers];
    let mut pick = lab.draws(1);
    let mut batch = || -> Result<Asked> {
        let [scenes, first, direction, second, answers] = minibatch(&mut pick, 100, of)?;
        Ok(Asked { scenes, first, direction, second, answers })
    };
    let loss = |logits: &Tensor, answers: &Tensor| {
        logits.binary_cross_entropy_with_logits(answers, None, None, Reduction::Mean)
    };
    let rate = || Cosine::new(0.02, 0.0, steps);
    lab.fit("modules", steps, &mut Adam::new(&params), rate(), |_| {
        let asked = batch()?;
        Ok(loss(&modules.forward(&asked), &asked.answers))
    })?;
    let whole_params = lab.params();
    let whole = Mlp::new(&whole_params, &[CELLS * FEATURES + 12, 128, 64, 1]);
    lab.fit("one network", steps, &mut Adam::new(&whole_params), Cosine::new(3e-3, 0.0, steps), |_| {
        let asked = batch()?;
        Ok(loss(&whole.forward(&flat(&asked)).squeeze(&[1]), &asked.answers))
    })?;

    let mut scores = [Vec::new(), Vec::new()];
    for asked in &tests {
        scores[0].push(accuracy(&modules.forward(asked), asked)?);
        scores[1].push(accuracy(&whole.forward(&flat(asked)).squeeze(&[1]), asked)?);
    }
    lab.expect("modules: known questions of new scenes", scores[0][0], 0.85..);
    lab.expect("modules: new questions", scores[0][1], 0.85..);
    lab.expect("new questions: modules over one network", scores[0][1] - scores[1][1], 0.1..);
    // Each cell is told most of by its neighbour in the direction: that a word holds there, or that it does not.
    let weights = modules.relate.value().to_vec::<f32>()?;
    let (mut right, mut pairs) = (0.0, 0.0);
    for (direction, cell, other) in (0..2)
        .flat_map(|d| (0..CELLS).filter_map(move |cell| neighbour(cell, d).map(|other| (d, cell, other))))
    {
        let from = |other: usize| weights[(direction * CELLS + other) * CELLS + cell].abs();
        let most = (0..CELLS).max_by(|&a, &b| from(a).total_cmp(&from(b)));
        (right, pairs) = (right + f64::from(u8::from(most == Some(other))), pairs + 1.0);
    }
    lab.expect("relate: cells whose largest weight is their neighbour's", right / pairs, 0.9..);
    picture(lab, &weights, scores)
}

fn picture(lab: &mut Lab, weights: &[f32], [modules, whole]: [Vec<f64>; 2]) -> Result<()> {
    let bars = plot::Panel::new("Answers", "", "share that is right")
        .x_names(["known questions", "new questions"])
        .y_range(0.0, 1.0)
        .layer(plot::Bars::new("modules", modules).group(0, 2))
        .layer(plot::Bars::new("one network", whole).group(1, 2));
    let mut figure = plot::Figure::new("Neural module networks").columns(3).panel(bars);
    for (i, direction) in DIRECTIONS.into_iter().enumerate() {
        let of = weights[i * CELLS * CELLS..][..CELLS * CELLS].iter().map(|&w| f64::from(w)).collect();
        let field = plot::Field::matrix(CELLS, CELLS, of).bar("weight");
        figure = figure.panel(
            plot::Panel::new(format!("relate: {direction}"), "to cell", "from cell").layer(field).y_down(),
        );
    }
    lab.picture("module_networks", |path| figure.save(path))
}
