// Reductions over one row of [ROWS, COLS], for softmax.wgsl and cross_entropy.wgsl, which declare the constants. LANES
// invocations of a workgroup share a row, each taking every LANES-th element; or an invocation takes a row alone.

struct Row {
    inside: bool,
    index: u32,
    base: u32,
    lane: u32,
}

// Invocations outside of the last row follow along there without storing, so that all reach the barriers.
fn find_row(group: u32, local: u32) -> Row {
    let i = group * 64u + local;
    let row = min(i / LANES, LAST);
    return Row(i / LANES < ROWS, row, row * COLS, i % LANES);
}

//!begin lanes
var<workgroup> shared_lanes: array<f32, 64>;

fn all_max(lane: u32, x: f32) -> f32 {
    shared_lanes[lane] = x;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half = half >> 1u) {
        if (lane < half) {
            shared_lanes[lane] = max_nan(shared_lanes[lane], shared_lanes[lane + half]);
        }
        workgroupBarrier();
    }
    let y = shared_lanes[0];
    workgroupBarrier();
    return y;
}

fn all_sum(lane: u32, x: f32) -> f32 {
    shared_lanes[lane] = x;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half = half >> 1u) {
        if (lane < half) {
            shared_lanes[lane] = shared_lanes[lane] + shared_lanes[lane + half];
        }
        workgroupBarrier();
    }
    let y = shared_lanes[0];
    workgroupBarrier();
    return y;
}
//!end lanes

// The largest element of a row.
fn row_max(row: Row) -> f32 {
    var m = x[row.base + min(row.lane, COLS - 1u)];
    for (var j = row.lane + LANES; j < COLS; j = j + LANES) {
        m = max_nan(m, x[row.base + j]);
    }
    return all_max(row.lane, m);
}

// Sum of exp(x - m) over a row.
fn row_exp_sum(row: Row, m: f32) -> f32 {
    var sum = 0.0;
    for (var j = row.lane; j < COLS; j = j + LANES) {
        sum = sum + exp_exact(x[row.base + j] - m);
    }
    return all_sum(row.lane, sum);
}
