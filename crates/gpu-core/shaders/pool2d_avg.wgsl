// Average of every window of x [planes, HEIGHT, WIDTH] (crates/gpu-core/src/kernels/pool2d.rs). One invocation per output element. DIVISOR
// 0 means the window's size, PADDED whether padding counts in it.

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
const PADDED: bool = true;
const DIVISOR: i32 = 0;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

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
    let y0 = max(top, 0);
    let x0 = max(left, 0);
    let y1 = min(top + KERNEL_Y, HEIGHT);
    let x1 = min(left + KERNEL_X, WIDTH);
    var sum = 0.0;
    for (var iy = y0; iy < y1; iy++) {
        for (var ix = x0; ix < x1; ix++) {
            sum = sum + x[plane + iy * WIDTH + ix];
        }
    }
    let whole = (min(top + KERNEL_Y, HEIGHT + PAD_Y) - top) * (min(left + KERNEL_X, WIDTH + PAD_X) - left);
    var size = select(max(y1 - y0, 0) * max(x1 - x0, 0), whole, PADDED);
    size = select(size, DIVISOR, DIVISOR != 0);
    // A window beyond the input is 0.
    y[i] = sum / f32(max(size, 1));
}
