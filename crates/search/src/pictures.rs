//! Pictures of a study: objectives over trials, and what values did well.

use plot::{self, Figure, Panel, Parallel, Points, Series, Theme};
use train::Best;

use crate::{Dimension, Results, Trial, Value};

/// Objectives that differ by more than this are shown on a logarithmic axis.
const WIDE: f64 = 100.0;

impl Results {
    /// The objective of every trial with the best so far, and a line for each trial through axes of its values and its objective.
    /// Trials without an objective are left out.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use plot::Theme;
    /// use search::Study;
    /// let results = Study::recorded("runs/mnist-lr".as_ref())?;
    /// results.figure(Theme::Light).save("runs/mnist-lr/study.png")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn figure(&self, theme: Theme) -> Figure<'static> {
        let trials = self.trials.len();
        let title =
            format!("{} of {trials} {}", self.objective, if trials == 1 { "trial" } else { "trials" });
        Figure::new(title).theme(theme).columns(1).panel(self.history()).parallel(self.parallel())
    }

    /// Trials that ended well, with their objectives.
    fn scored(&self) -> impl Iterator<Item = (&Trial, f64)> + Clone {
        self.trials.iter().filter_map(|trial| Some((trial, trial.objective()?)))
    }

    fn is_wide(&self) -> bool {
        let (low, high) = self.scored().fold((f64::MAX, f64::MIN), |(l, h), (_, y)| (l.min(y), h.max(y)));
        low > 0.0 && high > WIDE * low
    }

    fn history(&self) -> Panel {
        let points = self.scored().map(|(trial, y)| (trial.number as f64, y));
        // Objectives of smaller budgets are not compared with those of the largest.
        let most = self.scored().filter_map(|(trial, _)| trial.budget).max();
        let mut best = Best::new(self.goal);
        let best_so_far = self.scored().filter(|(trial, _)| trial.budget == most).map(|(trial, y)| {
            best.improve(y);
            (trial.number as f64, best.value.unwrap_or(y))
        });
        let best_so_far = Series::new("best so far", best_so_far).exact();
        let panel = Panel::new("Trials", "trial", &self.objective)
            .with(best_so_far)
            .layer(Points::new("trial", points));
        if self.is_wide() { panel.log_y() } else { panel }
    }

    fn parallel(&self) -> Parallel {
        let axis = |(name, dimension): (&str, &Dimension)| {
            let values = self.scored().map(|(trial, _)| &trial.values[name]);
            match dimension {
                Dimension::Choice(_) => plot::Dimension::named(name, values.map(Value::to_string)),
                Dimension::LogUniform(..) | Dimension::LogInteger(..) => {
                    plot::Dimension::new(name, values.map(number)).log()
                }
                _ => plot::Dimension::new(name, values.map(number)),
            }
        };
        let parallel = self.space.iter().map(axis).fold(Parallel::new("Values"), Parallel::dimension);
        let budgets = self.scored().map(|(trial, _)| trial.budget.map(|b| b as f64));
        let parallel = match budgets.collect::<Option<Vec<f64>>>() {
            Some(budgets) if !budgets.is_empty() => {
                parallel.dimension(plot::Dimension::new("budget", budgets).log())
            }
            _ => parallel,
        };
        let objective = plot::Dimension::new(&self.objective, self.scored().map(|(_, y)| y));
        parallel.dimension(if self.is_wide() { objective.log() } else { objective })
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Integer(x) => *x as f64,
        Value::Float(x) => *x,
        Value::Bool(_) | Value::Text(_) => f64::NAN,
    }
}
