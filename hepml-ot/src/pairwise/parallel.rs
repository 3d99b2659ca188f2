//! Work on all threads.

#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// The threads there are to use.
pub(crate) fn threads() -> usize {
    #[cfg(feature = "rayon")]
    let threads = rayon::current_num_threads();
    #[cfg(not(feature = "rayon"))]
    let threads = 1;
    threads
}

/// `f` of each item, in their order, each a piece of work of its own.
pub(crate) fn map<'a, T: Sync, R: Send>(items: &'a [T], f: impl Fn(&'a T) -> R + Send + Sync) -> Vec<R> {
    #[cfg(feature = "rayon")]
    let results = items.par_iter().with_max_len(1).map(f).collect();
    #[cfg(not(feature = "rayon"))]
    let results = items.iter().map(f).collect();
    results
}
