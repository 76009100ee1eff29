//! A run on the dashboard.

use std::time::Duration;

use autograd::Device;
use plot::Series;

use super::{Dashboard, View};
use crate::{Callback, Flow, Moment, Result};

/// The speed is the mean over about this many seconds.
const SPEED_WINDOW: f64 = 10.0;

/// Shows a trainer's run on a [`Dashboard`]; pressing `q` there stops the run.
pub struct Screen {
    dashboard: Dashboard,
    device: Device,
    items: (usize, String),
    messages: Vec<String>,
    /// Steps and seconds at the start of the speed window.
    before: (usize, f64),
    speed: f64,
}

impl Screen {
    /// Takes over the terminal. A step trains on `count` items, as in `(128, "images")`.
    ///
    /// # Errors
    /// [`Error::Terminal`](crate::Error::Terminal) when there is none.
    pub fn open(title: impl Into<String>, device: &Device, (count, name): (usize, &str)) -> Result<Screen> {
        Ok(Screen {
            dashboard: Dashboard::open(title)?,
            device: device.clone(),
            items: (count, name.to_owned()),
            messages: vec![],
            before: (0, 0.0),
            speed: 0.0,
        })
    }

    fn view(&mut self, moment: &Moment) -> View {
        let since = moment.seconds - self.before.1;
        if since > SPEED_WINDOW || self.speed == 0.0 {
            self.speed = (moment.steps - self.before.0) as f64 / since.max(1e-9);
            self.before = (moment.steps, moment.seconds);
        }
        let history = moment.history;
        let (losses, metrics): (Vec<Series>, Vec<Series>) = history
            .panels()
            .into_iter()
            .flat_map(|panel| {
                let title = panel.title;
                panel
                    .series
                    .into_iter()
                    .map(move |s| Series { name: format!("{} {title}", s.name).trim().into(), ..s })
            })
            .partition(|series| series.name.contains("loss"));
        View {
            step: moment.steps,
            steps: moment.total,
            epoch: moment.steps / moment.per_epoch + 1,
            epochs: moment.total.div_ceil(moment.per_epoch),
            elapsed: Duration::from_secs_f64(moment.seconds),
            steps_per_s: self.speed,
            throughput: Some((self.items.1.clone(), self.speed * self.items.0 as f64)),
            lr: history.latest().find(|(name, _)| *name == "lr").map(|(_, lr)| f64::from(lr)),
            device: self.device.info().to_string(),
            memory: Some(self.device.stats().bytes),
            losses,
            metrics,
            messages: self.messages.clone(),
        }
    }
}

impl Callback for Screen {
    fn prints_or_writes(&self) -> bool {
        true
    }

    fn on_start(&mut self, moment: &Moment) -> Result<()> {
        self.before = (moment.first, 0.0);
        let view = self.view(moment);
        self.dashboard.redraw(&view)
    }

    fn on_step(&mut self, moment: &Moment) -> Result<Flow> {
        // A view copies the curves: build one only when it is due.
        if self.dashboard.is_due() {
            let view = self.view(moment);
            self.dashboard.redraw(&view)?;
        }
        let stop = self.dashboard.wants_stop();
        Ok(if stop { Flow::Stop("asked to stop".into()) } else { Flow::Continue })
    }

    fn on_evaluation(&mut self, moment: &Moment, figures: &[(&str, f64)]) -> Result<Flow> {
        let figures: Vec<String> = figures.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        self.messages.push(format!("step {}: {}", moment.steps, figures.join("  ")));
        let view = self.view(moment);
        self.dashboard.redraw(&view)?;
        Ok(Flow::Continue)
    }
}
