// dx of max pooling: every pixel adds dy of the windows that cover it and have their maximum there, in increasing order.

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

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

// The first window that reaches position `at` (of the padded input).
fn first(at: i32, extent: i32, stride: i32) -> i32 {
    return select(0, (at - extent + stride) / stride, at >= extent);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COUNT) {
        return;
    }
    let own = i % u32(HEIGHT * WIDTH);
    let plane = i32(i / u32(HEIGHT * WIDTH)) * (OUT_HEIGHT * OUT_WIDTH);
    let py = i32(own) / WIDTH + PAD_Y;
    let px = i32(own) % WIDTH + PAD_X;
    let y1 = min(py / STRIDE_Y, OUT_HEIGHT - 1);
    let x0 = first(px, (KERNEL_X - 1) * DILATION_X + 1, STRIDE_X);
    let x1 = min(px / STRIDE_X, OUT_WIDTH - 1);
    var sum = 0.0;
    for (var oy = first(py, (KERNEL_Y - 1) * DILATION_Y + 1, STRIDE_Y); oy <= y1; oy++) {
        for (var ox = x0; ox <= x1; ox++) {
            let o = plane + oy * OUT_WIDTH + ox;
            if (index[o] == own) {
                sum = sum + dy[o];
            }
        }
    }
    dx[i] = sum;
}
