//! Networks for pictures that are on the device from the start.

use std::sync::Arc;

use autograd::{Device, Tensor};
use data::{ImageSet, synthetic};
use gpu_core::philox;
use models::{MnistCnn, Mode, Module, Params, ResNet};

use crate::session::{Error, Result, read};

/// Pictures that are trained on, and that are measured on.
const TRAIN: usize = 4000;
const TEST: usize = 500;
/// Pictures of CIFAR-10 that are used.
const MOST: usize = 10_000;
/// A picture of CIFAR-10 in its file: the class and the pixels.
const RECORD: usize = 1 + 3 * 32 * 32;

const CIFAR: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

pub struct Pictures {
    net: Box<dyn Module>,
    train: Set,
    test: Set,
    classes: Arc<[String]>,
    shape: [usize; 3],
}

/// Pictures `[N, C, H, W]` of about mean 0 and deviation 1, and their classes `[N]`, on the device.
struct Set {
    images: Tensor,
    labels: Tensor,
    count: usize,
}

impl Set {
    fn new(device: &Device, set: &ImageSet) -> Result<Set> {
        let batch = set.to_device(device)?;
        let images = scaled(&batch.images);
        autograd::evaluate(&[&images])?;
        Ok(Set { images, labels: batch.labels, count: set.len() })
    }

    fn some(&self, indices: &[i32]) -> Result<(Tensor, Tensor)> {
        let indices = Tensor::from_slice(self.images.device(), indices, &[indices.len()])?;
        Ok((self.images.index_select(0, &indices), self.labels.index_select(0, &indices)))
    }
}

fn scaled(pixels: &Tensor) -> Tensor {
    (pixels - 0.5) * 4.0
}

impl Pictures {
    pub fn digits(params: &Params, seed: u64) -> Result<Pictures> {
        let net = MnistCnn::new(params, 10);
        let digits = synthetic::digits(TRAIN, TEST, seed);
        Pictures::new(params.device(), Box::new(net), &digits.train, &digits.test)
    }

    pub fn shapes(params: &Params, seed: u64) -> Result<Pictures> {
        let net = ResNet::cifar(params, 20, 10);
        let shapes = synthetic::shapes(TRAIN, TEST, seed);
        Pictures::new(params.device(), Box::new(net), &shapes.train, &shapes.test)
    }

    /// From one of CIFAR-10's binary files, such as `data_batch_1.bin`.
    pub fn cifar(params: &Params, bytes: &[u8]) -> Result<Pictures> {
        let (records, rest) = bytes.as_chunks::<RECORD>();
        if !rest.is_empty() || records.len() < 20 {
            let reason =
                "the file is no binary file of CIFAR-10, such as data_batch_1.bin of cifar-10-binary.tar.gz";
            return Err(Error::Request(reason.into()));
        }
        let records = &records[..records.len().min(MOST)];
        let classes: Arc<[String]> = CIFAR.map(String::from).into();
        let part = |records: &[[u8; RECORD]]| {
            let pixels = records.iter().flat_map(|record| record[1..].iter().copied()).collect();
            let labels = records.iter().map(|record| record[0].into()).collect();
            ImageSet::new(pixels, labels, classes.clone(), [3, 32, 32])
        };
        let (test, train) = records.split_at(TEST.min(records.len() / 5));
        let net = ResNet::cifar(params, 20, 10);
        Pictures::new(params.device(), Box::new(net), &part(train)?, &part(test)?)
    }

    fn new(device: &Device, net: Box<dyn Module>, train: &ImageSet, test: &ImageSet) -> Result<Pictures> {
        Ok(Pictures {
            net,
            classes: train.classes().clone(),
            shape: train.shape(),
            train: Set::new(device, train)?,
            test: Set::new(device, test)?,
        })
    }

    /// Logits and classes of a step's batch, whose pictures depend on seed and step alone.
    pub fn step(&self, seed: u64, step: u64, batch: usize) -> Result<(Tensor, Tensor)> {
        let draw = |i: u64| (philox::philox(seed, i, step)[0] as usize % self.train.count) as i32;
        let (images, labels) = self.train.some(&(0..batch as u64).map(draw).collect::<Vec<i32>>())?;
        Ok((self.net.forward(&images, Mode::Train), labels))
    }

    /// The share of the test pictures that are classified rightly.
    pub async fn evaluate(&self) -> Result<f32> {
        let mut right = vec![];
        let indices: Vec<i32> = (0..self.test.count as i32).collect();
        for part in indices.chunks(100) {
            let (images, labels) = self.test.some(part)?;
            let found = self.net.forward(&images, Mode::Eval).argmax(-1, false);
            right.push(found.eq(&labels).to(autograd::DType::F32).sum_all());
        }
        let mut sum = 0.0;
        for right in right {
            sum += read(&right).await?;
        }
        Ok(sum / self.test.count as f32)
    }

    pub async fn classify(&self, device: &Device, pixels: &[f32]) -> Result<Vec<(String, f32)>> {
        let [c, h, w] = self.shape;
        if pixels.len() != c * h * w {
            return Err(Error::Request(format!("{} pixels for a picture of {:?}", pixels.len(), self.shape)));
        }
        let image = scaled(&Tensor::from_slice(device, pixels, &[1, c, h, w])?);
        let probabilities = self.net.forward(&image, Mode::Eval).softmax(-1);
        let probabilities = probabilities.fetch()?.await.to_vec::<f32>()?;
        Ok(self.classes.iter().cloned().zip(probabilities).collect())
    }
}
