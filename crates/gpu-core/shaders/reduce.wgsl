// One stage of a reduction (crates/gpu-core/src/kernels/reduce.rs). Invocation i handles output o and split s of it, that
// is elements s, s + SPLITS, .. of the reduced dimensions, and stores item i. The host generates the bindings and the
// accessors for an operation, a type and a layout. The lines below sum the rows of a [64, 16] matrix.

const COUNT: u32 = 64u;
const KEPT: u32 = 64u;
const SPLITS: u32 = 1u;
const REDUCED: u32 = 16u;
// Whether neighbouring invocations take neighbouring outputs, rather than neighbouring splits of one output.
const KEPT_FAST: bool = false;

//!begin accessors
@group(0) @binding(0) var<storage, read> x: array<f32>;

alias Item = f32;

fn kept_at(i: u32) -> i32 {
    return i32(i) * 16;
}

fn load(base: i32, r: u32) -> Item {
    return x[base + i32(r)];
}

fn start(base: i32, r: u32) -> Item {
    return 0.0;
}

fn combine(a: Item, b: Item) -> Item {
    return a + b;
}

fn store(i: u32, item: Item) {
    emit(i, item);
}
//!end accessors

//!begin results
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

fn emit(i: u32, value: f32) {
    y[i] = value;
}
//!end results

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COUNT) {
        return;
    }
    let o = select(i / SPLITS, i % KEPT, KEPT_FAST);
    var r = select(i % SPLITS, i / KEPT, KEPT_FAST);
    let base = kept_at(o);
    // Four chains, so that loads do not wait for each other.
    var a = start(base, r);
    var b = a;
    var c = a;
    var d = a;
    while (r + 3u * SPLITS < REDUCED) {
        a = combine(a, load(base, r));
        b = combine(b, load(base, r + SPLITS));
        c = combine(c, load(base, r + 2u * SPLITS));
        d = combine(d, load(base, r + 3u * SPLITS));
        r = r + 4u * SPLITS;
    }
    while (r < REDUCED) {
        a = combine(a, load(base, r));
        r = r + SPLITS;
    }
    store(i, combine(combine(a, b), combine(c, d)));
}
