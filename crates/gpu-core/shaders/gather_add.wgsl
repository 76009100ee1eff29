// Adds the SPLITS partial sums of every output item of gather_scatter.wgsl, in order.

const OUTPUTS: u32 = 64u;
const SPLITS: u32 = 1u;

//!begin type
alias T = f32;
//!end type

@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<storage, read_write> parts: array<T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= OUTPUTS) {
        return;
    }
    var sum = T(0.0);
    for (var k = 0u; k < SPLITS; k++) {
        sum = sum + parts[k * OUTPUTS + i];
    }
    y[i] = sum;
}
