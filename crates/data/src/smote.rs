//! Synthetic rows for classes that have few: SMOTE.

use rayon::prelude::*;

use crate::draws::{Draws, Use};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::split::members;

/// The rows `[N, F]` and their labels `[N]`, followed by synthetic rows that make every class as large as the largest (Chawla et
/// al. 2002). Each lies at a random place on the segment from a random row of the class to a random one of that row's
/// `neighbours` nearest others in the class; 5 is customary.
///
/// Distances are Euclidean, so the features should be scaled first; give training rows only. Neighbours are found by comparing
/// all rows of a class.
///
/// ```
/// let rows = data::Matrix::new(vec![0.0, 0.0, 1.0, 1.0, 9.0, 9.0, 9.0, 8.0, 8.0, 9.0], 2)?;
/// let (rows, labels) = data::smote(&rows, &[1, 1, 0, 0, 0], 1, 42)?;
/// assert_eq!(labels, [1, 1, 0, 0, 0, 1]);
/// let made = rows.row(5);
/// assert!(made[0] == made[1] && (0.0..=1.0).contains(&made[0]));
/// # Ok::<(), data::Error>(())
/// ```
///
/// # Errors
/// [`Error::Matrix`] if a value is not finite or there is not one label a row, and [`Error::Sampler`] for no neighbours, or if a
/// class to be enlarged has no more rows than neighbours.
pub fn smote(rows: &Matrix, labels: &[u32], neighbours: usize, seed: u64) -> Result<(Matrix, Vec<u32>)> {
    if labels.len() != rows.rows() {
        return Err(Error::Matrix(format!("{} rows have {} labels", rows.rows(), labels.len())));
    }
    if let Some(place) = rows.values().iter().position(|value| !value.is_finite()) {
        let (row, column) = (place / rows.columns(), place % rows.columns());
        return Err(Error::Matrix(format!(
            "row {row}, column {column} is {}; distances need finite numbers",
            rows.values()[place]
        )));
    }
    let classes = members(labels);
    let most = classes.iter().map(Vec::len).max().unwrap_or(0);
    let (mut values, mut all_labels) = (rows.values().to_vec(), labels.to_vec());
    for class in classes.iter().filter(|class| class.len() < most) {
        let label = labels[class[0]];
        if neighbours == 0 || class.len() <= neighbours {
            return Err(Error::Sampler(format!(
                "class {label} has {} rows; SMOTE needs 1 neighbour or more and fewer than that, not {neighbours}",
                class.len()
            )));
        }
        let nearest: Vec<Vec<usize>> =
            class.par_iter().map(|&row| nearest(rows, class, row, neighbours)).collect();
        let mut draws = Draws::stream(seed, Use::Smote, u64::from(label), 0);
        for _ in class.len()..most {
            let base = draws.below(class.len() as u32) as usize;
            let other = nearest[base][draws.below(neighbours as u32) as usize];
            let share = draws.unit();
            let segment = rows.row(class[base]).iter().zip(rows.row(other));
            values.extend(segment.map(|(&from, &to)| {
                let (from, to) = (f64::from(from), f64::from(to));
                (from + share * (to - from)) as f32
            }));
            all_labels.push(label);
        }
    }
    Ok((Matrix::new(values, rows.columns())?, all_labels))
}

/// The rows of the class that are nearest to `row`, without itself; of equal distances, the first ones.
fn nearest(rows: &Matrix, class: &[usize], row: usize, count: usize) -> Vec<usize> {
    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
    let distance = |other: usize| rows.row(row).iter().zip(rows.row(other)).map(square).sum::<f64>();
    let mut others: Vec<(f64, usize)> =
        class.iter().filter(|&&other| other != row).map(|&other| (distance(other), other)).collect();
    others.select_nth_unstable_by(count - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    others.truncate(count);
    others.into_iter().map(|(_, other)| other).collect()
}
