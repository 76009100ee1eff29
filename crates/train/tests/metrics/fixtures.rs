//! The recorded cases.

use serde_json::Value;

/// The recorded cases of a family of metrics.
pub fn case(family: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../fixtures/metrics.json")).expect("recorded cases");
    all[family].clone()
}

pub fn cases(family: &str) -> Vec<Value> {
    list(&case(family)).to_vec()
}

#[track_caller]
pub fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// A number; NaN is recorded as null.
#[track_caller]
pub fn number(value: &Value) -> f64 {
    if value.is_null() { f64::NAN } else { value.as_f64().expect("a number") }
}

#[track_caller]
pub fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}

#[track_caller]
pub fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|x| x as f32).collect()
}

#[track_caller]
pub fn integers(value: &Value) -> Vec<i32> {
    numbers(value).into_iter().map(|x| x as i32).collect()
}

#[track_caller]
pub fn classes(value: &Value) -> Vec<u32> {
    numbers(value).into_iter().map(|x| x as u32).collect()
}

#[track_caller]
pub fn flags(value: &Value) -> Vec<bool> {
    list(value).iter().map(|x| x.as_bool().expect("true or false")).collect()
}

#[track_caller]
pub fn strings(value: &Value) -> Vec<&str> {
    list(value).iter().map(|x| x.as_str().expect("a text")).collect()
}

/// The numbers of all rows.
#[track_caller]
pub fn flat(rows: &Value) -> Vec<f32> {
    list(rows).iter().flat_map(floats).collect()
}
