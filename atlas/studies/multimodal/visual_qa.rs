//! Questions about pictures by neural module networks (Andreas et al. 2016): a question's layout says how small networks that find things,
//! look beside them, and describe or count them are put together. Trained on some layouts, they answer questions of others, which a network
//! without modules cannot: `cargo run --release -p wgrad-atlas -- visual_qa`.

use atlas::prelude::*;

use super::pictures::{COLOURS, Eye, SHAPES, SIDE, Thing, bytes, drawn, upload};

pub const STUDY: Study = Study {
    name: "visual_qa",
    about: "Networks put together by a question's layout answer questions about pictures, also of new layouts.",
    on_gpu: false,
    data: None,
    run,
};

const WIDTH: usize = 32;
/// Cells a side of the maps that the modules attend to.
const CELLS: usize = 2;
const SIDES: [&str; 4] = ["above", "below", "left of", "right of"];
/// The four colours, the four shapes, no and yes, and the numbers from 0 to 4.
const ANSWERS: usize = 15;
const NO: usize = 8;
const ZERO: usize = 10;
/// Colours, shapes, sides, and what is asked for: a colour, a shape, a number, or whether.
const WORDS: usize = 16;

/// How the modules are put together.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    /// Whether there is a thing of a colour and a shape.
    Exists,
    /// How many things have a colour.
    CountColour,
    /// How many things have a shape.
    CountShape,
    /// The colour of what is at a side of a thing.
    ColourBeside,
    /// The shape of the only thing of a colour.
    ShapeOf,
    /// The shape of what is at a side of a thing: not in training.
    ShapeBeside,
}

use Layout::*;

const TRAINED: [Layout; 5] = [Exists, CountColour, CountShape, ColourBeside, ShapeOf];

/// A question with the picture it is about.
struct Asked {
    picture: Vec<f32>,
    /// A colour, a shape and a side.
    words: [usize; 3],
    answer: usize,
}

/// The quarter at a side of another.
fn beside(quarter: usize, side: usize) -> Option<usize> {
    let (top, left) = (quarter < 2, quarter.is_multiple_of(2));
    [
        (!top).then(|| quarter - 2),
        top.then(|| quarter + 2),
        (!left).then(|| quarter - 1),
        left.then(|| quarter + 1),
    ][side]
        .filter(|&other| other < 4)
}

/// A picture with a question that has one answer.
fn asked(layout: Layout, draws: &mut Draws) -> Asked {
    loop {
        let quarters = (0..4).filter(|_| draws.happens(0.75)).collect::<Vec<usize>>();
        let things: Vec<Thing> = quarters.into_iter().map(|quarter| Thing::drawn(quarter, draws)).collect();
        let mut words = [4; 3].map(|count| draws.below(count) as usize);
        // Half of the questions are about a thing that is there.
        if !things.is_empty() && draws.happens(0.5) {
            let thing = draws.pick(&things);
            (words[0], words[1]) = (thing.colour, thing.shape);
        }
        let [colour, shape, side] = words;
        let same = |thing: &&Thing| thing.colour == colour && thing.shape == shape;
        let only = |of: Vec<&Thing>| if of.len() == 1 { Some(*of[0]) } else { None };
        let neighbour = only(things.iter().filter(same).collect()).and_then(|thing| {
            let quarter = beside(thing.quarter, side)?;
            things.iter().find(|thing| thing.quarter == quarter).copied()
        });
        let count =
            |is: &dyn Fn(&Thing) -> bool| Some(ZERO + things.iter().filter(|thing| is(thing)).count());
        let answer = match layout {
            Exists => Some(NO + usize::from(things.iter().any(|thing| same(&thing)))),
            CountColour => count(&|thing| thing.colour == colour),
            CountShape => count(&|thing| thing.shape == shape),
            ColourBeside => neighbour.map(|thing| thing.colour),
            ShapeBeside => neighbour.map(|thing| 4 + thing.shape),
            ShapeOf => only(things.iter().filter(|thing| thing.colour == colour).collect())
                .map(|thing| 4 + thing.shape),
        };
        if let Some(answer) = answer {
            return Asked { picture: drawn(&things, draws), words, answer };
        }
    }
}

/// Questions on the device: pictures, words `[N, 3]`, and answers `[N]`.
fn batch(device: &Device, questions: &[Asked]) -> Result<[Tensor; 3]> {
    let pictures: Vec<Vec<f32>> = questions.iter().map(|asked| asked.picture.clone()).collect();
    let words: Vec<i32> = questions.iter().flat_map(|asked| asked.words.map(|word| word as i32)).collect();
    let answers: Vec<i32> = questions.iter().map(|asked| asked.answer as i32).collect();
    let count = questions.len();
    Ok([
        upload(device, &pictures)?,
        Tensor::from_slice(device, &words, &[count, 3])?,
        targets(&Tensor::from_slice(device, &answers, &[count])?)?,
    ])
}

/// The largest features in each cell, `[N, WIDTH, CELLS, CELLS]`.
fn seen(eye: &Eye, pictures: &Tensor, mode: Mode) -> Tensor {
    eye.forward(pictures, mode).max_pool2d(Pool2d::new(3)).0
}

/// The modules. Attention `[N, 1, CELLS, CELLS]` is between 0 and 1.
struct Modules {
    eye: Eye,
    seen: Conv2d,
    colours: Embedding,
    shapes: Embedding,
    /// Where to look from a thing, one filter a side.
    sides: Conv2d,
    /// Hidden and output layer of the modules that read a whole map of attention.
    exists: [Linear; 2],
    count: [Linear; 2],
    colour: Linear,
    shape: Linear,
}

impl Modules {
    fn new(params: &Params) -> Modules {
        let linear = |name: &str, inputs| Linear::new(&params.path(name), inputs, ANSWERS);
        let measure = |name: &str| {
            let hidden = Linear::new(&params.path(name).path("hidden"), CELLS * CELLS, 16);
            [hidden, Linear::new(&params.path(name).path("out"), 16, ANSWERS)]
        };
        let table = |name: &str| {
            let table = Embedding::new(&params.path(name), 4, WIDTH);
            params.redraw(&format!("{name}.weight"), Init::Normal { mean: 0.0, std: 0.3 });
            table
        };
        Modules {
            eye: Eye::new(&params.path("eye"), WIDTH),
            seen: Conv2d::new(&params.path("seen"), WIDTH, WIDTH, 1).build(),
            colours: table("colours"),
            shapes: table("shapes"),
            sides: Conv2d::new(&params.path("sides"), 1, 4, 2 * CELLS - 1).padding(CELLS - 1).build(),
            exists: measure("exists"),
            count: measure("count"),
            colour: linear("colour", WIDTH),
            shape: linear("shape", WIDTH),
        }
    }

    /// Attention to cells that match a word of each picture.
    fn find(&self, maps: &Tensor, table: &Embedding, words: &Tensor) -> Tensor {
        let word = table.forward(words).unsqueeze(-1).unsqueeze(-1);
        ((self.seen.forward(maps) * word).sum(&[1], true) - 1.0).sigmoid()
    }

    /// Attention to what is at a side of what is attended to.
    fn relate(&self, attention: &Tensor, sides: &Tensor) -> Tensor {
        let all = self.sides.forward(attention);
        let which = sides.one_hot(4).unsqueeze(-1).unsqueeze(-1);
        ((all * which).sum(&[1], true) * 4.0 - 2.0).sigmoid()
    }

    fn describe(&self, maps: &Tensor, attention: &Tensor, out: &Linear) -> Tensor {
        out.forward(&((maps * attention).sum(&[2, 3], false) / (attention.sum(&[2, 3], false) + 1e-3)))
    }

    /// Logits `[N, ANSWERS]` of questions of one layout.
    fn answer(&self, layout: Layout, maps: &Tensor, words: &Tensor) -> Tensor {
        let word = |i: usize| words.select(1, i);
        let colour = || self.find(maps, &self.colours, &word(0));
        let shape = || self.find(maps, &self.shapes, &word(1));
        let both = || colour() * shape();
        let side = || self.relate(&both(), &word(2));
        let measure = |attention: &Tensor, [hidden, out]: &[Linear; 2]| {
            out.forward(&hidden.forward(&attention.flatten(1, -1)).relu())
        };
        match layout {
            Exists => measure(&both(), &self.exists),
            CountColour => measure(&colour(), &self.count),
            CountShape => measure(&shape(), &self.count),
            ColourBeside => self.describe(maps, &side(), &self.colour),
            ShapeOf => self.describe(maps, &colour(), &self.shape),
            ShapeBeside => self.describe(maps, &side(), &self.shape),
        }
    }
}

/// Without modules: the picture's features and the question's words, through hidden layers.
struct Plain {
    eye: Eye,
    hidden: [Linear; 2],
    out: Linear,
}

impl Plain {
    fn new(params: &Params) -> Plain {
        let linear = |name: &str, inputs, outputs| Linear::new(&params.path(name), inputs, outputs);
        Plain {
            eye: Eye::new(&params.path("eye"), WIDTH),
            hidden: [linear("first", WIDTH * CELLS * CELLS + WORDS, 128), linear("second", 128, 64)],
            out: linear("out", 64, ANSWERS),
        }
    }

    fn answer(&self, layout: Layout, maps: &Tensor, words: &Tensor) -> Tensor {
        let hot = |i: usize| words.select(1, i).one_hot(4);
        let none = hot(0) * 0.0;
        // Only the words of the question.
        let used = match layout {
            Exists => [hot(0), hot(1), none.clone()],
            CountColour | ShapeOf => [hot(0), none.clone(), none.clone()],
            CountShape => [none.clone(), hot(1), none.clone()],
            ColourBeside | ShapeBeside => [hot(0), hot(1), hot(2)],
        };
        let asked = match layout {
            ColourBeside => 0,
            ShapeOf | ShapeBeside => 1,
            CountColour | CountShape => 2,
            Exists => 3,
        };
        let kind = Tensor::constant(words.device(), &[asked], &[1]).one_hot(4).expand(none.shape());
        let x = cat(&[&maps.flatten(1, -1), &used[0], &used[1], &used[2], &kind], 1);
        self.out.forward(&self.hidden.iter().fold(x, |x, layer| layer.forward(&x).relu()))
    }
}

/// From a layout, maps of features and words to logits.
type Answer<'a> = &'a dyn Fn(Layout, &Tensor, &Tensor) -> Tensor;

/// Trains on as many questions of each known layout.
fn learn(lab: &Lab, what: &str, params: &Params, steps: usize, (eye, answer): (&Eye, Answer)) -> Result<()> {
    let (each, mut draws) = (6, lab.draws(1));
    let rate = Warmup::new(0.1, steps / 10, Cosine::new(lab.pick(0.004, 0.008), 0.0, steps));
    lab.fit(what, steps, &mut Adam::new(params), rate, |_| {
        let questions: Vec<Asked> = TRAINED
            .iter()
            .flat_map(|&layout| (0..each).map(move |_| layout))
            .map(|of| asked(of, &mut draws))
            .collect();
        let [pictures, words, answers] = batch(lab.device(), &questions)?;
        let maps = seen(eye, &pictures, Mode::Train);
        let logits = TRAINED.iter().enumerate().map(|(i, &layout)| {
            let [maps, words] = [&maps, &words].map(|of| of.narrow(0, i * each, each));
            answer(layout, &maps, &words)
        });
        Ok(cat(&logits.collect::<Vec<_>>().iter().collect::<Vec<_>>(), 0).cross_entropy(&answers))
    })?;
    Ok(())
}

fn run(lab: &mut Lab) -> Result<()> {
    let (of_modules, of_plain) = (lab.params(), lab.params());
    let (modules, plain) = (Modules::new(&of_modules), Plain::new(&of_plain));
    let by_modules: Answer = &|layout, maps, words| modules.answer(layout, maps, words);
    let by_plain: Answer = &|layout, maps, words| plain.answer(layout, maps, words);
    learn(lab, "modules", &of_modules, lab.pick(2000, 380), (&modules.eye, by_modules))?;
    learn(lab, "without modules", &of_plain, lab.pick(2000, 120), (&plain.eye, by_plain))?;

    let (mut draws, count) = (lab.draws(2), lab.pick(300, 100));
    let mut scores = vec![];
    let mut shown = None;
    for layout in TRAINED.into_iter().chain([ShapeBeside]) {
        let questions: Vec<Asked> = (0..count).map(|_| asked(layout, &mut draws)).collect();
        let [pictures, words, _] = batch(lab.device(), &questions)?;
        let answers: Vec<i32> = questions.iter().map(|asked| asked.answer as i32).collect();
        let answers = Tensor::from_slice(lab.device(), &answers, &[count])?;
        let of = |eye: &Eye, answer: Answer| {
            answer(layout, &seen(eye, &pictures, Mode::Eval), &words).argmax(1, false)
        };
        let (with, without) = (of(&modules.eye, by_modules), of(&plain.eye, by_plain));
        let share = |found: &Tensor| found.eq(&answers).to(DType::F32).mean_all().item();
        scores.push((layout, f64::from(share(&with)?), f64::from(share(&without)?)));
        if layout == ShapeBeside {
            shown = Some((questions, with.to_vec::<i32>()?));
        }
    }
    let mean = |of: &[(Layout, f64, f64)]| of.iter().map(|score| score.1).sum::<f64>() / of.len() as f64;
    for (layout, with, without) in &scores {
        lab.figure(format!("{layout:?}: modules"), *with);
        lab.figure(format!("{layout:?}: without modules"), *without);
    }
    lab.expect("answers to questions of known layouts", mean(&scores[..5]), lab.pick(0.85, 0.7)..=1.0);
    lab.expect("shapes of neighbours, a new layout", scores[5].1, lab.pick(0.8, 0.6)..=1.0);
    lab.expect("the same without modules", scores[5].2, ..0.45);

    let (questions, found) = shown.context("answers")?;
    let mut tiles = Tiles::new(SIDE, SIDE);
    for (asked, &found) in questions.iter().zip(&found).take(12) {
        let [colour, shape, side] = asked.words;
        let said = usize::try_from(found)?.checked_sub(4).and_then(|shape| SHAPES.get(shape)).unwrap_or(&"?");
        let caption = format!("{} {} {}: {said}", SIDES[side], COLOURS[colour], SHAPES[shape]);
        tiles.add_judged(caption, bytes(&asked.picture), found as usize == asked.answer);
    }
    lab.picture("visual_qa", |path| {
        let title = "Which shape is there? Questions of a layout that was not trained on";
        plot::Figure::new(title).images(&tiles.images(), 4).save(path)
    })
}
