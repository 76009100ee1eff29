// Weights of Winograd's F(4x4, 3x3) (crates/gpu-core/src/kernels/conv2d_gpu/winograd.rs): U = G w G^T, [36][OUTER][INNER]. One invocation
// per pair of channels.

const OUTER: u32 = 4u;
const INNER: u32 = 4u;
// Distances of output and source channels in the weights, and whether kernels are turned by 180 degrees.
const STRIDE_OUT: u32 = 36u;
const STRIDE_IN: u32 = 9u;
const TURNED: bool = false;

//!begin bindings
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> u: array<f32>;
//!end bindings

struct Six { a: f32, b: f32, c: f32, d: f32, e: f32, f: f32 }

// G g.
fn six(g0: f32, g1: f32, g2: f32) -> Six {
    let even = g0 + g2;
    let far = g0 / 24.0 + g2 / 6.0;
    let half = g1 / 12.0;
    return Six(g0 / 4.0, -(even + g1) / 6.0, (g1 - even) / 6.0, far + half, far - half, g2);
}

fn tap(first: u32, t: u32) -> f32 {
    return weight[first + select(t, 8u - t, TURNED)];
}

fn put(row: u32, place: u32, v: Six) {
    u[row * 6u * OUTER * INNER + place] = v.a;
    u[(row * 6u + 1u) * OUTER * INNER + place] = v.b;
    u[(row * 6u + 2u) * OUTER * INNER + place] = v.c;
    u[(row * 6u + 3u) * OUTER * INNER + place] = v.d;
    u[(row * 6u + 4u) * OUTER * INNER + place] = v.e;
    u[(row * 6u + 5u) * OUTER * INNER + place] = v.f;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= OUTER * INNER) {
        return;
    }
    let first = i / INNER * STRIDE_OUT + i % INNER * STRIDE_IN;
    let c0 = six(tap(first, 0u), tap(first, 3u), tap(first, 6u));
    let c1 = six(tap(first, 1u), tap(first, 4u), tap(first, 7u));
    let c2 = six(tap(first, 2u), tap(first, 5u), tap(first, 8u));
    put(0u, i, six(c0.a, c1.a, c2.a));
    put(1u, i, six(c0.b, c1.b, c2.b));
    put(2u, i, six(c0.c, c1.c, c2.c));
    put(3u, i, six(c0.d, c1.d, c2.d));
    put(4u, i, six(c0.e, c1.e, c2.e));
    put(5u, i, six(c0.f, c1.f, c2.f));
}
