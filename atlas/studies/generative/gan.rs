//! Adversarial networks on a ring of eight normal distributions: non-saturating (Goodfellow et al. 2014), also with a gradient penalty at
//! real points (R1, Mescheder et al. 2018), Wasserstein with clipped weights (Arjovsky et al. 2017) and with a gradient penalty (Gulrajani
//! et al. 2017), and with spectral norm (Miyato et al. 2018): `cargo run --release -p wgrad-atlas -- gan`.

use atlas::prelude::*;
use atlas::{pairs, ring_of_normals};
use methods::generative::{GanLoss, r1_penalty};
use wgrad::models::distributions::Distribution;
use wgrad::models::{Mlp, Optimize};

pub const STUDY: Study = Study {
    name: "gan",
    about: "Generators learn a ring of eight modes from critics that are kept from steep slopes, or not.",
    on_gpu: false,
    data: None,
    run,
};

const DEVIATION: f32 = 0.2;
const LATENT: usize = 4;
const BATCH: usize = 64;

/// From points `[N, 2]` to scores `[N, 1]`, with two hidden layers.
enum Critic {
    Plain(Mlp),
    Spectral(Vec<(SpectralNorm, Param)>),
}

impl Critic {
    fn plain(params: &Params) -> Critic {
        Critic::Plain(Mlp::new(params, &[2, 64, 64, 1]))
    }

    fn spectral(params: &Params) -> Critic {
        let layer = |(i, size): (usize, &[usize])| {
            let path = params.path(i);
            let bias = path.param("bias", &[size[1]], Init::torch_bias(size[0]));
            (SpectralNorm::new(&path, &[size[1], size[0]], Init::torch_default()), bias)
        };
        Critic::Spectral([2, 64, 64, 1].windows(2).enumerate().map(layer).collect())
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        match self {
            Critic::Plain(net) => net.forward(x),
            Critic::Spectral(layers) => {
                layers.iter().enumerate().fold(x.clone(), |x, (i, (weight, bias))| {
                    let x = if i == 0 { x * 3.0 } else { x.leaky_relu(0.1) };
                    x.linear(&weight.forward(mode), Some(&bias.value()))
                })
            }
        }
    }
}

/// The settings of one variant.
struct Game {
    name: &'static str,
    loss: GanLoss,
    critic: fn(&Params) -> Critic,
    /// Critic steps per generator step, and the factor of the critic's learning rate.
    critic_steps: (usize, f32),
    restraint: Restraint,
    /// The number of generator steps in the small budget.
    small: usize,
    /// Lower bounds on the modes found and on the share of points near them, which is 0.25 for points all over the square of
    /// the picture.
    least: (f64, f64),
}

/// How the critic's gradients are kept from growing.
enum Restraint {
    Nothing,
    Clip(f32),
    /// Penalises gradient norms other than 1 between real and generated points.
    Penalty(f32),
    /// Penalises any gradients at real points.
    R1(f32),
}

const PLAIN: Game = Game {
    name: "non-saturating",
    loss: GanLoss::NonSaturating,
    critic: Critic::plain,
    critic_steps: (1, 2.0),
    restraint: Restraint::Nothing,
    small: 600,
    least: (6.0, 0.4),
};
const WASSERSTEIN: Game = Game { loss: GanLoss::Wasserstein, critic_steps: (3, 1.0), ..PLAIN };

const GAMES: [Game; 5] = [
    PLAIN,
    Game {
        name: "non-saturating, R1",
        restraint: Restraint::R1(0.1),
        small: 450,
        least: (7.0, 0.5),
        ..PLAIN
    },
    Game {
        name: "WGAN, clipped",
        restraint: Restraint::Clip(0.05),
        critic_steps: (5, 0.5),
        small: 900,
        least: (7.0, 0.5),
        ..WASSERSTEIN
    },
    Game {
        name: "WGAN-GP",
        restraint: Restraint::Penalty(0.1),
        small: 900,
        least: (7.0, 0.5),
        ..WASSERSTEIN
    },
    Game {
        name: "spectral norm",
        loss: GanLoss::Hinge,
        critic: Critic::spectral,
        critic_steps: (2, 1.0),
        small: 600,
        least: (7.0, 0.45),
        ..PLAIN
    },
];

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let truth = ring_of_normals(&device, 8, 2.0, DEVIATION);
    let centres = truth.components.mean().to_vec::<f32>()?;
    let noise = || draw.normal(&device, &[BATCH, LATENT]);
    let mut panels = vec![("truth", pairs(&truth.sample(&draw, &[1000]))?)];
    for game in &GAMES {
        let (of_generator, of_critic) = (lab.params(), lab.params());
        let generator = Mlp::new(&of_generator, &[LATENT, 64, 64, 2]);
        let critic = (game.critic)(&of_critic);
        let mut opt_generator = Adam::new(&of_generator).betas(0.5, 0.9);
        let mut opt_critic: Box<dyn Optimize> = match game.restraint {
            Restraint::Clip(c) => {
                Box::new(RmsProp::new(&of_critic).constrain("*", Constraint::Box { low: -c, high: c }))
            }
            _ => Box::new(Adam::new(&of_critic).betas(0.5, 0.9)),
        };
        let steps = lab.pick(2500, game.small);
        let rate = Cosine::new(2e-3, 0.0, steps);
        for step in lab.steps(game.name, steps) {
            let (critic_steps, longer) = game.critic_steps;
            for _ in 0..critic_steps {
                let (real, fake) = (truth.sample(&draw, &[BATCH]), generator.forward(&noise()).detach());
                let scores = critic.forward(&cat(&[&real, &fake], 0), Mode::Train);
                let mut loss =
                    game.loss.discriminator(&scores.narrow(0, 0, BATCH), &scores.narrow(0, BATCH, BATCH));
                let again = |x: &Tensor| critic.forward(x, Mode::Train);
                loss = match game.restraint {
                    Restraint::Penalty(weight) => {
                        let mix = draw.uniform(&device, &[BATCH]);
                        loss + gradient_penalty(again, &real, &fake, &mix) * weight
                    }
                    Restraint::R1(weight) => loss + r1_penalty(again, &real) * weight,
                    Restraint::Nothing | Restraint::Clip(_) => loss,
                };
                opt_critic.step(loss.backward(), longer * rate.lr(step))?;
            }
            let scores = critic.forward(&generator.forward(&noise()), Mode::Eval);
            opt_generator.step(game.loss.generator(&scores).backward(), rate.lr(step))?;
        }
        let points = generator.forward(&draw.normal(&device, &[1000, LATENT]));
        let found = metrics::mode_coverage(&points.to_vec::<f32>()?, 2, &centres, 3.0 * f64::from(DEVIATION));
        lab.expect(format!("modes, {}", game.name), found.covered as f64, game.least.0..);
        lab.expect(format!("within 3 deviations, {}", game.name), found.near, game.least.1..);
        panels.push((game.name, pairs(&points)?));
    }
    lab.picture("gan", |path| {
        let panel = |(name, points): (&str, Vec<(f64, f64)>)| {
            let panel = plot::Panel::new(name, "", "").layer(plot::Points::new("", points).radius(1.5));
            panel.equal().x_range(-3.0, 3.0).y_range(-3.0, 3.0)
        };
        let figure = plot::Figure::new("Points of generators and of the ring they learned").columns(3);
        panels.into_iter().map(panel).fold(figure, plot::Figure::panel).save(path)
    })
}
