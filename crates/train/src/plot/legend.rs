//! Which colour a line has, and the rows over a plot that say so.

use std::collections::HashMap;

use plotters::style::RGBColor;

use super::canvas::{Anchor, Canvas, SOFT_INK};
use super::curves::Panel;
use super::series::Curve;
use super::text::{fit, text_width};
use crate::Result;

/// Height of a row of the legend.
pub(super) const ROW_HEIGHT: f64 = 21.0;

/// Okabe and Ito's colours, which colour-blind readers can tell apart, without the yellow that white
/// swallows.
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(60, 60, 60),
];

const TEXT_SIZE: f64 = 14.0;
const WIDTH: f64 = 470.0;
const MAX_ROWS: usize = 4;
const SAMPLE: f64 = 22.0;
const SAMPLE_GAP: f64 = 7.0;
const ENTRY_GAP: f64 = 22.0;

/// How a line looks.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub color: RGBColor,
    /// The colours are used up, so the line is told apart by its dashes.
    pub dashed: bool,
}

impl Style {
    /// The same for noise behind a line.
    pub fn pale(self) -> Self {
        let fade = |ink: u8| 255 - ((255 - u16::from(ink)) * 3 / 10) as u8;
        let RGBColor(red, green, blue) = self.color;
        Self { color: RGBColor(fade(red), fade(green), fade(blue)), dashed: false }
    }
}

/// The lines' looks, panel by panel: lines of one name look the same in all panels, lines within a panel
/// differ.
pub(super) fn styles(panels: &[Panel]) -> Vec<Vec<Style>> {
    let mut places = HashMap::new();
    let mut of_panel = |panel: &'_ Panel| {
        let mut namesakes = HashMap::new();
        let mut style = |name: &str| {
            let nth = namesakes.entry(name.to_owned()).and_modify(|nth| *nth += 1).or_insert(0);
            let next = places.len();
            let place: usize = *places.entry((name.to_owned(), *nth)).or_insert(next);
            Style { color: COLORS[place % COLORS.len()], dashed: place / COLORS.len() % 2 == 1 }
        };
        panel.series.iter().map(|series| style(&series.name)).collect()
    };
    panels.iter().map(&mut of_panel).collect()
}

/// The names of a panel's lines in rows.
pub(super) struct Legend {
    rows: Vec<Vec<Entry>>,
}

struct Entry {
    name: String,
    /// `None` for a remark that stands for no line.
    style: Option<Style>,
    width: f64,
}

impl Entry {
    fn new(name: &str, style: Option<Style>) -> Self {
        let sample = if style.is_some() { SAMPLE + SAMPLE_GAP } else { 0.0 };
        let name = fit(name, TEXT_SIZE, WIDTH - sample);
        let width = sample + text_width(&name, TEXT_SIZE);
        Self { name, style, width }
    }
}

impl Legend {
    /// Names in as many rows as they need; those for which there is no room are only counted.
    pub fn new(curves: &[Curve], styles: &[Style]) -> Self {
        let named = |(curve, style): (&Curve, &Style)| Some(Entry::new(&curve.legend()?, Some(*style)));
        let mut rows: Vec<Vec<Entry>> = Vec::new();
        for entry in curves.iter().zip(styles).filter_map(named) {
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

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Draws it centred on `middle`, its first row below `top`.
    pub fn draw(&self, canvas: &Canvas, middle: f64, top: f64) -> Result<()> {
        for (index, row) in self.rows.iter().enumerate() {
            let y = top + ROW_HEIGHT * (index as f64 + 0.5);
            let mut x = middle - row_width(row) / 2.0;
            for entry in row {
                let mut text_x = x;
                if let Some(style) = entry.style {
                    canvas.stroke(&[(x + 1.0, y), (x + SAMPLE - 1.0, y)], 3.0, style)?;
                    text_x += SAMPLE + SAMPLE_GAP;
                }
                canvas.text(&entry.name, TEXT_SIZE, SOFT_INK, (text_x, y), Anchor::Left)?;
                x += entry.width + ENTRY_GAP;
            }
        }
        Ok(())
    }
}

fn row_width(row: &[Entry]) -> f64 {
    row.iter().map(|entry| entry.width).sum::<f64>() + ENTRY_GAP * row.len().saturating_sub(1) as f64
}
