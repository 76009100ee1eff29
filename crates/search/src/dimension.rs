//! One hyper-parameter: the values it may take, and where they lie in the unit interval.

use serde::{Deserialize, Serialize};

use crate::Value;

/// The values that a hyper-parameter may take; bounds are inclusive.
///
/// ```
/// use search::{Dimension, Value};
/// let lr = Dimension::LogUniform(1e-4, 1e-2);
/// let Value::Float(middle) = lr.at(0.5) else { unreachable!() };
/// assert!((middle - 1e-3).abs() < 1e-12);
/// let depth = Dimension::Integer(2, 5);
/// assert_eq!([0.0, 0.3, 0.99].map(|u| depth.at(u)), [2, 3, 5].map(Value::Integer));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Real numbers, uniform between the bounds.
    Uniform(f64, f64),
    /// Positive real numbers whose logarithm is uniform.
    LogUniform(f64, f64),
    /// Whole numbers, all equally likely.
    Integer(i64, i64),
    /// Positive whole numbers whose logarithm is about uniform.
    LogInteger(i64, i64),
    /// One of a list, all equally likely.
    Choice(Vec<Value>),
}

/// Largest magnitude of whole numbers: they pass through `f64`.
const WHOLE: i64 = 1 << 53;

/// Most options of a choice; each is a column of the Gaussian process.
const OPTIONS: usize = 1000;

impl Dimension {
    /// What is wrong with the bounds or options, if anything.
    pub(super) fn fault(&self) -> Option<String> {
        let bounds = |name: &str, fit: bool, rule: &str, low: &dyn ToString, high: &dyn ToString| {
            let found = format!("[{}, {}]", low.to_string(), high.to_string());
            (!fit).then(|| format!("{name} needs {rule}, not {found}"))
        };
        match self {
            Dimension::Uniform(low, high) => {
                let fit = low < high && (high - low).is_finite();
                bounds("uniform", fit, "finite bounds low < high", low, high)
            }
            Dimension::LogUniform(low, high) => {
                let fit = 0.0 < *low && low < high && high.is_finite();
                bounds("log_uniform", fit, "finite bounds 0 < low < high", low, high)
            }
            Dimension::Integer(low, high) => {
                let fit = low < high && -WHOLE <= *low && *high <= WHOLE;
                bounds("integer", fit, "low < high within 2^53", low, high)
            }
            Dimension::LogInteger(low, high) => {
                let fit = 0 < *low && low < high && *high <= WHOLE;
                bounds("log_integer", fit, "0 < low < high within 2^53", low, high)
            }
            Dimension::Choice(options) => {
                let twice = (1..options.len()).find(|&i| options[..i].contains(&options[i]));
                let infinite = |v: &&Value| matches!(v, Value::Float(x) if !x.is_finite());
                match (options.len(), twice, options.iter().find(infinite)) {
                    (0, ..) => Some("choice needs options, as in choice = [\"adam\", \"sgd\"]".into()),
                    (n, ..) if n > OPTIONS => Some(format!("choice has {n} options, more than {OPTIONS}")),
                    (_, Some(i), _) => Some(format!("choice has the option {} twice", options[i])),
                    (.., Some(x)) => Some(format!("choice has the option {x}, which is not finite")),
                    _ => None,
                }
            }
        }
    }

    /// The value at `u` of the unit interval, so that a uniform `u` draws from the dimension.
    pub fn at(&self, u: f64) -> Value {
        let u = u.clamp(0.0, 1.0);
        let whole = |x: f64, low: i64, high: i64| Value::Integer((x as i64).clamp(low, high));
        match *self {
            Dimension::Uniform(low, high) => (low + u * (high - low)).clamp(low, high).into(),
            Dimension::LogUniform(low, high) => between_logs(u, low, high).clamp(low, high).into(),
            Dimension::Integer(low, high) => {
                whole((low as f64 + u * ((high - low) as f64 + 1.0)).floor(), low, high)
            }
            Dimension::LogInteger(low, high) => {
                whole(between_logs(u, low as f64 - 0.5, high as f64 + 0.5).round(), low, high)
            }
            Dimension::Choice(ref options) => {
                options[((u * options.len() as f64) as usize).min(options.len() - 1)].clone()
            }
        }
    }

    /// Where a value lies in the unit interval, or `None` if it is not of the dimension. A whole number or an option fills a part
    /// of the interval, and lies inside of this part.
    pub fn position(&self, value: &Value) -> Option<f64> {
        let inside = |u: f64| (0.0..=1.0).contains(&u).then_some(u);
        let log = |x: f64, low: f64, high: f64| inside((x / low).ln() / (high / low).ln());
        match (self, value) {
            (Dimension::Uniform(low, high), Value::Float(x)) => inside((x - low) / (high - low)),
            (Dimension::LogUniform(low, high), Value::Float(x)) => log(*x, *low, *high),
            (Dimension::Integer(low, high), Value::Integer(x)) if (low..=high).contains(&x) => {
                Some(((x - low) as f64 + 0.5) / ((high - low) as f64 + 1.0))
            }
            (Dimension::LogInteger(low, high), Value::Integer(x)) if (low..=high).contains(&x) => {
                log(*x as f64, *low as f64 - 0.5, *high as f64 + 0.5)
            }
            (Dimension::Choice(options), x) => {
                let index = options.iter().position(|option| option == x)?;
                Some((index as f64 + 0.5) / options.len() as f64)
            }
            _ => None,
        }
    }

    /// Coordinates of the value for a Gaussian process: its position, or a one-hot vector for an option.
    pub(super) fn encode(&self, value: &Value) -> Vec<f64> {
        match self {
            Dimension::Choice(options) => options.iter().map(|x| f64::from(x == value)).collect(),
            _ => vec![self.position(value).expect("a value of the dimension")],
        }
    }

    /// Number of coordinates of [`encode`](Self::encode).
    pub(super) fn columns(&self) -> usize {
        match self {
            Dimension::Choice(options) => options.len(),
            _ => 1,
        }
    }

    /// Values for a grid: all options, all whole numbers if there are at most `points`, otherwise `points` values from bound to bound.
    pub(super) fn levels(&self, points: usize) -> Vec<Value> {
        let count = match self {
            Dimension::Choice(options) => return options.clone(),
            Dimension::Integer(low, high) | Dimension::LogInteger(low, high) => {
                let all = (high - low) as u64 + 1;
                if all <= points as u64 {
                    return (*low..=*high).map(Value::Integer).collect();
                }
                points
            }
            _ => points,
        };
        let at = |i: usize| if count == 1 { 0.5 } else { i as f64 / (count - 1) as f64 };
        let mut levels: Vec<Value> = (0..count).map(|i| self.at(at(i))).collect();
        levels.dedup();
        levels
    }
}

/// Interpolates between logarithms, but gives the exact bounds at the ends, where logarithms are rounded.
fn between_logs(u: f64, low: f64, high: f64) -> f64 {
    match u {
        0.0 => low,
        1.0 => high,
        _ => (low.ln() + u * (high.ln() - low.ln())).exp(),
    }
}
