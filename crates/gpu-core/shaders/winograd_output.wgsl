// Output of Winograd's F(4x4, 3x3) (crates/gpu-core/src/kernels/conv2d_gpu/winograd.rs): y = A^T M A of M [36][CHANNELS] from
// FIRST on. One invocation per channel and set, as in winograd_source.wgsl. The host generates the stores; the lines below are for sets of
// one tile.

const CHANNELS: u32 = 4u;
const OUT_H: u32 = 8u;
const OUT_W: u32 = 8u;
// Sets of all images, of a column and of a row of an image; distances of channels and points in M, and where M begins.
const SETS: u32 = 4u;
const SETS_H: u32 = 2u;
const SETS_W: u32 = 2u;
const SETS_STRIDE: u32 = 4u;
const POINT_STRIDE: u32 = 16u;
const FIRST: u32 = 0u;
// Pixels from one set to the next.
const STEP_H: u32 = 4u;
const STEP_W: u32 = 4u;

//!begin type
alias T = f32;
//!end type

//!begin bindings
@group(0) @binding(3) var<storage, read_write> m: array<T>;
//!end bindings

//!begin results
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn emit(i: u32, value: f32) {
    y[i] = value;
}
//!end results

struct Four { a: T, b: T, c: T, d: T }

// A^T m.
fn four(m0: T, m1: T, m2: T, m3: T, m4: T, m5: T) -> Four {
    let near = m1 + m2;
    let near_odd = m1 - m2;
    let far = m3 + m4;
    let far_odd = m3 - m4;
    return Four(m0 + near + far, near_odd + 2.0 * far_odd, near + 4.0 * far, (near_odd + 8.0 * far_odd) + m5);
}

// A^T of column `col` of M.
fn column(col: u32, place: u32) -> Four {
    return four(
        m[col * POINT_STRIDE + place],
        m[(6u + col) * POINT_STRIDE + place],
        m[(12u + col) * POINT_STRIDE + place],
        m[(18u + col) * POINT_STRIDE + place],
        m[(24u + col) * POINT_STRIDE + place],
        m[(30u + col) * POINT_STRIDE + place],
    );
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= CHANNELS * SETS) {
        return;
    }
    let tile = i % SETS;
    let channel = i / SETS;
    let row = tile / SETS_W % SETS_H * STEP_H;
    let col = tile % SETS_W * STEP_W;
    let first = (tile / (SETS_H * SETS_W) * CHANNELS + channel) * OUT_H * OUT_W;
    let place = FIRST + channel * SETS_STRIDE + tile;
    let c0 = column(0u, place);
    let c1 = column(1u, place);
    let c2 = column(2u, place);
    let c3 = column(3u, place);
    let c4 = column(4u, place);
    let c5 = column(5u, place);
    let r0 = four(c0.a, c1.a, c2.a, c3.a, c4.a, c5.a);
    let r1 = four(c0.b, c1.b, c2.b, c3.b, c4.b, c5.b);
    let r2 = four(c0.c, c1.c, c2.c, c3.c, c4.c, c5.c);
    let r3 = four(c0.d, c1.d, c2.d, c3.d, c4.d, c5.d);
    //!begin store
    emit(first + row * OUT_W + col, r0.a);
    //!end store
}
