//! Grid search: every combination of a few values.

use crate::{Space, Value, Values};

/// Largest number of combinations.
const MOST: usize = 1_000_000;

fn levels(space: &Space, points: usize) -> impl Iterator<Item = (&str, Vec<Value>)> {
    space.iter().map(move |(name, dimension)| (name, dimension.levels(points)))
}

/// Number of combinations, if it is no more than a grid may have.
pub(super) fn size(space: &Space, points: usize) -> Option<usize> {
    if points > MOST {
        return None;
    }
    let mut size = 1usize;
    for (_, levels) in levels(space, points) {
        size = size.checked_mul(levels.len()).filter(|&size| size <= MOST)?;
    }
    Some(size)
}

pub(super) fn fault(space: &Space, points: usize) -> Option<String> {
    size(space, points).is_none().then(|| {
        format!("the grid has more than {MOST} combinations; give fewer points, or search at random")
    })
}

/// Combination `number`; the last name varies fastest.
pub(super) fn combination(space: &Space, points: usize, number: usize) -> Option<Values> {
    let mut rest = number;
    let levels: Vec<(&str, Vec<Value>)> = levels(space, points).collect();
    let mut values = Values::new();
    for (name, levels) in levels.into_iter().rev() {
        values.insert(name.to_owned(), levels[rest % levels.len()].clone());
        rest /= levels.len();
    }
    (rest == 0).then_some(values)
}
