//! A line chart drawn with characters.

use plot::Series;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph};

use super::format::number;

/// Colours of a terminal's own palette, readable on light and dark grounds.
const COLORS: [Color; 6] =
    [Color::Blue, Color::Red, Color::Green, Color::Magenta, Color::Cyan, Color::Yellow];

/// Draws the finite points of the lines; the legend has their names and last values.
pub(super) fn draw(frame: &mut Frame, area: Rect, title: &str, series: &[Series]) {
    let block = Block::bordered().title(format!(" {title} "));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let lines: Vec<Vec<(f64, f64)>> =
        series.iter().map(|s| thin(&s.points, 2 * usize::from(inner.width))).collect();
    let [legend_area, chart_area] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(inner);
    let Some((x, y)) = bounds(&lines) else {
        frame.render_widget(Paragraph::new("nothing to show yet"), inner);
        return;
    };
    frame.render_widget(legend(series, &lines), legend_area);

    // The first line is drawn last, on top.
    let colored: Vec<_> = lines.iter().zip(COLORS.into_iter().cycle()).collect();
    let datasets: Vec<Dataset> = colored
        .iter()
        .rev()
        .map(|&(line, color)| {
            let style = Style::default().fg(color);
            Dataset::default().data(line).marker(Marker::Braille).graph_type(GraphType::Line).style(style)
        })
        .collect();
    let axis = |[low, high]: [f64; 2]| {
        let labels = [low, (low + high) / 2.0, high].map(|value| Line::from(number(value)));
        Axis::default().bounds([low, high]).labels(labels)
    };
    frame.render_widget(Chart::new(datasets).x_axis(axis(x)).y_axis(axis(y)), chart_area);
}

fn legend<'a>(series: &'a [Series], lines: &[Vec<(f64, f64)>]) -> Line<'a> {
    let mut spans = Vec::new();
    for ((series, line), color) in series.iter().zip(lines).zip(COLORS.into_iter().cycle()) {
        let last = line.last().map_or_else(|| "-".into(), |point| number(point.1));
        spans.extend([Span::styled("━━ ", color), Span::raw(&series.name)]);
        spans.extend([Span::raw(" "), Span::raw(last), Span::raw("   ")]);
    }
    Line::from(spans)
}

/// The x and y ranges of all points, widened where they would be empty; `None` without points.
fn bounds(lines: &[Vec<(f64, f64)>]) -> Option<([f64; 2], [f64; 2])> {
    let points = || lines.iter().flatten();
    points().next()?;
    let range = |of: fn(&(f64, f64)) -> f64| {
        let low = points().map(of).fold(f64::INFINITY, f64::min);
        let high = points().map(of).fold(f64::NEG_INFINITY, f64::max);
        let spread = high - low;
        // Centres a constant line.
        if spread > 1e-9 * low.abs().max(high.abs()) { [low, high] } else { [low - 0.5, high + 0.5] }
    };
    Some((range(|point| point.0), range(|point| point.1)))
}

/// The finite points, averaged in runs so that at most `most` remain; this also smooths noise.
fn thin(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    let finite = |(x, y): &(f64, f64)| x.abs() < 1e100 && y.abs() < 1e100;
    let points: Vec<(f64, f64)> = points.iter().copied().filter(finite).collect();
    let mean = |stretch: &[(f64, f64)]| {
        let count = stretch.len() as f64;
        let (x, y) = stretch.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        (x / count, y / count)
    };
    points.chunks(points.len().div_ceil(most.max(1)).max(1)).map(mean).collect()
}
