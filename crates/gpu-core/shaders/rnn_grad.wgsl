// One step of the gradient of a plain recurrent cell (crates/gpu-core/src/kernels/recurrent/rnn.rs), from the last to the
// first. One invocation per unit of ROWS rows. One more dispatch computes the gradient of h0. The dispatch's number is scratch[TURN], or 0
// for the FIRST; it writes the next one's to scratch[1 - TURN]. The host generates the products for several rows.

const STEPS: u32 = 4u;
const BATCH: u32 = 2u;
const HIDDEN: u32 = 8u;
const ROWS: u32 = 1u;
const TURN: u32 = 0u;
const FIRST: bool = false;
const RELU: bool = false;

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dgates: array<f32>;
@group(0) @binding(4) var<storage, read_write> dh0: array<f32>;
@group(0) @binding(5) var<storage, read_write> scratch: array<f32>;

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
        for (var k = 0u; k < HIDDEN; k++) {
            sum0 += dgates[((STEPS - number) * BATCH + row) * HIDDEN + k] * w[k * HIDDEN + j];
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
    if (number == STEPS) {
        dh0[row * HIDDEN + j] = product;
        return;
    }
    let state = ((STEPS - 1u - number) * BATCH + row) * HIDDEN + j;
    let dh = product + dy[state];
    let h = y[state];
    if (RELU) {
        dgates[state] = select(0.0, dh, h > 0.0);
    } else {
        dgates[state] = dh * (1.0 - h * h);
    }
}
