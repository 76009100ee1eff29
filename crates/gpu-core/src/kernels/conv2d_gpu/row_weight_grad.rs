//! Weight gradients of 3x3 convolutions by rows of pixels in workgroup memory: the inner loop computes no index.

use crate::Shader;
use crate::kernels::conv2d::Conv2dShape;
use crate::kernels::prologue::{Prologue, with_math};
use crate::wgsl::{Source, wgsl};

/// Channels of a tile.
const SIDE: usize = 16;
/// Approximate number of pixels in workgroup memory, and the longest rows: both operands fit 16 KiB.
const PIXELS: usize = 64;
const LONGEST: usize = 56;
/// Fewest and most channels: tiles are full, and no operand is read more than eight times.
const FEW: usize = 8;
const MANY: usize = 128;
/// Workgroups that fill a large GPU, and the fewest blocks of rows worth a workgroup.
const WORKGROUPS: usize = 384;
const FEWEST: usize = 4;

/// The weight gradient of a convolution that [suits](RowWeightGrad::suits).
pub(in crate::kernels) struct RowWeightGrad<'a> {
    shape: &'a Conv2dShape,
    x: &'a Prologue,
    dy: &'a Prologue,
}

impl<'a> RowWeightGrad<'a> {
    /// Whether the convolution is 3x3 with stride 1 over rows of whole vectors, with enough channels for its tiles.
    pub fn suits(shape: &Conv2dShape) -> bool {
        let channels = [shape.in_channels, shape.out_channels].map(|c| c / shape.groups);
        let three = shape.kernel == [3, 3] && shape.padding == [1, 1];
        let dense = shape.stride == [1, 1] && shape.dilation == [1, 1];
        let width = shape.input[1];
        let rows = width.is_multiple_of(4) && (4..=LONGEST).contains(&width) && shape.input[0] > 0;
        // A single long row at a time leaves little to do between two loads: tiles of many channels are faster then.
        let pays = PIXELS / width.max(1) > 1 || channels.iter().any(|&c| c < 64);
        three && dense && rows && pays && channels.iter().all(|&c| (FEW..=MANY).contains(&c))
    }

    pub fn new(shape: &'a Conv2dShape, x: &'a Prologue, dy: &'a Prologue) -> RowWeightGrad<'a> {
        RowWeightGrad { shape, x, dy }
    }

    /// Rows of a block.
    fn rows(&self) -> usize {
        (PIXELS / self.shape.input[1]).clamp(1, 8).min(self.shape.input[0])
    }

    /// Tiles along the output and the input channels.
    fn tiles(&self) -> [usize; 2] {
        [self.shape.out_channels, self.shape.in_channels].map(|c| (c / self.shape.groups).div_ceil(SIDE))
    }

    fn blocks(&self) -> usize {
        self.shape.batch * self.shape.input[0].div_ceil(self.rows())
    }

    /// Blocks of a chunk.
    fn chunk(&self) -> usize {
        let tiles = self.shape.groups * self.tiles().iter().product::<usize>();
        let chunks = (WORKGROUPS / tiles).min(self.blocks() / FEWEST).max(1);
        self.blocks().div_ceil(chunks)
    }

    /// Parts that the blocks are cut into.
    pub fn chunks(&self) -> usize {
        self.blocks().div_ceil(self.chunk()).max(1)
    }

    /// The dispatch that sums each chunk into the binding `out`, `[chunks, O, C / groups, 3, 3]`.
    pub fn shader(&self, out: usize) -> Shader {
        let (shape, [down, along]) = (self.shape, self.tiles());
        let bindings = format!(
            "{}{}@group(0) @binding({out}) var<storage, read_write> out: array<f32>;",
            self.x.wgsl("x", 0, 4),
            self.dy.wgsl("dy", self.x.arity(), 4)
        );
        let source = Source::new(wgsl!("conv2d_rows_weight_grad"))
            .set("GROUPS", shape.groups)
            .set("INNER", shape.in_channels / shape.groups)
            .set("OUTER", shape.out_channels / shape.groups)
            .set("HEIGHT", shape.input[0])
            .set("QUADS", shape.input[1] / 4)
            .set("ROWS", self.rows())
            .set("TILES_DOWN", down)
            .set("TILES_ALONG", along)
            .set("BLOCKS", self.blocks())
            .set("CHUNKS", self.chunks())
            .set("CHUNK", self.chunk())
            .block("bindings", &bindings)
            .block("clear", &lines(|o, t| format!("    var sum{o}_{t} = 0.0;")))
            .block("body", &lines(product))
            .block("store", &lines(store));
        let source = with_math(source, &[self.x, self.dy]).finish();
        Shader::linear(source, shape.groups * down * along * self.chunks(), 1)
    }
}

/// A line for both output channels of an invocation and every tap.
fn lines(line: impl Fn(usize, usize) -> String) -> String {
    let all: Vec<String> =
        (0..2).flat_map(|o| (0..9).map(move |t| (o, t))).map(|(o, t)| line(o, t)).collect();
    all.join("\n")
}

fn product(o: usize, t: usize) -> String {
    let (i, j) = (t / 3, t % 3);
    let window = match j {
        0 => format!("vec4<f32>(before{i}, x{i}_now.xyz)"),
        1 => format!("x{i}_now"),
        _ => format!("vec4<f32>(x{i}_now.yzw, x{i}_next.x)"),
    };
    format!("                sum{o}_{t} = add(sum{o}_{t}, d{o}, {window});")
}

fn store(o: usize, t: usize) -> String {
    let at = format!("((chunk * GROUPS + group) * OUTER + down + o + {o}u) * INNER + along + c");
    format!(
        "    if (along + c < INNER && down + o + {o}u < OUTER) {{ out[({at}) * 9u + {t}u] = sum{o}_{t}; }}"
    )
}
