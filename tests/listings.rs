//! The listings of the README and of the book are tests.
#![cfg(doctest)]

#[doc = include_str!("../README.md")]
struct Readme;

#[doc = include_str!("../docs/first-network.md")]
struct FirstNetwork;

#[doc = include_str!("../docs/from-pytorch.md")]
struct FromPytorch;

#[doc = include_str!("../docs/own-data.md")]
struct OwnData;

#[doc = include_str!("../docs/hugging-face.md")]
struct HuggingFace;

#[doc = include_str!("../docs/tables.md")]
struct Tables;

#[doc = include_str!("../docs/onnx.md")]
struct Onnx;

#[doc = include_str!("../docs/texts.md")]
struct Texts;

#[doc = include_str!("../docs/training.md")]
struct Training;

#[doc = include_str!("../docs/mixed-precision.md")]
struct MixedPrecision;

#[doc = include_str!("../docs/many-gpus.md")]
struct ManyGpus;

#[doc = include_str!("../docs/own-layer.md")]
struct OwnLayer;

#[doc = include_str!("../docs/own-kernel.md")]
struct OwnKernel;
