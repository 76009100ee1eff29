//! A value of a hyper-parameter.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a trial sets a hyper-parameter to. In TOML and JSON it is a plain boolean, number or string.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A boolean of a choice.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or exponent.
    Float(f64),
    /// A string of a choice.
    Text(String),
}

/// Values of hyper-parameters by name.
pub type Values = BTreeMap<String, Value>;

/// As an argument of a command: the shortest text that reads back as the same number.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Value::Bool(x) => x.fmt(f),
            Value::Integer(x) => x.fmt(f),
            Value::Float(x) => write!(f, "{x:?}"),
            Value::Text(x) => f.pad(x),
        }
    }
}

impl From<bool> for Value {
    fn from(x: bool) -> Value {
        Value::Bool(x)
    }
}

impl From<i64> for Value {
    fn from(x: i64) -> Value {
        Value::Integer(x)
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Value {
        Value::Float(x)
    }
}

impl From<&str> for Value {
    fn from(x: &str) -> Value {
        Value::Text(x.into())
    }
}
