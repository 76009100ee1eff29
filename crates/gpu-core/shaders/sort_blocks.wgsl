// Sorts blocks of WIDTH elements of every row: each invocation counts the elements that belong before its own
// (crates/gpu-core/src/kernels/sort.rs). One invocation per element.

const ROWS: u32 = 4u;
const COLS: u32 = 16u;
const WIDTH: u32 = 32u;

//!begin key
@group(0) @binding(0) var<storage, read> x: array<u32>;

fn key(at: u32) -> u32 {
    return x[at];
}
//!end key

//!begin arrays
@group(0) @binding(1) var<storage, read_write> to_order: array<u32>;

fn put(at: u32, value: u32) {
    to_order[at] = value;
}
//!end arrays

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= ROWS * COLS) {
        return;
    }
    let row = i - i % COLS;
    let own = i - row;
    let begin = own - own % WIDTH;
    let end = min(begin + WIDTH, COLS);
    let k = key(i);
    var rank = begin;
    for (var j = begin; j < end; j++) {
        let other = key(row + j);
        rank = rank + select(0u, 1u, other < k || (other == k && j < own));
    }
    put(row + rank, own);
}
