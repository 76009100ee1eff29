//! Points on their own.

use crate::axes::Axes;
use crate::canvas::Canvas;
use crate::color_map::line_color;
use crate::theme::Color;

/// Points of one colour, or with a colour for each.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// What the legend calls them; they have the colour of a line of this name.
    pub name: String,
    /// `(x, y)` in the units of the axes.
    pub points: Vec<(f64, f64)>,
    /// Radius in pixels.
    pub radius: f64,
    /// A number for each point that colours it, from the lowest to the highest.
    pub values: Option<Vec<f64>>,
}

impl Points {
    /// Points called `name`, 3.5 pixels in radius.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Points {
        Points { name: name.into(), points: points.into_iter().collect(), radius: 3.5, values: None }
    }

    /// Discs of another size.
    pub fn radius(mut self, pixels: f64) -> Points {
        self.radius = pixels;
        self
    }

    /// Points coloured by a number each, from the lowest to the highest.
    ///
    /// # Panics
    /// If there are not as many numbers as points.
    #[track_caller]
    pub fn colored_by(mut self, values: &[f64]) -> Points {
        assert_eq!(values.len(), self.points.len(), "Points: one number for each");
        self.values = Some(values.to_vec());
        self
    }

    pub(crate) fn draw(&self, canvas: &Canvas, axes: &Axes, color: Color) {
        let ring = canvas.colors().background;
        let values = self.values.as_deref().unwrap_or(&[]);
        let finite = values.iter().filter(|value| value.is_finite());
        let (low, high) = finite.fold((f64::MAX, f64::MIN), |(l, h), &v| (v.min(l), v.max(h)));
        let share = |value: f64| (value - low) / (high - low).max(f64::MIN_POSITIVE);
        for (index, &point) in self.points.iter().enumerate() {
            let Some(at) = axes.place(point) else { continue };
            let own = values.get(index).map(|&value| line_color(share(value), canvas.theme()));
            // The ring separates overlapping points.
            canvas.disc(at, self.radius + 0.8, ring);
            canvas.disc(at, self.radius, own.unwrap_or(color));
        }
    }
}
