//! The pendulum that must be swung up.

use data::Draws;

use std::f64::consts::PI;

const GRAVITY: f64 = 10.0;
/// Seconds per step.
const TAU: f64 = 0.05;
const FASTEST: f64 = 8.0;

/// A rod of mass and length 1, turned by a bounded torque, with the dynamics of Gymnasium's `Pendulum-v1`: angle 0 is upright, and a step
/// costs `angle^2 + 0.1 speed^2 + 0.001 torque^2`. The torque is too weak to lift the rod at once. The task does not end; time limits are
/// the caller's.
///
/// ```
/// use methods::rl::Pendulum;
/// let mut rod = Pendulum::at(0.5, 0.0);
/// assert_eq!(rod.step(-1.0), -0.251); // the cost of the state before the step
/// let speed = (15.0 * 0.5f64.sin() - 3.0) * 0.05;
/// assert!((f64::from(rod.seen()[2]) - speed).abs() < 1e-7);
/// assert_eq!(rod.seen()[0], (0.5 + 0.05 * speed).cos() as f32);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pendulum {
    angle: f64,
    speed: f64,
}

impl Pendulum {
    /// The largest torque on either side.
    pub const STRONGEST: f32 = 2.0;

    /// With the given angle from upright and angular velocity.
    pub fn at(angle: f64, speed: f64) -> Pendulum {
        Pendulum { angle, speed }
    }

    /// Any angle, with a velocity of -1 to 1.
    pub fn random(draws: &mut Draws) -> Pendulum {
        Pendulum::at(PI * (2.0 * draws.unit() - 1.0), 2.0 * draws.unit() - 1.0)
    }

    /// What is seen: cosine and sine of the angle, angular velocity.
    pub fn seen(&self) -> [f32; 3] {
        [self.angle.cos(), self.angle.sin(), self.speed].map(|v| v as f32)
    }

    /// Applies a torque, bounded by [`STRONGEST`](Pendulum::STRONGEST); returns the reward, which is minus the cost.
    pub fn step(&mut self, torque: f32) -> f32 {
        let torque = f64::from(torque.clamp(-Pendulum::STRONGEST, Pendulum::STRONGEST));
        let angle = (self.angle + PI).rem_euclid(2.0 * PI) - PI;
        let cost = angle * angle + 0.1 * self.speed * self.speed + 0.001 * torque * torque;
        let turned = self.speed + TAU * (1.5 * GRAVITY * angle.sin() + 3.0 * torque);
        self.speed = turned.clamp(-FASTEST, FASTEST);
        self.angle += TAU * self.speed;
        -cost as f32
    }
}
