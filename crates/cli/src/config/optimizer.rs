//! The optimizer and the schedule of a configuration.

use models::{
    Adagrad, Adam, AdamW, Constant, Cosine, ExponentialLr, Lamb, Lion, Muon, OneCycle, Optimize, Param,
    Params, RmsProp, Schedule, Several, Sgd, Step, Warmup,
};
use serde::{Deserialize, Serialize};

/// `[optimizer]`: AdamW with a rate of 0.001 if not given.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerConfig {
    pub kind: OptimizerKind,
    /// The highest learning rate.
    pub lr: f32,
    /// Decay of matrices and filters; biases and scales of norms are not decayed.
    pub weight_decay: f32,
    /// Momentum of SGD and Muon.
    pub momentum: f32,
    /// Betas of Adam and its variants.
    pub betas: [f32; 2],
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    Sgd,
    Adam,
    Adamw,
    Adagrad,
    Rmsprop,
    Lion,
    Lamb,
    /// Muon with a quarter of the rate for filters, SGD for everything else.
    Muon,
}

impl Default for OptimizerConfig {
    fn default() -> OptimizerConfig {
        OptimizerConfig {
            kind: OptimizerKind::Adamw,
            lr: 1e-3,
            weight_decay: 0.01,
            momentum: 0.9,
            betas: [0.9, 0.999],
        }
    }
}

/// Parameters without weight decay: biases, and scales of norms.
const UNDECAYED: [&str; 4] = ["*bias*", "*bn*.weight", "*ln*.weight", "*norm*.weight"];

/// Turns off weight decay for [`UNDECAYED`] parameters of an optimizer.
macro_rules! undecayed {
    ($optimizer:expr) => {
        Box::new(UNDECAYED.iter().fold($optimizer, |opt, pattern| opt.group(pattern, 0.0, 1.0)))
    };
}

impl OptimizerConfig {
    pub fn build(&self, params: &Params) -> Box<dyn Optimize> {
        let (decay, [beta1, beta2]) = (self.weight_decay, self.betas);
        let sgd =
            || Sgd::new(params).momentum(self.momentum).nesterov(self.momentum > 0.0).weight_decay(decay);
        match self.kind {
            OptimizerKind::Sgd => undecayed!(sgd()),
            OptimizerKind::Adam => undecayed!(Adam::new(params).betas(beta1, beta2).weight_decay(decay)),
            OptimizerKind::Adamw => undecayed!(AdamW::new(params).betas(beta1, beta2).weight_decay(decay)),
            OptimizerKind::Adagrad => undecayed!(Adagrad::new(params).weight_decay(decay)),
            OptimizerKind::Rmsprop => undecayed!(RmsProp::new(params).weight_decay(decay)),
            OptimizerKind::Lion => undecayed!(Lion::new(params).betas(beta1, beta2).weight_decay(decay)),
            OptimizerKind::Lamb => undecayed!(Lamb::new(params).betas(beta1, beta2).weight_decay(decay)),
            OptimizerKind::Muon => {
                let is_filter = |p: &Param| p.value().rank() >= 2;
                let filters = Muon::new(params).momentum(self.momentum).weight_decay(0.0).only(is_filter);
                let others = UNDECAYED.iter().fold(sgd(), |opt, pattern| opt.group(pattern, 0.0, 1.0));
                Box::new(
                    Several::default().with(filters, 0.25).with(others.only(move |p| !is_filter(p)), 1.0),
                )
            }
        }
    }
}

/// `[schedule]`: one cycle if not given.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    pub kind: ScheduleKind,
    /// Steps of a linear warm-up before the schedule; one-cycle has its own.
    pub warmup: usize,
    /// One-cycle: share of the steps in which the rate rises.
    pub rise: f64,
    /// Cosine: the last rate as a share of the first.
    pub last: f32,
    /// Step: the steps at which the rate is multiplied by `gamma`.
    pub milestones: Vec<usize>,
    /// Step: the factor at each milestone. Exponential: at each step.
    pub gamma: f64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    Constant,
    Cosine,
    OneCycle,
    Step,
    Exponential,
}

impl Default for ScheduleConfig {
    fn default() -> ScheduleConfig {
        ScheduleConfig {
            kind: ScheduleKind::OneCycle,
            warmup: 0,
            rise: 0.15,
            last: 0.1,
            milestones: vec![],
            gamma: 0.1,
        }
    }
}

impl ScheduleConfig {
    /// A schedule of `steps` steps with the highest rate `lr`.
    pub fn build(&self, lr: f32, steps: usize) -> Box<dyn Schedule> {
        let warmup = self.warmup.min(steps.saturating_sub(1));
        let rest = steps - warmup;
        let plain: Box<dyn Schedule> = match self.kind {
            ScheduleKind::OneCycle => {
                return Box::new(OneCycle::new(lr, steps).warm(self.rise).div(100.0, 1e4));
            }
            ScheduleKind::Constant => Box::new(Constant(lr)),
            ScheduleKind::Cosine => Box::new(Cosine::new(lr, self.last * lr, rest)),
            ScheduleKind::Step => Box::new(Step::new(lr, self.gamma, self.milestones.clone())),
            ScheduleKind::Exponential => Box::new(ExponentialLr::new(lr, self.gamma)),
        };
        if warmup == 0 { plain } else { Box::new(Warmup::new(1.0 / warmup as f32, warmup, plain)) }
    }
}
