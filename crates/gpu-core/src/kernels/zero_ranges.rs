//! Zeros in parts of a buffer.

use std::ops::Range;

use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader};

/// Zeros in ranges of elements, such as the padding between tensors that share a buffer; the other elements keep their values.
///
/// Arguments: read and written: the buffer, of any type.
#[derive(Clone, Debug)]
pub struct ZeroRanges {
    /// Disjoint.
    pub ranges: Vec<Range<usize>>,
}

/// Ranges of one dispatch; they are constants of its shader.
const TABLE: usize = 512;

impl ZeroRanges {
    /// Elements of all ranges.
    fn elements(&self) -> usize {
        self.ranges.iter().map(ExactSizeIterator::len).sum()
    }
}

impl Kernel for ZeroRanges {
    fn name(&self) -> &'static str {
        "zero_ranges"
    }

    fn shape(&self) -> String {
        format!("{} elements in {} ranges", self.elements(), self.ranges.len())
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::ReadWrite]
    }

    fn shaders(&self) -> Vec<Shader> {
        let shader = |ranges: &[Range<usize>]| {
            let rows: Vec<String> =
                ranges.iter().map(|r| format!("vec2<u32>({}u, {}u)", r.start, r.end)).collect();
            let table =
                format!("const RANGES: array<vec2<u32>, {}> = array({});", rows.len(), rows.join(", "));
            let source = Source::new(wgsl!("zero_ranges")).block("ranges", &table).finish();
            Shader::linear(source, ranges.len(), 1)
        };
        self.ranges.chunks(TABLE).map(shader).collect()
    }

    fn run(&self, args: &Args) {
        let data = args.write::<u32>(0);
        self.ranges.iter().for_each(|range| data[range.clone()].fill(0));
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0, bytes: 4 * self.elements() as u64 }
    }
}
