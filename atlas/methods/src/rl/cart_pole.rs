//! The cart-pole environment.

use data::Draws;

use super::{Environment, Moved};

const GRAVITY: f64 = 9.8;
const CART_MASS: f64 = 1.0;
const POLE_MASS: f64 = 0.1;
/// From the joint to the middle of the pole.
const HALF_LENGTH: f64 = 0.5;
const FORCE: f64 = 10.0;
/// Seconds per step.
const TAU: f64 = 0.02;
const FURTHEST: f64 = 2.4;
/// 12 degrees.
const STEEPEST: f64 = 12.0 * std::f64::consts::PI / 180.0;

/// A cart that is pushed to the left (0) or to the right (1) to balance a pole (Barto, Sutton and Anderson 1983), with the dynamics of
/// Gymnasium's `CartPole-v1`: a reward of 1 per step; episodes terminate when the cart is more than 2.4 from the middle or the pole more
/// than 12 degrees from upright, and are truncated after 500 steps. Observations: position, velocity, angle, angular velocity.
///
/// ```
/// use methods::rl::{CartPole, Environment};
/// let mut env = CartPole::at([0.0; 4]);
/// let moved = env.step(1);
/// // A force of 10 on 1.1 kg, less the reaction of the pole; the position lags by a step.
/// assert_eq!(moved.observation, [0.0, 0.19512195, 0.0, -0.29268292]);
/// assert_eq!((moved.reward, moved.terminated), (1.0, false));
/// ```
#[derive(Clone, Debug)]
pub struct CartPole {
    state: [f64; 4],
    steps: usize,
}

impl Default for CartPole {
    fn default() -> CartPole {
        CartPole::new()
    }
}

impl CartPole {
    /// Episodes are truncated after this many steps.
    pub const LIMIT: usize = 500;

    /// Upright, and at rest.
    pub fn new() -> CartPole {
        CartPole::at([0.0; 4])
    }

    /// With the given position, velocity, angle and angular velocity.
    pub fn at(state: [f64; 4]) -> CartPole {
        CartPole { state, steps: 0 }
    }

    fn seen(&self) -> Vec<f32> {
        self.state.iter().map(|&v| v as f32).collect()
    }
}

impl Environment for CartPole {
    const OBSERVATION: usize = 4;
    const ACTIONS: usize = 2;

    /// All state variables are uniform in -0.05 to 0.05.
    fn reset(&mut self, draws: &mut Draws) -> Vec<f32> {
        *self = CartPole::at([(); 4].map(|()| f64::from(draws.between(-0.05, 0.05))));
        self.seen()
    }

    fn step(&mut self, action: usize) -> Moved {
        let [x, speed, angle, turning] = self.state;
        let force = if action == 1 { FORCE } else { -FORCE };
        let (sin, cos) = angle.sin_cos();
        let mass = CART_MASS + POLE_MASS;
        let moment = POLE_MASS * HALF_LENGTH;
        let push = (force + moment * turning * turning * sin) / mass;
        let inertia = HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * cos * cos / mass);
        let falling = (GRAVITY * sin - cos * push) / inertia;
        let gaining = push - moment * falling * cos / mass;
        // Explicit Euler: all rates are those before the step.
        self.state = [x + TAU * speed, speed + TAU * gaining, angle + TAU * turning, turning + TAU * falling];
        self.steps += 1;
        let terminated = self.state[0].abs() > FURTHEST || self.state[2].abs() > STEEPEST;
        let truncated = !terminated && self.steps >= CartPole::LIMIT;
        Moved { observation: self.seen(), reward: 1.0, terminated, truncated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_rule_reaches_the_limit_and_a_random_one_does_not() {
        // A known linear rule: push in the direction in which the pole falls, and a little towards the middle.
        let mut draws = Draws::new(1, 0, 0);
        for _ in 0..10 {
            let mut env = CartPole::new();
            let mut seen = env.reset(&mut draws);
            let mut steps = 0;
            loop {
                let right = 0.1 * seen[0] + 0.2 * seen[1] + seen[2] + 0.5 * seen[3] > 0.0;
                let moved = env.step(usize::from(right));
                (seen, steps) = (moved.observation, steps + 1);
                if moved.terminated || moved.truncated {
                    assert!(moved.truncated && steps == CartPole::LIMIT, "fell after {steps} steps");
                    break;
                }
            }
        }
        let mut envs = super::super::VecEnv::new(16, 3, CartPole::new);
        while envs.returns().len() < 400 {
            let actions: Vec<usize> = (0..16).map(|_| draws.below(2) as usize).collect();
            envs.step(&actions);
        }
        assert!((18.0..27.0).contains(&envs.mean_return(400)), "{}", envs.mean_return(400));
    }

    #[test]
    fn it_ends_outside() {
        assert!(CartPole::at([2.39, 1.0, 0.0, 0.0]).step(0).terminated);
        assert!(CartPole::at([0.0, 0.0, 0.2, 1.0]).step(0).terminated);
        assert!(!CartPole::at([0.0, 0.0, 0.2, 0.0]).step(0).terminated);
    }
}
