// Convolution and its input gradient (crates/gpu-core/src/kernels/conv2d_gpu/correlate.rs). A workgroup of one subgroup
// computes a tile of TILE_H x TILE_W pixels of RUNS x LANES output channels, a lane one channel of every run. The lanes
// load the source's pixels for STEP channels side by side, and share them by broadcasts. The output pixels are those of
// one phase: their coordinates are PHASE modulo PHASES. The host generates the bindings, the loads and the unrolled
// products; the lines below are for a 1x1 kernel, one channel at a time, and tiles of 1 x 1.

const BATCH: u32 = 1u;
const GROUPS: u32 = 1u;
// Channels per group of the source and the output.
const INNER: u32 = 4u;
const OUTER: u32 = 8u;
const SOURCE_H: i32 = 8;
const SOURCE_W: i32 = 8;
const OUT_H: u32 = 8u;
const OUT_W: u32 = 8u;
// Pixels of the phase, phases, and which one this is.
const GRID_H: u32 = 8u;
const GRID_W: u32 = 8u;
const PHASES_H: u32 = 1u;
const PHASES_W: u32 = 1u;
const PHASE_H: u32 = 0u;
const PHASE_W: u32 = 0u;
const TILE_H: u32 = 1u;
const TILE_W: u32 = 1u;
const TILES_H: u32 = 8u;
const TILES_W: u32 = 8u;
const LANES: u32 = 8u;
const BLOCKS_OUT: u32 = 1u;
const RUNS: u32 = 1u;
// Blocks of STEP source channels, and vectors of weights of a lane for a block and a row of taps.
const BLOCKS: u32 = 4u;
const STEP: u32 = 1u;
const DEPTH: u32 = 1u;
// Where the packed weights of this phase begin.
const WEIGHTS: u32 = 0u;
// Rows of taps, the source row of the first one for pixel row 0, and the distance of the next.
const ROW_TAPS: u32 = 1u;
const ROW_OFFSET: i32 = 0;
const ROW_STEP: i32 = 1;

//!begin bindings
@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(3) var<storage, read_write> weights: array<vec4<f32>>;

fn load_x(i: u32) -> f32 {
    return x0[i];
}
//!end bindings

//!begin results
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn emit(i: u32, value: f32) {
    y[i] = value;
}
//!end results

// Where an output lies, by its coordinates within the phase.
fn position(image: u32, group: u32, channel: u32, row: u32, col: u32) -> u32 {
    let plane = (image * GROUPS + group) * OUTER + channel;
    return (plane * OUT_H + row * PHASES_H + PHASE_H) * OUT_W + col * PHASES_W + PHASE_W;
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(num_workgroups) tiles: vec3<u32>,
) {
    var g = tile.x + tile.y * tiles.x;
    if (g >= TILES_H * TILES_W * BATCH * BLOCKS_OUT * GROUPS) {
        return;
    }
    let tile_col = g % TILES_W * TILE_W;
    g = g / TILES_W;
    let tile_row = g % TILES_H * TILE_H;
    g = g / TILES_H;
    let block_out = g % BLOCKS_OUT;
    g = g / BLOCKS_OUT;
    let group = g % GROUPS;
    let image = g / GROUPS;
    // The source channel of a block that the lane loads.
    let channel = lane % STEP;
    let plane = i32((image * GROUPS + group) * INNER + channel);
    // Weights of a run of output channels, of an iteration.
    let run_size = BLOCKS * ROW_TAPS * DEPTH * LANES;
    var weight_at = WEIGHTS + (group * BLOCKS_OUT + block_out) * RUNS * run_size + lane;
    //!begin setup
    let row0 = i32(tile_row);
    let at0 = (plane * SOURCE_H + row0) * SOURCE_W + i32(tile_col);
    var sum0_0 = 0.0;
    //!end setup
    for (var block = 0u; block < BLOCKS; block++) {
        for (var tap_row = 0u; tap_row < ROW_TAPS; tap_row++) {
            let shift = ROW_OFFSET + i32(tap_row) * ROW_STEP;
            let move_by = (i32(block * STEP) * SOURCE_H + shift) * SOURCE_W;
            //!begin body
            let p = load_x(u32(at0 + move_by));
            sum0_0 += subgroupBroadcast(p, 0u) * weights[weight_at].x;
            //!end body
            weight_at += DEPTH * LANES;
        }
    }
    //!begin store
    let channel0 = block_out * RUNS * LANES + lane;
    if (channel0 < OUTER) {
        emit(position(image, group, channel0, tile_row, tile_col), sum0_0);
    }
    //!end store
}
