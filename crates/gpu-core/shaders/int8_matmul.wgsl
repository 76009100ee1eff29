// Product of int8 codes (crates/gpu-core/src/kernels/int8/matmul.rs). One invocation computes 4 rows of 4 output channels in registers;
// neighbours share their loads through the caches. A word has 4 codes of a row; the weights of 16 output channels are side by side.

const ROWS: u32 = 8u;
// Words of a row.
const QUADS: u32 = 4u;
const OUTPUTS: u32 = 16u;
// Output channels with those that fill the last panel of weights.
const CHANNELS: u32 = 16u;
// Tiles of rows, and blocks of output channels.
const TILES: u32 = 2u;
const BLOCKS: u32 = 4u;

const OUTPUTS_4 = (OUTPUTS + 3u) / 4u;

//!begin operand
@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
//!end operand
@group(0) @binding(1) var<storage, read> weights: array<vec4<u32>>;
// Rows of CHANNELS: what is added to the sums, (for the CPU), the factors as bits, and those of the residual.
@group(0) @binding(2) var<storage, read> table: array<vec4<i32>>;

//!begin results
fn added(i: u32, o4: u32) -> vec4<i32> {
    return vec4<i32>();
}

@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// The results of 4 channels.
fn result(o4: u32, sums: vec4<i32>) -> vec4<f32> {
    return vec4<f32>(sums + table[o4]) * bitcast<vec4<f32>>(table[2u * CHANNELS / 4u + o4]);
}
//!end results

//!begin store
fn store(row: u32, o4: u32, sums: vec4<i32>) {
    let values = result(o4, sums + added(row * OUTPUTS_4 + o4, o4));
    for (var j = 0u; j < min(4u, OUTPUTS - 4u * o4); j++) {
        y[row * OUTPUTS + 4u * o4 + j] = values[j];
    }
}
//!end store

fn dots(code: u32, w: vec4<u32>) -> vec4<i32> {
    return vec4<i32>(dot4I8Packed(code, w.x), dot4I8Packed(code, w.y), dot4I8Packed(code, w.z), dot4I8Packed(code, w.w));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= TILES * BLOCKS) {
        return;
    }
    let o4 = i % BLOCKS;
    let row = i / BLOCKS * 4u;
    // Rows beyond the last repeat it, and are dropped.
    let rows = min(vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(ROWS - 1u)) * QUADS;
    let x0 = rows.x;
    let x1 = rows.y;
    let x2 = rows.z;
    let x3 = rows.w;
    let w = o4 / 4u * QUADS * 4u + o4 % 4u;

    var a0 = vec4<i32>();
    var a1 = vec4<i32>();
    var a2 = vec4<i32>();
    var a3 = vec4<i32>();
    //!begin words
    for (var k = 0u; k < QUADS; k += 4u) {
        let c0 = x[(x0 + k) / 4u];
        let c1 = x[(x1 + k) / 4u];
        let c2 = x[(x2 + k) / 4u];
        let c3 = x[(x3 + k) / 4u];
        let w0 = weights[w + k * 4u];
        let w1 = weights[w + k * 4u + 4u];
        let w2 = weights[w + k * 4u + 8u];
        let w3 = weights[w + k * 4u + 12u];
        a0 += dots(c0.x, w0);
        a1 += dots(c1.x, w0);
        a2 += dots(c2.x, w0);
        a3 += dots(c3.x, w0);
        a0 += dots(c0.y, w1);
        a1 += dots(c1.y, w1);
        a2 += dots(c2.y, w1);
        a3 += dots(c3.y, w1);
        a0 += dots(c0.z, w2);
        a1 += dots(c1.z, w2);
        a2 += dots(c2.z, w2);
        a3 += dots(c3.z, w2);
        a0 += dots(c0.w, w3);
        a1 += dots(c1.w, w3);
        a2 += dots(c2.w, w3);
        a3 += dots(c3.w, w3);
    }
    //!end words

    store(row, o4, a0);
    if (row + 1u < ROWS) { store(row + 1u, o4, a1); }
    if (row + 2u < ROWS) { store(row + 2u, o4, a2); }
    if (row + 3u < ROWS) { store(row + 3u, o4, a3); }
}
