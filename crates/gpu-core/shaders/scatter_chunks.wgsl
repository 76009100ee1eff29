// Sums of src over CHUNK sorted places that all have one key (crates/gpu-core/src/kernels/gather/sorted.rs), in their order. One invocation
// per item of type T, chunk and outer; COLS counts the places of a row, INNER items.

const OUTER: u32 = 1u;
const COLS: u32 = 8u;
const INNER: u32 = 1u;
const CHUNK: u32 = 256u;
const CHUNKS: u32 = 1u;
const INDEX_OUTER: bool = false;
const ORDER: u32 = 0u;
const PARTS: u32 = 16u;

//!begin type
alias T = f32;

fn put_part(at: u32, v: T) {
    scratch[PARTS + at] = bitcast<u32>(v);
}
//!end type

@group(0) @binding(0) var<storage, read> src: array<T>;
@group(0) @binding(3) var<storage, read_write> scratch: array<u32>;

//!begin key
@group(0) @binding(1) var<storage, read> index: array<u32>;

fn key(at: u32) -> u32 {
    return index[at];
}
//!end key

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= OUTER * CHUNKS * INNER) {
        return;
    }
    let inner = i % INNER;
    let o = i / INNER / CHUNKS;
    let row = select(0u, o * COLS, INDEX_OUTER);
    let begin = i / INNER % CHUNKS * CHUNK;
    let end = begin + CHUNK;
    if (end > COLS || key(row + scratch[ORDER + row + begin]) != key(row + scratch[ORDER + row + end - 1u])) {
        return;
    }
    var sum = T(0.0);
    for (var k = begin; k < end; k++) {
        sum = sum + src[(o * COLS + scratch[ORDER + row + k]) * INNER + inner];
    }
    put_part(i, sum);
}
