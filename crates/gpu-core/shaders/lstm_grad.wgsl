// One step of the gradient of an LSTM (crates/gpu-core/src/kernels/recurrent/lstm.rs), from the last to the first. One invocation per unit
// of ROWS rows: the product of the later step's gate gradients with w_hh, then its own four. One more dispatch computes the gradient of h0;
// the gradient of the cell is updated in place and ends as that of c0. The dispatch's number is scratch[TURN], or 0 for the FIRST; it
// writes the next one's to scratch[1 - TURN]. The host generates the products for several rows.

const STEPS: u32 = 4u;
const BATCH: u32 = 2u;
const HIDDEN: u32 = 8u;
const ROWS: u32 = 1u;
const TURN: u32 = 0u;
const FIRST: bool = false;

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> gates: array<f32>;
@group(0) @binding(2) var<storage, read> cells: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
//!begin optional
@group(0) @binding(4) var<storage, read_write> dgates: array<f32>;
@group(0) @binding(5) var<storage, read_write> dstates: array<f32>;
@group(0) @binding(6) var<storage, read_write> scratch: array<f32>;
//!end optional

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
        for (var k = 0u; k < 4u * HIDDEN; k++) {
            sum0 += dgates[((STEPS - number) * BATCH + row) * 4u * HIDDEN + k] * w[k * HIDDEN + j];
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
    if (number == STEPS) {
        dstates[i] = product;
        return;
    }
    let t = STEPS - 1u - number;
    let at = (t * BATCH + row) * 4u * HIDDEN + j;
    let state = (t * BATCH + row) * HIDDEN + j;
    let dh = product + dy[state];
    var dc = 0.0;
    if (!FIRST) {
        dc = dstates[BATCH * HIDDEN + i];
    }
    //!begin dcell
    //!end dcell
    let input = gates[at];
    let forgotten = gates[at + HIDDEN];
    let candidate = gates[at + 2u * HIDDEN];
    let output = gates[at + 3u * HIDDEN];
    let cell = cells[state];
    let squashed = tanh_exact(cell);
    dc += dh * output * (1.0 - squashed * squashed);
    dgates[at] = dc * candidate * input * (1.0 - input);
    // The forget gate times the previous cell is cell - input * candidate.
    dgates[at + HIDDEN] = dc * (cell - input * candidate) * (1.0 - forgotten);
    dgates[at + 2u * HIDDEN] = dc * input * (1.0 - candidate * candidate);
    dgates[at + 3u * HIDDEN] = dh * squashed * output * (1.0 - output);
    dstates[BATCH * HIDDEN + i] = dc * forgotten;
}
