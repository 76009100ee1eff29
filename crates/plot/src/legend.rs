//! The colours of lines, and the legend above a plot.

use std::collections::HashMap;

use crate::canvas::{Anchor, Canvas};
use crate::layer::Layer;
use crate::panel::Panel;
use crate::series::Curve;
use crate::text::{fit, text_width};
use crate::theme::{Color, Theme};

/// Height of a row of the legend.
pub(crate) const ROW_HEIGHT: f64 = 21.0;

const TEXT_SIZE: f64 = 14.0;
const WIDTH: f64 = 470.0;
const MAX_ROWS: usize = 4;
const SAMPLE: f64 = 22.0;
const SAMPLE_GAP: f64 = 7.0;
const ENTRY_GAP: f64 = 22.0;

/// How a line or a layer looks.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub color: Color,
    /// Whether dashes tell the line apart, as all colours are used.
    pub dashed: bool,
}

/// The styles of each panel's lines and then of its layers: one name has one style in all panels, lines within a panel differ,
/// and so do layers.
pub(crate) fn styles(panels: &[&Panel], theme: Theme) -> Vec<Vec<Style>> {
    let mut places = Places::default();
    panels.iter().map(|panel| places.of_panel(panel, theme)).collect()
}

/// The colour of each name, with a count that tells equal names within a panel apart.
#[derive(Default)]
struct Places<'a>(HashMap<(&'a str, usize), usize>);

impl<'a> Places<'a> {
    fn of_panel(&mut self, panel: &'a Panel, theme: Theme) -> Vec<Style> {
        let colors = theme.colors();
        let ink = Style { color: colors.ink, dashed: false };
        let keys = keys(panel);
        let mut taken: Vec<usize> =
            keys.iter().flatten().filter_map(|key| self.0.get(key).copied()).collect();
        let mut look = |(index, key): (usize, &Option<(&'a str, usize)>)| {
            let Some(key) = *key else { return ink };
            let fresh = self.0.len();
            let place = *self.0.entry(key).or_insert_with(|| {
                // Once all colours are used, one that this panel has not used, if there is any.
                let free = (0..colors.series.len()).find(|place| !taken.contains(place));
                if fresh < colors.series.len() { fresh } else { free.unwrap_or(fresh) }
            });
            taken.push(place);
            let is_line = index < panel.series.len();
            Style { color: colors.series(place), dashed: is_line && place / colors.series.len() % 2 == 1 }
        };
        keys.iter().enumerate().map(&mut look).collect()
    }
}

/// The keys that decide the colours of a panel's lines and layers; `None` for layers without a colour of their own. Points or a
/// band of a line share its colour; two lines of one name do not.
fn keys(panel: &Panel) -> Vec<Option<(&str, usize)>> {
    let lines = panel.series.iter().map(|series| (0, series.name.as_str()));
    let layers = panel.layers.iter().map(|layer| match layer {
        Layer::Field(_) | Layer::Note(_) => (NONE, ""),
        Layer::Points(points) if points.name.is_empty() => (NONE, ""),
        Layer::Band(band) => (1, band.of.as_str()),
        Layer::Points(points) => (2, points.name.as_str()),
        Layer::Bars(bars) => (3, bars.name.as_str()),
    });
    let mut namesakes: HashMap<(u8, &str), usize> = HashMap::new();
    let nth = |(kind, name)| {
        let count = namesakes.entry((kind, name)).or_insert(0);
        *count += 1;
        (kind != NONE).then_some((name, *count - 1))
    };
    lines.chain(layers).map(nth).collect()
}

/// The kind of layers without a colour of their own.
const NONE: u8 = u8::MAX;

/// The names of a panel's lines in rows.
pub(crate) struct Legend {
    rows: Vec<Vec<Entry>>,
}

struct Entry {
    name: String,
    /// `None` for a remark that stands for no line.
    sample: Option<(Style, Sample)>,
    width: f64,
}

/// The sign in front of a name.
#[derive(Clone, Copy)]
enum Sample {
    Line,
    Disc,
    Box,
}

impl Sample {
    fn width(self) -> f64 {
        match self {
            Sample::Line => SAMPLE,
            Sample::Disc | Sample::Box => 12.0,
        }
    }

    /// Draws it from `x` on.
    fn draw(self, canvas: &Canvas, (x, y): (f64, f64), style: Style) {
        match self {
            Sample::Line => canvas.stroke(&[(x + 1.0, y), (x + SAMPLE - 1.0, y)], 3.0, style),
            Sample::Disc => canvas.disc((x + 6.0, y), 4.5, style.color),
            Sample::Box => canvas.filled((x, y - 6.0), (x + 12.0, y + 6.0), style.color),
        }
    }
}

impl Entry {
    fn new(name: &str, sample: Option<(Style, Sample)>) -> Self {
        let room = sample.map_or(0.0, |(_, sample)| sample.width() + SAMPLE_GAP);
        let name = fit(name, TEXT_SIZE, WIDTH - room);
        let width = room + text_width(&name, TEXT_SIZE);
        Self { name, sample, width }
    }
}

impl Legend {
    /// Names in as many rows as they need, at most [`MAX_ROWS`]; the others are only counted.
    pub fn new(curves: &[Curve], layers: &[Layer], styles: &[Style]) -> Self {
        let lines = curves.iter().map(|curve| (curve.legend().unwrap_or_default(), Sample::Line));
        let is_line = |name: &str| curves.iter().any(|curve| curve.name() == name);
        let layers = layers.iter().map(|layer| match layer {
            // A line with its band or points has one entry.
            _ if is_line(layer.name()) => (String::new(), Sample::Box),
            Layer::Points(points) => (points.name.clone(), Sample::Disc),
            _ => (layer.name().to_owned(), Sample::Box),
        });
        let named = |((name, sample), style): ((String, Sample), &Style)| {
            (!name.is_empty()).then(|| Entry::new(&name, Some((*style, sample))))
        };
        let mut rows: Vec<Vec<Entry>> = Vec::new();
        for entry in lines.chain(layers).zip(styles).filter_map(named) {
            match rows.last_mut() {
                Some(row) if row_width(row) + ENTRY_GAP + entry.width <= WIDTH => row.push(entry),
                _ => rows.push(vec![entry]),
            }
        }
        let mut left_out: usize = rows.drain(MAX_ROWS.min(rows.len())..).map(|row| row.len()).sum();
        if let Some(last) = rows.last_mut().filter(|_| left_out > 0) {
            let mut remark = Entry::new(&format!("and {left_out} more"), None);
            while !last.is_empty() && row_width(last) + ENTRY_GAP + remark.width > WIDTH {
                last.pop();
                left_out += 1;
                remark = Entry::new(&format!("and {left_out} more"), None);
            }
            last.push(remark);
        }
        Self { rows }
    }

    /// How many rows the legend has.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Draws it centred on `middle`, its first row below `top`.
    pub fn draw(&self, canvas: &Canvas, middle: f64, top: f64) {
        for (index, row) in self.rows.iter().enumerate() {
            let y = top + ROW_HEIGHT * (index as f64 + 0.5);
            let mut x = middle - row_width(row) / 2.0;
            for entry in row {
                let mut text_x = x;
                if let Some((style, sample)) = entry.sample {
                    sample.draw(canvas, (x, y), style);
                    text_x += sample.width() + SAMPLE_GAP;
                }
                let ink = canvas.colors().soft_ink;
                canvas.text(&entry.name, TEXT_SIZE, ink, (text_x, y), Anchor::Left);
                x += entry.width + ENTRY_GAP;
            }
        }
    }
}

fn row_width(row: &[Entry]) -> f64 {
    row.iter().map(|entry| entry.width).sum::<f64>() + ENTRY_GAP * row.len().saturating_sub(1) as f64
}
