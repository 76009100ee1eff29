// Sorts blocks of WIDTH elements of every row: each element counts those that belong before it
// (crates/gpu-core/src/kernels/sort.rs). One invocation an element.

const ROWS: u32 = 4u;
const COLS: u32 = 16u;
const WIDTH: u32 = 32u;
const DESCENDING: bool = false;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> order: array<u32>;

//!begin key
fn ascending(word: u32) -> u32 {
    return word;
}
//!end key

fn key(at: u32) -> u32 {
    let k = ascending(x[at]);
    return select(k, ~k, DESCENDING);
}

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
    order[row + rank] = own;
}
