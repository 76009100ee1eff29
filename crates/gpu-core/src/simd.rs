//! Loops compiled for the widest vectors that the processor has.

use std::sync::LazyLock;

static ARCH: LazyLock<pulp::Arch> = LazyLock::new(pulp::Arch::new);

/// Runs `f`, compiled for AVX-512, AVX2 or NEON where the processor has them. Functions that `f` calls must be `#[inline(always)]` to be
/// compiled for them, too.
#[inline(always)]
pub(crate) fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    ARCH.dispatch(f)
}

/// Runs a method of `task` compiled as by [`vectorized`]. Unlike a closure, which may stay a function of its own for the baseline processor,
/// it is always inlined.
#[inline(always)]
pub(crate) fn run_vectorized(task: impl Vectorize) {
    struct Inlined<T>(T);
    impl<T: Vectorize> pulp::WithSimd for Inlined<T> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) {
            self.0.run();
        }
    }
    ARCH.dispatch(Inlined(task));
}

/// A loop for [`run_vectorized`]; `run` is `#[inline(always)]`.
pub(crate) trait Vectorize {
    fn run(self);
}
