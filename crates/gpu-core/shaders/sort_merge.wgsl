// Merges neighbouring sorted runs of WIDTH elements of every row: each invocation finds by bisection how many elements of the other run
// belong before its own (crates/gpu-core/src/kernels/sort.rs). One invocation per element.

const ROWS: u32 = 4u;
const COLS: u32 = 64u;
const WIDTH: u32 = 32u;

//!begin key
@group(0) @binding(0) var<storage, read> x: array<u32>;

fn key(at: u32) -> u32 {
    return x[at];
}
//!end key

//!begin arrays
@group(0) @binding(1) var<storage, read_write> from_order: array<u32>;
@group(0) @binding(2) var<storage, read_write> to_order: array<u32>;

fn before(at: u32) -> u32 {
    return from_order[at];
}

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
    let place = i - row;
    let run = place / WIDTH;
    let pair = (run - run % 2u) * WIDTH;
    let later = run % 2u == 1u;
    let begin = select(min(pair + WIDTH, COLS), pair, later);
    let end = select(min(pair + 2u * WIDTH, COLS), pair + WIDTH, later);
    let own = before(i);
    let k = key(row + own);
    var low = begin;
    var high = end;
    while (low < high) {
        let middle = (low + high) / 2u;
        let other = key(row + before(row + middle));
        // Of equal elements those of the earlier run come first.
        if (other < k || (other == k && later)) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    let place_after = pair + (place - run * WIDTH) + (low - begin);
    put(row + place_after, own);
}
