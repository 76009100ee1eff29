// One step of a plain recurrent cell (crates/gpu-core/src/kernels/recurrent/rnn.rs). One invocation a unit of a row. The
// step's number is scratch[TURN]; the next step's is left in the other.

const STEPS: u32 = 4u;
const BATCH: u32 = 2u;
const HIDDEN: u32 = 8u;
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
    if (i >= BATCH * HIDDEN) {
        return;
    }
    let row = i / HIDDEN;
    let j = i % HIDDEN;
    let state = t * BATCH * HIDDEN + i;
    var sum = x[state] + bias[j];
    if (t == 0u) {
        for (var k = 0u; k < HIDDEN; k++) {
            sum += h0[row * HIDDEN + k] * scratch[2u + k * HIDDEN + j].x;
        }
    } else {
        let h = ((t - 1u) * BATCH + row) * HIDDEN;
        for (var k = 0u; k < HIDDEN; k++) {
            sum += y[h + k] * scratch[2u + k * HIDDEN + j].x;
        }
    }
    if (RELU) {
        y[state] = select(sum, 0.0, sum <= 0.0);
    } else {
        y[state] = tanh_exact(sum);
    }
}
