//! Two-dimensional codes of digits.

use anyhow::Result;
use wgrad::models::Autoencoder;
use wgrad::prelude::*;
use wgrad::train::plot::{Figure, GridImage, Panel, Points, Theme};

use crate::Album;
use crate::digits::Digits;

const COUNT: usize = 600;
const PIXELS: usize = 28 * 28;

/// An autoencoder, and its codes of the first images.
pub struct Codes {
    device: Device,
    net: Autoencoder,
    /// `[COUNT, 2]`
    codes: Vec<f32>,
    labels: Vec<u32>,
}

impl Codes {
    pub fn train(device: &Device, digits: &Digits) -> Result<Codes> {
        let pixels: Vec<f32> =
            digits.train.pixels()[..COUNT * PIXELS].iter().map(|&p| f32::from(p) / 255.0).collect();
        let x = Tensor::from_slice(device, &pixels, &[COUNT, PIXELS])?;
        let params = Params::new(device, 5);
        let net = Autoencoder::new(&params, &[PIXELS, 128, 32, 2]);
        let mut opt = Adam::new(&params);
        for _ in 0..250 {
            opt.step(net.forward(&x).mse_loss(&x, Reduction::Mean).backward(), 3e-3)?;
        }
        let codes = net.encode(&x).to_vec::<f32>()?;
        Ok(Codes { device: device.clone(), net, codes, labels: digits.train.labels()[..COUNT].to_vec() })
    }

    fn code(&self, i: usize) -> (f64, f64) {
        (self.codes[2 * i].into(), self.codes[2 * i + 1].into())
    }

    /// The codes of some digits.
    pub fn scatter(&self) -> Result<Figure<'static>> {
        let layer = |digit: u32| {
            let of = (0..COUNT).filter(|&i| self.labels[i] == digit);
            Points::new(digit.to_string(), of.map(|i| self.code(i)))
        };
        let panel = (0..6)
            .fold(Panel::new("600 digits", "code 1", "code 2"), |panel, digit| panel.layer(layer(digit)));
        let steps: Vec<f64> = (0..COUNT).map(|i| f64::from(self.labels[i])).collect();
        let all = Points::new("", (0..COUNT).map(|i| self.code(i))).colored_by(&steps).radius(2.5);
        let all = Panel::new("All ten, by their number", "code 1", "code 2").layer(all);
        Ok(Figure::new("What an autoencoder makes of digits").panel(panel).panel(all))
    }

    /// Images decoded from points between two digits' codes.
    pub fn interpolation(&self, album: &Album, theme: Theme) -> Result<()> {
        const STEPS: usize = 8;
        let first = |digit: u32| self.labels.iter().position(|&label| label == digit).unwrap_or(0);
        let mut codes = Vec::new();
        for (from, to) in [(0, 1), (3, 8), (4, 7)] {
            let (a, b) = (first(from), first(to));
            for step in 0..STEPS {
                let t = step as f32 / (STEPS - 1) as f32;
                codes.extend([0, 1].map(|k| self.codes[2 * a + k] * (1.0 - t) + self.codes[2 * b + k] * t));
            }
        }
        let count = codes.len() / 2;
        let codes = Tensor::from_slice(&self.device, &codes, &[count, 2])?;
        let images = self.net.decode(&codes).to_vec::<f32>()?;
        let bytes: Vec<u8> = images.iter().map(|p| (p.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
        let cell = |(i, pixels)| {
            let label = format!("{:.2}", (i % STEPS) as f64 / (STEPS - 1) as f64);
            GridImage { pixels, height: 28, width: 28, label, ok: None }
        };
        let grid: Vec<GridImage> = bytes.chunks(PIXELS).enumerate().map(cell).collect();
        album.save("interpolation", theme, Figure::new("Between two codes").images(&grid, STEPS))
    }
}
