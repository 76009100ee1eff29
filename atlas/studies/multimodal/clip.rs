//! Pictures and captions in one space (Radford et al. 2021, "CLIP"): a convolutional network and a recurrent one learn codes of pictures and
//! captions that belong together. Classes are then given by names alone, also those of shapes in colours that no picture of the training had:
//! `cargo run --release -p wgrad-atlas -- clip`.

use atlas::prelude::*;
use methods::representation::clip_loss;
use wgrad::data::{Padded, Vocabulary};

use super::pictures::{COLOURS, Eye, SHAPES, SIDE, Thing, bytes, drawn, upload};

pub const STUDY: Study = Study {
    name: "clip",
    about: "Codes of pictures and captions name shapes without examples, also in unseen colours.",
    on_gpu: false,
    data: None,
    run,
};

const CODE: usize = 32;
const QUARTERS: [&str; 4] =
    ["at the top left", "at the top right", "at the bottom left", "at the bottom right"];
/// Words of the longest caption.
const LONGEST: usize = 8;

/// No picture of the training has such a thing.
fn held_out(thing: &Thing) -> bool {
    thing.shape == thing.colour
}

/// A caption that leaves out some of what the picture shows.
fn caption(thing: &Thing, draws: &mut Draws) -> String {
    let colour = if draws.happens(0.75) { format!("{} ", COLOURS[thing.colour]) } else { String::new() };
    let place = if draws.happens(0.5) { format!(" {}", QUARTERS[thing.quarter]) } else { String::new() };
    format!("a {colour}{}{place}", SHAPES[thing.shape])
}

struct Clip {
    eye: Eye,
    picture: Linear,
    words: Embedding,
    reader: Gru,
    caption: Linear,
    log_scale: Param,
    vocabulary: Vocabulary,
}

impl Clip {
    fn new(params: &Params) -> Result<Clip> {
        let all = [&["a"][..], &COLOURS, &SHAPES, &QUARTERS].concat().join(" ");
        let vocabulary = Vocabulary::learn(&all, 1, &["<pad>"])?;
        let options = RnnOptions { batch_first: true, ..RnnOptions::default() };
        Ok(Clip {
            eye: Eye::new(&params.path("eye"), 32),
            picture: Linear::new(&params.path("picture"), 32 * 36, CODE),
            words: Embedding::new(&params.path("words"), vocabulary.words().len(), 16),
            reader: Gru::new(&params.path("reader"), 16, 48, options),
            caption: Linear::new(&params.path("caption"), 48, CODE),
            log_scale: params.param("log_scale", &[], Init::Constant((1.0f32 / 0.07).ln())),
            vocabulary,
        })
    }

    /// Codes `[N, CODE]` of pictures.
    fn of_pictures(&self, pictures: &Tensor, mode: Mode) -> Tensor {
        self.picture.forward(&self.eye.forward(pictures, mode).flatten(1, -1))
    }

    /// Codes `[N, CODE]` of captions.
    fn of_captions(&self, captions: &[String]) -> Result<Tensor> {
        let tokens: Vec<Vec<i32>> = captions.iter().map(|caption| self.vocabulary.encode(caption)).collect();
        let padded = Padded::new(&tokens, 0, LONGEST).to_device(self.log_scale.value().device())?;
        let states =
            self.reader.forward_lengths(&self.words.forward(&padded.values), &padded.lengths, None).1;
        Ok(self.caption.forward(&states.squeeze(&[0])))
    }

    /// The nearest of some captions to each picture.
    fn named(&self, pictures: &Tensor, captions: &[String]) -> Result<Vec<i32>> {
        let unit = |codes: Tensor| codes.normalize(2.0, 1, 1e-8);
        let (a, b) = (unit(self.of_pictures(pictures, Mode::Eval)), unit(self.of_captions(captions)?));
        Ok(a.matmul(&b.t()).argmax(1, false).to_vec()?)
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let params = lab.params();
    let net = Clip::new(&params)?;
    let (steps, size, mut draws) = (lab.pick(1500, 220), 32, lab.draws(1));
    let thing = |draws: &mut Draws, unseen: bool| loop {
        let thing = Thing::drawn(draws.below(4) as usize, draws);
        if held_out(&thing) == unseen {
            return thing;
        }
    };
    let rate = Warmup::new(0.1, steps / 10, Cosine::new(lab.pick(0.003, 0.006), 0.0, steps));
    let losses = lab.fit("pictures and captions", steps, &mut Adam::new(&params), rate, |_| {
        let things: Vec<Thing> = (0..size).map(|_| thing(&mut draws, false)).collect();
        let pictures: Vec<Vec<f32>> = things.iter().map(|&thing| drawn(&[thing], &mut draws)).collect();
        let captions: Vec<String> = things.iter().map(|thing| caption(thing, &mut draws)).collect();
        let codes = targets(&net.of_captions(&captions)?)?;
        Ok(clip_loss(
            &net.of_pictures(&upload(lab.device(), &pictures)?, Mode::Train),
            &codes,
            &net.log_scale.value(),
        ))
    })?;
    lab.figure("loss at the end", losses[steps - 1]);

    let mut draws = lab.draws(2);
    let mut test = |unseen: bool| -> Result<(Vec<Thing>, Vec<Vec<f32>>, Tensor)> {
        let things: Vec<Thing> = (0..lab.pick(400, 160)).map(|_| thing(&mut draws, unseen)).collect();
        let pictures: Vec<Vec<f32>> = things.iter().map(|&thing| drawn(&[thing], &mut draws)).collect();
        let uploaded = upload(lab.device(), &pictures)?;
        Ok((things, pictures, uploaded))
    };
    let (seen, unseen) = (test(false)?, test(true)?);
    let shapes = SHAPES.map(|shape| format!("a {shape}"));
    let both: Vec<String> =
        COLOURS.iter().flat_map(|colour| SHAPES.map(|shape| format!("a {colour} {shape}"))).collect();
    let share = |found: &[i32], things: &[Thing], class: fn(&Thing) -> usize| {
        let right = found.iter().zip(things).filter(|(found, thing)| **found == class(thing) as i32).count();
        right as f64 / things.len() as f64
    };
    let of_shape = share(&net.named(&seen.2, &shapes)?, &seen.0, |thing| thing.shape);
    let of_both = share(&net.named(&seen.2, &both)?, &seen.0, |thing| 4 * thing.colour + thing.shape);
    let found = net.named(&unseen.2, &both)?;
    let of_unseen = share(&found, &unseen.0, |thing| 4 * thing.colour + thing.shape);
    lab.expect("shapes named, of four names", of_shape, 0.85..=1.0);
    lab.expect("colours and shapes named, of 16 names", of_both, 0.85..=1.0);
    // Few steps are enough for names, but not for the parts of names.
    let name = "colours and shapes that were not trained on, of 16 names";
    if lab.pick(true, false) {
        lab.expect(name, of_unseen, 0.45..=1.0);
    } else {
        lab.figure(name, of_unseen);
    }

    let mut tiles = Tiles::new(SIDE, SIDE);
    let of_known = net.named(&seen.2, &both)?;
    for (found, (things, pictures, _)) in [(&of_known, &seen), (&found, &unseen)] {
        for (i, &found) in found.iter().enumerate().take(6) {
            let right = both[found as usize] == format!("a {}", things[i].name());
            tiles.add_judged(both[found as usize].clone(), bytes(&pictures[i]), right);
        }
    }
    lab.picture("clip", |path| {
        let title = "The nearest of 16 captions; second row: pairs not trained on";
        plot::Figure::new(title).images(&tiles.images(), 6).save(path)
    })
}
