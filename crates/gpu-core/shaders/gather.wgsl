// y[o, j, i] = x[o, index[o, j, i], i] over words of any type (crates/gpu-core/src/kernels/gather.rs). One invocation per item of type T;
// INNER and TOTAL count items. MISSING stands for an index outside of 0 .. DIM.

const TOTAL: u32 = 64u;
const DIM: u32 = 8u;
const COUNT: u32 = 8u;
const INNER: u32 = 8u;
const INDEX_OUTER: bool = false;
const INDEX_INNER: bool = false;
const MISSING: u32 = 0u;

//!begin type
alias T = u32;
//!end type

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= TOTAL) {
        return;
    }
    let inner = i % INNER;
    let row = i / INNER;
    let o = row / COUNT;
    var at = select(row % COUNT, row, INDEX_OUTER);
    if (INDEX_INNER) {
        at = at * INNER + inner;
    }
    // As u32, a negative index is a large one, so out of range.
    let d = index[at];
    if (d < DIM) {
        y[i] = x[(o * DIM + d) * INNER + inner];
    } else {
        y[i] = T(MISSING);
    }
}
