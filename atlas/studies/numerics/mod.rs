use atlas::Study;

mod constrained;
mod krylov;
mod tensor_decomposition;

pub const STUDIES: &[&Study] = &[&krylov::STUDY, &tensor_decomposition::STUDY, &constrained::STUDY];
