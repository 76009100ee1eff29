//! Kernels that show the peak performance of a device: products, convolutions, attention, norms and copies.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use gpu_core::kernels::{
    Attention, AttentionInputs, AttentionWindow, Conv2d, Conv2dInputGrad, Conv2dShape, Conv2dWeightGrad,
    LayerNorm, Map, MatMul, Prologue, Softmax,
};
use gpu_core::{Access, Arg, CommandGraph, DType, Device, Kernel, Launch, Layout, Role, Slot};
use serde::Serialize;

use crate::networks::words;

/// A kernel, and the number of 4-byte words of each of its arguments.
pub struct Case {
    pub group: &'static str,
    pub name: String,
    kernel: Arc<dyn Kernel>,
    arguments: Vec<usize>,
}

/// The measurements of a kernel.
#[derive(Clone, Debug, Serialize)]
pub struct Rate {
    pub group: &'static str,
    pub name: String,
    pub milliseconds: f64,
    pub gflops: f64,
    /// 10^9 bytes per second, counting the minimum that the kernel must read and write.
    pub gigabytes: f64,
}

/// The time in seconds over which launches are timed.
const SECONDS: f64 = 0.25;
const MOST_LAUNCHES: f64 = 256.0;

/// All kernels, the smaller ones of a group first.
pub fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = [512, 1024, 2048, 4096, 8192].map(product).into();
    // Convolutions of ResNet-50: batch, channels, channels out, side, kernel, stride.
    let shapes =
        [[32, 64, 64, 56, 3, 1], [32, 256, 64, 56, 1, 1], [32, 128, 128, 28, 3, 1], [32, 256, 256, 14, 3, 1]];
    cases.extend(
        shapes.into_iter().chain([[32, 512, 512, 7, 3, 1], [32, 3, 64, 224, 7, 2]]).flat_map(convolution),
    );
    cases.extend([attention(), layer_norm(), softmax(), copy()]);
    cases
}

fn case(group: &'static str, name: String, kernel: impl Kernel + 'static, arguments: &[usize]) -> Case {
    Case { group, name, kernel: Arc::new(kernel), arguments: arguments.to_vec() }
}

fn product(n: usize) -> Case {
    let square = || Layout::contiguous(&[n, n]);
    case("products", n.to_string(), MatMul::new(square(), square()), &[n * n; 3])
}

fn convolution([batch, inner, outer, side, kernel, stride]: [usize; 6]) -> [Case; 3] {
    let shape = Conv2dShape {
        batch,
        in_channels: inner,
        out_channels: outer,
        groups: 1,
        input: [side; 2],
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [kernel / 2; 2],
        dilation: [1, 1],
    };
    let [out, _] = shape.output();
    let plane =
        |c: usize, side: usize| Prologue::plain(DType::F32, Layout::contiguous(&[batch, c, side, side]));
    let (x, dy) = (|| plane(inner, side), || plane(outer, out));
    let sizes = [batch * inner * side * side, outer * inner * kernel * kernel, batch * outer * out * out];
    let [in_, weight, result] = sizes;
    let name = |pass: &str| format!("{inner} to {outer}, {side}x{side}, {kernel}x{kernel}{pass}");
    [
        case("convolutions", name(""), Conv2d::new(shape, x()), &[in_, weight, result]),
        case("convolutions", name(" dx"), Conv2dInputGrad::new(shape, dy()), &[result, weight, in_]),
        case("convolutions", name(" dw"), Conv2dWeightGrad::new(shape, x(), dy()), &[in_, result, weight]),
    ]
}

fn attention() -> Case {
    let [batch, heads, length, features] = [8, 12, 1024, 64];
    let layout = || Layout::contiguous(&[batch, heads, length, features]);
    let scale = 1.0 / (features as f32).sqrt();
    let inputs = AttentionInputs {
        q: layout(),
        k: layout(),
        v: layout(),
        mask: None,
        window: AttentionWindow::CAUSAL,
        scale,
    };
    let (count, rows) = (batch * heads * length * features, batch * heads * length);
    let kernel = Attention::new(&inputs, &layout());
    case("attention", "8 x 12 x 1024 x 64, causal".into(), kernel, &[count, count, count, count, rows])
}

fn layer_norm() -> Case {
    let (rows, cols) = (8192, 768);
    let kernel = LayerNorm { rows, cols, eps: 1e-5 };
    case("memory", "layer norm".into(), kernel, &[rows * cols, cols, cols, rows * cols, rows, rows])
}

fn softmax() -> Case {
    let (rows, cols) = (8192, 1024);
    case("memory", "softmax".into(), Softmax { rows, cols, log: false }, &[rows * cols; 2])
}

fn copy() -> Case {
    let count = 16 << 20;
    let layout = Layout::contiguous(&[count]);
    case("memory", "copy".into(), Map::copy(DType::F32, &layout, layout.clone()), &[count; 2])
}

impl Case {
    /// Floating-point operations of a launch.
    pub fn flops(&self) -> f64 {
        self.kernel.cost().flops as f64
    }

    /// Times the kernel on a device.
    ///
    /// # Errors
    /// Whatever goes wrong on the device, such as too little memory.
    pub fn measure(&self, device: &Device) -> Result<Rate> {
        let sizes: Vec<usize> = self.arguments.iter().map(|words| words * 4).collect();
        let kernel = device.tuned(self.kernel.clone(), &sizes);
        let access = kernel.access();
        let buffers = access.iter().zip(&self.arguments).map(|(access, &count)| match access {
            Access::Write => device.alloc(count * 4, Role::Activation),
            _ => {
                let values: Vec<f32> = words(count).map(|w| w as f32 / (1 << 23) as f32 - 1.0).collect();
                device.upload(bytemuck::cast_slice(&values), Role::Input)
            }
        });
        let buffers = buffers.collect::<gpu_core::Result<Vec<_>>>()?;
        let run = |launches: usize| -> Result<f64> {
            let graph = repeated(&kernel, &sizes, device, launches);
            graph.prepare(device)?;
            graph.run(device, &buffers)?;
            device.synchronize()?;
            let start = Instant::now();
            graph.run(device, &buffers)?;
            device.synchronize()?;
            Ok(start.elapsed().as_secs_f64() / launches as f64)
        };
        let once = run(1)?;
        let launches = (SECONDS / once).clamp(1.0, MOST_LAUNCHES) as usize;
        let seconds = if launches > 1 { run(launches)? } else { once };
        let cost = kernel.cost();
        Ok(Rate {
            group: self.group,
            name: self.name.clone(),
            milliseconds: seconds * 1e3,
            gflops: cost.flops as f64 / seconds * 1e-9,
            gigabytes: cost.bytes as f64 / seconds * 1e-9,
        })
    }
}

fn repeated(kernel: &Arc<dyn Kernel>, sizes: &[usize], device: &Device, launches: usize) -> CommandGraph {
    let mut slots: Vec<Slot> = sizes.iter().map(|&bytes| Slot::External { bytes }).collect();
    let scratch = kernel.scratch(device.target());
    if scratch > 0 {
        slots.push(Slot::Temp { bytes: scratch, role: Role::Activation });
    }
    let bytes = |slot: &Slot| match *slot {
        Slot::External { bytes } | Slot::Temp { bytes, .. } => bytes,
    };
    let args = slots.iter().enumerate().map(|(slot, s)| Arg { slot, offset: 0, bytes: bytes(s) }).collect();
    CommandGraph::new(device.target(), slots, vec![Launch::new(kernel.clone(), args); launches])
}
