//! Loops compiled for the widest vectors that the processor has.

use std::sync::LazyLock;

static ARCH: LazyLock<pulp::Arch> = LazyLock::new(pulp::Arch::new);

/// Runs `f`, compiled for AVX-512, AVX2 or NEON where the processor has them. Functions that `f` calls must be `#[inline(always)]` to be
/// compiled for them, too.
#[inline(always)]
pub(crate) fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    ARCH.dispatch(f)
}
