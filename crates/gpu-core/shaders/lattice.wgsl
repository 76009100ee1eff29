// Sums over the paths of a lattice, or the best path (crates/gpu-core/src/kernels/lattice.rs), for the steps from FIRST to
// END. A workgroup runs all of them for one item of the batch; an invocation handles every LANES-th state.

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

@group(0) @binding(0) var<storage, read> e: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> lengths: array<i32>;
@group(0) @binding(3) var<storage, read_write> alpha: array<f32>;
@group(0) @binding(4) var<storage, read_write> z: array<f32>;

struct Joined {
    alpha: f32,
    z: f32,
}

// Combines the scores that enter state s from the states at `before`, over all existing arcs.
fn join(before: u32, weights: u32, s: u32) -> Joined {
    let arcs = select(ARCS, min(ARCS, s + 1u), BAND);
    var most = -3.4e38;
    var arc = 0u;
    for (var k = 0u; k < arcs; k++) {
        let score = alpha[before + select(k, s - k, BAND)] + w[weights + k * STATES + s];
        // A NaN stays.
        if (!(score <= most || is_nan(most)) || is_nan(score)) {
            most = score;
            arc = k;
        }
    }
    if (BEST) {
        return Joined(most, f32(arc));
    }
    var sum = 0.0;
    for (var k = 0u; k < arcs; k++) {
        let score = alpha[before + select(k, s - k, BAND)] + w[weights + k * STATES + s];
        sum += exp_exact(score - most);
    }
    let all = most + log_exact(sum);
    return Joined(all, all);
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
    let length = lengths[item];
    for (var t = FIRST; t < END; t++) {
        let at = (item * STEPS + t) * STATES;
        for (var s = lane; s < STATES; s += LANES) {
            if (t == 0u) {
                alpha[at + s] = e[at + s];
                z[at + s] = 0.0;
            } else {
                let before = at - STATES;
                let joined = join(before, weights, s);
                z[at + s] = joined.z;
                alpha[at + s] = select(alpha[before + s], e[at + s] + joined.alpha, i32(t) < length);
            }
        }
        storageBarrier();
    }
}
