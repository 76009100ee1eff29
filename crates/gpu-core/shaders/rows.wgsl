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

// Invocations beyond the last row repeat it without storing, so that all reach the barriers.
fn find_row(group: u32, local: u32) -> Row {
    let i = group * 64u + local;
    let row = min(i / LANES, LAST);
    return Row(i / LANES < ROWS, row, row * COLS, i % LANES, local);
}

//!begin lanes
const WIDTH: u32 = min(LANES, 8u);
var<workgroup> shared_lanes: array<f32, 64>;
var<workgroup> shared_eights: array<f32, 64>;

fn all_max(row: Row, x: f32) -> f32 {
    shared_lanes[row.local] = x;
    workgroupBarrier();
    // In groups of eight: two steps suffice for 64 lanes, with few barriers.
    let eight = row.local - row.lane % WIDTH;
    var y = shared_lanes[eight];
    for (var k = 1u; k < WIDTH; k++) {
        y = max_nan(y, shared_lanes[eight + k]);
    }
    if (LANES > WIDTH) {
        if (row.lane % WIDTH == 0u) {
            shared_eights[row.local / WIDTH] = y;
        }
        workgroupBarrier();
        let first = (row.local - row.lane) / WIDTH;
        y = shared_eights[first];
        for (var k = 1u; k < LANES / WIDTH; k++) {
            y = max_nan(y, shared_eights[first + k]);
        }
    }
    workgroupBarrier();
    return y;
}

fn all_sum(row: Row, x: f32) -> f32 {
    shared_lanes[row.local] = x;
    workgroupBarrier();
    // In groups of eight: two steps suffice for 64 lanes, with few barriers.
    let eight = row.local - row.lane % WIDTH;
    var y = shared_lanes[eight];
    for (var k = 1u; k < WIDTH; k++) {
        y = y + shared_lanes[eight + k];
    }
    if (LANES > WIDTH) {
        if (row.lane % WIDTH == 0u) {
            shared_eights[row.local / WIDTH] = y;
        }
        workgroupBarrier();
        let first = (row.local - row.lane) / WIDTH;
        y = shared_eights[first];
        for (var k = 1u; k < LANES / WIDTH; k++) {
            y = y + shared_eights[first + k];
        }
    }
    workgroupBarrier();
    return y;
}
//!end lanes
