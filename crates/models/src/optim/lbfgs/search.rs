//! The line search for the strong Wolfe conditions (Nocedal and Wright, algorithms 3.5 and 3.6), with the same steps as torch's.

use autograd::Result;

use super::{dot, largest};

/// The loss and its gradient at a point.
#[derive(Clone, Debug)]
pub struct Point {
    pub loss: f64,
    pub gradient: Vec<f64>,
}

/// A point on the search line.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Distance from the start, in multiples of the direction.
    pub at: f64,
    pub point: Point,
    /// The derivative along the line.
    slope: f64,
}

/// Sufficient decrease: the fraction of the decrease predicted by the slope.
const C1: f64 = 1e-4;
/// Curvature: the largest fraction of the initial slope that may remain.
const C2: f64 = 0.9;
/// The largest number of evaluations.
const MOST: usize = 25;
/// The search ends when no parameter varies by more than this within the range.
const SMALLEST: f64 = 1e-9;

/// A line search along a direction.
pub struct Search<'a, F> {
    /// Evaluates the point at a step length.
    pub at: F,
    pub direction: &'a [f64],
    pub start: &'a Point,
    pub evaluations: usize,
}

impl<F: FnMut(f64) -> Result<Point>> Search<'_, F> {
    /// A step length that satisfies both conditions, or the best one found; `length` is tried first.
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

    /// A point that satisfies both conditions, or the ends of a range that must contain one.
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

    /// Narrows a range down to a point that satisfies both conditions.
    fn zoom(&mut self, mut pair: [Sample; 2]) -> Result<Sample> {
        let mut near_end = false;
        let mut low = usize::from(pair[0].point.loss > pair[1].point.loss);
        // The first evaluation does not count towards the limit.
        while self.evaluations <= MOST {
            let (left, right) = (pair[0].at.min(pair[1].at), pair[0].at.max(pair[1].at));
            if (right - left) * largest(self.direction) < SMALLEST {
                break;
            }
            let mut length = cubic_minimum(&pair[0], &pair[1], left, right);
            // Two lengths in a row close to an end are insufficient progress.
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
