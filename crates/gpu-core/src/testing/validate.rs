//! Shaders against the portable limits and every shading language.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Checks that a WGSL module validates and translates to SPIR-V, MSL and HLSL within the portable limits, and that glslang, where it is
/// installed, compiles the HLSL. HLSL has no cooperative matrices, so modules with them are not translated to it.
///
/// # Panics
/// When it is not valid or does not translate.
pub fn validate(source: &str) {
    use naga::{back, proc, valid};
    let module =
        naga::front::wgsl::parse_str(source).unwrap_or_else(|e| panic!("{}", e.emit_to_string(source)));
    // Subgroups and cooperative matrices are for variants that the adapter's profile allows.
    let cooperative = source.contains("enable wgpu_cooperative_matrix;");
    let mut capabilities = valid::Capabilities::SUBGROUP;
    if cooperative {
        capabilities |= valid::Capabilities::COOPERATIVE_MATRIX | valid::Capabilities::SHADER_FLOAT16;
    }
    let mut validator = valid::Validator::new(valid::ValidationFlags::all(), capabilities);
    validator.subgroup_stages(valid::ShaderStages::COMPUTE);
    validator.subgroup_operations(valid::SubgroupOperationSet::all());
    let info = validator.validate(&module).unwrap_or_else(|e| panic!("{e:?}\n{source}"));
    let globals = module.global_variables.iter();
    let buffers = globals.filter(|(_, g)| matches!(g.space, naga::AddressSpace::Storage { .. })).count();
    assert!(buffers <= crate::limits::STORAGE_BUFFERS, "{buffers} storage buffers\n{source}");
    let mut layouter = proc::Layouter::default();
    layouter.update(module.to_ctx()).expect("layout of types");
    let shared = module.global_variables.iter().filter(|(_, g)| g.space == naga::AddressSpace::WorkGroup);
    let shared: u32 = shared.map(|(_, g)| layouter[g.ty].size).sum();
    assert!(shared <= crate::limits::WORKGROUP_BYTES, "{shared} bytes of workgroup memory\n{source}");
    for entry in &module.entry_points {
        let [x, y, z] = entry.workgroup_size;
        assert!(x * y * z <= crate::limits::INVOCATIONS, "{x}x{y}x{z} invocations\n{source}");
    }
    let spv = back::spv::Options::default();
    back::spv::write_vec(&module, &info, &spv, None).unwrap_or_else(|e| panic!("SPIR-V: {e}\n{source}"));
    let msl = back::msl::Options { fake_missing_bindings: true, lang_version: (2, 4), ..Default::default() };
    back::msl::write_string(&module, &info, &msl, &Default::default())
        .unwrap_or_else(|e| panic!("MSL: {e}\n{source}"));
    if cooperative {
        return;
    }
    let hlsl = back::hlsl::Options {
        fake_missing_bindings: true,
        shader_model: back::hlsl::ShaderModel::V6_0,
        // As pipelines are made.
        zero_initialize_workgroup_memory: false,
        ..Default::default()
    };
    let mut text = String::new();
    back::hlsl::Writer::new(&mut text, &hlsl, &Default::default())
        .write(&module, &info, None)
        .unwrap_or_else(|e| panic!("HLSL: {e}\n{source}"));
    // naga makes constant arrays with functions whose names glslang mistakes for constructors.
    if !text.contains("Constructarray") {
        compile_hlsl(&text, source);
    }
}

fn compile_hlsl(hlsl: &str, source: &str) {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    let glslang = || Command::new("glslangValidator");
    let quiet = |command: &mut Command| command.stdout(Stdio::null()).status().is_ok();
    if !INSTALLED.get_or_init(|| quiet(glslang().arg("--version"))) {
        return;
    }
    let options =
        ["--stdin", "-D", "-V", "-S", "comp", "-e", "main", "--target-env", "vulkan1.1", "-o", "/dev/null"];
    let mut child =
        glslang().args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it ran before");
    child.stdin.take().expect("a pipe").write_all(hlsl.as_bytes()).expect("glslang reads all of it");
    let output = child.wait_with_output().expect("glslang ends");
    assert!(
        output.status.success(),
        "glslang: {}\n{hlsl}\n{source}",
        String::from_utf8_lossy(&output.stdout)
    );
}
