//! The hyper-parameters of a study.

use std::collections::BTreeMap;

use data::Draws;
use serde::{Deserialize, Serialize};

use crate::{Dimension, Values};
use crate::{Error, Result};

/// Named hyper-parameters and the values they may take, in the order of their names.
///
/// ```
/// use search::{Dimension, Space};
/// let space = Space::new([
///     ("lr", Dimension::LogUniform(1e-4, 1e-1)),
///     ("optimizer", Dimension::Choice(vec!["adam".into(), "sgd".into()])),
/// ])?;
/// // The same in TOML.
/// let read: Space = toml::from_str("lr.log_uniform = [1e-4, 1e-1]\noptimizer.choice = ['adam', 'sgd']").unwrap();
/// assert_eq!(read, space);
/// let error = Space::new([("lr", Dimension::LogUniform(0.0, 1.0))]).unwrap_err();
/// assert_eq!(error.to_string(), "search space, lr: log_uniform needs finite bounds 0 < low < high, not [0, 1]");
/// # Ok::<(), search::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Dimension>", into = "BTreeMap<String, Dimension>")]
pub struct Space(BTreeMap<String, Dimension>);

impl Space {
    /// A space of the given hyper-parameters.
    ///
    /// # Errors
    /// [`Error::Space`] if there are none, a name is given twice, has other characters than ASCII letters, digits and `_-.` or
    /// begins with `-`, or bounds make no sense.
    pub fn new<N: Into<String>>(dimensions: impl IntoIterator<Item = (N, Dimension)>) -> Result<Space> {
        let mut named = BTreeMap::new();
        for (name, dimension) in dimensions {
            let name = name.into();
            if named.insert(name.clone(), dimension).is_some() {
                return Err(Error::Space { name, reason: "is given twice".into() });
            }
        }
        Space::try_from(named)
    }

    /// Names and dimensions, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Dimension)> {
        self.0.iter().map(|(name, dimension)| (name.as_str(), dimension))
    }

    /// The dimension of a name.
    pub fn get(&self, name: &str) -> Option<&Dimension> {
        self.0.get(name)
    }

    /// Whether the values are of this space: all names, and each within its dimension.
    pub fn contains(&self, values: &Values) -> bool {
        let inside = |(name, dimension): (&String, &Dimension)| {
            values.get(name).is_some_and(|value| dimension.position(value).is_some())
        };
        values.len() == self.0.len() && self.0.iter().all(inside)
    }

    /// The values at a point of the unit cube, a coordinate for each name.
    pub(super) fn at(&self, point: &[f64]) -> Values {
        self.0.iter().zip(point).map(|((name, dimension), &u)| (name.clone(), dimension.at(u))).collect()
    }

    /// The point of the unit cube at which [`at`](Self::at) gives the values.
    pub(super) fn point(&self, values: &Values) -> Vec<f64> {
        self.0.iter().map(|(name, d)| d.position(&values[name]).expect("values of the space")).collect()
    }

    /// Coordinates for a Gaussian process, with options one-hot.
    pub(super) fn encode(&self, values: &Values) -> Vec<f64> {
        self.0.iter().flat_map(|(name, dimension)| dimension.encode(&values[name])).collect()
    }

    /// For every coordinate of [`encode`](Self::encode), the number of its dimension.
    pub(super) fn columns(&self) -> Vec<usize> {
        self.0.values().enumerate().flat_map(|(i, d)| std::iter::repeat_n(i, d.columns())).collect()
    }

    /// Independent draws for every hyper-parameter.
    pub(super) fn random(&self, draws: &mut Draws) -> Values {
        let point: Vec<f64> = self.0.iter().map(|_| draws.unit()).collect();
        self.at(&point)
    }
}

impl TryFrom<BTreeMap<String, Dimension>> for Space {
    type Error = Error;

    fn try_from(dimensions: BTreeMap<String, Dimension>) -> Result<Space> {
        if dimensions.is_empty() {
            let reason = "there is nothing to search; name at least one hyper-parameter".into();
            return Err(Error::Space { name: "no dimensions".into(), reason });
        }
        for (name, dimension) in &dimensions {
            let fault = match is_name(name) {
                true => dimension.fault(),
                false => Some("a name is of letters, digits, `_`, `.` and, but for the first, `-`".into()),
            };
            if let Some(reason) = fault {
                return Err(Error::Space { name: name.clone(), reason });
            }
        }
        Ok(Space(dimensions))
    }
}

impl From<Space> for BTreeMap<String, Dimension> {
    fn from(space: Space) -> Self {
        space.0
    }
}

/// Whether a text can be the name of an argument.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(plain)
}
