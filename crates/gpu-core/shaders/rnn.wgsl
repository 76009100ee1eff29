// One step of a plain recurrent cell (crates/gpu-core/src/kernels/recurrent/rnn.rs). One invocation per unit of ROWS rows. The step's
// number is scratch[TURN]; it writes the next step's to scratch[1 - TURN]. The host generates the products for several rows.

const STEPS: u32 = 4u;
const BATCH: u32 = 2u;
const HIDDEN: u32 = 8u;
const ROWS: u32 = 1u;
const TURN: u32 = 0u;
const RELU: bool = false;

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read> h0: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> scratch: array<vec4<f32>>;

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
    var sum0 = 0.0;
    if (t == 0u) {
        for (var k = 0u; k < HIDDEN; k++) {
            sum0 += h0[row * HIDDEN + k] * scratch[2u + k * HIDDEN + j].x;
        }
    } else {
        for (var k = 0u; k < HIDDEN; k++) {
            sum0 += y[((t - 1u) * BATCH + row) * HIDDEN + k] * scratch[2u + k * HIDDEN + j].x;
        }
    }
    unit(t, row, j, sum0);
    //!end products
}

// A unit of a row at step t, given the product of the previous state with its weights.
fn unit(t: u32, row: u32, j: u32, product: f32) {
    if (row >= BATCH) {
        return;
    }
    let state = (t * BATCH + row) * HIDDEN + j;
    let sum = x[state] + bias[j] + product;
    if (RELU) {
        y[state] = select(sum, 0.0, sum <= 0.0);
    } else {
        y[state] = tanh_exact(sum);
    }
}
