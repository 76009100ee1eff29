//! The optimizer and the schedule of a configuration.

use models::{
    Adagrad, Adam, AdamW, Cosine, ExponentialLr, Lamb, Lion, Muon, OneCycle, Optimize, Optimizer, Param,
    Params, RmsProp, Rule, Schedule, Several, Sgd, Step, Warmup, wildcard,
};
use serde::{Deserialize, Serialize};

use super::keys::Keys;

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

/// Factors on the learning rate, each with the names of its parameters.
pub type Rates = Vec<(f32, Vec<String>)>;

/// Gives the parameters of an optimizer their rates, and turns off weight decay for [`UNDECAYED`] ones.
fn grouped<R: Rule>(optimizer: Optimizer<R>, decay: f32, rates: &Rates) -> Optimizer<R> {
    let is_undecayed = |name: &&str| UNDECAYED.iter().any(|pattern| wildcard::matches(pattern, name));
    let rated = rates.iter().fold(optimizer, |optimizer, (factor, names)| {
        let (undecayed, decayed): (Vec<&str>, Vec<&str>) =
            names.iter().map(String::as_str).partition(is_undecayed);
        optimizer.group_any(&decayed, decay, *factor).group_any(&undecayed, 0.0, *factor)
    });
    UNDECAYED.iter().fold(rated, |optimizer, pattern| optimizer.group(pattern, 0.0, 1.0))
}

impl OptimizerConfig {
    /// The optimizer of the trainable parameters, some of which have rates of their own.
    pub fn build(&self, params: &Params, rates: &Rates) -> Box<dyn Optimize> {
        let (decay, [beta1, beta2]) = (self.weight_decay, self.betas);
        let sgd = || {
            let plain = Sgd::new(params).momentum(self.momentum).nesterov(self.momentum > 0.0);
            grouped(plain.weight_decay(decay), decay, rates)
        };
        match self.kind {
            OptimizerKind::Sgd => Box::new(sgd()),
            OptimizerKind::Adam => {
                let adam = Adam::new(params).betas(beta1, beta2);
                Box::new(grouped(adam.weight_decay(decay), decay, rates))
            }
            OptimizerKind::Adamw => {
                let adamw = AdamW::new(params).betas(beta1, beta2);
                Box::new(grouped(adamw.weight_decay(decay), decay, rates))
            }
            OptimizerKind::Adagrad => {
                Box::new(grouped(Adagrad::new(params).weight_decay(decay), decay, rates))
            }
            OptimizerKind::Rmsprop => {
                Box::new(grouped(RmsProp::new(params).weight_decay(decay), decay, rates))
            }
            OptimizerKind::Lion => {
                let lion = Lion::new(params).betas(beta1, beta2);
                Box::new(grouped(lion.weight_decay(decay), decay, rates))
            }
            OptimizerKind::Lamb => {
                let lamb = Lamb::new(params).betas(beta1, beta2);
                Box::new(grouped(lamb.weight_decay(decay), decay, rates))
            }
            OptimizerKind::Muon => {
                let is_filter = |p: &Param| p.value().rank() >= 2;
                let muon = Muon::new(params).momentum(self.momentum).weight_decay(0.0).only(is_filter);
                let (filters, others) = (grouped(muon, 0.0, rates), sgd().only(move |p| !is_filter(p)));
                Box::new(Several::default().with(filters, 0.25).with(others, 1.0))
            }
        }
    }

    /// The keys beside `kind` that the optimizer uses.
    pub fn keys(&self) -> Keys {
        match self.kind {
            OptimizerKind::Sgd | OptimizerKind::Muon => &["lr", "weight_decay", "momentum"],
            OptimizerKind::Adam | OptimizerKind::Adamw | OptimizerKind::Lion | OptimizerKind::Lamb => {
                &["lr", "weight_decay", "betas"]
            }
            OptimizerKind::Adagrad | OptimizerKind::Rmsprop => &["lr", "weight_decay"],
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
    /// The keys beside `kind` that the schedule uses.
    pub fn keys(&self) -> Keys {
        match self.kind {
            ScheduleKind::Constant => &["warmup"],
            ScheduleKind::Cosine => &["warmup", "last"],
            ScheduleKind::OneCycle => &["rise"],
            ScheduleKind::Step => &["warmup", "milestones", "gamma"],
            ScheduleKind::Exponential => &["warmup", "gamma"],
        }
    }

    /// A schedule of `steps` steps with the highest rate `lr`.
    pub fn build(&self, lr: f32, steps: usize) -> Box<dyn Schedule> {
        let warmup = self.warmup.min(steps.saturating_sub(1));
        let rest = steps - warmup;
        let plain: Box<dyn Schedule> = match self.kind {
            ScheduleKind::OneCycle => {
                return Box::new(OneCycle::new(lr, steps).warm(self.rise).div(100.0, 1e4));
            }
            ScheduleKind::Constant => Box::new(lr),
            ScheduleKind::Cosine => Box::new(Cosine::new(lr, self.last * lr, rest)),
            ScheduleKind::Step => Box::new(Step::new(lr, self.gamma, self.milestones.clone())),
            ScheduleKind::Exponential => Box::new(ExponentialLr::new(lr, self.gamma)),
        };
        if warmup == 0 { plain } else { Box::new(Warmup::new(1.0 / warmup as f32, warmup, plain)) }
    }
}
