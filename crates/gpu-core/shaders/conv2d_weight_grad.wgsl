// Weight gradient of a convolution (crates/gpu-core/src/kernels/conv2d_grad.rs). One invocation sums 4 weights of BLOCK
// output channels over one chunk of the pixels; conv2d_sum.wgsl adds the chunks. Pixels come in fours of one row. The
// host generates the lines that depend on BLOCK and on whether fours are aligned; the lines below are for BLOCK = 1.

const BATCH: u32 = 1u;
const GROUPS: u32 = 1u;
const INNER: u32 = 4u;
const OUTER: u32 = 4u;
const INPUT_H: i32 = 8;
const INPUT_W: i32 = 8;
const OUT_H: u32 = 8u;
const OUT_W: u32 = 8u;
const KERNEL_H: u32 = 3u;
const KERNEL_W: u32 = 3u;
const STRIDE_H: i32 = 1;
const STRIDE_W: i32 = 1;
const PADDING_H: i32 = 1;
const PADDING_W: i32 = 1;
const DILATION_H: i32 = 1;
const DILATION_W: i32 = 1;
const BLOCKS: u32 = 4u;
const BLOCK: u32 = 1u;
const CHUNKS: u32 = 1u;
// Fours of pixels of a chunk.
const CHUNK: u32 = 16u;

//!begin bindings
@group(0) @binding(0) var<storage, read> x0: array<f32>;

fn load_x(i: u32) -> f32 {
    return x0[i];
}
@group(0) @binding(1) var<storage, read> dy0: array<f32>;

fn load_dy(i: u32) -> f32 {
    return dy0[i];
}
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

fn dy4(at: u32, live: vec4<bool>) -> vec4<f32> {
    let i = select(vec4<u32>(), at + vec4<u32>(0u, 1u, 2u, 3u), live);
    let v = vec4<f32>(load_dy(i.x), load_dy(i.y), load_dy(i.z), load_dy(i.w));
    return select(vec4<f32>(), v, live);
}
//!end bindings

fn put(at: u32, left: u32, value: vec4<f32>) {
    for (var i = 0u; i < min(left, 4u); i++) {
        out[at + i] = value[i];
    }
}

// Elements of the input for four weights.
fn load(row: vec4<i32>, col: vec4<i32>, live: vec4<bool>) -> vec4<f32> {
    let inside = live & (col >= vec4<i32>(0)) & (col < vec4<i32>(INPUT_W));
    let at = vec4<u32>(select(vec4<i32>(0), row + col, inside));
    return select(vec4<f32>(), vec4<f32>(load_x(at.x), load_x(at.y), load_x(at.z), load_x(at.w)), inside);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    let depth = INNER * KERNEL_H * KERNEL_W;
    let tiles = (depth + 3u) / 4u;
    if (i >= tiles * BLOCKS * GROUPS * CHUNKS) {
        return;
    }
    let first = i % tiles * 4u;
    let block = i / tiles % BLOCKS;
    let group = i / tiles / BLOCKS % GROUPS;
    let chunk = i / tiles / BLOCKS / GROUPS;

    let k = vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u);
    let present = k < vec4<u32>(depth);
    let channel = vec4<i32>(k / (KERNEL_H * KERNEL_W));
    let row_shift = vec4<i32>(k / KERNEL_W % KERNEL_H) * DILATION_H - PADDING_H;
    let col_shift = vec4<i32>(k % KERNEL_W) * DILATION_W - PADDING_W;
    let rows = OUTER - block * BLOCK;

    //!begin clear
    var a0 = vec4<f32>();
    //!end clear
    let fours = (OUT_W + 3u) / 4u;
    let end = min((chunk + 1u) * CHUNK, BATCH * OUT_H * fours);
    for (var t = chunk * CHUNK; t < end; t++) {
        let image = t / fours / OUT_H;
        let p = t / fours % OUT_H;
        let q = t % fours * 4u;
        let row = i32(p) * STRIDE_H + row_shift;
        let live = present & (row >= vec4<i32>(0)) & (row < vec4<i32>(INPUT_H));
        let plane = i32((image * GROUPS + group) * INNER) + channel;
        let start = (plane * INPUT_H + row) * INPUT_W;
        let col = i32(q) * STRIDE_W + col_shift;
        let valid = vec4<u32>(q) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(OUT_W);
        let x0 = load(start, col, live);
        let x1 = load(start, col + STRIDE_W, live & vec4<bool>(valid.y));
        let x2 = load(start, col + 2 * STRIDE_W, live & vec4<bool>(valid.z));
        let x3 = load(start, col + 3 * STRIDE_W, live & vec4<bool>(valid.w));
        let at = (((image * GROUPS + group) * OUTER + block * BLOCK) * OUT_H + p) * OUT_W + q;
        // Output channels beyond the last repeat the first and are not stored.
        //!begin body
        let d0 = dy4(at, valid);
        a0 += d0.x * x0 + d0.y * x1 + d0.z * x2 + d0.w * x3;
        //!end body
    }

    let to = ((chunk * GROUPS + group) * OUTER + block * BLOCK) * depth + first;
    let left = depth - first;
    //!begin store
    put(to, left, a0);
    //!end store
}
