//! Functions of single elements.

use std::sync::Arc;

use autograd::{HostCall, HostResult};

use crate::panics::{Mistake, check};
use crate::{f32s, i32s};

/// Computes nothing.
#[derive(Debug)]
struct Nothing;

impl HostCall for Nothing {
    fn describe(&self) -> String {
        "nothing".into()
    }

    fn start(&self, _: &[f32]) -> HostResult {
        Box::new(|_| Ok(()))
    }
}

pub const MISTAKES: &[Mistake] = &[
    ("add", &["add", "[2, 3]", "[2, 2]"], || drop(f32s(&[2, 3]) + f32s(&[2, 2]))),
    ("sub", &["sub", "[3]", "[2]"], || drop(&f32s(&[3]) - &f32s(&[2]))),
    ("mul types", &["mul", "f32", "i32"], || drop(f32s(&[3]) * i32s(&[3]))),
    ("div", &["div", "[4]", "[5]"], || drop(&f32s(&[4]) / f32s(&[5]))),
    ("number of a type", &["exp", "i32"], || drop(i32s(&[2]).exp())),
    ("neg", &["neg", "bool"], || drop(-f32s(&[2]).gt(0.0))),
    ("pow", &["pow", "i32"], || drop(i32s(&[2]).pow(i32s(&[2])))),
    ("maximum", &["max", "[2]", "[3]"], || drop(f32s(&[2]).maximum(f32s(&[3])))),
    ("eq", &["eq", "[2]", "[3]"], || drop(f32s(&[2]).eq(f32s(&[3])))),
    ("remainder", &["fmod", "[2]", "[3]"], || drop(f32s(&[2]).remainder(f32s(&[3])))),
    ("lerp", &["sub", "[2]", "[3]"], || drop(f32s(&[3]).lerp(&f32s(&[2]), 0.5))),
    ("logical_and", &["and", "f32"], || drop(f32s(&[2]).logical_and(f32s(&[2])))),
    ("logical_not", &["not", "f32"], || drop(f32s(&[2]).logical_not())),
    ("isfinite", &["isnan", "i32"], || drop(i32s(&[2]).isfinite())),
    ("where_: condition", &["where", "f32"], || drop(f32s(&[2]).where_(&f32s(&[2]), &f32s(&[2])))),
    ("where_: types", &["where", "i32"], || drop(f32s(&[2]).where_(&f32s(&[2]).gt(0.0), &i32s(&[2])))),
    ("where_: shapes", &["where", "[3]"], || drop(f32s(&[2]).where_(&f32s(&[3]).gt(0.0), &f32s(&[2])))),
    ("masked_fill", &["where", "[3]"], || drop(f32s(&[2]).masked_fill(&f32s(&[3]).gt(0.0), 0.0))),
    ("clamp", &["lt", "[3]"], || drop(f32s(&[2]).clamp(f32s(&[3]), 1.0))),
    ("prelu", &["prelu", "[3]", "[2, 4]"], || drop(f32s(&[2, 4]).prelu(&f32s(&[3])))),
    ("host_call", &["host_call", "nothing", "i32"], || drop(i32s(&[2]).host_call(Arc::new(Nothing)))),
    ("glu", &["glu", "[3]"], || drop(f32s(&[3]).glu(0))),
    ("glu, dimension", &["glu", "dimension 1"], || drop(f32s(&[4]).glu(1))),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
