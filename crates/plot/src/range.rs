//! The ranges of a panel's axes, and lines clipped to them.

use crate::axes::TICK_SIZE;
use crate::axis::Axis;
use crate::field::Field;
use crate::layer::Layer;
use crate::panel::Panel;
use crate::series::Curve;
use crate::text::fit;
use crate::ticks::Tick;

/// The ranges of both axes: as given by the panel, else by the fields or the names, else with room for everything.
pub(crate) fn ranges(panel: &Panel, curves: &[Curve]) -> (Axis, Axis) {
    let sane = |&(x, y): &(f64, f64)| {
        let fits = |value: f64, log: bool| value.abs() < 1e100 && (!log || value > 1e-100);
        fits(x, panel.log_x) && fits(y, panel.log_y)
    };
    let layers: Vec<(f64, f64)> = panel.layers.iter().flat_map(Layer::points).filter(sane).collect();
    let points = || curves.iter().flat_map(Curve::points).chain(layers.iter().copied());
    let fields =
        || panel.layers.iter().filter_map(|layer| if let Layer::Field(f) = layer { Some(f) } else { None });
    let around = |ends: &dyn Fn(&Field) -> (f64, f64)| {
        let both = |all: (f64, f64), one: (f64, f64)| (all.0.min(one.0), all.1.max(one.1));
        fields().map(ends).reduce(both)
    };
    let names = |names: &[String]| (!names.is_empty()).then(|| (-0.5, names.len() as f64 - 0.5));
    let x = panel.x_range.or_else(|| around(&|f| f.x)).or_else(|| names(&panel.x_names));
    let y = panel.y_range.or_else(|| around(&|f| f.y)).or_else(|| names(&panel.y_names));
    let free = |of: fn((f64, f64)) -> f64, log, margin| {
        let values: Vec<f64> = points().map(of).collect();
        Axis::around(values.iter().copied(), log, margin)
    };
    let exact = |(low, high), log| Axis::exact(low, high, log);
    (
        x.map_or_else(|| free(|p| p.0, panel.log_x, 0.02), |ends| exact(ends, panel.log_x)),
        y.map_or_else(|| free(|p| p.1, panel.log_y, 0.05), |ends| exact(ends, panel.log_y)),
    )
}

/// Names of 0, 1, ... as ticks.
pub(crate) fn named(names: &[String], axis: &Axis, width: f64) -> Vec<(f64, Tick)> {
    let tick = |(i, name): (usize, &String)| {
        let value = i as f64;
        (axis.position(value), Tick { value, label: fit(name, TICK_SIZE, width) })
    };
    names.iter().enumerate().map(tick).filter(|(share, _)| (0.0..=1.0).contains(share)).collect()
}

/// The part of a line within the unit square (Liang and Barsky).
pub(crate) fn clip(from: (f64, f64), to: (f64, f64)) -> Option<[(f64, f64); 2]> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    if !(dx.is_finite() && dy.is_finite()) {
        return None;
    }
    let (mut start, mut end) = (0.0_f64, 1.0_f64);
    // A little more than the square, so that rounding loses nothing.
    let (low, high) = (-1e-6, 1.0 + 1e-6);
    for (delta, room_low, room_high) in [(dx, from.0 - low, high - from.0), (dy, from.1 - low, high - from.1)]
    {
        if delta == 0.0 {
            if room_low < 0.0 || room_high < 0.0 {
                return None;
            }
            continue;
        }
        let (a, b) = (-room_low / delta, room_high / delta);
        (start, end) = (start.max(a.min(b)), end.min(a.max(b)));
    }
    let at = |t: f64| match t {
        0.0 => from,
        1.0 => to,
        _ => (from.0 + t * dx, from.1 + t * dy),
    };
    (start <= end).then(|| [at(start), at(end)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_the_frame() {
        assert_eq!(clip((0.2, 0.2), (0.8, 0.4)), Some([(0.2, 0.2), (0.8, 0.4)]));
        let [from, to] = clip((-1.0, 0.5), (2.0, 0.5)).unwrap();
        assert!((from.0).abs() < 1e-5 && (to.0 - 1.0).abs() < 1e-5 && from.1 == 0.5 && to.1 == 0.5);
        assert_eq!(clip((-1.0, 0.5), (-0.5, 0.5)), None);
        assert_eq!(clip((-1.0, 0.0), (0.0, 3.0)), None);
        assert_eq!(clip((0.5, 2.0), (0.5, 3.0)), None);
        assert_eq!(clip((f64::NAN, 0.5), (0.5, 0.5)), None);
    }
}
