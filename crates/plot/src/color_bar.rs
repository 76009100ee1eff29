//! The colour bar of a field, next to its panel.

use crate::axes::{Axes, PANEL_SIZE, TICK_SIZE};
use crate::canvas::{Anchor, Canvas};
use crate::field::Field;
use crate::text::{fit, text_width};
use crate::theme::Color;

/// Room for a colour bar, with its gap.
pub(crate) const ROOM: f64 = 84.0;
const GAP: f64 = 14.0;
const WIDTH: f64 = 14.0;

impl Axes {
    /// The colours of a field's values, right of the panel.
    pub fn color_bar(&self, canvas: &Canvas, field: &Field) {
        let (scale, colors) = (field.scale(), canvas.colors());
        let left = self.right + GAP;
        let right = left + WIDTH;
        let rows = (self.bottom - self.top) as u32;
        for row in 0..rows {
            let share = (f64::from(row) + 0.5) / f64::from(rows);
            let [r, g, b] = field.rgb(scale.value(share), &scale, canvas.theme());
            let y = self.bottom - f64::from(row);
            let color = Color(r, g, b);
            canvas.filled((left, y - 1.0), (right, y), color);
        }
        let mut widest = 0.0_f64;
        for (share, tick) in scale.ticks(7) {
            widest = widest.max(text_width(&tick.label, TICK_SIZE));
            let y = self.bottom - share * (self.bottom - self.top);
            canvas.text(&tick.label, TICK_SIZE, colors.soft_ink, (right + 5.0, y), Anchor::Left);
        }
        let label = fit(field.bar.as_deref().unwrap_or(""), TICK_SIZE, self.bottom - self.top);
        let at = ((right + widest + 19.0).min(f64::from(PANEL_SIZE.0) - 9.0), (self.top + self.bottom) / 2.0);
        canvas.text(&label, TICK_SIZE, colors.ink, at, Anchor::Upward);
    }
}
