// y[o, d, i] = sum of src[o, j, i] over the j with index[o, j, i] = d, in increasing j
// (crates/gpu-core/src/kernels/gather.rs). One invocation per output item of type T and split of CHUNK indices, which
// it scans; INNER and OUTPUTS count items. The host replaces the store of the sum.

const OUTPUTS: u32 = 64u;
const SPLITS: u32 = 1u;
const CHUNK: u32 = 64u;
const DIM: u32 = 8u;
const COUNT: u32 = 8u;
const INNER: u32 = 8u;
const INDEX_OUTER: bool = false;
const INDEX_INNER: bool = false;

//!begin type
alias T = f32;
//!end type

@group(0) @binding(0) var<storage, read> src: array<T>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
//!begin scratch
@group(0) @binding(3) var<storage, read_write> parts: array<T>;
//!end scratch

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= OUTPUTS * SPLITS) {
        return;
    }
    let e = i % OUTPUTS;
    let inner = e % INNER;
    let d = (e / INNER) % DIM;
    let o = e / (INNER * DIM);
    let begin = (i / OUTPUTS) * CHUNK;
    let end = min(begin + CHUNK, COUNT);
    let row = select(0u, o * COUNT, INDEX_OUTER);
    var sum = T(0.0);
    for (var j = begin; j < end; j++) {
        let at = select(row + j, (row + j) * INNER + inner, INDEX_INNER);
        if (index[at] == d) {
            sum = sum + src[(o * COUNT + j) * INNER + inner];
        }
    }
    //!begin store
    parts[i] = sum;
    //!end store
}
