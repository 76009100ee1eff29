//! Attributes of a case. Reads are recorded, so that no attribute is silently ignored.

use std::cell::RefCell;
use std::collections::HashSet;

use serde_json::{Map, Value};

pub struct Attrs {
    values: Map<String, Value>,
    read: RefCell<HashSet<String>>,
}

impl Attrs {
    pub fn new(values: Map<String, Value>) -> Attrs {
        Attrs { values, read: RefCell::default() }
    }

    /// The attribute, unless it is absent or null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.read.borrow_mut().insert(key.into());
        self.values.get(key).filter(|v| !v.is_null())
    }

    /// An attribute that was never read.
    pub fn unread(&self) -> Option<&str> {
        let read = self.read.borrow();
        self.values
            .iter()
            .find(|(key, value)| !value.is_null() && !read.contains(*key))
            .map(|(key, _)| key.as_str())
    }

    /// A number; infinities are written as text.
    pub fn double(&self, key: &str) -> Option<f64> {
        self.get(key).map(|v| number(v).unwrap_or_else(|| panic!("attribute {key} is {v}, not a number")))
    }

    pub fn float(&self, key: &str) -> Option<f32> {
        self.double(key).map(|x| x as f32)
    }

    pub fn int(&self, key: &str) -> Option<isize> {
        self.get(key).map(|v| integer(v).unwrap_or_else(|| panic!("attribute {key} is {v}, not an integer")))
    }

    pub fn size(&self, key: &str) -> Option<usize> {
        self.int(key).map(|n| usize::try_from(n).expect("sizes are not negative"))
    }

    /// A flag; false if absent.
    pub fn flag(&self, key: &str) -> bool {
        self.get(key)
            .is_some_and(|v| v.as_bool().unwrap_or_else(|| panic!("attribute {key} is {v}, not a flag")))
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).map(|v| v.as_str().unwrap_or_else(|| panic!("attribute {key} is {v}, not text")))
    }

    pub fn is_list(&self, key: &str) -> bool {
        self.get(key).is_some_and(Value::is_array)
    }

    /// A list of integers; a single one is a list of one.
    pub fn ints(&self, key: &str) -> Option<Vec<isize>> {
        let list = |v: &Value| v.as_array().map_or_else(|| vec![v.clone()], Clone::clone);
        let all = |v: &Value| list(v).iter().map(integer).collect::<Option<Vec<_>>>();
        self.get(key).map(|v| all(v).unwrap_or_else(|| panic!("attribute {key} is {v}, not integers")))
    }

    pub fn sizes(&self, key: &str) -> Option<Vec<usize>> {
        let sizes = self.ints(key)?;
        Some(sizes.into_iter().map(|n| usize::try_from(n).expect("sizes are not negative")).collect())
    }

    /// A size for each of `D` dimensions; a single size applies to all.
    pub fn each<const D: usize>(&self, key: &str) -> Option<[usize; D]> {
        self.sizes(key).map(|s| match s[..] {
            [n] => [n; D],
            _ => s[..].try_into().unwrap_or_else(|_| panic!("attribute {key} is {s:?}, not {D} sizes")),
        })
    }

    pub fn doubles(&self, key: &str) -> Option<Vec<f64>> {
        let all = |v: &Value| v.as_array()?.iter().map(number).collect::<Option<Vec<_>>>();
        self.get(key).map(|v| all(v).unwrap_or_else(|| panic!("attribute {key} is {v}, not numbers")))
    }

    pub fn floats(&self, key: &str) -> Option<Vec<f32>> {
        self.doubles(key).map(|values| values.into_iter().map(|x| x as f32).collect())
    }

    /// The nested attributes of `key`.
    pub fn inner(&self, key: &str) -> Option<Attrs> {
        self.get(key)
            .map(|v| Attrs::new(v.as_object().unwrap_or_else(|| panic!("attribute {key} is {v}")).clone()))
    }

    /// The list of nested attributes of `key`.
    pub fn list(&self, key: &str) -> Option<Vec<Attrs>> {
        let set = |v: &Value| Attrs::new(v.as_object().expect("a list of attribute sets").clone());
        self.get(key).map(|v| {
            v.as_array().unwrap_or_else(|| panic!("attribute {key} is {v}")).iter().map(set).collect()
        })
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }
}

fn number(v: &Value) -> Option<f64> {
    match v.as_str() {
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        Some("nan") => Some(f64::NAN),
        _ => v.as_f64(),
    }
}

fn integer(v: &Value) -> Option<isize> {
    v.as_i64().and_then(|n| isize::try_from(n).ok())
}
