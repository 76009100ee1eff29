// dx of average pooling: every pixel adds dy / divisor of the windows that cover it, in increasing order.

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

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;

// The first window that reaches position `at` (of the padded input).
fn first(at: i32, extent: i32, stride: i32) -> i32 {
    return select(0, (at - extent + stride) / stride, at >= extent);
}

// Extent of a window from `start` that counts in the divisor.
fn extent(start: i32, kernel: i32, size: i32, pad: i32) -> i32 {
    let whole = min(start + kernel, size + pad) - start;
    return select(min(start + kernel, size) - max(start, 0), whole, PADDED);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COUNT) {
        return;
    }
    let own = i32(i) % (HEIGHT * WIDTH);
    let plane = (i32(i) / (HEIGHT * WIDTH)) * (OUT_HEIGHT * OUT_WIDTH);
    let py = own / WIDTH + PAD_Y;
    let px = own % WIDTH + PAD_X;
    let y1 = min(py / STRIDE_Y, OUT_HEIGHT - 1);
    let x0 = first(px, KERNEL_X, STRIDE_X);
    let x1 = min(px / STRIDE_X, OUT_WIDTH - 1);
    var sum = 0.0;
    for (var oy = first(py, KERNEL_Y, STRIDE_Y); oy <= y1; oy++) {
        let rows = extent(oy * STRIDE_Y - PAD_Y, KERNEL_Y, HEIGHT, PAD_Y);
        for (var ox = x0; ox <= x1; ox++) {
            let columns = extent(ox * STRIDE_X - PAD_X, KERNEL_X, WIDTH, PAD_X);
            let size = select(rows * columns, DIVISOR, DIVISOR != 0);
            sum = sum + dy[plane + oy * OUT_WIDTH + ox] / f32(size);
        }
    }
    dx[i] = sum;
}
