//! Contour lines by marching squares.

use crate::field::Field;

type Point = (f64, f64);

/// The segments of the contour line of a field of samples at `level`.
pub(crate) fn segments(field: &Field, level: f64) -> Vec<[Point; 2]> {
    let mut segments = Vec::new();
    for row in 0..field.rows.saturating_sub(1) {
        for column in 0..field.columns.saturating_sub(1) {
            cell(field, level, row, column, &mut segments);
        }
    }
    segments
}

/// The segments between four neighbouring samples.
fn cell(field: &Field, level: f64, row: usize, column: usize, segments: &mut Vec<[Point; 2]>) {
    let value = |(row, column): (usize, usize)| field.values[row * field.columns + column];
    // Counter-clockwise.
    let corners = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)];
    let values = corners.map(value);
    if values.iter().any(|value| !value.is_finite()) {
        return;
    }
    let crossing = |i: usize| {
        let (a, b) = (i, (i + 1) % 4);
        ((values[a] < level) != (values[b] < level)).then(|| {
            let part = (level - values[a]) / (values[b] - values[a]);
            let (from, to) = (place(field, corners[a]), place(field, corners[b]));
            (from.0 + part * (to.0 - from.0), from.1 + part * (to.1 - from.1))
        })
    };
    let crossings: Vec<Point> = (0..4).filter_map(crossing).collect();
    match crossings[..] {
        [a, b] => segments.push([a, b]),
        // A saddle: the mean of the corners says which sides belong together.
        [a, b, c, d] => {
            let high_middle = values.iter().sum::<f64>() / 4.0 >= level;
            let joined = if high_middle == (values[0] < level) { [[a, d], [b, c]] } else { [[a, b], [c, d]] };
            segments.extend(joined);
        }
        _ => {}
    }
}

fn place(field: &Field, (row, column): (usize, usize)) -> Point {
    let at =
        |ends: (f64, f64), i: usize, count: usize| ends.0 + (ends.1 - ends.0) * i as f64 / (count - 1) as f64;
    (at(field.x, column, field.columns), at(field.y, row, field.rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_round_and_closed() {
        let field = Field::sample((-2.0, 2.0), (-2.0, 2.0), 81, |x, y| x * x + y * y);
        let segments = segments(&field, 1.0);
        assert!(segments.iter().flatten().all(|(x, y)| (x.hypot(*y) - 1.0).abs() < 1e-3));
        let length: f64 = segments.iter().map(|[a, b]| (a.0 - b.0).hypot(a.1 - b.1)).sum();
        assert!((length - std::f64::consts::TAU).abs() < 0.01, "{length}");
    }

    #[test]
    fn saddles_keep_high_corners_apart_or_together_by_their_middle() {
        // High at two opposite corners.
        let field = |low: f64| Field { smooth: true, ..Field::matrix(2, 2, vec![1.0, low, low, 1.0]) };
        let cut_off = |field: &Field| {
            let near = |p: &Point| (p.0 + 0.5).hypot(p.1 + 0.5) < 1.0;
            segments(field, 0.5).iter().any(|[a, b]| near(a) && near(b))
        };
        assert!(cut_off(&field(-1.0)), "a low middle cuts the first corner off");
        assert!(!cut_off(&field(0.25)), "a high middle joins it to the opposite one");
        assert!(segments(&field(f64::NAN), 0.5).is_empty());
    }
}
