//! Parts drawn by the page's script: curves, histograms, heat maps.

use plot::{Panel, Series};
use serde_json::{Value, json};

use super::Report;
use super::html::{coordinate, json as script_json};

/// The most points of a line; a screen has hardly more columns.
const MOST_POINTS: usize = 800;
/// The most columns of a heat map.
const MOST_CELLS: usize = 160;

/// How the values of something, such as a layer's weights, are distributed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Written above the bars.
    pub name: String,
    /// Left end of the first bar; `high` is the right end of the last one.
    pub low: f64,
    /// Right end of the last bar.
    pub high: f64,
    /// Counts of equally wide bars.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// Counts the finite values in `bins` equal ranges from the lowest to the highest.
    pub fn of(name: impl Into<String>, values: &[f32], bins: usize) -> Histogram {
        let bars = plot::Bars::histogram("", values, bins);
        let finite = values.iter().filter(|value| value.is_finite()).count() as f64;
        let end = |bar: Option<&(f64, f64)>, side: f64| bar.map_or(side, |bar| bar.0 + side * bars.width);
        Histogram {
            name: name.into(),
            low: end(bars.bars.first(), -0.5),
            high: end(bars.bars.last(), 0.5),
            counts: bars.bars.iter().map(|bar| (bar.1 * finite).round() as u64).collect(),
        }
    }
}

/// A matrix of numbers, such as the gradient norm of each layer (rows) over steps (columns).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeatMap {
    /// The label of each row.
    pub rows: Vec<String>,
    /// The label of the column axis.
    pub columns_label: String,
    /// The positions of the columns, such as steps.
    pub columns: Vec<f64>,
    /// `[rows, columns]`; values that are not finite (on a logarithmic scale: not positive) are left empty.
    pub values: Vec<f32>,
    /// Whether the colour scale is logarithmic.
    pub log: bool,
}

impl Report {
    /// Adds a row of charts with tooltips, smoothing, and legends that switch lines off. Only the panels' lines are shown; other layers
    /// of a [`Panel`] need [`Report::picture`].
    pub fn curves(self, heading: &str, panels: &[Panel]) -> Report {
        let charts: String = panels.iter().map(|panel| embedded("curves", &curves(panel))).collect();
        self.part(heading, &format!("<div class=\"charts\">\n{charts}</div>\n"))
    }

    /// Adds a row of histograms.
    pub fn histograms(self, heading: &str, histograms: &[Histogram]) -> Report {
        let data = |h: &Histogram| json!({"title": h.name, "low": coordinate(h.low), "high": coordinate(h.high), "counts": h.counts});
        let charts: String = histograms.iter().map(|h| embedded("histogram", &data(h))).collect();
        self.part(heading, &format!("<div class=\"charts small\">\n{charts}</div>\n"))
    }

    /// Adds a heat map. If there are too many columns, neighbouring ones are averaged.
    ///
    /// # Panics
    /// When there are not `rows * columns` values.
    #[track_caller]
    pub fn heat_map(self, heading: &str, map: &HeatMap) -> Report {
        let (rows, columns) = (map.rows.len(), map.columns.len());
        assert!(map.values.len() == rows * columns, "heat_map: {rows} rows and {columns} columns");
        let stretch = columns.div_ceil(MOST_CELLS).max(1);
        let shown = |value: &&f32| value.is_finite() && (!map.log || **value > 0.0);
        let mean = |values: &[f32]| {
            let (sum, count) = values
                .iter()
                .filter(shown)
                .fold((0.0, 0u32), |(sum, count), &v| (sum + f64::from(v), count + 1));
            coordinate(if count > 0 { sum / f64::from(count) } else { f64::NAN })
        };
        let row = |row: usize| -> Vec<Value> {
            map.values[row * columns..(row + 1) * columns].chunks(stretch).map(mean).collect()
        };
        let data = json!({
            "rows": map.rows,
            "label": map.columns_label,
            "columns": map.columns.chunks(stretch).map(|c| coordinate(c[0])).collect::<Vec<_>>(),
            "values": (0..rows).map(row).collect::<Vec<_>>(),
            "log": map.log,
        });
        self.part(heading, &embedded("heatmap", &data))
    }
}

/// An element that the script fills, with its data.
fn embedded(kind: &str, data: &Value) -> String {
    format!("<div class=\"{kind}\"><script type=\"application/json\">{}</script></div>\n", script_json(data))
}

fn curves(panel: &Panel) -> Value {
    let line = |series: &Series| {
        let points: Vec<[Value; 2]> =
            thin(&series.points).into_iter().map(|(x, y)| [coordinate(x), coordinate(y)]).collect();
        json!({"name": series.name, "points": points})
    };
    json!({
        "title": panel.title,
        "x": panel.x_label,
        "y": panel.y_label,
        "log": panel.log_y,
        "series": panel.series.iter().map(line).collect::<Vec<_>>(),
    })
}

/// The points, or the lowest and highest of each run of points, so that no peak is lost. NaN sorts to an end, so that it is kept.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let stretch = (2 * points.len()).div_ceil(MOST_POINTS);
    let extremes = points.chunks(stretch).flat_map(|chunk| {
        let by = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let (low, high) = (chunk.iter().min_by(by), chunk.iter().max_by(by));
        let mut pair: Vec<(f64, f64)> = low.into_iter().chain(high).copied().collect();
        pair.sort_by(|a, b| a.0.total_cmp(&b.0));
        pair
    });
    extremes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_peaks_and_order() {
        let points: Vec<(f64, f64)> =
            (0..100_000).map(|x| (f64::from(x), if x == 777 { 9.0 } else { f64::from(x % 3) })).collect();
        let thin = thin(&points);
        assert!(thin.len() <= MOST_POINTS && thin.contains(&(777.0, 9.0)));
        assert!(thin.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }

    #[test]
    fn histograms_count() {
        let histogram = Histogram::of("w", &[0.0, 0.1, 1.0, f32::NAN], 2);
        assert_eq!((histogram.low, histogram.high, histogram.counts), (0.0, 1.0, vec![2, 1]));
        assert_eq!(Histogram::of("w", &[], 2).counts, [0u64; 0]);
    }

    #[test]
    fn element_data_are_json() {
        let text = embedded("curves", &curves(&Panel::new("</script>", "", "")));
        assert_eq!(text.matches("</script>").count(), 1, "{text}");
    }
}
