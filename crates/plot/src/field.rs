//! A number at every place of a plane, as colours and contour lines.

use crate::axes::Axes;
use crate::axis::Axis;
use crate::canvas::{Anchor, Canvas};
use crate::color_map::{ColorMap, ink_on};
use crate::contour;
use crate::legend::Style;
use crate::text::text_width;
use crate::theme::{Color, Theme};

const CELL_TEXT: f64 = 13.0;

/// Numbers in rows and columns: the cells of a matrix, or samples of a function.
///
/// ```
/// use plot::Field;
/// let bowl = Field::sample((-1.0, 1.0), (0.0, 2.0), 3, |x, y| x * x + y);
/// assert_eq!(bowl.values, [1.0, 0.0, 1.0, 2.0, 1.0, 2.0, 3.0, 2.0, 3.0]);
/// let matrix = Field::matrix(2, 2, vec![5.0, 1.0, 0.0, 4.0]).cell_text(0);
/// assert_eq!(matrix.x, (-0.5, 1.5));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Values along the vertical axis.
    pub rows: usize,
    /// Values along the horizontal axis.
    pub columns: usize,
    /// `[rows, columns]`, the first row at the low end of the vertical axis. NaN is left empty.
    pub values: Vec<f64>,
    /// Left and right end.
    pub x: (f64, f64),
    /// Low and high end.
    pub y: (f64, f64),
    /// How values are coloured.
    pub colors: ColorMap,
    /// The ends of the colour scale; `None` takes the lowest and the highest value.
    pub range: Option<(f64, f64)>,
    /// Whether the colour scale is logarithmic.
    pub log: bool,
    /// Whether the values are samples, at the ends and evenly between them, with everything in between interpolated; otherwise
    /// they fill cells.
    pub smooth: bool,
    /// Contour lines, and steps of colour between them instead of a continuous scale.
    pub contours: usize,
    /// A colour bar with this label.
    pub bar: Option<String>,
    /// Decimals of the number in each cell.
    pub cell_text: Option<usize>,
}

impl Field {
    /// A matrix, entry (i, j) around row i and column j.
    ///
    /// # Panics
    /// If there are not `rows * columns` values.
    #[track_caller]
    pub fn matrix(rows: usize, columns: usize, values: Vec<f64>) -> Field {
        assert_eq!(Some(values.len()), rows.checked_mul(columns), "Field: {rows} rows and {columns} columns");
        let ends = |count: usize| (-0.5, count as f64 - 0.5);
        Field {
            rows,
            columns,
            values,
            x: ends(columns),
            y: ends(rows),
            colors: ColorMap::Viridis,
            range: None,
            log: false,
            smooth: false,
            contours: 0,
            bar: None,
            cell_text: None,
        }
    }

    /// Samples a function of x and y at `samples` x `samples` points.
    ///
    /// # Panics
    /// With fewer than 2 samples.
    #[track_caller]
    pub fn sample(x: (f64, f64), y: (f64, f64), samples: usize, mut f: impl FnMut(f64, f64) -> f64) -> Field {
        assert!(samples > 1, "Field: {samples} samples a side");
        let at = |ends: (f64, f64), i: usize| ends.0 + (ends.1 - ends.0) * i as f64 / (samples - 1) as f64;
        let points = (0..samples * samples).map(|i| (at(x, i % samples), at(y, i / samples)));
        let values = points.map(|(x, y)| f(x, y)).collect();
        Field { x, y, smooth: true, ..Field::matrix(samples, samples, values) }
    }

    /// [`sample`](Field::sample) of a function that takes all points `[x, y]` at once, such as a network, and gives a value for each.
    ///
    /// ```
    /// use plot::Field;
    /// let sums = |points: &[[f32; 2]]| Ok::<_, plot::Error>(points.iter().map(|p| f64::from(p[0] + p[1])).collect());
    /// assert_eq!(Field::sample_all((0.0, 1.0), (0.0, 2.0), 2, sums)?.values, [0.0, 1.0, 2.0, 3.0]);
    /// # Ok::<(), plot::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the function.
    ///
    /// # Panics
    /// With fewer than 2 samples, or another number of values than of points.
    #[track_caller]
    pub fn sample_all<E>(
        x: (f64, f64),
        y: (f64, f64),
        samples: usize,
        f: impl FnOnce(&[[f32; 2]]) -> Result<Vec<f64>, E>,
    ) -> Result<Field, E> {
        let mut points = Vec::with_capacity(samples * samples);
        let field = Field::sample(x, y, samples, |x, y| {
            points.push([x as f32, y as f32]);
            0.0
        });
        let values = f(&points)?;
        assert_eq!(values.len(), points.len(), "Field: values of points");
        Ok(Field { values, ..field })
    }

    /// The field in other colours.
    pub fn colors(mut self, colors: ColorMap) -> Field {
        self.colors = colors;
        self
    }

    /// The field over other ranges of x and y.
    pub fn over(mut self, x: (f64, f64), y: (f64, f64)) -> Field {
        (self.x, self.y) = (x, y);
        self
    }

    /// The field with a colour scale from `low` to `high`.
    pub fn range(mut self, low: f64, high: f64) -> Field {
        self.range = Some((low, high));
        self
    }

    /// The field with a logarithmic colour scale; values of 0 and below are left empty.
    pub fn log(mut self) -> Field {
        self.log = true;
        self
    }

    /// The field with `count` contour lines.
    pub fn contours(mut self, count: usize) -> Field {
        self.contours = count;
        self
    }

    /// The field with a colour bar.
    pub fn bar(mut self, label: impl Into<String>) -> Field {
        self.bar = Some(label.into());
        self
    }

    /// The field with its numbers written in the cells.
    pub fn cell_text(mut self, decimals: usize) -> Field {
        self.cell_text = Some(decimals);
        self
    }

    /// The colour scale.
    pub(crate) fn scale(&self) -> Axis {
        let shown = |&&value: &&f64| value.is_finite() && (!self.log || value > 0.0);
        let lowest = |low: f64, &value: &f64| low.min(value);
        let (low, high) = self.range.unwrap_or_else(|| {
            let low = self.values.iter().filter(shown).fold(f64::MAX, lowest);
            let high = self.values.iter().filter(shown).fold(f64::MIN, |high, &value| high.max(value));
            if low <= high { (low, high) } else { (0.1, 1.0) }
        });
        Axis::exact(low, high, self.log)
    }

    /// The colour of a value on a scale.
    pub(crate) fn rgb(&self, value: f64, scale: &Axis, theme: Theme) -> [u8; 3] {
        if self.colors == ColorMap::Classes {
            return self.colors.rgb(value, theme);
        }
        let share = if self.log && value <= 0.0 { f64::NAN } else { scale.position(value) };
        let steps = (self.contours + 1) as f64;
        let banded = ((share.clamp(0.0, 1.0) * steps).floor().min(steps - 1.0) + 0.5) / steps;
        self.colors.rgb(if self.contours > 0 { banded } else { share }, theme)
    }

    /// The value at a place, given as shares from the low to the high ends: that of its cell, or interpolated between the samples
    /// around it.
    pub(crate) fn at(&self, x: f64, y: f64) -> f64 {
        if self.values.is_empty() {
            return f64::NAN;
        }
        let value = |row: usize, column: usize| self.values[row * self.columns + column];
        if !self.smooth || self.colors == ColorMap::Classes {
            let cell = |share: f64, count: usize| ((share * count as f64).max(0.0) as usize).min(count - 1);
            return value(cell(y, self.rows), cell(x, self.columns));
        }
        let between = |share: f64, count: usize| {
            let at = share.clamp(0.0, 1.0) * (count - 1) as f64;
            let low = (at as usize).min(count.saturating_sub(2));
            (low, (low + 1).min(count - 1), at - low as f64)
        };
        let (top, bottom, down) = between(y, self.rows);
        let (left, right, along) = between(x, self.columns);
        let row = |row: usize| value(row, left) + along * (value(row, right) - value(row, left));
        row(top) + down * (row(bottom) - row(top))
    }

    pub(crate) fn draw(&self, canvas: &Canvas, axes: &Axes) {
        let scale = self.scale();
        let (low, high) = (axes.clamped((self.x.0, self.y.0)), axes.clamped((self.x.1, self.y.1)));
        let (left, right) = (low.0.min(high.0).round() as i32, low.0.max(high.0).round() as i32);
        let (top, bottom) = (low.1.min(high.1).round() as i32, low.1.max(high.1).round() as i32);
        let share = |value: f64, ends: (f64, f64)| (value - ends.0) / (ends.1 - ends.0);
        for (y, x) in (top..bottom).flat_map(|y| (left..right).map(move |x| (f64::from(y), f64::from(x)))) {
            let at = axes.value((x + 0.5, y + 0.5));
            let value = self.at(share(at.0, self.x), share(at.1, self.y));
            let [r, g, b] = self.rgb(value, &scale, canvas.theme());
            canvas.filled((x, y), (x + 1.0, y + 1.0), Color(r, g, b));
        }
        self.draw_contours(canvas, axes, &scale);
        self.draw_text(canvas, axes, &scale);
    }

    fn draw_contours(&self, canvas: &Canvas, axes: &Axes, scale: &Axis) {
        let style = Style { color: Color(255, 255, 255), dashed: false };
        for index in 0..self.contours {
            let level = scale.value((index + 1) as f64 / (self.contours + 1) as f64);
            let pieces = contour::segments(self, level);
            let pixels: Vec<_> = pieces.iter().flat_map(|piece| axes.clipped(piece)).collect();
            canvas.strokes(pixels.chunks(2), 1.0, style);
        }
    }

    fn draw_text(&self, canvas: &Canvas, axes: &Axes, scale: &Axis) {
        let Some(decimals) = self.cell_text else { return };
        let middle = |ends: (f64, f64), i: usize, count: usize| {
            ends.0 + (ends.1 - ends.0) * (i as f64 + 0.5) / count as f64
        };
        let texts: Vec<String> = self.values.iter().map(|value| format!("{value:.decimals$}")).collect();
        let widest = texts.iter().map(|text| text_width(text, CELL_TEXT)).fold(1.0, f64::max);
        let room = (axes.right - axes.left) / self.columns.max(1) as f64 - 4.0;
        let size = (CELL_TEXT * room / widest).min(CELL_TEXT);
        if size < 6.0 || (axes.bottom - axes.top) / (self.rows as f64) < size {
            return;
        }
        for (index, (text, &value)) in texts.iter().zip(&self.values).enumerate() {
            let (row, column) = (index / self.columns, index % self.columns);
            let place = (middle(self.x, column, self.columns), middle(self.y, row, self.rows));
            let Some(at) = axes.place(place).filter(|_| value.is_finite()) else { continue };
            let ink = ink_on(self.rgb(value, scale, canvas.theme()));
            canvas.text(text, size, ink, at, Anchor::Center);
        }
    }
}
