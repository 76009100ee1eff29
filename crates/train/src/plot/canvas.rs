//! What pictures are drawn on: smooth lines, discs, boxes and text in the bundled font.

use image::{RgbImage, imageops};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::legend::Style;
use super::text::Line;
use super::theme::{Colors, Theme};
use crate::{Error, Result};

/// Everything is drawn this many times larger and averaged down, which smooths edges and letters.
const OVERSAMPLE: u32 = 4;

/// Which point of a text its position names.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Left,
    Center,
    Right,
    /// Centred, running from bottom to top.
    Upward,
    /// Ending there, running from bottom to top.
    UpwardRight,
}

/// A surface in its theme's background whose coordinates are the final picture's pixels, fractions allowed.
pub(super) struct Canvas<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
    theme: Theme,
}

impl Canvas<'_> {
    /// A picture of `width` x `height` pixels with what `draw` puts on it.
    pub fn paint(
        theme: Theme,
        width: u32,
        height: u32,
        draw: impl FnOnce(&Canvas) -> Result<()>,
    ) -> Result<RgbImage> {
        let mut large = RgbImage::new(width * OVERSAMPLE, height * OVERSAMPLE);
        let size = large.dimensions();
        let area = BitMapBackend::with_buffer(&mut large, size).into_drawing_area();
        let canvas = Canvas { area, theme };
        canvas.area.fill(&canvas.colors().background).map_err(refused)?;
        draw(&canvas)?;
        canvas.area.present().map_err(refused)?;
        drop(canvas);
        Ok(imageops::thumbnail(&large, width, height))
    }

    pub fn theme(&self) -> Theme {
        self.theme
    }

    pub fn colors(&self) -> &'static Colors {
        self.theme.colors()
    }

    /// A line with round ends and corners, or dashes.
    pub fn stroke(&self, points: &[(f64, f64)], width: f64, style: Style) -> Result<()> {
        if style.dashed {
            return dashes(points, 7.0, 5.0).iter().try_for_each(|dash| self.line(dash, width, style.color));
        }
        self.line(points, width, style.color)
    }

    fn line(&self, points: &[(f64, f64)], width: f64, color: RGBColor) -> Result<()> {
        let style = color.stroke_width((width * f64::from(OVERSAMPLE)).round() as u32);
        for pair in points.windows(2) {
            // One segment at a time: the backend leaves holes where a long path crosses itself.
            let segment = vec![pixel(pair[0]), pixel(pair[1])];
            self.area.draw(&PathElement::new(segment, style)).map_err(refused)?;
        }
        points.iter().try_for_each(|&point| self.disc(point, width / 2.0, color))
    }

    /// A level or upright line one pixel wide, on whole pixels, for axes and grids.
    pub fn rule(&self, from: (f64, f64), to: (f64, f64), color: RGBColor) -> Result<()> {
        let (left, top) = pixel((from.0.min(to.0).floor(), from.1.min(to.1).floor()));
        let (right, bottom) = pixel((from.0.max(to.0).floor() + 1.0, from.1.max(to.1).floor() + 1.0));
        // The backend leaves the last row and column out.
        let corners = [(left, top), (right, bottom)];
        self.area.draw(&Rectangle::new(corners, color.filled())).map_err(refused)
    }

    /// A box between two corners.
    pub fn filled(&self, from: (f64, f64), to: (f64, f64), color: RGBColor) -> Result<()> {
        let (left, top) = pixel((from.0.min(to.0), from.1.min(to.1)));
        let (right, bottom) = pixel((from.0.max(to.0), from.1.max(to.1)));
        if right <= left || bottom <= top {
            return Ok(());
        }
        // The backend leaves the last row and column out.
        let corners = [(left, top), (right, bottom)];
        self.area.draw(&Rectangle::new(corners, color.filled())).map_err(refused)
    }

    /// A filled polygon.
    pub fn polygon(&self, corners: &[(f64, f64)], color: RGBColor) -> Result<()> {
        let corners: Vec<(i32, i32)> = corners.iter().map(|&corner| pixel(corner)).collect();
        self.area.draw(&Polygon::new(corners, color.filled())).map_err(refused)
    }

    /// A filled circle.
    pub fn disc(&self, center: (f64, f64), radius: f64, color: RGBColor) -> Result<()> {
        let radius = (radius * f64::from(OVERSAMPLE)).round() as i32;
        self.area.draw(&Circle::new(pixel(center), radius, color.filled())).map_err(refused)
    }

    /// One line of text; `at` is its anchor and the middle of its capitals' height.
    pub fn text(&self, text: &str, size: f64, color: RGBColor, at: (f64, f64), anchor: Anchor) -> Result<()> {
        let scale = f64::from(OVERSAMPLE);
        let line = Line::new(text, size * scale);
        let start = match anchor {
            Anchor::Left => 0.0,
            Anchor::Center | Anchor::Upward => -line.width() / 2.0,
            Anchor::Right | Anchor::UpwardRight => -line.width(),
        };
        let (along, down) = (start.round() as i32, (line.capitals() / 2.0).round() as i32);
        let (x, y) = pixel(at);
        let ink = |right: i32, below: i32, coverage: f32| {
            let place = match anchor {
                Anchor::Upward | Anchor::UpwardRight => (x + down + below, y - along - right),
                _ => (x + along + right, y + down + below),
            };
            self.area.draw_pixel(place, &color.mix(f64::from(coverage)))
        };
        line.draw(ink).map_err(refused)
    }
}

/// The parts of a line that are `dash` pixels long, `gap` pixels apart.
fn dashes(points: &[(f64, f64)], dash: f64, gap: f64) -> Vec<Vec<(f64, f64)>> {
    let mut dashes = Vec::new();
    let mut current: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
    let (mut left, mut drawing) = (dash, true);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                current.extend(drawing.then_some(to));
                break;
            }
            let share = left / length;
            from = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            current.extend(drawing.then_some(from));
            dashes.extend(drawing.then(|| std::mem::take(&mut current)));
            drawing = !drawing;
            left = if drawing { dash } else { gap };
            current.extend(drawing.then_some(from));
        }
    }
    dashes.push(current);
    dashes
}

fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    let scale = f64::from(OVERSAMPLE);
    ((x * scale).round() as i32, (y * scale).round() as i32)
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::Draw { what: "a plot", reason: error.to_string() }
}
