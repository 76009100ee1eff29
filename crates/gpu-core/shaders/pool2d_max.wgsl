// Maximum of every window of x [planes, HEIGHT, WIDTH] and its position in the plane
// (crates/gpu-core/src/kernels/pool2d.rs). One invocation per output element.

const COUNT: u32 = 64u;
const HEIGHT: i32 = 8;
const WIDTH: i32 = 8;
const OUT_HEIGHT: i32 = 4;
const OUT_WIDTH: i32 = 4;
const KERNEL_Y: i32 = 2;
const KERNEL_X: i32 = 2;
const STRIDE_Y: i32 = 2;
const STRIDE_X: i32 = 2;
const PAD_Y: i32 = 0;
const PAD_X: i32 = 0;
const DILATION_Y: i32 = 1;
const DILATION_X: i32 = 1;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> index: array<u32>;

// The first position of a window that lies in the input.
fn clipped(at: i32, dilation: i32) -> i32 {
    return select(at, at + ((dilation - 1 - at) / dilation) * dilation, at < 0);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COUNT) {
        return;
    }
    let o = i32(i);
    let plane = (o / (OUT_WIDTH * OUT_HEIGHT)) * (HEIGHT * WIDTH);
    let top = ((o / OUT_WIDTH) % OUT_HEIGHT) * STRIDE_Y - PAD_Y;
    let left = (o % OUT_WIDTH) * STRIDE_X - PAD_X;
    let y0 = clipped(top, DILATION_Y);
    let x0 = clipped(left, DILATION_X);
    let y1 = min(top + KERNEL_Y * DILATION_Y, HEIGHT);
    let x1 = min(left + KERNEL_X * DILATION_X, WIDTH);
    var best = -inf();
    var at = y0 * WIDTH + x0;
    for (var iy = y0; iy < y1; iy = iy + DILATION_Y) {
        for (var ix = x0; ix < x1; ix = ix + DILATION_X) {
            let value = x[plane + iy * WIDTH + ix];
            if (value > best || is_nan(value)) {
                best = value;
                at = iy * WIDTH + ix;
            }
        }
    }
    y[i] = best;
    index[i] = u32(at);
}
