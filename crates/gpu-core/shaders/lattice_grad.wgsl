// Gradient of lattice.wgsl in the emissions (crates/gpu-core/src/kernels/lattice.rs), for the steps from END down to FIRST.
// A workgroup runs all of them for one item of the batch; an invocation handles every LANES-th state.

const BATCH: u32 = 2u;
const STEPS: u32 = 4u;
const STATES: u32 = 8u;
const ARCS: u32 = 3u;
const LANES: u32 = 64u;
const FIRST: u32 = 0u;
const END: u32 = 4u;
const BAND: bool = true;
const OWN_WEIGHTS: bool = false;
const BEST: bool = false;

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> lengths: array<i32>;
@group(0) @binding(2) var<storage, read> alpha: array<f32>;
@group(0) @binding(3) var<storage, read> z: array<f32>;
@group(0) @binding(4) var<storage, read> dalpha: array<f32>;
@group(0) @binding(5) var<storage, read_write> de: array<f32>;

// The part of the gradient of state s, of the step at `next`, that flows back through arc k.
fn part(k: u32, s: u32, next: u32, score: f32, weights: u32) -> f32 {
    if (BEST) {
        return select(0.0, de[next + s], z[next + s] == f32(k));
    }
    return de[next + s] * exp_exact(score + w[weights + k * STATES + s] - z[next + s]);
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(local_invocation_index) lane: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let item = group.x + group.y * groups.x;
    if (item >= BATCH) {
        return;
    }
    let weights = select(0u, item * ARCS * STATES, OWN_WEIGHTS);
    let last = u32(clamp(lengths[item], 1, i32(STEPS))) - 1u;
    for (var back = FIRST; back < END; back++) {
        let t = FIRST + END - 1u - back;
        let at = (item * STEPS + t) * STATES;
        let next = at + STATES;
        for (var s = lane; s < STATES; s += LANES) {
            var sum = select(dalpha[at + s], 0.0, t > last);
            if (t == last) {
                // Later steps are copies of the last one.
                for (var after = t + 1u; after < STEPS; after++) {
                    sum += dalpha[(item * STEPS + after) * STATES + s];
                }
            } else if (t < last && BAND) {
                let arcs = min(ARCS, STATES - s);
                for (var k = 0u; k < arcs; k++) {
                    sum += part(k, s + k, next, alpha[at + s], weights);
                }
            } else if (t < last) {
                for (var into = 0u; into < STATES; into++) {
                    sum += part(s, into, next, alpha[at + s], weights);
                }
            }
            de[at + s] = sum;
        }
        storageBarrier();
    }
}
