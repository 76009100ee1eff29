// One step of the gradient of a GRU (crates/gpu-core/src/kernels/recurrent/gru.rs), from the last to the first. One invocation per unit of
// ROWS rows. The gradient of the state is carried in dh0, where one more dispatch completes it. The dispatch's number is scratch[TURN], or
// 0 for the FIRST; it writes the next one's to scratch[1 - TURN]. The host generates the products for several rows.

const STEPS: u32 = 4u;
const BATCH: u32 = 2u;
const HIDDEN: u32 = 8u;
const ROWS: u32 = 1u;
const TURN: u32 = 0u;
const FIRST: bool = false;

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> gates: array<f32>;
@group(0) @binding(2) var<storage, read> m: array<f32>;
@group(0) @binding(3) var<storage, read> y: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
// In the order n, r, z, m.
@group(0) @binding(5) var<storage, read_write> dgates: array<f32>;
@group(0) @binding(6) var<storage, read_write> dh0: array<f32>;
@group(0) @binding(7) var<storage, read_write> scratch: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    var number = 0u;
    if (!FIRST) {
        number = u32(scratch[TURN]);
    }
    if (i == 0u) {
        scratch[1u - TURN] = f32(number + 1u);
    }
    let row = i / HIDDEN * ROWS;
    let j = i % HIDDEN;
    if (row >= BATCH) {
        return;
    }
    //!begin products
    var sum0 = 0.0;
    if (!FIRST) {
        for (var k = 0u; k < 3u * HIDDEN; k++) {
            sum0 += dgates[(((STEPS - number) * BATCH + row) * 4u + 1u) * HIDDEN + k] * w[k * HIDDEN + j];
        }
    }
    unit(number, row, j, sum0);
    //!end products
}

// A unit of a row, given the product of the later step's gate gradients with its weights.
fn unit(number: u32, row: u32, j: u32, product: f32) {
    if (row >= BATCH) {
        return;
    }
    let i = row * HIDDEN + j;
    var dh = product;
    if (!FIRST) {
        dh += dh0[i];
    }
    if (number == STEPS) {
        dh0[i] = dh;
        return;
    }
    let t = STEPS - 1u - number;
    let at = (t * BATCH + row) * 3u * HIDDEN + j;
    let to = (t * BATCH + row) * 4u * HIDDEN + j;
    let state = (t * BATCH + row) * HIDDEN + j;
    dh += dy[state];
    let reset = gates[at];
    let update = gates[at + HIDDEN];
    let candidate = gates[at + 2u * HIDDEN];
    let dn = dh * (1.0 - update) * (1.0 - candidate * candidate);
    dgates[to] = dn;
    dgates[to + HIDDEN] = dn * m[state] * reset * (1.0 - reset);
    // h - n is z (h' - n).
    dgates[to + 2u * HIDDEN] = dh * (y[state] - candidate) * (1.0 - update);
    dgates[to + 3u * HIDDEN] = dn * reset;
    dh0[i] = dh * update;
}
