//! Models, one family a file.

mod bert;
mod block;
mod char_rnn;
mod gpt;
mod lenet;
mod mlp;
mod resnet;
mod seq2seq;
mod unet;
mod vae;
mod vit;

pub use bert::{Bert, BertOptions, Masked};
pub use char_rnn::{CharRnn, CharRnnOptions, RnnState};
pub use gpt::{Gpt, GptOptions};
pub use lenet::LeNet;
pub use mlp::Mlp;
pub use resnet::ResNet;
pub use seq2seq::{Attend, Encoded, Seq2Seq, Seq2SeqOptions};
pub use unet::UNet;
pub use vae::{Vae, VaeOutput};
pub use vit::{Vit, VitOptions};
