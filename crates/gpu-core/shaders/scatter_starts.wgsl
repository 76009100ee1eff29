// The first place of every key in sorted rows of keys (crates/gpu-core/src/kernels/gather/sorted.rs). One invocation per row and key of
// 0..DIM + 1; place COLS stands for the end.

const ROWS: u32 = 1u;
const COLS: u32 = 8u;
const DIM: u32 = 4u;
// Where the order and the result lie.
const ORDER: u32 = 0u;
const STARTS: u32 = 8u;

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
    if (i >= ROWS * (DIM + 1u)) {
        return;
    }
    let row = i / (DIM + 1u) * COLS;
    let d = i % (DIM + 1u);
    var low = 0u;
    var high = COLS;
    while (low < high) {
        let middle = (low + high) / 2u;
        if (key(row + scratch[ORDER + row + middle]) < d) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    scratch[STARTS + i] = low;
}
