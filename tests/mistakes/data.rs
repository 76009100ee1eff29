//! Labels, types and values.

use std::sync::Arc;

use wgrad::data::ImageSet;
use wgrad::prelude::*;

use super::{Mistake, cpu, labels, ones, params};

fn images() -> wgrad::data::Result<ImageSet> {
    ImageSet::new(vec![0; 2 * 4], vec![0, 1], Arc::new(["a".to_owned(), "b".to_owned()]), [1, 2, 2])
}

pub const MISTAKES: &[Mistake] = &[
    ("A label that is no class, such as labels from 1 on", "label", |_| {
        Ok(ones(&[2, 10]).cross_entropy(&labels(&[1, 10])).item().map(drop)?)
    }),
    ("A negative label", "negative_label", |_| {
        Ok(ones(&[2, 10]).cross_entropy(&labels(&[1, -1])).item().map(drop)?)
    }),
    ("Labels as floats", "float_labels", |_| {
        ones(&[2, 10]).cross_entropy(&ones(&[2]));
        Ok(())
    }),
    ("One-hot labels as integers", "one_hot", |_| {
        ones(&[2, 3]).cross_entropy(&labels(&[0, 1, 0, 1, 0, 0]).reshape(&[2, 3]));
        Ok(())
    }),
    ("A token that is not in the vocabulary", "token", |_| {
        Ok(Embedding::new(&params(), 100, 8).forward(&labels(&[3, 100])).to_vec::<f32>().map(drop)?)
    }),
    ("A label of 64 bits that is none", "wide_label", |_| {
        Ok(Tensor::from_slice(&cpu(), &[1i64 << 40], &[1]).map(drop)?)
    }),
    ("Another number of values than the shape has", "from_slice", |_| {
        Ok(Tensor::from_slice(&cpu(), &[1.0f32; 5], &[2, 3]).map(drop)?)
    }),
    ("A matrix product of integers", "integers", |_| {
        labels(&[1, 2]).reshape(&[1, 2]).matmul(&ones(&[2, 2]));
        Ok(())
    }),
    ("Reading integers as floats", "to_vec", |_| Ok(labels(&[1, 2]).to_vec::<f32>().map(drop)?)),
    ("`item` of several values", "item", |_| Ok(ones(&[3]).item().map(drop)?)),
    ("A device that is not there", "device", |_| Ok(Device::named("cuda").map(drop)?)),
    ("More memory than the device has", "memory", |_| {
        let device = Device::named("dry:intel")?;
        device.set_memory_limit(Some(1 << 20));
        Ok(Tensor::from_slice(&device, &vec![0f32; 1 << 20], &[1 << 20]).map(drop)?)
    }),
    ("An image set with a label that has no class", "image_set", |_| {
        Ok(ImageSet::new(vec![0; 4], vec![2], images()?.classes().clone(), [1, 2, 2]).map(drop)?)
    }),
    ("A batch larger than the data", "batch", |_| {
        let images = images()?;
        let normalize = images.mean_std();
        Ok(Loader::new(images.into(), LoaderOptions::train(64, normalize)).map(drop)?)
    }),
    ("Tensors of other lengths in a data set", "dataset", |_| {
        Ok(TensorDataset::new([ones(&[10, 4]), ones(&[9])]).map(drop)?)
    }),
];
