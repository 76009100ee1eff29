//! The second stage of split reductions of channels.

use crate::kernels::batch_norm::{self, combine, put_moments};
use crate::kernels::layer_norm::Moments;
use crate::{Access, Args, Cost, Kernel, Shader};

/// Combines the parts that [`WithParts`](super::WithParts) has computed for every channel.
///
/// Arguments: parts `[C, parts]` of four floats; written: mean and biased variance, or the two sums, `[C]` each.
#[derive(Clone, Debug)]
pub struct CombineParts {
    pub(super) channels: usize,
    /// Parts of a channel.
    pub(super) parts: usize,
    /// Whether they are moments.
    pub(super) moments: bool,
}

impl CombineParts {
    /// Bytes of the parts.
    pub fn bytes(&self) -> usize {
        self.channels * self.parts * size_of::<[f32; 4]>()
    }
}

impl Kernel for CombineParts {
    fn name(&self) -> &'static str {
        "combine_parts"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Write, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        let (merge, values) = match self.moments {
            true => (None, batch_norm::MOMENTS),
            false => {
                let merge = "alias Part = vec4<f32>;\nfn merge(a: Part, b: Part) -> Part { return a + b; }";
                (Some(merge), batch_norm::SUMS)
            }
        };
        let parts = "@group(0) @binding(0) var<storage, read> parts: array<Part>;\n";
        vec![combine(self.channels, self.parts, 1, parts, merge, values)]
    }

    fn emits(&self) -> bool {
        true
    }

    fn run(&self, args: &Args) {
        let parts: &[[f32; 4]] = args.read(0);
        let (first, second): (&mut [f32], &mut [f32]) = (args.write(1), args.write(2));
        let channels = parts.chunks_exact(self.parts);
        if self.moments {
            let moments = |[count, mean, rest, squares]: [f32; 4]| Moments {
                count: count.into(),
                mean: f64::from(mean) + f64::from(rest),
                squares: squares.into(),
            };
            let channel = |parts: &[[f32; 4]]| {
                let mut all = Moments::default();
                parts.iter().filter(|part| part[0] > 0.0).for_each(|part| all.merge(moments(*part)));
                all
            };
            return put_moments(&channels.map(channel).collect::<Vec<_>>(), first, second);
        }
        for (c, parts) in channels.enumerate() {
            let sum = |k: usize| parts.iter().map(|part| f64::from(part[k])).sum::<f64>() as f32;
            (first[c], second[c]) = (sum(0), sum(1));
        }
    }

    fn cost(&self) -> Cost {
        Cost {
            flops: (4 * self.channels * self.parts) as u64,
            bytes: (self.bytes() + 8 * self.channels) as u64,
        }
    }
}
