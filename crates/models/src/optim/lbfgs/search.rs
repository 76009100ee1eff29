//! The line search by the strong Wolfe conditions (Nocedal and Wright, algorithms 3.5 and 3.6), step for step as in torch.

use autograd::Result;

use super::{dot, largest};

/// The loss and its gradient somewhere.
#[derive(Clone, Debug)]
pub struct Point {
    pub loss: f64,
    pub gradient: Vec<f64>,
}

/// A point on the line.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Steps along the direction.
    pub at: f64,
    pub point: Point,
    /// The derivative along the line.
    slope: f64,
}

/// The share of the promised decrease that is enough.
const C1: f64 = 1e-4;
/// The share of the slope that may be left.
const C2: f64 = 0.9;
/// Most evaluations.
const MOST: usize = 25;
/// No search within a range in which no parameter moves by more.
const SMALLEST: f64 = 1e-9;

/// A search along a direction.
pub struct Search<'a, F> {
    /// The point at a length.
    pub at: F,
    pub direction: &'a [f64],
    pub start: &'a Point,
    pub evaluations: usize,
}

impl<F: FnMut(f64) -> Result<Point>> Search<'_, F> {
    /// A length whose loss is low enough and whose slope is flat enough, or the best one found; first tried is `length`.
    pub fn run(&mut self, length: f64) -> Result<Sample> {
        match self.bracket(length)? {
            (good, None) => Ok(good),
            (one, Some(other)) => self.zoom([one, other]),
        }
    }

    fn sample(&mut self, at: f64) -> Result<Sample> {
        self.evaluations += 1;
        let point = (self.at)(at)?;
        let slope = dot(&point.gradient, self.direction);
        Ok(Sample { at, point, slope })
    }

    fn slope(&self) -> f64 {
        dot(&self.start.gradient, self.direction)
    }

    fn is_low(&self, s: &Sample) -> bool {
        s.point.loss <= self.start.loss + C1 * s.at * self.slope()
    }

    fn is_flat(&self, s: &Sample) -> bool {
        s.slope.abs() <= -C2 * self.slope()
    }

    /// A point that is good, or the ends of a range that must hold one.
    fn bracket(&mut self, length: f64) -> Result<(Sample, Option<Sample>)> {
        let zero = Sample { at: 0.0, point: self.start.clone(), slope: self.slope() };
        let (mut before, mut now) = (zero.clone(), self.sample(length)?);
        for iteration in 0..MOST {
            let higher = iteration > 1 && now.point.loss >= before.point.loss;
            if !self.is_low(&now) || higher {
                return Ok((before, Some(now)));
            }
            if self.is_flat(&now) {
                return Ok((now, None));
            }
            if now.slope >= 0.0 {
                return Ok((before, Some(now)));
            }
            let next = cubic_minimum(&before, &now, now.at + 0.01 * (now.at - before.at), now.at * 10.0);
            before = now;
            now = self.sample(next)?;
        }
        Ok((zero, Some(now)))
    }

    /// Narrows a range down to a good point.
    fn zoom(&mut self, mut pair: [Sample; 2]) -> Result<Sample> {
        let mut near_end = false;
        let mut low = usize::from(pair[0].point.loss > pair[1].point.loss);
        // The first evaluation does not count.
        while self.evaluations <= MOST {
            let (left, right) = (pair[0].at.min(pair[1].at), pair[0].at.max(pair[1].at));
            if (right - left) * largest(self.direction) < SMALLEST {
                break;
            }
            let mut length = cubic_minimum(&pair[0], &pair[1], left, right);
            // Twice in a row close to an end is no progress.
            let margin = 0.1 * (right - left);
            let close = (right - length).min(length - left) < margin;
            if close && (near_end || length >= right || length <= left) {
                length = if right - length < length - left { right - margin } else { left + margin };
                near_end = false;
            } else {
                near_end = close;
            }
            let found = self.sample(length)?;
            if !self.is_low(&found) || found.point.loss >= pair[low].point.loss {
                pair[1 - low] = found;
                low = usize::from(pair[0].point.loss > pair[1].point.loss);
                continue;
            }
            let good = self.is_flat(&found);
            if !good && found.slope * (pair[1 - low].at - pair[low].at) >= 0.0 {
                pair[1 - low] = pair[low].clone();
            }
            pair[low] = found;
            if good {
                break;
            }
        }
        Ok(pair[low].clone())
    }
}

/// The minimum of the cubic through two samples with their slopes, within bounds.
fn cubic_minimum(a: &Sample, b: &Sample, low: f64, high: f64) -> f64 {
    let (x1, f1, g1) = (a.at, a.point.loss, a.slope);
    let (x2, f2, g2) = (b.at, b.point.loss, b.slope);
    let d1 = g1 + g2 - 3.0 * (f1 - f2) / (x1 - x2);
    let square = d1 * d1 - g1 * g2;
    if square < 0.0 {
        return (low + high) / 2.0;
    }
    let d2 = square.sqrt();
    let minimum = if x1 <= x2 {
        x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2.0 * d2))
    } else {
        x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2.0 * d2))
    };
    minimum.max(low).min(high)
}
