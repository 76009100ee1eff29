// Reductions over rows of [ROWS, COLS] (crates/gpu-core/src/kernels/rows.rs), for shaders that declare the constants. LANES invocations of a
// workgroup, a power of two, share a row, each taking every LANES-th item.

struct Row {
    inside: bool,
    index: u32,
    base: u32,
    lane: u32,
    // The invocation in its workgroup.
    local: u32,
}

// Invocations outside of the last row follow along there without storing, so that all reach the barriers.
fn find_row(group: u32, local: u32) -> Row {
    let i = group * 64u + local;
    let row = min(i / LANES, LAST);
    return Row(i / LANES < ROWS, row, row * COLS, i % LANES, local);
}

//!begin lanes
var<workgroup> shared_lanes: array<f32, 64>;

fn all_max(row: Row, x: f32) -> f32 {
    shared_lanes[row.local] = x;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half = half >> 1u) {
        if (row.lane < half) {
            shared_lanes[row.local] = max_nan(shared_lanes[row.local], shared_lanes[row.local + half]);
        }
        workgroupBarrier();
    }
    let y = shared_lanes[row.local - row.lane];
    workgroupBarrier();
    return y;
}

fn all_sum(row: Row, x: f32) -> f32 {
    shared_lanes[row.local] = x;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half = half >> 1u) {
        if (row.lane < half) {
            shared_lanes[row.local] = shared_lanes[row.local] + shared_lanes[row.local + half];
        }
        workgroupBarrier();
    }
    let y = shared_lanes[row.local - row.lane];
    workgroupBarrier();
    return y;
}
//!end lanes
