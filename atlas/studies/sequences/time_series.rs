//! Forecasting a time series with an LSTM that sees the last two days. The hourly values have daily and half-daily waves and autoregressive
//! noise of order 2, so that the best possible error is known: the deviation of the shocks. The last part of the series is held out for
//! testing: `cargo run --release -p wgrad-atlas -- time_series`.

use atlas::prelude::*;
use wgrad::data::{Examples, Matrix, SeriesOptions, SeriesWindows};

pub const STUDY: Study = Study {
    name: "time_series",
    about: "An LSTM forecasts waves in autoregressive noise nearly as well as is possible.",
    on_gpu: false,
    data: None,
    run,
};

const DAY: usize = 24;
const LENGTH: usize = 2 * DAY;
/// The deviation of the shocks.
const SHOCK: f64 = 0.2;

/// Daily and half-daily waves, plus `n(t) = 0.6 n(t - 1) + 0.2 n(t - 2) + shock`.
fn series(hours: usize, draws: &mut Draws) -> Vec<f32> {
    let mut noise = [0.0; 2];
    let value = |t: usize| {
        noise = [0.6 * noise[0] + 0.2 * noise[1] + SHOCK * draws.normal(), noise[0]];
        let turn = std::f64::consts::TAU * t as f64 / DAY as f64;
        (turn.sin() + 0.5 * (2.0 * turn + 1.0).cos() + noise[0]) as f32
    };
    (0..hours).map(value).collect()
}

/// From hours `[N, T, 1]` to the next value `[N, 1]`.
struct Forecaster {
    lstm: Lstm,
    out: Linear,
}

impl Forecaster {
    fn forward(&self, hours: &Tensor) -> Tensor {
        let (_, (state, _)) = self.lstm.forward(hours, None);
        // Predicts the change from the last value.
        self.out.forward(&state.select(0, 0)) + hours.select(1, LENGTH - 1)
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let hours = series(lab.pick(6000, 3000), &mut lab.draws(1));
    let options = SeriesOptions { length: LENGTH, horizon: 1, stride: 1, targets: None };
    let [train, test] = SeriesWindows::new(Matrix::new(hours, 1)?, options)?.split([0.8, 0.2])?;
    let all = |windows: &SeriesWindows| windows.collate(&(0..windows.len() as u32).collect::<Vec<_>>());
    let seen = all(&train).to_device(lab.device())?;

    let (steps, hidden) = lab.pick((1200, 32), (400, 24));
    let params = lab.params();
    let net = Forecaster {
        lstm: Lstm::new(
            &params.path("lstm"),
            1,
            hidden,
            RnnOptions { batch_first: true, ..RnnOptions::default() },
        ),
        out: Linear::new(&params.path("out"), hidden, 1),
    };
    let mut draws = lab.draws(2);
    lab.fit("forecasting", steps, &mut Adam::new(&params), Cosine::new(0.01, 0.0, steps), |_| {
        let [inputs, targets] = minibatch(&mut draws, 64, [&seen.inputs, &seen.targets])?;
        Ok(net.forward(&inputs).mse_loss(&targets.select(2, 0), Reduction::Mean))
    })?;

    let batch = all(&test);
    let ahead = batch.to_device(lab.device())?;
    let forecasts = net.forward(&ahead.inputs);
    let mut regression = metrics::Regression::new(lab.device())?;
    regression.update(&forecasts, &ahead.targets.select(2, 0));
    let error = regression.compute()?.rmse;
    // The baseline: the value this many hours before.
    let naive = |back: usize| {
        let errors = batch.inputs.chunks(LENGTH).zip(&batch.targets);
        let squares = errors.map(|(seen, next)| f64::from(seen[LENGTH - back] - next).powi(2));
        (squares.sum::<f64>() / batch.targets.len() as f64).sqrt()
    };
    let (persistence, seasonal) = (naive(1), naive(DAY));
    lab.figure("rmse", error);
    lab.figure("rmse of the last hour", persistence);
    lab.figure("rmse of the same hour of the day before", seasonal);
    lab.expect("rmse in deviations of the shocks", error / SHOCK, 0.85..1.2);
    lab.expect("rmse against the last hour's", error / persistence, ..0.8);
    lab.expect("rmse against the day before's", error / seasonal, ..0.65);

    let forecasts = forecasts.to_vec::<f32>()?;
    let shown = 0..4 * DAY;
    let along = |values: &[f32]| shown.clone().map(|t| (t as f64, f64::from(values[t]))).collect::<Vec<_>>();
    let curves = plot::Panel::new("Four days that were not trained on", "hours", "value")
        .with(plot::Series::new("one hour ahead", along(&forecasts)).exact())
        .with(plot::Series::new("truth", along(&batch.targets)).exact());
    let bars = plot::Bars::new("", [SHOCK, error, persistence, seasonal]);
    let bars = plot::Panel::new("Errors", "", "root mean square").layer(bars);
    let bars = bars.x_names(["best possible", "LSTM", "last hour", "day before"]);
    lab.picture("time_series", |path| plot::Figure::new("Forecasting").panel(curves).panel(bars).save(path))
}
