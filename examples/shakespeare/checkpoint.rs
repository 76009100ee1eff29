//! Everything that a run needs to go on where it stopped, in one file.

use std::path::Path;

use anyhow::{Result, bail};
use wgrad::models::{Adam, Params};
use wgrad::prelude::*;

const STEPS: &str = "steps";
const BEST: &str = "best";
const OPTIMIZER: &str = "optimizer.";

/// Writes weights, the optimizer's state, and the best validation loss so far.
pub fn save(path: &Path, params: &Params, opt: &Adam, best: f32) -> Result<()> {
    let number = |x| Tensor::scalar(params.device(), x);
    let mut others = vec![(STEPS.to_owned(), number(opt.steps() as f32)), (BEST.to_owned(), number(best))];
    others.extend(opt.state().into_iter().map(|(name, t)| (format!("{OPTIMIZER}{name}"), t)));
    Ok(params.save_with(path, &others)?)
}

/// Puts weights and optimizer back, and gives the best validation loss so far.
pub fn load(path: &Path, params: &Params, opt: &mut Adam) -> Result<f32> {
    let others = params.load_with(path)?;
    let number = |name: &str| -> Result<f32> {
        match others.iter().find(|(n, t)| n == name && t.numel() == 1) {
            Some((_, t)) => Ok(t.item()?),
            None => bail!("{} is no checkpoint: it has no {name}; start without --resume", path.display()),
        }
    };
    let state: Vec<(String, Tensor)> = others
        .iter()
        .filter_map(|(name, t)| Some((name.strip_prefix(OPTIMIZER)?.to_owned(), t.clone())))
        .collect();
    for param in params.trainable() {
        for i in 0..2 {
            let name = format!("{}.{i}", param.name());
            let shape = param.value().shape().to_vec();
            if !state.iter().any(|(n, t)| *n == name && t.shape() == shape) {
                bail!("{} has no optimizer state {name}; start without --resume", path.display());
            }
        }
    }
    opt.resume(number(STEPS)? as usize, &state)?;
    number(BEST)
}
