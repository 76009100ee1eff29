// Attention and its gradients by tiles of a workgroup (crates/gpu-core/src/kernels/attention/tiles.rs; Dao 2023). The 64 invocations, 8 down
// and 8 along, process a block of OWN rows (queries, or keys in the gradient of keys and values) with blocks of the other rows: scores are
// in registers, operands in workgroup memory, 16 features or 16 rows at a time. The host generates everything that is unrolled; the lines
// below only show its names.

const GROUPS: u32 = 64u;
// Blocks of own rows of a batch.
const BLOCKS: u32 = 1u;
const OWN: u32 = 32u;
const QUERIES: u32 = 64u;
const KEYS: u32 = 64u;
const ROWS: u32 = 64u;
// How many earlier and later keys a query sees.
const BEFORE: u32 = 64u;
const AFTER: u32 = 64u;
const SCALE: f32 = 0.5;

//!begin accessors
@group(0) @binding(0) var<storage, read_write> result: array<f32>;

fn masked(batch: u32, query: u32, key: u32, score: f32) -> f32 { return score; }
//!end accessors

//!begin tiles
// [16][own rows / 4] and [16][other rows or columns / 4] vectors.
var<workgroup> a_tile: array<vec4<f32>, 128>;
var<workgroup> b_tile: array<vec4<f32>, 128>;
//!end tiles

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let g = group.x + group.y * groups.x;
    if (g >= GROUPS) {
        return;
    }
    let batch = g / BLOCKS;
    let own_first = g % BLOCKS * OWN;
    let down = local / 8u;
    let along = local % 8u;
    //!begin body
    a_tile[local] = vec4<f32>(slope_of(weight(seen(batch, own_first + down, along, 1.0), 0.0), 1.0, 0.0));
    b_tile[local] = a_tile[local];
    result[g * 64u + local] = b_tile[local].x;
    //!end body
}
