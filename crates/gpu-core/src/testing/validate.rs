//! Shaders against the portable limits and every shading language.

/// Checks that a WGSL module validates and translates to SPIR-V, MSL and HLSL within the portable limits.
///
/// # Panics
/// When it does not.
pub fn validate(source: &str) {
    use naga::{back, proc, valid};
    let module =
        naga::front::wgsl::parse_str(source).unwrap_or_else(|e| panic!("{}", e.emit_to_string(source)));
    // Subgroups are for variants that the adapter's profile allows.
    let capabilities = valid::Capabilities::SUBGROUP;
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
    let hlsl = back::hlsl::Options {
        fake_missing_bindings: true,
        shader_model: back::hlsl::ShaderModel::V6_0,
        ..Default::default()
    };
    let mut text = String::new();
    back::hlsl::Writer::new(&mut text, &hlsl, &Default::default())
        .write(&module, &info, None)
        .unwrap_or_else(|e| panic!("HLSL: {e}\n{source}"));
}
