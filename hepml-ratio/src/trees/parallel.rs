//! Work on all threads (feature `rayon`), with results in the order of the items.

#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// What `f` makes of each item; on one thread unless `worthwhile`.
pub(super) fn map<I: Send, R: Send>(
    items: Vec<I>,
    worthwhile: bool,
    f: impl Fn(I) -> R + Send + Sync,
) -> Vec<R> {
    #[cfg(feature = "rayon")]
    if worthwhile && items.len() > 1 {
        return items.into_par_iter().map(f).collect();
    }
    #[cfg(not(feature = "rayon"))]
    let _ = worthwhile;
    items.into_iter().map(f).collect()
}
