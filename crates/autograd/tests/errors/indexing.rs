//! Reading and writing at an index.

use crate::panics::{Mistake, check};
use crate::{f32s, i32s};

pub const MISTAKES: &[Mistake] = &[
    ("gather", &["gather", "[2, 3]", "[3, 2]"], || drop(f32s(&[2, 3]).gather(1, &i32s(&[3, 2])))),
    ("gather, rank", &["gather", "[2]", "[2, 3]"], || drop(f32s(&[2, 3]).gather(1, &i32s(&[2])))),
    ("gather, type", &["gather", "f32"], || drop(f32s(&[2, 3]).gather(1, &f32s(&[2, 3])))),
    ("gather, dimension", &["gather", "dimension 2"], || drop(f32s(&[2, 3]).gather(2, &i32s(&[2, 3])))),
    ("index_select", &["index_select", "[1, 1]"], || drop(f32s(&[2, 3]).index_select(1, &i32s(&[1, 1])))),
    ("index_select, type", &["index_select", "f32"], || drop(f32s(&[2, 3]).index_select(1, &f32s(&[1])))),
    ("embedding", &["embedding", "[2]"], || drop(f32s(&[2]).embedding(&i32s(&[1])))),
    ("embedding, type", &["embedding", "f32"], || drop(f32s(&[2, 3]).embedding(&f32s(&[1])))),
    ("scatter_add", &["scatter_add", "[1, 3]", "[2, 3]"], || {
        drop(f32s(&[2, 3]).scatter_add(1, &i32s(&[2, 3]), &f32s(&[1, 3])))
    }),
    ("scatter_add, types", &["scatter_add", "f32", "i32"], || {
        drop(f32s(&[2, 3]).scatter_add(1, &i32s(&[2, 3]), &i32s(&[2, 3])))
    }),
    ("index_add", &["index_add", "[2, 3]"], || drop(f32s(&[2, 3]).index_add(0, &i32s(&[1]), &f32s(&[2, 3])))),
    ("index_add, index", &["index_add", "f32"], || {
        drop(f32s(&[2, 3]).index_add(0, &f32s(&[1]), &f32s(&[1, 3])))
    }),
    ("embedding_padded", &["embedding_padded", "row 2", "[2, 3]"], || {
        drop(f32s(&[2, 3]).embedding_padded(&i32s(&[1]), 2))
    }),
    ("embedding_padded, rank", &["embedding_padded", "[]"], || {
        drop(f32s(&[]).embedding_padded(&i32s(&[1]), 0))
    }),
    ("index", &["index", "2 indices", "[3]"], || drop(f32s(&[3]).index(&[&i32s(&[1]), &i32s(&[1])]))),
    ("index, shapes", &["index", "[2]", "[3]"], || drop(f32s(&[3, 3]).index(&[&i32s(&[2]), &i32s(&[3])]))),
    ("index, type", &["index", "f32"], || drop(f32s(&[3]).index(&[&f32s(&[1])]))),
    ("masked_select", &["masked_select", "[2]", "[3]"], || {
        drop(f32s(&[2]).masked_select(&f32s(&[3]).gt(0.0)))
    }),
    ("masked_select, type", &["masked_select", "f32"], || drop(f32s(&[2]).masked_select(&f32s(&[2])))),
    ("scatter", &["scatter", "[2]", "[3]"], || drop(f32s(&[2]).scatter(0, &i32s(&[3]), f32s(&[2])))),
    ("scatter, type of the index", &["scatter", "f32"], || drop(f32s(&[2]).scatter(0, &f32s(&[2]), 1.0))),
    ("one_hot", &["one_hot", "f32"], || drop(f32s(&[2]).one_hot(3))),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
