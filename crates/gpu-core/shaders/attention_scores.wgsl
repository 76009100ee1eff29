// Scores of attention by blocks of queries and keys: for attention_tiles.wgsl and attention_cooperative.wgsl, which have the constants and
// `masked`.

// The score of hidden keys.
const LOWEST: f32 = -3.4e38;

// The score of a pair; LOWEST if the pair does not exist or the query does not see the key.
fn seen(batch: u32, query: u32, key: u32, product: f32) -> f32 {
    if (query >= QUERIES || key >= KEYS || key > query + AFTER || query > key + BEFORE) {
        return LOWEST;
    }
    return masked(batch, query, key, SCALE * product);
}

// exp(score - base); NaN for a score that is not finite, which comparisons may not detect.
fn weight(score: f32, base: f32) -> f32 {
    if (score <= LOWEST) {
        return 0.0;
    }
    return select(exp(score - base), nan(), is_nan(score) || score > -LOWEST);
}

// The gradient of a score.
fn slope_of(p: f32, slope: f32, delta: f32) -> f32 {
    return select(p * (slope - delta), 0.0, p == 0.0);
}
