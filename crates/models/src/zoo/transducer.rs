//! The recurrent neural network transducer (Graves 2012, "Sequence transduction with recurrent neural networks").

use autograd::{DType, Result, Tensor};

use crate::{Embedding, Gru, Linear, Params, RnnOptions};

/// Turns sequences of frames into sequences of labels while it reads: one GRU reads the frames, another the labels said so far, and
/// `out(tanh(frames.linear(x) + labels.linear(y)))` gives the next label, or the blank (class 0), which goes on to the next frame (Graves, Mohamed and
/// Hinton 2013). It is trained by [`rnnt_loss`](Tensor::rnnt_loss). Parameters `encoder.*`, `embedding.*`, `predictor.*`, `frames.*`,
/// `labels.*` and `out.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Params, Transducer, TransducerOptions};
/// let device = Device::named("cpu")?;
/// let options = TransducerOptions { features: 3, classes: 5, embed: 4, hidden: 8 };
/// let params = Params::new(&device, 42);
/// let net = Transducer::new(&params, options);
/// assert_eq!(params.count(), 849);
/// let x = Tensor::ones(&device, &[2, 4, 3]);
/// let labels = Tensor::from_slice(&device, &[1i32, 2, 3, 4], &[2, 2])?;
/// assert_eq!(net.forward(&x, &labels).shape(), [2, 4, 3, 5]);
/// assert!(net.greedy(&x, &[4, 2], 3)?.iter().all(|said| said.len() <= 12 && !said.contains(&0)));
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Transducer {
    encoder: Gru,
    embedding: Embedding,
    predictor: Gru,
    frames: Linear,
    labels: Linear,
    out: Linear,
}

/// Sizes of a [`Transducer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransducerOptions {
    /// Features of a frame.
    pub features: usize,
    /// Number of labels, and the blank, which is class 0.
    pub classes: usize,
    /// Width of the labels' embeddings.
    pub embed: usize,
    /// Width of both networks' states and of their sum.
    pub hidden: usize,
}

impl Transducer {
    /// An untrained network of these sizes.
    #[track_caller]
    pub fn new(params: &Params, options: TransducerOptions) -> Transducer {
        let TransducerOptions { features, classes, embed, hidden } = options;
        let rnn = RnnOptions { batch_first: true, ..RnnOptions::default() };
        Transducer {
            encoder: Gru::new(&params.path("encoder"), features, hidden, rnn),
            embedding: Embedding::new(&params.path("embedding"), classes, embed),
            predictor: Gru::new(&params.path("predictor"), embed, hidden, rnn),
            frames: Linear::new(&params.path("frames"), hidden, hidden),
            labels: Linear::no_bias(&params.path("labels"), hidden, hidden),
            out: Linear::new(&params.path("out"), hidden, classes),
        }
    }

    /// Logits `[N, T, U + 1, classes]` of frames `[N, T, features]` and labels `[N, U]` (class indices), after each number of labels.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward(&self, frames: &Tensor, labels: &Tensor) -> Tensor {
        // The first state of the predictor has read a blank.
        let begun = labels.pad(&[(1, 0)], autograd::Padding::Constant(0.0)).to(DType::I32);
        let said = self.predictor.forward(&self.embedding.forward(&begun), None).0;
        self.join(&self.heard(frames).unsqueeze(2), &said.unsqueeze(1))
    }

    /// The most probable label or blank at every step: the labels of each of `frames [N, T, features]`, of which `lengths [N]` are valid.
    /// After `most` labels at one frame, it goes on to the next.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn greedy(&self, frames: &Tensor, lengths: &[usize], most: usize) -> Result<Vec<Vec<i32>>> {
        let (device, batch, steps) = (frames.device(), frames.size(0), frames.size(1));
        assert!(lengths.len() == batch, "Transducer: {} lengths of {batch} sequences", lengths.len());
        let heard = self.heard(frames).flatten(0, 1).detach();
        let read = |tokens: &[i32], state: Option<&Tensor>| -> Result<(Tensor, Tensor)> {
            let tokens = Tensor::from_slice(device, tokens, &[batch, 1])?;
            let (y, state) = self.predictor.forward(&self.embedding.forward(&tokens), state);
            Ok((y.squeeze(&[1]).detach(), state.detach()))
        };
        let (mut y, mut state) = read(&vec![0; batch], None)?;
        let (mut at, mut here, mut said) = (vec![0; batch], vec![0; batch], vec![vec![]; batch]);
        while (0..batch).any(|i| at[i] < lengths[i]) {
            let rows: Vec<i32> = (0..batch).map(|i| (i * steps + at[i].min(steps - 1)) as i32).collect();
            let rows = heard.index_select(0, &Tensor::from_slice(device, &rows, &[batch])?);
            let mut best = self.join(&rows, &y).argmax(1, false).to_vec::<i32>()?;
            for i in 0..batch {
                if at[i] >= lengths[i] || here[i] == most {
                    best[i] = 0;
                }
                if best[i] == 0 {
                    (at[i], here[i]) = (at[i] + 1, 0);
                } else {
                    said[i].push(best[i]);
                    here[i] += 1;
                }
            }
            // Only those that said a label read it.
            let (next, after) = read(&best, Some(&state))?;
            let spoke = Tensor::from_slice(device, &best, &[batch, 1])?.gt(0.0);
            y = next.where_(&spoke, &y).detach();
            state = after.where_(&spoke.unsqueeze(0), &state).detach();
        }
        Ok(said)
    }

    #[track_caller]
    fn heard(&self, frames: &Tensor) -> Tensor {
        self.encoder.forward(frames, None).0
    }

    #[track_caller]
    fn join(&self, heard: &Tensor, said: &Tensor) -> Tensor {
        self.out.forward(&(self.frames.forward(heard) + self.labels.forward(said)).tanh())
    }
}
