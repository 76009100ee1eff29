// One step of an LSTM (crates/gpu-core/src/kernels/recurrent/lstm.rs). One invocation a unit of a row: its four gates,
// its cell and its output. The step's number is scratch[TURN]; the next step's is left in the other.

const STEPS: u32 = 4u;
const BATCH: u32 = 2u;
const HIDDEN: u32 = 8u;
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
    if (i >= BATCH * HIDDEN) {
        return;
    }
    let row = i / HIDDEN;
    let j = i % HIDDEN;
    let at = (t * BATCH + row) * 4u * HIDDEN + j;
    let state = t * BATCH * HIDDEN + i;
    var sum = vec4<f32>(
        gates[at] + bias[j],
        gates[at + HIDDEN] + bias[j + HIDDEN],
        gates[at + 2u * HIDDEN] + bias[j + 2u * HIDDEN],
        gates[at + 3u * HIDDEN] + bias[j + 3u * HIDDEN],
    );
    var before = 0.0;
    if (t == 0u) {
        before = c0[i];
        for (var k = 0u; k < HIDDEN; k++) {
            sum += h0[row * HIDDEN + k] * scratch[2u + k * HIDDEN + j];
        }
    } else {
        before = cells[state - BATCH * HIDDEN];
        let h = ((t - 1u) * BATCH + row) * HIDDEN;
        for (var k = 0u; k < HIDDEN; k++) {
            sum += y[h + k] * scratch[2u + k * HIDDEN + j];
        }
    }
    let input = sigmoid_exact(sum.x);
    let forgotten = sigmoid_exact(sum.y);
    let candidate = tanh_exact(sum.z);
    let output = sigmoid_exact(sum.w);
    let cell = forgotten * before + input * candidate;
    gates[at] = input;
    gates[at + HIDDEN] = forgotten;
    gates[at + 2u * HIDDEN] = candidate;
    gates[at + 3u * HIDDEN] = output;
    cells[state] = cell;
    y[state] = output * tanh_exact(cell);
}
