//! Parts that the page's script draws: curves, histograms, heat maps.

use plot::{Panel, Series};
use serde_json::{Value, json};

use super::Report;
use super::html::{coordinate, json as script_json};

/// Points that a line keeps; a screen has hardly more columns.
const MOST_POINTS: usize = 800;
/// Rows and columns that a heat map keeps.
const MOST_CELLS: usize = 160;

/// How the values of something, such as a layer's weights, are distributed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    pub name: String,
    /// Left end of the first and right end of the last bar.
    pub low: f64,
    pub high: f64,
    /// Of equally wide bars.
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

/// A number for each row, such as a layer, and each column, such as a step: gradient norms of layers over steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeatMap {
    pub rows: Vec<String>,
    /// What the columns count.
    pub columns_label: String,
    /// Where the columns stand, such as steps.
    pub columns: Vec<f64>,
    /// `[rows, columns]`; what is not finite (or not positive on a logarithmic scale) is left empty.
    pub values: Vec<f32>,
    /// Whether the colours are logarithmic.
    pub log: bool,
}

impl Report {
    /// The page with one more row of charts with tooltips, smoothing, and legends that switch lines off. Shown are the panels' lines;
    /// other layers of a [`Panel`] belong in [`Report::picture`].
    pub fn curves(self, heading: &str, panels: &[Panel]) -> Report {
        let charts: String = panels.iter().map(|panel| embedded("curves", &curves(panel))).collect();
        self.part(heading, &format!("<div class=\"charts\">\n{charts}</div>\n"))
    }

    /// The page with one more row of histograms.
    pub fn histograms(self, heading: &str, histograms: &[Histogram]) -> Report {
        let data = |h: &Histogram| json!({"title": h.name, "low": coordinate(h.low), "high": coordinate(h.high), "counts": h.counts});
        let charts: String = histograms.iter().map(|h| embedded("histogram", &data(h))).collect();
        self.part(heading, &format!("<div class=\"charts small\">\n{charts}</div>\n"))
    }

    /// The page with one more heat map. Of many columns neighbours are shown as their mean.
    ///
    /// # Panics
    /// When there are not `rows * columns` values.
    #[track_caller]
    pub fn heat_map(self, heading: &str, map: &HeatMap) -> Report {
        let (rows, columns) = (map.rows.len(), map.columns.len());
        assert_eq!(map.values.len(), rows * columns, "heat_map: {rows} rows and {columns} columns");
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

/// An element for the script, with its data.
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

/// The points, or of each stretch its lowest and highest, so that no peak is lost. NaN comes first or last and is kept.
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
