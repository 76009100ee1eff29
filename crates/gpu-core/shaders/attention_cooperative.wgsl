// Attention of f16 and its gradients by cooperative matrices (crates/gpu-core/src/kernels/attention/cooperative.rs; Dao 2023). A workgroup
// processes OWN rows (queries, or keys in the gradient of keys and values), SIZE of each subgroup, with blocks of OTHER other rows. Scores pass
// through workgroup memory to invocations, ALONG of a row, and go back as weights. The host generates everything that is unrolled; the lines
// below only show its names.

enable f16;
enable wgpu_cooperative_matrix;

const GROUPS: u32 = 64u;
// Blocks of own rows of a batch.
const BLOCKS: u32 = 1u;
const OWN: u32 = 32u;
const OTHER: u32 = 16u;
const QUERIES: u32 = 64u;
const KEYS: u32 = 64u;
const ROWS: u32 = 64u;
// How many earlier and later keys a query sees.
const BEFORE: u32 = 64u;
const AFTER: u32 = 64u;
const SCALE: f32 = 0.5;
// Rows and columns of a cooperative matrix.
const SIZE: u32 = 8u;
const INVOCATIONS: u32 = 128u;
const PARTS: u32 = 4u;
const ALONG: u32 = 4u;
// Scores of an invocation.
const COLS: u32 = 4u;
// Elements from a row of other rows, and of weights, to the next: not a multiple of 16, which would put many in the same bank.
const STRIDE: u32 = 24u;
const WEIGHTS: u32 = 24u;

//!begin accessors
@group(0) @binding(0) var<storage, read_write> result: array<f32>;

fn masked(batch: u32, query: u32, key: u32, score: f32) -> f32 { return score; }
//!end accessors

// [OTHER][STRIDE], other rows of an operand.
var<workgroup> tile: array<f16, OTHER * STRIDE>;
// Accumulators on their way to invocations or back: scores [OWN][OTHER], or a part of the sums [OWN][SIZE].
var<workgroup> passing: array<f32, OWN * OTHER>;
// [OWN][WEIGHTS], the weights of the other rows, each the sum of two f16. `high` takes own rows to registers, too.
var<workgroup> high: array<f16, OWN * WEIGHTS>;
var<workgroup> low: array<f16, OWN * WEIGHTS>;
// [OWN][ALONG]
var<workgroup> of_invocations: array<f32, INVOCATIONS>;
var<workgroup> factors: array<f32, OWN>;
// Whether the weights of a row are in another unit than before.
var<workgroup> grown: atomic<u32>;

// The largest value of a row's invocations.
fn row_max(local: u32, value: f32) -> f32 {
    of_invocations[local] = value;
    workgroupBarrier();
    let first = local / ALONG * ALONG;
    var all = of_invocations[first];
    for (var i = 1u; i < ALONG; i++) {
        all = max(all, of_invocations[first + i]);
    }
    return all;
}

// The sum over a row's invocations.
fn row_sum(local: u32, value: f32) -> f32 {
    of_invocations[local] = value;
    workgroupBarrier();
    let first = local / ALONG * ALONG;
    var all = of_invocations[first];
    for (var i = 1u; i < ALONG; i++) {
        all += of_invocations[first + i];
    }
    return all;
}

// A power of two, by which a positive value is between 512 and 1024.
fn unit_of(value: f32) -> f32 {
    return max(bitcast<f32>(bitcast<u32>(value) & 0x7f800000u) / 512.0, 1e-30);
}

// Stores a weight as two f16, of 11 bits each. The first one is cut by integer arithmetic: compilers take a conversion to f16 and back for nothing.
fn put(at: u32, weight: f32) {
    let most = bitcast<f32>(bitcast<u32>(weight) & 0xffffe000u);
    high[at] = f16(most);
    low[at] = f16(weight - most);
}

// Multiplies the sums [OWN][SIZE] by their rows' factors.
fn scale_passing(local: u32) {
    for (var i = local; i < OWN * SIZE; i += INVOCATIONS) {
        passing[i] *= factors[i / SIZE];
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
) {
    // Values, not variables: they are known to be uniform.
    let g = group.x + group.y * groups.x;
    if (g >= GROUPS) {
        return;
    }
    let batch = g / BLOCKS;
    let own_first = g % BLOCKS * OWN;
    let row = local / ALONG;
    let first = local % ALONG * COLS;
    // One pass, unless the driver has chosen larger subgroups than expected. Of smaller ones, some compute the last part once more, since
    // cooperative matrices need uniform control flow.
    for (var pass_part = 0u; pass_part < PARTS; pass_part += subgroups) {
        let part = min(pass_part + subgroup, PARTS - 1u);
        // Rows of this pass.
        let pass_first = pass_part * SIZE;
        let pass_end = min(pass_part + subgroups, PARTS) * SIZE;
        workgroupBarrier();
        // Accumulators are loaded from zeros: what a declared one holds is up to the driver.
        for (var i = local; i < SIZE * SIZE; i += INVOCATIONS) {
            passing[i] = 0.0;
        }
        if (local == 0u) {
            atomicStore(&grown, 0u);
        }
        workgroupBarrier();
        //!begin body
        var sum0 = coopLoadT<coop_mat8x8<f32, C>>(&passing[0], SIZE);
        let score = seen(batch, own_first + row, first, passing[row]);
        let most = row_max(local, weight(score, 0.0)) + row_sum(local, slope_of(score, 1.0, unit_of(score)));
        if (row >= pass_first && row < pass_end && workgroupUniformLoad(&grown) == 0u) {
            put(local, most);
            tile[local] = low[local];
            scale_passing(local);
            result[g * OWN + row] = most;
        }
        coopStoreT(sum0, &passing[part * SIZE * SIZE], SIZE);
        //!end body
    }
}
