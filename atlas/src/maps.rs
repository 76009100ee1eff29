//! Points on a plane that belong to classes.

use wgrad::train::plot::{Note, Panel, Points};

/// The share of points whose nearest other point has their class.
pub fn nearest_of_class(points: &[(f64, f64)], classes: &[u32]) -> f64 {
    let distance =
        |a: usize, b: usize| (points[a].0 - points[b].0).powi(2) + (points[a].1 - points[b].1).powi(2);
    let nearest = |a: usize| {
        (0..points.len()).filter(|&b| b != a).min_by(|&b, &c| distance(a, b).total_cmp(&distance(a, c)))
    };
    let right = (0..points.len()).filter(|&a| nearest(a).is_some_and(|b| classes[a] == classes[b])).count();
    right as f64 / points.len() as f64
}

/// Points named by their classes.
pub fn class_panel(title: &str, points: &[(f64, f64)], classes: &[u32]) -> Panel {
    let panel = Panel::new(title, "", "").layer(Points::new("", points.iter().copied()).radius(0.5));
    points
        .iter()
        .zip(classes)
        .fold(panel, |panel, (&at, class)| panel.layer(Note::new(at, class.to_string())))
}
