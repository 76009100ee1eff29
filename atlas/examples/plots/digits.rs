//! A convolutional network on handwritten digits: training, features, attributions and predictions.

use anyhow::Result;
use methods::attribution::{input_gradient, occlusion};
use wgrad::data::{ImageSet, Normalize, synthetic};
use wgrad::models::MnistCnn;
use wgrad::prelude::*;
use wgrad::train::metrics::Confusion;
use wgrad::train::plot::{Bars, ColorMap, Field, Figure, GridImage, Panel, Series, Theme, colored, overlay};

use crate::Album;

pub const BATCH: usize = 50;
pub const STEPS: usize = 120;
pub const SIDE: usize = 28;

/// A trained network and what was measured during training.
pub struct Digits {
    pub device: Device,
    pub params: Params,
    pub net: MnistCnn,
    pub train: ImageSet,
    pub test: ImageSet,
    normalize: Normalize,
    pub losses: Vec<(f64, f64)>,
    pub tests: Vec<(f64, f64)>,
    pub accuracies: Vec<(f64, f64)>,
    pub rates: Vec<(f64, f64)>,
    /// Norms of the parameters' gradients, one row per step.
    pub norms: Vec<Vec<f32>>,
    /// Predictions from early in training.
    pub early: Vec<Vec<f32>>,
}

impl Digits {
    pub fn train(device: &Device) -> Result<Digits> {
        let set = synthetic::digits(BATCH * STEPS / 2, 500, 6);
        let params = Params::new(device, 2);
        let net = MnistCnn::new(&params, 10);
        let normalize = set.train.mean_std();
        let mut digits = Digits {
            device: device.clone(),
            params,
            net,
            train: set.train,
            test: set.test,
            normalize,
            losses: vec![],
            tests: vec![],
            accuracies: vec![],
            rates: vec![],
            norms: vec![],
            early: vec![],
        };
        digits.learn()?;
        Ok(digits)
    }

    fn learn(&mut self) -> Result<()> {
        let mut opt = Adam::new(&self.params);
        let schedule = OneCycle::new(2e-3, STEPS);
        for step in 0..STEPS {
            if step % 20 == 0 {
                self.measure(step)?;
            }
            let indices: Vec<usize> = (0..BATCH).map(|i| (step * BATCH + i) % self.train.len()).collect();
            let images = self.images(&self.train, &indices)?;
            let labels: Vec<i32> = indices.iter().map(|&i| self.train.labels()[i] as i32).collect();
            let labels = Tensor::from_slice(&self.device, &labels, &[BATCH])?;
            let loss = self.net.forward(&images).cross_entropy(&labels);
            let (gradients, lr) = (loss.backward(), schedule.lr(step));
            let trainable = self.params.trainable();
            let norms: Vec<Tensor> = trainable
                .iter()
                .filter_map(|param| Some(gradients.get(&param.value())?.square().sum_all().sqrt()))
                .collect();
            opt.step(gradients, lr)?;
            self.losses.push((step as f64, loss.item()?.into()));
            self.rates.push((step as f64, lr.into()));
            self.norms.push(norms.iter().map(Tensor::item).collect::<Result<_, _>>()?);
        }
        self.measure(STEPS)
    }

    fn measure(&mut self, step: usize) -> Result<()> {
        let probabilities = self.probabilities()?;
        let labels = self.test.labels();
        let nll = |(p, &label): (&Vec<f32>, &u32)| -f64::from(p[label as usize].max(1e-12)).ln();
        let loss = probabilities.iter().zip(labels).map(nll).sum::<f64>() / labels.len() as f64;
        let right = answers(&probabilities).iter().zip(labels).filter(|(a, b)| a == b).count();
        self.tests.push((step as f64, loss));
        self.accuracies.push((step as f64, right as f64 / labels.len() as f64));
        if step == 20 {
            self.early = probabilities;
        }
        Ok(())
    }

    /// Normalised images `[N, 1, 28, 28]`.
    pub fn images(&self, set: &ImageSet, indices: &[usize]) -> Result<Tensor> {
        let pixels: Vec<f32> =
            indices.iter().flat_map(|&i| set.image(i).iter().map(|&p| f32::from(p) / 255.0)).collect();
        let (mean, std) = (self.normalize.mean[0], self.normalize.std[0]);
        let pixels: Vec<f32> = pixels.iter().map(|p| (p - mean) / std).collect();
        Ok(Tensor::from_slice(&self.device, &pixels, &[indices.len(), 1, SIDE, SIDE])?)
    }

    /// Class probabilities of each image of the test set.
    pub fn probabilities(&self) -> Result<Vec<Vec<f32>>> {
        let all: Vec<usize> = (0..self.test.len()).collect();
        let mut rows = Vec::new();
        for indices in all.chunks(100) {
            let probabilities =
                self.net.forward(&self.images(&self.test, indices)?).softmax(1).to_vec::<f32>()?;
            rows.extend(probabilities.chunks(10).map(<[f32]>::to_vec));
        }
        Ok(rows)
    }

    pub fn curves(&self) -> Figure<'static> {
        let loss = Panel::new("Loss", "step", "cross entropy")
            .with(Series::new("train", self.losses.clone()))
            .with(Series::new("test", self.tests.clone()))
            .log_y();
        let accuracy = Panel::new("Accuracy", "step", "share of images")
            .with(Series::new("test", self.accuracies.clone()));
        Figure::new("A small network learns digits").panel(loss).panel(accuracy)
    }

    /// The weights of each layer.
    pub fn histograms(&self) -> Result<Figure<'static>> {
        let mut figure = Figure::new("Weights of each layer").columns(3);
        for param in self.params.trainable().iter().filter(|p| p.name().ends_with("weight")) {
            let values = param.value().to_vec::<f32>()?;
            let bars = Bars::histogram("", &values, 50);
            figure = figure.panel(
                Panel::new(format!("{} ({})", param.name(), values.len()), "weight", "share").layer(bars),
            );
        }
        Ok(figure)
    }

    pub fn confusion(&self) -> Result<Figure<'static>> {
        let answers = answers(&self.probabilities()?);
        let confusion = Confusion::of(self.test.labels(), &answers, 10);
        let counts = confusion.counts().iter().map(|&count| count as f64).collect();
        let names: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
        let panel = Panel::new(format!("accuracy {:.3}", confusion.accuracy()), "answer", "label")
            .layer(Field::matrix(10, 10, counts).cell_text(0).bar("images"))
            .x_names(names.clone())
            .y_names(names)
            .y_down()
            .equal();
        Ok(Figure::new("Digits taken for digits").panel(panel))
    }

    /// Images with their predictions.
    pub fn samples(&self, album: &Album, theme: Theme) -> Result<()> {
        let answers = answers(&self.probabilities()?);
        let cell = |i: usize| {
            let (label, answer) = (self.test.labels()[i], answers[i]);
            let label_text = format!("{label} -> {answer}");
            let pixels = self.test.image(i);
            GridImage { pixels, height: SIDE, width: SIDE, label: label_text, ok: Some(label == answer) }
        };
        // Wrong predictions first.
        let mut order: Vec<usize> = (0..self.test.len()).collect();
        order.sort_by_key(|&i| self.test.labels()[i] == answers[i]);
        let cells: Vec<GridImage> = order.into_iter().take(16).map(cell).collect();
        album.save("samples", theme, Figure::new("label -> answer").images(&cells, 8))
    }

    /// The first layer's filters, and their responses to an image.
    pub fn features(&self, album: &Album, theme: Theme) -> Result<()> {
        let weight = self.params.get("conv1.weight").expect("the network has a first layer");
        let bias = self.params.get("conv1.bias").expect("with a bias").value();
        let filters = weight.value().to_vec::<f32>()?;
        let most = filters.iter().fold(0f32, |most, w| most.max(w.abs()));
        let image = self.images(&self.test, &[3])?;
        let maps =
            image.conv2d(&weight.value(), Some(&bias), [1, 1], [0, 0], [1, 1], 1).relu().to_vec::<f32>()?;
        let brightest = maps.iter().copied().fold(0f32, f32::max);
        let side = SIDE - 2;
        let filter_pixels: Vec<Vec<u8>> =
            filters.chunks(9).map(|f| colored(f, -most, most, ColorMap::Diverging, theme)).collect();
        let map_pixels: Vec<Vec<u8>> = maps
            .chunks(side * side)
            .map(|map| colored(map, 0.0, brightest, ColorMap::Viridis, theme))
            .collect();
        let filters = filter_pixels.iter().take(8).enumerate().map(|(i, p)| cell("filter", i, p, 3));
        let maps = map_pixels.iter().take(8).enumerate().map(|(i, p)| cell("map", i, p, side));
        let images: Vec<GridImage> = filters.chain(maps).collect();
        let figure = Figure::new("Filters of the first layer, and what they see in one image").columns(1);
        album.save("features", theme, figure.images(&images[..8], 8).images(&images[8..], 8))
    }

    /// Attributions of a prediction: by its gradient, and by occlusion.
    pub fn attributions(&self, album: &Album, theme: Theme) -> Result<()> {
        let mut cells: Vec<(String, Vec<u8>)> = Vec::new();
        for i in 0..4 {
            let label = self.test.labels()[i] as usize;
            let pixels = self.test.image(i);
            let x = self.images(&self.test, &[i])?;
            let saliency =
                input_gradient(&x, |x| self.net.forward(x).select(1, label)).abs().to_vec::<f32>()?;
            let ground = x.amin(&[0, 1, 2, 3], false).item()?;
            let probability = |x: &Tensor| self.net.forward(x).softmax(1).select(1, label);
            let occlusion = occlusion(&x.select(0, 0), 7, ground, probability).relu().to_vec::<f32>()?;
            let high = |values: &[f32]| values.iter().copied().fold(1e-6, f32::max);
            cells.push((format!("a {label}"), pixels.to_vec()));
            cells.push(("gradient".into(), overlay(pixels, &saliency, 0.0, high(&saliency), 0.9)));
            cells.push(("occlusion".into(), overlay(pixels, &occlusion, 0.0, high(&occlusion), 0.9)));
        }
        let images: Vec<GridImage> = cells
            .iter()
            .map(|(label, pixels)| GridImage {
                pixels,
                height: SIDE,
                width: SIDE,
                label: label.clone(),
                ok: None,
            })
            .collect();
        album.save("attributions", theme, Figure::new("What an answer depends on").images(&images, 6))
    }
}

fn cell<'a>(what: &str, i: usize, pixels: &'a [u8], side: usize) -> GridImage<'a> {
    GridImage { pixels, height: side, width: side, label: format!("{what} {i}"), ok: None }
}

/// The most probable class of each image.
pub fn answers(probabilities: &[Vec<f32>]) -> Vec<u32> {
    let best = |p: &Vec<f32>| (0..p.len()).max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap_or(0) as u32;
    probabilities.iter().map(best).collect()
}
