//! One pair of axes: the layout of a panel, its grid, and what lies on it.

use image::RgbImage;

use crate::axis::Axis;
use crate::canvas::{Anchor, Canvas};
use crate::color_bar;
use crate::layer::{Band, Layer};
use crate::legend::{Legend, ROW_HEIGHT, Style};
use crate::panel::Panel;
use crate::range::{clip, named, ranges};
use crate::series::Curve;
use crate::text::{fit, text_width};
use crate::theme::Theme;
use crate::ticks::Tick;

/// Width and height of a panel in pixels, without the picture's title over it.
pub const PANEL_SIZE: (u32, u32) = (600, 448);

const WIDTH: f64 = PANEL_SIZE.0 as f64;
const HEIGHT: f64 = PANEL_SIZE.1 as f64;

pub(crate) const TITLE_SIZE: f64 = 17.0;
pub(crate) const LABEL_SIZE: f64 = 15.0;
pub(crate) const TICK_SIZE: f64 = 13.5;
const NOTE_SIZE: f64 = 13.0;

const TITLE_BOTTOM: f64 = 30.0;
const EDGE: f64 = 24.0;
const BOTTOM: f64 = 56.0;
const Y_LABEL_WIDTH: f64 = 22.0;
const TICK_GAP: f64 = 8.0;
const MOST_X_TICKS: usize = 9;
const MOST_Y_TICKS: usize = 8;
/// The most pixels for a name: upright under the panel, and level to its left.
const X_NAME: f64 = 90.0;
const Y_NAME: f64 = 130.0;

/// The rectangle between the axes, and what its sides stand for.
pub(crate) struct Axes {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    x: Axis,
    y: Axis,
    y_down: bool,
    /// The widest label left of the panel.
    labels: f64,
    /// Names under the panel stand upright, since they have no room side by side.
    upright: bool,
}

/// Draws a panel whose legend has room for `legend_rows` rows.
pub(crate) fn draw(
    theme: Theme,
    panel: &Panel,
    curves: &[Curve],
    styles: &[Style],
    legend: &Legend,
    legend_rows: usize,
) -> RgbImage {
    let axes = Axes::new(panel, curves, legend_rows);
    Canvas::paint(theme, PANEL_SIZE.0, PANEL_SIZE.1, |canvas| {
        axes.titles(canvas, panel);
        legend.draw(canvas, axes.middle(), TITLE_BOTTOM);
        let (x_ticks, y_ticks) = (axes.x_ticks(panel), axes.y_ticks(panel));
        axes.grid(canvas, &x_ticks, &y_ticks);
        let under = &styles[curves.len().min(styles.len())..];
        for (layer, style) in panel.layers.iter().zip(under) {
            axes.layer(canvas, layer, *style);
        }
        axes.lines(canvas, curves, styles);
        axes.frame(canvas, &x_ticks);
        for layer in &panel.layers {
            match layer {
                Layer::Field(field) if field.bar.is_some() => axes.color_bar(canvas, field),
                _ => {}
            }
        }
        if curves.iter().all(|curve| curve.points().next().is_none()) && panel.layers.is_empty() {
            let at = (axes.middle(), (axes.top + axes.bottom) / 2.0);
            canvas.text("nothing to show yet", LABEL_SIZE, theme.colors().soft_ink, at, Anchor::Center);
        }
    })
}

impl Axes {
    fn new(panel: &Panel, curves: &[Curve], legend_rows: usize) -> Axes {
        let (x, y) = ranges(panel, curves);
        let width = |ticks: &[(f64, Tick)]| {
            ticks.iter().map(|(_, tick)| text_width(&tick.label, TICK_SIZE)).fold(0.0, f64::max)
        };
        let has_bar = panel.layers.iter().any(|layer| matches!(layer, Layer::Field(f) if f.bar.is_some()));
        let mut axes = Axes {
            left: EDGE,
            right: WIDTH - EDGE - if has_bar { color_bar::ROOM } else { 0.0 },
            top: TITLE_BOTTOM + ROW_HEIGHT * legend_rows as f64 + 8.0,
            bottom: HEIGHT - BOTTOM,
            x,
            y,
            y_down: panel.y_down,
            labels: 0.0,
            upright: false,
        };
        let label = if panel.y_label.is_empty() { 0.0 } else { Y_LABEL_WIDTH };
        axes.labels = width(&axes.y_ticks(panel));
        axes.left = (EDGE + label + axes.labels + TICK_GAP).round();
        let x_ticks = axes.x_ticks(panel);
        if !panel.x_names.is_empty() && !axes.has_room(&x_ticks, 8.0) {
            axes.upright = true;
            axes.bottom -= width(&x_ticks) - TICK_SIZE;
        }
        if panel.equal {
            axes.make_equal();
        }
        axes
    }

    /// Shrinks the rectangle until both axes have one scale.
    fn make_equal(&mut self) {
        let span = |axis: &Axis| axis.value(1.0) - axis.value(0.0);
        let scale = ((self.right - self.left) / span(&self.x)).min((self.bottom - self.top) / span(&self.y));
        let (width, height) = (scale * span(&self.x), scale * span(&self.y));
        let (x, y) = (self.middle(), (self.top + self.bottom) / 2.0);
        (self.left, self.right) = ((x - width / 2.0).round(), (x + width / 2.0).round());
        (self.top, self.bottom) = ((y - height / 2.0).round(), (y + height / 2.0).round());
    }

    pub fn middle(&self) -> f64 {
        (self.left + self.right) / 2.0
    }

    fn across(&self, share: f64) -> f64 {
        self.left + share * (self.right - self.left)
    }

    fn up(&self, share: f64) -> f64 {
        let share = if self.y_down { 1.0 - share } else { share };
        self.bottom - share * (self.bottom - self.top)
    }

    /// The pixel of a point within the axes' ranges.
    pub fn place(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let (x, y) = (self.x.position(x), self.y.position(y));
        let inside = |share: f64| (-1e-6..=1.0 + 1e-6).contains(&share);
        (inside(x) && inside(y)).then(|| (self.across(x), self.up(y)))
    }

    /// The pixel of a point, or the nearest within the axes.
    pub fn clamped(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let clamp = |share: f64| if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        (self.across(clamp(self.x.position(x))), self.up(clamp(self.y.position(y))))
    }

    /// The point at a pixel.
    pub fn value(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let up = (self.bottom - y) / (self.bottom - self.top);
        let share = if self.y_down { 1.0 - up } else { up };
        (self.x.value((x - self.left) / (self.right - self.left)), self.y.value(share))
    }

    /// Top left and bottom right pixel of a box, as far as it lies within the axes.
    pub fn clipped_box(&self, a: (f64, f64), b: (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
        let (from, to) = (self.clamped(a), self.clamped(b));
        let (left, right) = (from.0.min(to.0), from.0.max(to.0));
        let (top, bottom) = (from.1.min(to.1), from.1.max(to.1));
        (right > left && a.1.is_finite() && b.1.is_finite()).then_some(((left, top), (right, bottom)))
    }

    /// The pixels of a line's pieces within the axes, two by two.
    pub fn clipped(&self, line: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let share = |&(x, y): &(f64, f64)| (self.x.position(x), self.y.position(y));
        let pieces = line.windows(2).filter_map(|pair| clip(share(&pair[0]), share(&pair[1])));
        pieces.flatten().map(|(x, y)| (self.across(x), self.up(y))).collect()
    }

    /// A line as unbroken runs of pixels within the axes.
    fn runs(&self, line: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
        if let [point] = line {
            return self.place(*point).map(|at| vec![vec![at]]).unwrap_or_default();
        }
        let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
        for &[from, to] in self.clipped(line).as_chunks::<2>().0 {
            match runs.last_mut().filter(|run| run.last() == Some(&from)) {
                Some(run) => run.push(to),
                None => runs.push(vec![from, to]),
            }
        }
        runs
    }

    fn titles(&self, canvas: &Canvas, panel: &Panel) {
        let ink = canvas.colors().ink;
        let (width, height) = (self.right - self.left, self.bottom - self.top);
        let title = fit(&panel.title, TITLE_SIZE, width.max(0.8 * WIDTH));
        canvas.text(&title, TITLE_SIZE, ink, (self.title_middle(&title), 14.0), Anchor::Center);
        let x_label = fit(&panel.x_label, LABEL_SIZE, width);
        canvas.text(&x_label, LABEL_SIZE, ink, (self.middle(), HEIGHT - 16.0), Anchor::Center);
        let y_label = fit(&panel.y_label, LABEL_SIZE, height);
        let beside = self.left - TICK_GAP - self.labels - Y_LABEL_WIDTH + 4.0;
        let at = (beside, (self.top + self.bottom) / 2.0);
        canvas.text(&y_label, LABEL_SIZE, ink, at, Anchor::Upward);
    }

    /// Over the axes' middle, or as near as a long title can be.
    fn title_middle(&self, title: &str) -> f64 {
        let half = text_width(title, TITLE_SIZE) / 2.0 + 6.0;
        self.middle().clamp(half.min(WIDTH / 2.0), (WIDTH - half).max(WIDTH / 2.0))
    }

    fn y_ticks(&self, panel: &Panel) -> Vec<(f64, Tick)> {
        match panel.y_names.is_empty() {
            true => self.y.ticks(MOST_Y_TICKS),
            false => named(&panel.y_names, &self.y, Y_NAME),
        }
    }

    /// As many ticks as have room for their labels.
    fn x_ticks(&self, panel: &Panel) -> Vec<(f64, Tick)> {
        if !panel.x_names.is_empty() {
            return named(&panel.x_names, &self.x, X_NAME);
        }
        let fewer = |most: usize| self.x.ticks(most);
        let fits = |ticks: &Vec<(f64, Tick)>| self.has_room(ticks, 16.0);
        (2..=MOST_X_TICKS).rev().map(fewer).find(fits).unwrap_or_else(|| fewer(1))
    }

    /// Whether labels side by side under the panel are at least `gap` apart.
    fn has_room(&self, ticks: &[(f64, Tick)], gap: f64) -> bool {
        let ticks: Vec<_> = ticks.iter().filter(|(_, tick)| !tick.label.is_empty()).collect();
        let widest = ticks.iter().map(|(_, tick)| text_width(&tick.label, TICK_SIZE)).fold(0.0, f64::max);
        let apart = |pair: &[&(f64, Tick)]| self.across(pair[1].0) - self.across(pair[0].0);
        ticks.windows(2).all(|pair| apart(pair) >= widest + gap)
    }

    fn grid(&self, canvas: &Canvas, x_ticks: &[(f64, Tick)], y_ticks: &[(f64, Tick)]) {
        let colors = canvas.colors();
        let color = |tick: &Tick| if tick.label.is_empty() { colors.fine_grid } else { colors.grid };
        for (share, tick) in y_ticks {
            let y = self.up(*share);
            canvas.rule((self.left, y), (self.right, y), color(tick));
            let at = (self.left - TICK_GAP, y);
            canvas.text(&tick.label, TICK_SIZE, colors.soft_ink, at, Anchor::Right);
        }
        for (share, tick) in x_ticks {
            let x = self.across(*share);
            canvas.rule((x, self.top), (x, self.bottom + 4.0), color(tick));
            let (at, anchor) = match self.upright {
                true => ((x, self.bottom + 8.0), Anchor::UpwardRight),
                false => ((x, self.bottom + 15.0), Anchor::Center),
            };
            canvas.text(&tick.label, TICK_SIZE, colors.soft_ink, at, anchor);
        }
    }

    /// The axes themselves, over whatever touches them.
    fn frame(&self, canvas: &Canvas, x_ticks: &[(f64, Tick)]) {
        let color = canvas.colors().axis;
        for (share, _) in x_ticks {
            let x = self.across(*share);
            canvas.rule((x, self.bottom), (x, self.bottom + 4.0), color);
        }
        canvas.rule((self.left, self.top), (self.left, self.bottom), color);
        canvas.rule((self.left, self.bottom), (self.right, self.bottom), color);
    }

    fn layer(&self, canvas: &Canvas, layer: &Layer, style: Style) {
        match layer {
            Layer::Field(field) => field.draw(canvas, self),
            Layer::Points(points) => points.draw(canvas, self, style.color),
            Layer::Bars(bars) => bars.draw(canvas, self, style.color),
            Layer::Band(band) => self.band(canvas, band, style),
            Layer::Note(note) => {
                if let Some(at) = self.place(note.at) {
                    self.note(canvas, &note.text, at);
                }
            }
        }
    }

    /// A text on a box of the background, so that it can be read on any colour.
    fn note(&self, canvas: &Canvas, text: &str, (x, y): (f64, f64)) {
        let text = fit(text, NOTE_SIZE, self.right - self.left);
        let half = text_width(&text, NOTE_SIZE) / 2.0 + 4.0;
        canvas.filled((x - half, y - 9.0), (x + half, y + 9.0), canvas.colors().background);
        canvas.text(&text, NOTE_SIZE, canvas.colors().ink, (x, y), Anchor::Center);
    }

    fn band(&self, canvas: &Canvas, band: &Band, style: Style) {
        let color = canvas.colors().pale(style.color, 3);
        let finite = |&(x, low, high): &(f64, f64, f64)| x.is_finite() && low.is_finite() && high.is_finite();
        for run in band.points.split(|point| !finite(point)) {
            // Along the low edge, and back along the high one.
            let low = run.iter().map(|&(x, low, _)| (x, low));
            let high = run.iter().rev().map(|&(x, _, high)| (x, high));
            let corners: Vec<_> = low.chain(high).map(|point| self.clamped(point)).collect();
            canvas.polygon(&corners, color);
        }
    }

    /// The lines, pale ones behind all others and the first on top.
    fn lines(&self, canvas: &Canvas, curves: &[Curve], styles: &[Style]) {
        for (curve, style) in curves.iter().zip(styles).rev() {
            let pale = Style { color: canvas.colors().pale(style.color, 3), dashed: false };
            for run in curve.pale().flat_map(|run| self.runs(&run)) {
                canvas.stroke(&run, 1.0, pale);
            }
        }
        for (curve, style) in curves.iter().zip(styles).rev() {
            for line in curve.bold() {
                for run in self.runs(&line) {
                    canvas.stroke(&run, 2.0, *style);
                }
                if curve.has_marks() || line.len() == 1 {
                    let marks = line.iter().filter_map(|&point| self.place(point));
                    marks.into_iter().for_each(|at| canvas.disc(at, 3.5, style.color));
                }
            }
        }
    }
}
