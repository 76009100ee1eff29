//! Measurements of a run as curves.

use plot::{Panel, Series};

use super::History;

impl History {
    /// A column as a line called `name`, times `scale`.
    ///
    /// # Panics
    /// When there is no such column.
    #[track_caller]
    pub fn steps(&self, column: &str, name: &str, scale: f64) -> Series {
        let points = self.column(column, 0).enumerate();
        Series::new(name, points.map(|(step, value)| (step as f64, scale * f64::from(value))))
    }

    /// A figure as a line called `name`, times `scale`.
    pub fn evaluations(&self, what: &str, name: &str, scale: f64) -> Series {
        let of = self.evaluations.iter().filter(|e| e.name == what);
        Series::new(name, of.map(|e| (e.steps as f64, scale * e.value)))
    }

    /// Everything as curves: a panel for each column but the learning rate, with the figures that end in its name (`"test loss"` with
    /// `"loss"`), and a panel for each other figure.
    pub fn panels(&self) -> Vec<Panel> {
        let (mut names, mut panels) = (self.figures(), vec![]);
        for column in self.columns.iter().filter(|column| *column != "lr") {
            let mut panel = Panel::new(column, "step", "").with(self.steps(column, "train", 1.0));
            panel.log_y = column.ends_with("norm");
            let related: Vec<(&str, &str)> = names
                .iter()
                .filter_map(|n| Some((*n, n.strip_suffix(column.as_str())?.trim_end())))
                .collect();
            names.retain(|name| !related.iter().any(|(taken, _)| taken == name));
            panels.push(
                related.iter().fold(panel, |p, (name, short)| p.with(self.evaluations(name, short, 1.0))),
            );
        }
        let other = |name: &&str| Panel::new(*name, "step", "").with(self.evaluations(name, "", 1.0));
        panels.extend(names.iter().map(other));
        panels
    }
}
