//! The small sets of real data in `fixtures`.

use std::path::Path;

use anyhow::Result;
use wgrad::data;
use wgrad::prelude::*;

/// Real rows of numbers with their classes.
#[derive(Clone, Debug)]
pub struct Table {
    /// `[N][D]`
    pub rows: Vec<Vec<f64>>,
    /// `[N]`
    pub classes: Vec<u32>,
}

impl Table {
    /// 150 flowers of three kinds, by four lengths.
    pub fn iris() -> Table {
        Table::parsed(include_str!("../fixtures/iris.csv"))
    }

    /// 178 wines of three growers, by 13 measurements.
    pub fn wine() -> Table {
        Table::parsed(include_str!("../fixtures/wine.csv"))
    }

    /// 569 tumours, malign (0) or benign (1), by 30 measurements.
    pub fn breast_cancer() -> Table {
        Table::parsed(include_str!("../fixtures/breast_cancer.csv"))
    }

    /// 1797 digits, by 64 grey levels from 0 to 16; the last 360 are those to test with.
    ///
    /// # Errors
    /// Files that are not there.
    pub fn digits() -> Result<Table> {
        let set = data::load(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/digits"))?;
        let pixels = |p: &u8| f64::from(*p) / 15.0;
        let rows = |set: &data::ImageSet| {
            set.pixels().chunks(64).map(|i| i.iter().map(pixels).collect()).collect::<Vec<_>>()
        };
        Ok(Table {
            rows: [rows(&set.train), rows(&set.test)].concat(),
            classes: [set.train.labels(), set.test.labels()].concat(),
        })
    }

    fn parsed(text: &str) -> Table {
        let (mut rows, mut classes) = (Vec::new(), Vec::new());
        for line in text.lines().skip(1) {
            let mut row: Vec<f64> = line.split(',').map(|v| v.parse().expect("a number")).collect();
            classes.push(row.pop().expect("a class") as u32);
            rows.push(row);
        }
        Table { rows, classes }
    }

    /// With every column of mean 0 and variance 1; constant columns become 0.
    pub fn standardized(mut self) -> Table {
        let count = self.rows.len() as f64;
        for column in 0..self.rows[0].len() {
            let mean = self.rows.iter().map(|row| row[column]).sum::<f64>() / count;
            let variance = self.rows.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>() / count;
            let scale = if variance > 0.0 { variance.sqrt().recip() } else { 0.0 };
            self.rows.iter_mut().for_each(|row| row[column] = (row[column] - mean) * scale);
        }
        self
    }

    /// The rows of these indices.
    pub fn subset(&self, indices: &[usize]) -> Table {
        Table {
            rows: indices.iter().map(|&i| self.rows[i].clone()).collect(),
            classes: indices.iter().map(|&i| self.classes[i]).collect(),
        }
    }

    /// The rows `[N, D]` and the classes `[N]`, i32.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> Result<(Tensor, Tensor)> {
        let values: Vec<f32> = self.rows.iter().flatten().map(|&v| v as f32).collect();
        let classes: Vec<i32> = self.classes.iter().map(|&class| class as i32).collect();
        Ok((
            Tensor::from_slice(device, &values, &[self.rows.len(), self.rows[0].len()])?,
            Tensor::from_slice(device, &classes, &[classes.len()])?,
        ))
    }
}
