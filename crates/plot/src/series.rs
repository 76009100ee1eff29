//! How a series is drawn: as unbroken lines, thinned to what can be seen, and smoothed if noisy.

use crate::curves::Series;

/// Above this many points a noisy series also gets its running mean.
const MANY: usize = 200;
/// A line whose ups and downs add up to this many times its range is noise.
const NOISE: f64 = 8.0;
/// A line keeps about this many points; a panel has fewer columns of pixels.
const ENOUGH: usize = 2000;
/// Up to this many points are marked one by one.
const FEW: usize = 40;

type Point = (f64, f64);

/// A series ready to draw.
pub(crate) struct Curve<'a> {
    name: &'a str,
    /// The points that can be shown, split into runs at those that cannot.
    runs: Vec<Vec<Point>>,
    /// How many points each point of the running mean averages, if there is one.
    window: Option<usize>,
    /// Every point is drawn.
    exact: bool,
}

impl<'a> Curve<'a> {
    /// The parts of a series that can be shown: finite numbers, positive ones on a logarithmic axis.
    pub fn new(series: &'a Series, log_x: bool, log_y: bool) -> Self {
        let sane = |value: f64| value.abs() < 1e100;
        let shown = |&(x, y): &Point| sane(x) && sane(y) && (!log_x || x > 1e-100) && (!log_y || y > 1e-100);
        let runs: Vec<Vec<Point>> = series
            .points
            .split(|point| !shown(point))
            .filter(|run| !run.is_empty())
            .map(<[_]>::to_vec)
            .collect();
        let longest = runs.iter().map(Vec::len).max().unwrap_or(0);
        // An odd window has a middle.
        let noise = !series.exact && runs.iter().any(|run| is_noise(run));
        let window = noise.then_some(longest / 100 * 2 + 1);
        Self { name: &series.name, runs, window, exact: series.exact }
    }

    /// All points that are shown.
    pub fn points(&self) -> impl Iterator<Item = Point> + Clone + '_ {
        self.runs.iter().flatten().copied()
    }

    pub fn name(&self) -> &str {
        self.name
    }

    /// The text in the legend; `None` for a line without a name.
    pub fn legend(&self) -> Option<String> {
        let name = (!self.name.is_empty()).then(|| self.name.to_owned())?;
        Some(match self.window {
            Some(window) => format!("{name} (mean of {window} points)"),
            None => name,
        })
    }

    /// The lines drawn pale behind the others: noise around its running mean.
    pub fn pale(&self) -> impl Iterator<Item = Vec<Point>> + '_ {
        self.runs.iter().filter(|_| self.window.is_some()).map(|run| thin(run))
    }

    /// The lines drawn in full colour: running means of noise, and all other lines.
    pub fn bold(&self) -> impl Iterator<Item = Vec<Point>> + '_ {
        self.runs.iter().map(|run| match self.window {
            Some(window) => running_mean(run, window),
            None if self.exact => run.clone(),
            None => thin(run),
        })
    }

    /// Whether each point gets a mark, as there are few.
    pub fn has_marks(&self) -> bool {
        !self.exact && self.points().count() <= FEW
    }
}

fn is_noise(run: &[Point]) -> bool {
    let (low, high) =
        run.iter().fold((f64::MAX, f64::MIN), |(low, high), point| (point.1.min(low), point.1.max(high)));
    let travel: f64 = run.windows(2).map(|pair| (pair[1].1 - pair[0].1).abs()).sum();
    run.len() > MANY && travel > NOISE * (high - low)
}

/// The mean of the `window` points around a point (fewer near the ends), for as many points as can be told apart.
fn running_mean(run: &[Point], window: usize) -> Vec<Point> {
    let mean = |index: usize| {
        let around = &run[index.saturating_sub(window / 2)..(index + window / 2 + 1).min(run.len())];
        // Summed anew each time: after an exploded loss, the rounding errors of a running sum would drown the rest.
        (run[index].0, around.iter().map(|point| point.1).sum::<f64>() / around.len() as f64)
    };
    let stride = run.len().div_ceil(ENOUGH / 2);
    (0..run.len() - 1).step_by(stride).chain([run.len() - 1]).map(mean).collect()
}

/// The run itself if it is short, else the lowest and highest point of each stretch, so that no peak is lost.
fn thin(run: &[Point]) -> Vec<Point> {
    if run.len() <= ENOUGH {
        return run.to_vec();
    }
    let stretch = (2 * run.len()).div_ceil(ENOUGH);
    let (first, last) = (run[0], run[run.len() - 1]);
    let extremes = run.chunks(stretch).flat_map(|chunk| {
        let mut order: Vec<usize> = (0..chunk.len()).collect();
        order.sort_by(|&a, &b| chunk[a].1.total_cmp(&chunk[b].1));
        let (low, high) = (order[0], order[chunk.len() - 1]);
        [chunk[low.min(high)], chunk[low.max(high)]]
    });
    std::iter::once(first).chain(extremes).chain([last]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exploded_loss_does_not_drown_the_rest() {
        let spike = |x: u32| if x == 500 { 1e38 } else { 0.1 + 0.01 * f64::from(x % 2) };
        let series = Series::new("loss", (0..3000).map(|x| (f64::from(x), spike(x))));
        let curve = Curve { window: Some(61), ..Curve::new(&series, false, true) };
        let means: Vec<Point> = curve.bold().flatten().collect();
        assert_eq!((means[0].0, means[means.len() - 1].0), (0.0, 2999.0));
        let calm = |&&(x, _): &&Point| !(460.0..=540.0).contains(&x);
        assert!(means.iter().filter(calm).all(|(_, mean)| (0.1..0.11).contains(mean)));
    }

    #[test]
    fn thinning_keeps_ends_and_peaks() {
        let run: Vec<Point> =
            (0..100_000).map(|x| (f64::from(x), if x == 777 { 9.0 } else { f64::from(x % 3) })).collect();
        let thin = thin(&run);
        assert!(thin.len() <= ENOUGH + 2);
        assert!(thin.contains(&(777.0, 9.0)) && thin[0] == run[0] && thin.last() == run.last());
        assert!(thin.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }

    #[test]
    fn gaps_split_a_line_and_smooth_lines_stay_as_they_are() {
        let series = Series::new("a", [(0.0, 1.0), (1.0, f64::NAN), (2.0, 0.0), (3.0, 2.0)]);
        assert_eq!(Curve::new(&series, false, false).bold().map(|run| run.len()).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(Curve::new(&series, false, true).bold().map(|run| run.len()).collect::<Vec<_>>(), [1, 1]);
        let wild = Series::new("a", (0..1000).map(|x| (f64::from(x), f64::from(x).cos())));
        assert_eq!(Curve::new(&wild, false, false).legend().as_deref(), Some("a (mean of 21 points)"));
        let smooth = Series::new("a", (0..1000).map(|x| (f64::from(x), f64::from(x).sqrt())));
        assert_eq!(Curve::new(&smooth, false, false).legend().as_deref(), Some("a"));
    }
}
