//! Models, one family a file.

mod alexnet;
mod bert;
mod block;
mod char_rnn;
mod conv_norm;
mod densenet;
mod gpt;
mod inception;
mod lenet;
mod mlp;
mod mnist_cnn;
mod mobilenet_v2;
mod preact_resnet;
mod resnet;
mod seq2seq;
mod unet;
mod vae;
mod vgg;
mod vit;

pub use alexnet::AlexNet;
pub use bert::{Bert, BertOptions, Masked};
pub use char_rnn::{CharRnn, CharRnnOptions, RnnState};
pub use densenet::DenseNet;
pub use gpt::{Gpt, GptOptions};
pub use inception::{GoogLeNet, GoogLeNetOutput, Inception};
pub use lenet::LeNet;
pub use mlp::Mlp;
pub use mnist_cnn::MnistCnn;
pub use mobilenet_v2::MobileNetV2;
pub use preact_resnet::PreActResNet;
pub use resnet::ResNet;
pub use seq2seq::{Attend, Encoded, Seq2Seq, Seq2SeqOptions};
pub use unet::UNet;
pub use vae::{Vae, VaeOutput};
pub use vgg::Vgg;
pub use vit::{Vit, VitOptions};
