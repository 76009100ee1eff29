// One step of an LSTM (crates/gpu-core/src/kernels/recurrent/lstm.rs). One invocation per unit of ROWS rows: its four gates, its cell and
// its output. The step's number is scratch[TURN]; it writes the next step's to scratch[1 - TURN]. The host generates the products for
// several rows.

const STEPS: u32 = 4u;
const BATCH: u32 = 2u;
const HIDDEN: u32 = 8u;
const ROWS: u32 = 1u;
const TURN: u32 = 0u;

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read> h0: array<f32>;
@group(0) @binding(3) var<storage, read> c0: array<f32>;
@group(0) @binding(4) var<storage, read_write> gates: array<f32>;
@group(0) @binding(5) var<storage, read_write> cells: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<storage, read_write> scratch: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    let t = u32(scratch[TURN].x);
    if (i == 0u) {
        scratch[1u - TURN].x = f32(t + 1u);
    }
    let row = i / HIDDEN * ROWS;
    let j = i % HIDDEN;
    if (row >= BATCH) {
        return;
    }
    //!begin products
    var sum0 = vec4<f32>(0.0);
    if (t == 0u) {
        for (var k = 0u; k < HIDDEN; k++) {
            sum0 += h0[row * HIDDEN + k] * scratch[2u + k * HIDDEN + j];
        }
    } else {
        for (var k = 0u; k < HIDDEN; k++) {
            sum0 += y[((t - 1u) * BATCH + row) * HIDDEN + k] * scratch[2u + k * HIDDEN + j];
        }
    }
    unit(t, row, j, sum0);
    //!end products
}

// A unit of a row at step t, given the products of the previous state with its weights.
fn unit(t: u32, row: u32, j: u32, products: vec4<f32>) {
    if (row >= BATCH) {
        return;
    }
    let at = (t * BATCH + row) * 4u * HIDDEN + j;
    let state = (t * BATCH + row) * HIDDEN + j;
    var before = 0.0;
    if (t == 0u) {
        before = c0[row * HIDDEN + j];
    } else {
        before = cells[state - BATCH * HIDDEN];
    }
    let input = sigmoid_exact(gates[at] + bias[j] + products.x);
    let forgotten = sigmoid_exact(gates[at + HIDDEN] + bias[j + HIDDEN] + products.y);
    let candidate = tanh_exact(gates[at + 2u * HIDDEN] + bias[j + 2u * HIDDEN] + products.z);
    let output = sigmoid_exact(gates[at + 3u * HIDDEN] + bias[j + 3u * HIDDEN] + products.w);
    let cell = forgotten * before + input * candidate;
    gates[at] = input;
    gates[at + HIDDEN] = forgotten;
    gates[at + 2u * HIDDEN] = candidate;
    gates[at + 3u * HIDDEN] = output;
    cells[state] = cell;
    y[state] = output * tanh_exact(cell);
}
