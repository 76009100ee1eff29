//! What pictures are drawn on: smooth lines, discs, boxes and text in the bundled font.

use std::cell::RefCell;

use image::RgbImage;
use tiny_skia::{
    FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Stroke, StrokeDash, Transform,
};

use crate::legend::Style;
use crate::text::Line;
use crate::theme::{Color, Colors, Theme};

type Point = (f64, f64);

/// Lengths of a dash and of the gap after it in pixels; round ends make dashes longer by the line's width.
const DASHES: [f32; 2] = [7.0, 5.0];

/// Points this many pixels away are left out: with larger numbers the rasteriser overflows.
const FAR: f64 = 1e6;

/// Lines of more points, which only exact series have, are drawn in parts: drawing time grows faster than the number of points.
const LONG: usize = 2048;

/// Which point of a text its position names.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Left,
    Center,
    Right,
    /// Centred, running from bottom to top.
    Upward,
    /// Ending there, running from bottom to top.
    UpwardRight,
}

/// A surface in its theme's background. Places are in pixels, with fractions; what lies outside is left out, and so are places that
/// are not finite.
pub(crate) struct Canvas {
    pixmap: RefCell<Pixmap>,
    theme: Theme,
}

impl Canvas {
    /// A picture of `width` x `height` pixels with what `draw` puts on it.
    ///
    /// # Panics
    /// Without pixels, or with more than [`check_size`](crate::picture::check_size) lets pass.
    pub fn paint(theme: Theme, width: u32, height: u32, draw: impl FnOnce(&Canvas)) -> RgbImage {
        let mut pixmap = Pixmap::new(width, height).expect("a picture of a checked size");
        pixmap.fill(solid(theme.colors().background));
        let canvas = Canvas { pixmap: RefCell::new(pixmap), theme };
        draw(&canvas);
        let pixels = canvas.pixmap.into_inner().take();
        // Opaque everywhere, so that the premultiplied colours are the colours.
        let rgb = pixels.as_chunks::<4>().0.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
        RgbImage::from_raw(width, height, rgb).expect("three bytes for each pixel")
    }

    pub fn theme(&self) -> Theme {
        self.theme
    }

    pub fn colors(&self) -> &'static Colors {
        self.theme.colors()
    }

    /// A line with round ends and corners, or dashes.
    pub fn stroke(&self, points: &[Point], width: f64, style: Style) {
        self.strokes([points], width, style);
    }

    /// Lines of one style, drawn as one path, so that their antialiased edges do not add up where they meet.
    pub fn strokes<'a>(&self, lines: impl IntoIterator<Item = &'a [Point]>, width: f64, style: Style) {
        let stroke = Stroke {
            width: width as f32,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        let dash = if style.dashed { StrokeDash::new(DASHES.to_vec(), 0.0) } else { None };
        let draw = |builder: PathBuilder| {
            let dashed = |path: Path| match &dash {
                // A line too long to be dashed would be solid to the eye.
                Some(dash) => path.dash(dash, 1.0).unwrap_or(path),
                None => path,
            };
            // Filled outlines, since what `stroke_path` makes of thin lines is darker where they meet.
            let outline = builder.finish().map(dashed).and_then(|path| path.stroke(&stroke, 1.0));
            self.fill(outline, style.color);
        };
        let mut builder = PathBuilder::new();
        for run in lines.into_iter().flat_map(|line| line.split(|&point| !near(point))) {
            let Some(&(x, y)) = run.first() else { continue };
            builder.move_to(x as f32, y as f32);
            // A point on its own is a line to itself, which has round ends.
            let rest = if run.len() == 1 { run } else { &run[1..] };
            for &(x, y) in rest {
                builder.line_to(x as f32, y as f32);
                if builder.len() >= LONG {
                    draw(std::mem::take(&mut builder));
                    builder.move_to(x as f32, y as f32);
                }
            }
        }
        draw(builder);
    }

    /// A level or upright line one pixel wide, on whole pixels, for axes and grids.
    pub fn rule(&self, from: Point, to: Point, color: Color) {
        let whole = |(x, y): Point| (x.floor(), y.floor());
        let (from, to) = (whole(from), whole(to));
        let after = (from.0.max(to.0) + 1.0, from.1.max(to.1) + 1.0);
        if near(from) && near(to) {
            self.filled((from.0.min(to.0), from.1.min(to.1)), after, color);
        }
    }

    /// A box between two corners, on whole pixels.
    pub fn filled(&self, from: Point, to: Point, Color(r, g, b): Color) {
        if !near(from) || !near(to) {
            return;
        }
        let mut pixmap = self.pixmap.borrow_mut();
        let (width, height) = (pixmap.width() as usize, pixmap.height() as usize);
        // Casts of negative numbers give 0.
        let range = |a: f64, b: f64, end: usize| {
            let place = |at: f64| (at.round() as usize).min(end);
            place(a.min(b))..place(a.max(b))
        };
        let columns = range(from.0, to.0, width);
        let pixels = pixmap.data_mut().as_chunks_mut::<4>().0;
        for row in range(from.1, to.1, height) {
            pixels[row * width..][columns.clone()].fill([r, g, b, u8::MAX]);
        }
    }

    /// A filled polygon.
    pub fn polygon(&self, corners: &[Point], color: Color) {
        let mut builder = PathBuilder::new();
        for (index, &(x, y)) in corners.iter().filter(|&&corner| near(corner)).enumerate() {
            match index {
                0 => builder.move_to(x as f32, y as f32),
                _ => builder.line_to(x as f32, y as f32),
            }
        }
        builder.close();
        self.fill(builder.finish(), color);
    }

    /// A filled circle.
    pub fn disc(&self, (x, y): Point, radius: f64, color: Color) {
        if !near((x, y)) || !near((radius, radius)) {
            return;
        }
        self.fill(PathBuilder::from_circle(x as f32, y as f32, radius as f32), color);
    }

    /// Fills a path, if there is one.
    fn fill(&self, path: Option<Path>, color: Color) {
        let Some(path) = path else { return };
        let mut paint = Paint::default();
        paint.set_color(solid(color));
        let mut pixmap = self.pixmap.borrow_mut();
        pixmap.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }

    /// One line of text; `at` is its anchor and the middle of its capitals' height.
    pub fn text(&self, text: &str, size: f64, color: Color, at: Point, anchor: Anchor) {
        if !near(at) {
            return;
        }
        let line = Line::new(text, size);
        let upward = matches!(anchor, Anchor::Upward | Anchor::UpwardRight);
        // Along the text's direction and across it, downwards as seen by its reader.
        let (along, across) = if upward { (-at.1, at.0) } else { at };
        let start = match anchor {
            Anchor::Left => along,
            Anchor::Center | Anchor::Upward => along - line.width() / 2.0,
            Anchor::Right | Anchor::UpwardRight => along - line.width(),
        };
        // Letters stand on whole pixels, the same way at all lines of a grid, which `rule` puts on whole pixels too.
        let (start, base) =
            (start.round() as i64, (across.floor() + 0.5 + line.capitals() / 2.0).round() as i64);
        let mut pixmap = self.pixmap.borrow_mut();
        line.draw(|right, below, coverage| {
            let (along, across) = (start + i64::from(right), base + i64::from(below));
            // The pixel before the edge at `-along`.
            let (x, y) = if upward { (across, -along - 1) } else { (along, across) };
            blend(&mut pixmap, x, y, color, coverage);
        });
    }
}

/// Puts a colour over a pixel, if that lies on the picture.
fn blend(pixmap: &mut Pixmap, x: i64, y: i64, Color(r, g, b): Color, coverage: f32) {
    let (width, height) = (i64::from(pixmap.width()), i64::from(pixmap.height()));
    if !(0..width).contains(&x) || !(0..height).contains(&y) {
        return;
    }
    let at = (y * width + x) as usize;
    let pixel = &mut pixmap.data_mut().as_chunks_mut::<4>().0[at];
    for (ground, ink) in pixel.iter_mut().zip([r, g, b]) {
        *ground = (f32::from(*ground) + coverage * (f32::from(ink) - f32::from(*ground))).round() as u8;
    }
}

fn solid(Color(r, g, b): Color) -> tiny_skia::Color {
    tiny_skia::Color::from_rgba8(r, g, b, u8::MAX)
}

/// Whether a point is within the range of the rasteriser.
fn near((x, y): Point) -> bool {
    x.abs() < FAR && y.abs() < FAR
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: u32 = 60;
    const BLACK: Color = Color(0, 0, 0);
    const SOLID: Style = Style { color: BLACK, dashed: false };

    fn painted(draw: impl FnOnce(&Canvas)) -> RgbImage {
        Canvas::paint(Theme::Light, SIDE, SIDE, draw)
    }

    /// How much of the picture is black, in pixels.
    fn ink(picture: &RgbImage) -> f64 {
        picture.pixels().map(|pixel| f64::from(255 - pixel.0[0]) / 255.0).sum()
    }

    #[test]
    fn shapes_cover_their_area() {
        let close = |picture: &RgbImage, area: f64| (ink(picture) / area - 1.0).abs() < 0.03;
        let round = std::f64::consts::PI;
        assert!(close(&painted(|canvas| canvas.disc((30.3, 29.9), 12.2, BLACK)), round * 12.2 * 12.2));
        let line = painted(|canvas| canvas.stroke(&[(10.3, 10.0), (40.3, 50.0)], 4.0, SOLID));
        assert!(close(&line, 50.0 * 4.0 + round * 4.0), "{}", ink(&line));
        let corners = [(5.5, 5.25), (50.5, 5.25), (50.5, 45.25)];
        assert!(close(&painted(|canvas| canvas.polygon(&corners, BLACK)), 45.0 * 20.0));
        let point = painted(|canvas| canvas.stroke(&[(30.0, 30.0)], 10.0, SOLID));
        assert!(close(&point, round * 25.0), "a point on its own is a disc");
        let dashes = painted(|canvas| {
            canvas.stroke(&[(5.0, 30.0), (53.0, 30.0)], 2.0, Style { dashed: true, ..SOLID })
        });
        assert!(close(&dashes, 4.0 * (14.0 + round)), "{}", ink(&dashes));
    }

    #[test]
    fn boxes_and_rules_lie_on_whole_pixels() {
        let filled = painted(|canvas| canvas.filled((50.4, 20.6), (-8.0, 9.7), BLACK));
        assert_eq!(ink(&filled), 50.0 * 11.0);
        let rule = painted(|canvas| canvas.rule((7.9, 3.2), (7.9, 13.8), BLACK));
        assert_eq!((ink(&rule), rule.get_pixel(7, 13).0), (11.0, [0; 3]));
    }

    #[test]
    fn lines_drawn_as_one_do_not_add_up() {
        let line = [(10.0, 10.3), (50.0, 30.7)];
        let once = painted(|canvas| canvas.stroke(&line, 1.0, SOLID));
        assert!(once == painted(|canvas| canvas.strokes([&line[..], &line[..]], 1.0, SOLID)));
    }

    #[test]
    fn a_long_line_has_no_gaps() {
        let points = |count: usize| -> Vec<Point> {
            (0..=count).map(|i| (5.0 + 50.0 * i as f64 / count as f64, 30.0)).collect()
        };
        let of = |count: usize| ink(&painted(|canvas| canvas.stroke(&points(count), 2.0, SOLID)));
        assert!((of(3 * LONG) - of(1)).abs() < 1.0);
    }

    #[test]
    fn upward_text_is_level_text_turned() {
        let (x, y) = (30.2, 21.6);
        let side = f64::from(SIDE);
        for (level, upward) in [(Anchor::Center, Anchor::Upward), (Anchor::Right, Anchor::UpwardRight)] {
            let level = painted(|canvas| canvas.text("Loss 0.7", 14.0, BLACK, (x, y), level));
            let upward = painted(|canvas| canvas.text("Loss 0.7", 14.0, BLACK, (y, side - x), upward));
            assert!(ink(&level) > 20.0);
            assert!(image::imageops::rotate270(&level) == upward);
        }
    }

    #[test]
    fn what_is_nowhere_draws_nothing() {
        let blank = painted(|_| {});
        for nowhere in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1e30, 1e9] {
            for bad in [(nowhere, 5.0), (5.0, nowhere), (nowhere, nowhere)] {
                let picture = painted(|canvas| {
                    canvas.stroke(&[bad], 2.0, SOLID);
                    canvas.stroke(&[bad; 3], 2.0, Style { dashed: true, ..SOLID });
                    canvas.rule(bad, (9.0, 9.0), BLACK);
                    canvas.filled((9.0, 9.0), bad, BLACK);
                    canvas.polygon(&[bad; 4], BLACK);
                    canvas.disc(bad, 3.0, BLACK);
                    canvas.disc((9.0, 9.0), nowhere, BLACK);
                    canvas.text("text", 12.0, BLACK, bad, Anchor::Center);
                });
                assert!(picture == blank, "{bad:?}");
                let (left, right) = ([(5.0, 5.0), (25.0, 5.0)], [(35.0, 5.0), (55.0, 5.0)]);
                let gap = painted(|canvas| canvas.stroke(&[&left[..], &[bad], &right].concat(), 2.0, SOLID));
                assert!(gap == painted(|canvas| canvas.strokes([&left[..], &right], 2.0, SOLID)));
            }
        }
    }
}
