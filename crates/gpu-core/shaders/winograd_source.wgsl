// Source of Winograd's F(4x4, 3x3) (crates/gpu-core/src/kernels/conv2d_gpu/winograd.rs): V = B^T x B, [36][CHANNELS] sets of
// tiles from FIRST on. One invocation per channel and set, a T of tiles that are neighbours in an image. The host generates the bindings
// and the loads of the patches; the lines below are for sets of one tile.

const CHANNELS: u32 = 4u;
const SOURCE_H: i32 = 8;
const SOURCE_W: i32 = 8;
// Sets of all images, of a column and of a row of an image; distances of channels and points in V, and where V begins.
const SETS: u32 = 4u;
const SETS_H: u32 = 2u;
const SETS_W: u32 = 2u;
const SETS_STRIDE: u32 = 4u;
const POINT_STRIDE: u32 = 16u;
const FIRST: u32 = 0u;
// Pixels from one set to the next, and zeros above and to the left of an image.
const STEP_H: i32 = 4;
const STEP_W: i32 = 4;
const PADDING_H: i32 = 1;
const PADDING_W: i32 = 1;

//!begin type
alias T = f32;
//!end type

//!begin bindings
@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(3) var<storage, read_write> v: array<T>;

fn load_x(i: u32) -> f32 {
    return x0[i];
}

fn pixels(plane: i32, row: i32, col: i32) -> f32 {
    let inside = row >= 0 && row < SOURCE_H && col >= 0 && col < SOURCE_W;
    return select(0.0, load_x(u32(select(0, (plane * SOURCE_H + row) * SOURCE_W + col, inside))), inside);
}
//!end bindings

struct Six { a: T, b: T, c: T, d: T, e: T, f: T }

// B^T x.
fn six(x0: T, x1: T, x2: T, x3: T, x4: T, x5: T) -> Six {
    let a = x4 - 4.0 * x2;
    let b = x3 - 4.0 * x1;
    let c = x4 - x2;
    let d = 2.0 * (x3 - x1);
    return Six(4.0 * x0 + (x4 - 5.0 * x2), a + b, a - b, c + d, c - d, 4.0 * x1 + (x5 - 5.0 * x3));
}

fn put(row: u32, place: u32, s: Six) {
    v[row * 6u * POINT_STRIDE + place] = s.a;
    v[(row * 6u + 1u) * POINT_STRIDE + place] = s.b;
    v[(row * 6u + 2u) * POINT_STRIDE + place] = s.c;
    v[(row * 6u + 3u) * POINT_STRIDE + place] = s.d;
    v[(row * 6u + 4u) * POINT_STRIDE + place] = s.e;
    v[(row * 6u + 5u) * POINT_STRIDE + place] = s.f;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= CHANNELS * SETS) {
        return;
    }
    let tile = i % SETS;
    let channel = i / SETS;
    let row = i32(tile / SETS_W % SETS_H) * STEP_H - PADDING_H;
    let col = i32(tile % SETS_W) * STEP_W;
    let plane = i32(tile / (SETS_H * SETS_W) * CHANNELS + channel);
    //!begin loads
    let c0 = six(pixels(plane, row, col - 1), T(), T(), T(), T(), T());
    let c1 = c0;
    let c2 = c0;
    let c3 = c0;
    let c4 = c0;
    let c5 = c0;
    //!end loads
    let place = FIRST + channel * SETS_STRIDE + tile;
    put(0u, place, six(c0.a, c1.a, c2.a, c3.a, c4.a, c5.a));
    put(1u, place, six(c0.b, c1.b, c2.b, c3.b, c4.b, c5.b));
    put(2u, place, six(c0.c, c1.c, c2.c, c3.c, c4.c, c5.c));
    put(3u, place, six(c0.d, c1.d, c2.d, c3.d, c4.d, c5.d));
    put(4u, place, six(c0.e, c1.e, c2.e, c3.e, c4.e, c5.e));
    put(5u, place, six(c0.f, c1.f, c2.f, c3.f, c4.f, c5.f));
}
