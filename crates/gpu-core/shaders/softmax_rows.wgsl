// Row functions of softmax.wgsl and cross_entropy.wgsl. Uses rows.wgsl.

// The largest element of a row.
fn row_max(row: Row) -> f32 {
    var m = x[row.base + min(row.lane, COLS - 1u)];
    for (var j = row.lane + LANES; j < COLS; j = j + LANES) {
        m = max_nan(m, x[row.base + j]);
    }
    return all_max(row, m);
}

// Sum of exp(x - m) over a row.
fn row_exp_sum(row: Row, m: f32) -> f32 {
    var sum = 0.0;
    for (var j = row.lane; j < COLS; j = j + LANES) {
        sum = sum + exp_exact(x[row.base + j] - m);
    }
    return all_sum(row, sum);
}
