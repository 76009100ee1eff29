//! Models, one family a file.

mod resnet;

pub use resnet::ResNet;
