//! The convolution of codes.

use super::tile::Correlation;
use super::{INT8_DEPTH, Int8Epilogue, PANEL, QUAD, Results};
use crate::kernels::Conv2dShape;
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader};

/// The convolution of a [`Conv2d`](crate::kernels::Conv2d) of one group on int8 codes, with its bias and, as the epilogue says, more.
///
/// Arguments: x `[N, C / 4, H, W]` words of codes; the [panels](super::Int8Weight::panels) and the [table](super::Int8Weight::table) of the
/// weight; if there is one, the residual, `[N, O / 4, OH, OW]` words; and the output, such words, or f32 `[N, O, OH, OW]`.
#[derive(Clone, Debug)]
pub struct Int8Conv2d {
    shape: Conv2dShape,
    /// The code of 0 in x, which surrounds it.
    zero: i8,
    epilogue: Int8Epilogue,
    correlation: Correlation,
}

/// Output channels and pixels of an invocation.
const TILE: [usize; 2] = [8, 4];

impl Int8Conv2d {
    /// # Panics
    /// When there is more than one group, or a sum has more than [`INT8_DEPTH`] products.
    pub fn new(shape: Conv2dShape, zero: i8, epilogue: Int8Epilogue) -> Int8Conv2d {
        let depth = shape.in_channels * shape.kernel[0] * shape.kernel[1];
        assert!(shape.groups == 1 && depth <= INT8_DEPTH, "an int8 convolution of {shape}");
        Int8Conv2d { shape, zero, epilogue, correlation: Correlation::new(&shape, zero) }
    }

    fn pixels(&self) -> usize {
        let [height, width] = self.shape.output();
        self.shape.batch * height * width
    }
}

impl Kernel for Int8Conv2d {
    fn name(&self) -> &'static str {
        "int8_conv2d"
    }

    fn shape(&self) -> String {
        self.shape.to_string()
    }

    fn access(&self) -> Vec<Access> {
        self.epilogue.access()
    }

    fn shaders(&self) -> Vec<Shader> {
        let (s, [height, width]) = (&self.shape, self.shape.output());
        let tiles = self.pixels().div_ceil(TILE[1]);
        let blocks = s.out_channels.div_ceil(TILE[0]);
        let source = Source::new(wgsl!("int8_conv2d"))
            .set("BATCH", s.batch)
            .set("QUADS", s.in_channels.div_ceil(QUAD))
            .set("OUTPUTS", s.out_channels)
            .set("CHANNELS", s.out_channels.next_multiple_of(PANEL))
            .set("TILES", tiles)
            .set("BLOCKS", blocks)
            .set("ZERO", u32::from(self.zero.cast_unsigned()) * 0x0101_0101);
        let pairs = [
            ("SOURCE", s.input),
            ("OUT", [height, width]),
            ("KERNEL", s.kernel),
            ("STRIDE", s.stride),
            ("PADDING", s.padding),
            ("DILATION", s.dilation),
        ];
        let set = |source: Source, (name, [h, w]): (&str, [usize; 2])| {
            source.set(&format!("{name}_H"), h).set(&format!("{name}_W"), w)
        };
        let source = self.epilogue.shader(pairs.into_iter().fold(source, set));
        let store = if self.epilogue.codes.is_some() { STORE_CODES } else { STORE_VALUES };
        vec![Shader::linear(source.block("store", store).finish(), tiles * blocks, 64)]
    }

    fn run(&self, args: &Args) {
        self.correlation.run(args.read(0), args.read(1), &Results::new(self.epilogue, args));
    }

    fn cost(&self) -> Cost {
        let [x, weight, y] = self.shape.sizes();
        let bytes = x + weight + y * (self.epilogue.bytes() + usize::from(self.epilogue.residual));
        Cost { flops: 2 * self.shape.macs(), bytes: bytes as u64 }
    }
}

const STORE_CODES: &str = "fn store(image: u32, pixel: u32, o4: u32, sums: vec4<i32>) {
    let i = (image * OUTPUTS_4 + o4) * AREA + pixel;
    y[i] = result(o4, sums + added(i, o4));
}";

const STORE_VALUES: &str = "fn store(image: u32, pixel: u32, o4: u32, sums: vec4<i32>) {
    let values = result(o4, sums + added((image * OUTPUTS_4 + o4) * AREA + pixel, o4));
    for (var j = 0u; j < min(4u, OUTPUTS - 4u * o4); j++) {
        y[(image * OUTPUTS + 4u * o4 + j) * AREA + pixel] = values[j];
    }
}";
