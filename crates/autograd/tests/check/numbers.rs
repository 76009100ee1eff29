//! Numbers to test with.

/// The distribution of an input's values.
#[derive(Clone, Copy)]
pub enum Values {
    Between(f32, f32),
    /// Of either sign, with magnitudes in the range: away from a kink at 0.
    Signed(f32, f32),
    /// All different, 0.2 apart: the steps of the differences cause no ties.
    Distinct,
}

/// A small generator of the tests' own, so that the numbers do not depend on the code under test.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Uniform in `[0, 1)`.
    pub fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }

    pub fn draw(&mut self, values: Values, count: usize) -> Vec<f32> {
        match values {
            Values::Between(low, high) => (0..count).map(|_| low + (high - low) * self.next()).collect(),
            Values::Signed(low, high) => {
                let magnitude = |n: &mut Numbers| low + (high - low) * n.next();
                (0..count)
                    .map(|_| if self.next() < 0.5 { -magnitude(self) } else { magnitude(self) })
                    .collect()
            }
            Values::Distinct => {
                let mut order: Vec<usize> = (0..count).collect();
                (1..count).rev().for_each(|i| order.swap(i, (self.next() * (i + 1) as f32) as usize));
                order.iter().map(|&i| 0.2 * i as f32 - 0.1 * count as f32).collect()
            }
        }
    }
}
