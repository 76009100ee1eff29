//! A BERT that fills in masked words of a language, and classifiers that start from its weights.

use atlas::prelude::*;
use wgrad::models::{Bert, BertOptions};

/// What a network reads, and how it learns to.
pub(super) struct Language<'a> {
    /// Number of different words.
    pub(super) words: usize,
    /// Words of a sentence.
    pub(super) length: usize,
    /// A sentence without a label.
    pub(super) sentence: &'a dyn Fn(&mut Draws) -> Vec<i32>,
    pub(super) width: usize,
    pub(super) depth: usize,
    pub(super) dropout: f32,
    /// Steps of filling in, sentences of a step, and the highest rate.
    pub(super) filling_in: (usize, usize, f32),
    /// Steps of learning from labels.
    pub(super) tuning: usize,
}

/// Sentences with labels.
pub(super) struct Labelled {
    /// `[N, length + 1]`
    pub(super) tokens: Tensor,
    /// `[N]`
    pub(super) classes: Tensor,
}

impl Language<'_> {
    /// The token that hides words. The first token of every sequence, from whose output classifiers decide, is the next.
    pub(super) fn mask(&self) -> i32 {
        self.words as i32
    }

    fn options(&self) -> BertOptions {
        BertOptions {
            vocab: self.words + 2,
            context: self.length + 1,
            width: self.width,
            heads: 4,
            depth: self.depth,
            dropout: self.dropout,
        }
    }

    /// Weights scaled to the width: the paper's 0.02 is for 768.
    fn scaled(&self, params: &Params) {
        let std = 0.02 * (768.0 / self.width as f32).sqrt();
        for matrices in ["*_emb.weight", "*proj*weight", "*linear*.weight"] {
            params.redraw(matrices, Init::Normal { mean: 0.0, std });
        }
    }

    /// The first token and then the words of sentences, `[N, length + 1]`.
    pub(super) fn tokens(&self, device: &Device, sentences: &[Vec<i32>]) -> Result<Tensor> {
        let row = |words: &Vec<i32>| [vec![self.mask() + 1], words.clone()].concat();
        let rows: Vec<i32> = sentences.iter().flat_map(row).collect();
        Ok(Tensor::from_slice(device, &rows, &[sentences.len(), self.length + 1])?)
    }

    pub(super) fn labelled(
        &self,
        device: &Device,
        sentences: impl IntoIterator<Item = (i32, Vec<i32>)>,
    ) -> Result<Labelled> {
        let (classes, words): (Vec<i32>, Vec<_>) = sentences.into_iter().unzip();
        let classes = Tensor::from_slice(device, &classes, &[words.len()])?;
        Ok(Labelled { tokens: self.tokens(device, &words)?, classes })
    }

    /// A sentence of which a quarter of the words is masked, and those words; -100 for the others.
    pub(super) fn hide(&self, sentence: Vec<i32>, draws: &mut Draws) -> (Vec<i32>, Vec<i32>) {
        let hidden = |word| if draws.happens(0.25) { (self.mask(), word) } else { (word, -100) };
        sentence.into_iter().map(hidden).unzip()
    }

    /// A network that has filled in words, and its parameters.
    pub(super) fn pretrained(&self, lab: &Lab) -> Result<(Params, Bert)> {
        let (steps, size, rate) = self.filling_in;
        let params = lab.params();
        let net = Bert::new(&params, self.options());
        self.scaled(&params);
        let mut draws = lab.draws(1);
        let rate = Warmup::new(0.05, steps / 10, Cosine::new(rate, 0.0, steps));
        lab.fit("filling in", steps, &mut AdamW::new(&params), rate, |_| {
            let (inputs, asked): (Vec<_>, Vec<_>) = (0..size)
                .map(|_| {
                    let sentence = (self.sentence)(&mut draws);
                    self.hide(sentence, &mut draws)
                })
                .unzip();
            let asked = Tensor::from_slice(lab.device(), &asked.concat(), &[size * self.length])?;
            let logits = net.forward(&self.tokens(lab.device(), &inputs)?, None, None, Mode::Train);
            Ok(logits.narrow(1, 1, self.length).flatten(0, 1).cross_entropy(&targets(&asked)?))
        })?;
        Ok((params, net))
    }

    /// Logarithms of the probabilities of words `[N, length, words]` in place of those of `inputs`.
    pub(super) fn filled_in(&self, device: &Device, net: &Bert, inputs: &[Vec<i32>]) -> Result<Vec<f32>> {
        let logits = net.forward(&self.tokens(device, inputs)?, None, None, Mode::Eval);
        Ok(logits.narrow(1, 1, self.length).narrow(2, 0, self.words).log_softmax(-1).to_vec()?)
    }

    /// A classifier trained on the labels, from the encoder of another network or from scratch.
    pub(super) fn tuned(
        &self,
        lab: &Lab,
        what: &str,
        from: Option<&Params>,
        classes: usize,
        set: &Labelled,
    ) -> Result<Bert> {
        let params = lab.params();
        let net = Bert::classifier(&params, self.options(), classes);
        self.scaled(&params);
        let taken = from.iter().flat_map(|from| from.all());
        for param in taken.filter(|param| !param.name().starts_with("head.")) {
            params.get(param.name()).context("the same encoder")?.set(&param.value());
        }
        let (steps, mut draws) = (self.tuning, lab.draws(3));
        let labels = targets(&set.classes)?;
        let rate = Warmup::new(0.05, steps / 10, Cosine::new(0.003, 0.0, steps));
        lab.fit(what, steps, &mut AdamW::new(&params), rate, |_| {
            let [tokens, labels] = minibatch(&mut draws, 32, [&set.tokens, &labels])?;
            Ok(net.forward(&tokens, None, None, Mode::Train).cross_entropy(&labels))
        })?;
        Ok(net)
    }
}

impl Labelled {
    /// The share of sentences whose class `net` names.
    pub(super) fn accuracy(&self, net: &Bert) -> Result<f64> {
        Ok(metrics::accuracy(&net.forward(&self.tokens, None, None, Mode::Eval), &self.classes)?)
    }
}
