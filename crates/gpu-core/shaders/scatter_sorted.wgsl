// y[o, d, i] = sum of src[o, j, i] over the places of key d in a sorted row (crates/gpu-core/src/kernels/gather/sorted.rs): first those up to the next
// whole chunk, then whole chunks, then the rest. One invocation per item of type T; INNER counts items.

const OUTER: u32 = 1u;
const COLS: u32 = 8u;
const DIM: u32 = 4u;
const INNER: u32 = 1u;
const CHUNK: u32 = 256u;
const CHUNKS: u32 = 1u;
const INDEX_OUTER: bool = false;
const ORDER: u32 = 0u;
const STARTS: u32 = 8u;
const PARTS: u32 = 16u;

//!begin type
alias T = f32;

fn part(at: u32) -> T {
    return bitcast<f32>(scratch[PARTS + at]);
}
//!end type

@group(0) @binding(0) var<storage, read> src: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<storage, read_write> scratch: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= OUTER * DIM * INNER) {
        return;
    }
    let inner = i % INNER;
    let d = i / INNER % DIM;
    let o = i / INNER / DIM;
    let row = select(0u, o * COLS, INDEX_OUTER);
    let at = STARTS + select(0u, o * (DIM + 1u), INDEX_OUTER) + d;
    let end = scratch[at + 1u];
    var k = scratch[at];
    var sum = T(0.0);
    let first = min((k + CHUNK - 1u) / CHUNK * CHUNK, end);
    for (; k < first; k++) {
        sum = sum + src[(o * COLS + scratch[ORDER + row + k]) * INNER + inner];
    }
    for (; k + CHUNK <= end; k += CHUNK) {
        sum = sum + part((o * CHUNKS + k / CHUNK) * INNER + inner);
    }
    for (; k < end; k++) {
        sum = sum + src[(o * COLS + scratch[ORDER + row + k]) * INNER + inner];
    }
    y[i] = sum;
}
