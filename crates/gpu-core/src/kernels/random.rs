//! Random numbers from a counter-based generator: the same on every device, whatever the order of computation.

use rayon::prelude::*;

use crate::philox::{normal, philox, uniform};
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader};

/// A distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RandomKind {
    /// Uniform in `[0, 1)`.
    Uniform,
    /// Normal with mean 0 and variance 1.
    Normal,
    /// 1 with probability `p`, else 0.
    Bernoulli,
}

/// `count` random numbers. Element `i` comes from word `i % 4` of `philox(key, i / 4, stream)`
/// ([`philox()`](crate::philox::philox())); a normal pair of elements comes from a pair of words.
///
/// Arguments: seed `u32 [4]` (low and high word of the key, low and high word of the stream); for Bernoulli, p `[1]`;
/// written: y `[count]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Random {
    /// The distribution.
    pub kind: RandomKind,
    /// How many numbers.
    pub count: usize,
}

/// Elements per task of the CPU twin.
const TASK: usize = 4 * 1024;

impl Kernel for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn access(&self) -> Vec<Access> {
        match self.kind {
            RandomKind::Bernoulli => vec![Access::Read, Access::Read, Access::Write],
            _ => vec![Access::Read, Access::Write],
        }
    }

    fn shaders(&self) -> Vec<Shader> {
        let source = Source::new(wgsl!("random")).set("COUNT", self.count);
        let source = match self.kind {
            RandomKind::Uniform => source,
            RandomKind::Normal => source
                .block("value", "    let v = vec4<f32>(philox_normal(w.x, w.y), philox_normal(w.z, w.w));"),
            RandomKind::Bernoulli => source
                .block(
                    "bindings",
                    "@group(0) @binding(1) var<storage, read> p: array<f32>;\n\
                     @group(0) @binding(2) var<storage, read_write> y: array<f32>;",
                )
                .block(
                    "value",
                    "    let v = select(vec4<f32>(0.0), vec4<f32>(1.0), uniforms(w) < vec4<f32>(p[0]));",
                ),
        };
        let source = source.with(wgsl!("philox")).with(wgsl!("math"));
        vec![Shader::linear(source.finish(), self.count.div_ceil(4), 64)]
    }

    fn run(&self, args: &Args) {
        let seed: &[u32] = args.read(0);
        let wide = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let (key, stream) = (wide(seed[0], seed[1]), wide(seed[2], seed[3]));
        let fill = |y: &mut [f32], value: &(dyn Fn([u32; 4]) -> [f32; 4] + Sync)| {
            y.par_chunks_mut(TASK).enumerate().for_each(|(task, y)| {
                for (i, y) in y.chunks_mut(4).enumerate() {
                    let words = philox(key, (task * TASK / 4 + i) as u64, stream);
                    y.copy_from_slice(&value(words)[..y.len()]);
                }
            });
        };
        match self.kind {
            RandomKind::Uniform => fill(args.write(1), &|words| words.map(uniform)),
            RandomKind::Normal => fill(args.write(1), &|[a, b, c, d]| {
                let ([a, b], [c, d]) = (normal(a, b), normal(c, d));
                [a, b, c, d]
            }),
            RandomKind::Bernoulli => {
                let p = args.read::<f32>(1)[0];
                fill(args.write(2), &|words| words.map(|w| f32::from(u8::from(uniform(w) < p))));
            }
        }
    }

    fn cost(&self) -> Cost {
        // Ten rounds of some eight integer operations for four words.
        Cost { flops: 25 * self.count as u64, bytes: 4 * self.count as u64 }
    }
}
