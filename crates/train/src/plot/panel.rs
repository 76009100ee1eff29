//! One pair of axes: the layout of a panel, its grid and its lines.

use image::RgbImage;
use plotters::style::RGBColor;

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, INK, SOFT_INK};
use super::curves::Panel;
use super::legend::{Legend, ROW_HEIGHT, Style};
use super::series::Curve;
use super::text::{fit, text_width};
use super::ticks::Tick;
use crate::Result;

/// Width and height of a panel in pixels, without the picture's title over it.
pub const PANEL_SIZE: (u32, u32) = (600, 448);

const WIDTH: f64 = PANEL_SIZE.0 as f64;
const HEIGHT: f64 = PANEL_SIZE.1 as f64;

const TITLE_SIZE: f64 = 17.0;
const LABEL_SIZE: f64 = 15.0;
const TICK_SIZE: f64 = 13.5;

const TITLE_BOTTOM: f64 = 30.0;
const EDGE: f64 = 24.0;
const BOTTOM: f64 = 56.0;
const Y_LABEL_WIDTH: f64 = 22.0;
const TICK_GAP: f64 = 8.0;
const MOST_X_TICKS: usize = 9;
const MOST_Y_TICKS: usize = 8;

const AXIS_COLOR: RGBColor = RGBColor(120, 120, 120);
const GRID_COLOR: RGBColor = RGBColor(226, 226, 226);
const FINE_GRID_COLOR: RGBColor = RGBColor(243, 243, 243);

/// The rectangle between the axes, and what its sides stand for.
struct Plot {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Axis,
    y: Axis,
}

/// Draws a panel whose legend has room for `legend_rows` rows.
pub(super) fn draw(
    panel: &Panel,
    curves: &[Curve],
    styles: &[Style],
    legend: &Legend,
    legend_rows: usize,
) -> Result<RgbImage> {
    let points = || curves.iter().flat_map(Curve::points);
    let x = Axis::around(points().map(|point| point.0), false, 0.02);
    let y = Axis::around(points().map(|point| point.1), panel.log_y, 0.05);
    let y_ticks = y.ticks(MOST_Y_TICKS);
    let labels = y_ticks.iter().map(|(_, tick)| text_width(&tick.label, TICK_SIZE)).fold(0.0, f64::max);
    let plot = Plot {
        left: (EDGE + Y_LABEL_WIDTH + labels + TICK_GAP).round(),
        right: WIDTH - EDGE,
        top: TITLE_BOTTOM + ROW_HEIGHT * legend_rows as f64 + 8.0,
        bottom: HEIGHT - BOTTOM,
        x,
        y,
    };

    Canvas::paint(PANEL_SIZE.0, PANEL_SIZE.1, |canvas| {
        plot.titles(canvas, panel)?;
        legend.draw(canvas, plot.middle(), TITLE_BOTTOM)?;
        plot.grid(canvas, &plot.x_ticks(), &y_ticks)?;
        plot.lines(canvas, curves, styles)?;
        if points().next().is_none() {
            let at = (plot.middle(), (plot.top + plot.bottom) / 2.0);
            canvas.text("nothing to show yet", LABEL_SIZE, SOFT_INK, at, Anchor::Center)?;
        }
        Ok(())
    })
}

impl Plot {
    fn middle(&self) -> f64 {
        (self.left + self.right) / 2.0
    }

    fn across(&self, share: f64) -> f64 {
        self.left + share * (self.right - self.left)
    }

    fn up(&self, share: f64) -> f64 {
        self.bottom - share * (self.bottom - self.top)
    }

    fn titles(&self, canvas: &Canvas, panel: &Panel) -> Result<()> {
        let (width, height) = (self.right - self.left, self.bottom - self.top);
        let title = fit(&panel.title, TITLE_SIZE, width);
        canvas.text(&title, TITLE_SIZE, INK, (self.middle(), 14.0), Anchor::Center)?;
        let x_label = fit(&panel.x_label, LABEL_SIZE, width);
        canvas.text(&x_label, LABEL_SIZE, INK, (self.middle(), HEIGHT - 16.0), Anchor::Center)?;
        let y_label = fit(&panel.y_label, LABEL_SIZE, height);
        let at = (EDGE + 4.0, (self.top + self.bottom) / 2.0);
        canvas.text(&y_label, LABEL_SIZE, INK, at, Anchor::Upward)
    }

    /// As many ticks as have room for their labels.
    fn x_ticks(&self) -> Vec<(f64, Tick)> {
        let room = |ticks: &[(f64, Tick)]| {
            let widest = ticks.iter().map(|(_, tick)| text_width(&tick.label, TICK_SIZE)).fold(0.0, f64::max);
            let apart = |pair: &[(f64, Tick)]| self.across(pair[1].0) - self.across(pair[0].0);
            ticks.windows(2).all(|pair| apart(pair) >= widest + 16.0)
        };
        let fewer = |most: usize| self.x.ticks(most);
        (2..=MOST_X_TICKS).rev().map(fewer).find(|ticks| room(ticks)).unwrap_or_else(|| fewer(1))
    }

    fn grid(&self, canvas: &Canvas, x_ticks: &[(f64, Tick)], y_ticks: &[(f64, Tick)]) -> Result<()> {
        let color = |tick: &Tick| if tick.label.is_empty() { FINE_GRID_COLOR } else { GRID_COLOR };
        for (share, tick) in y_ticks {
            let y = self.up(*share);
            canvas.rule((self.left, y), (self.right, y), color(tick))?;
            let at = (self.left - TICK_GAP, y);
            canvas.text(&tick.label, TICK_SIZE, SOFT_INK, at, Anchor::Right)?;
        }
        for (share, tick) in x_ticks {
            let x = self.across(*share);
            canvas.rule((x, self.top), (x, self.bottom + 4.0), color(tick))?;
            canvas.rule((x, self.bottom), (x, self.bottom + 4.0), AXIS_COLOR)?;
            canvas.text(&tick.label, TICK_SIZE, SOFT_INK, (x, self.bottom + 15.0), Anchor::Center)?;
        }
        canvas.rule((self.left, self.top), (self.left, self.bottom), AXIS_COLOR)?;
        canvas.rule((self.left, self.bottom), (self.right, self.bottom), AXIS_COLOR)
    }

    /// The lines, pale ones behind all others and the first on top.
    fn lines(&self, canvas: &Canvas, curves: &[Curve], styles: &[Style]) -> Result<()> {
        let place = |&(x, y): &(f64, f64)| (self.across(self.x.position(x)), self.up(self.y.position(y)));
        let placed = |run: Vec<(f64, f64)>| run.iter().map(place).collect::<Vec<_>>();
        for (curve, style) in curves.iter().zip(styles).rev() {
            let pale = style.pale();
            curve.pale().try_for_each(|run| canvas.stroke(&placed(run), 1.0, pale))?;
        }
        for (curve, style) in curves.iter().zip(styles).rev() {
            for run in curve.bold().map(placed) {
                canvas.stroke(&run, 2.0, *style)?;
                if curve.has_marks() || run.len() == 1 {
                    run.iter().try_for_each(|&point| canvas.disc(point, 3.5, style.color))?;
                }
            }
        }
        Ok(())
    }
}
