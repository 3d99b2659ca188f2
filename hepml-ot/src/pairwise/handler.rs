//! What becomes of values that are not stored.

use hepml_core::Error as CoreError;

use crate::error::Result;
use crate::pairwise::pairing::Pairing;

/// Takes the values of a [`stream`](crate::Pairwise::stream) one after the other, in packed order.
///
/// Closures `FnMut(usize, usize, f64)` are handlers, and so is a pair of handlers: both see every value.
///
/// ```
/// use hepml_ot::{Divergence, Emd, EnergyFlow};
///
/// let events: Vec<EnergyFlow> = [0.0, 0.25, 1.0]
///     .map(|y| EnergyFlow::from_rows(&[[2.0, y, 0.0]])).into_iter().collect::<Result<_, _>>()?;
/// let mut largest = 0.0_f64;
/// let emd = Emd::default();
/// emd.pairwise(&events)?.stream(&mut |_: usize, _: usize, value: f64| largest = largest.max(value), &mut ())?;
/// assert_eq!(largest, 2.0);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
pub trait PairHandler {
    /// Called before the first pair: what is to come.
    ///
    /// # Errors
    /// Pairs that the handler has no use for; the stream then returns this error and computes nothing.
    fn begin(&mut self, pairing: Pairing) -> Result<()> {
        let _ = pairing;
        Ok(())
    }

    /// Which values matter: of those that are not below it, only that they are not, so most need not be computed if the
    /// divergence has a good [`lower_bound`](crate::Divergence::lower_bound). Not NaN, and the same from
    /// [`begin`](Self::begin) to the last pair.
    fn limit(&self) -> f64 {
        f64::INFINITY
    }

    /// A pair whose value is below the [`limit`](Self::limit).
    fn pair(&mut self, first: usize, second: usize, value: f64);

    /// A pair whose value is not below the [`limit`](Self::limit).
    fn beyond(&mut self, first: usize, second: usize) {
        let _ = (first, second);
    }
}

impl<F: FnMut(usize, usize, f64)> PairHandler for F {
    fn pair(&mut self, first: usize, second: usize, value: f64) {
        self(first, second, value);
    }
}

impl<A: PairHandler, B: PairHandler> PairHandler for (A, B) {
    fn begin(&mut self, pairing: Pairing) -> Result<()> {
        self.0.begin(pairing)?;
        self.1.begin(pairing)
    }

    fn limit(&self) -> f64 {
        let (a, b) = (self.0.limit(), self.1.limit());
        // A NaN is to be found out, not to be swallowed by `max`.
        if a.is_nan() || a > b { a } else { b }
    }

    fn pair(&mut self, first: usize, second: usize, value: f64) {
        hand_over(&mut self.0, first, second, value);
        hand_over(&mut self.1, first, second, value);
    }

    fn beyond(&mut self, first: usize, second: usize) {
        self.0.beyond(first, second);
        self.1.beyond(first, second);
    }
}

/// The limit of a handler.
pub(crate) fn checked_limit(handler: &(impl PairHandler + ?Sized)) -> Result<f64> {
    let limit = handler.limit();
    if limit.is_nan() {
        return Err(CoreError::out_of_range("limit of a handler of pairs", limit, "a number").into());
    }
    Ok(limit)
}

/// Gives a handler a value that may be beyond its limit.
pub(crate) fn hand_over(handler: &mut (impl PairHandler + ?Sized), first: usize, second: usize, value: f64) {
    if value < handler.limit() {
        handler.pair(first, second, value);
    } else {
        handler.beyond(first, second);
    }
}
