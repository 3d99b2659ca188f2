//! The values of all pairs.

use hepml_core::ndarray::Array2;

use crate::divergence::metric_of;
use crate::error::{Error, Result};
use crate::pairwise::handler::{PairHandler, checked_limit, hand_over};
use crate::pairwise::pairing::Pairing;

/// A number for each pair of events, in packed order (see [`Pairing`]).
///
/// If an observer stopped the work, the pairs that are there come first in this order.
#[derive(Debug, Clone, PartialEq)]
pub struct PairValues {
    pairing: Pairing,
    exponent: f64,
    values: Vec<f64>,
}

impl PairValues {
    pub(crate) fn new(pairing: Pairing, exponent: f64, values: Vec<f64>) -> Self {
        Self { pairing, exponent, values }
    }

    /// Which pairs there are to be.
    pub fn pairing(&self) -> Pairing {
        self.pairing
    }

    /// Whether all pairs are there.
    pub fn is_complete(&self) -> bool {
        self.pairing.pair_count().is_ok_and(|count| self.values.len() == count)
    }

    /// The values in packed order: all of them, or the first if the work was stopped.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The power of the values that is a distance, where the divergence says so: its
    /// [`exponent`](crate::Divergence::exponent), or 1 if these are distances already.
    pub fn exponent(&self) -> f64 {
        self.exponent
    }

    /// The value of two events, in either order within one list; `None` for a pair that was not computed, an event with
    /// itself, or an index out of bounds.
    pub fn get(&self, first: usize, second: usize) -> Option<f64> {
        self.values.get(self.pairing.index(first, second)?).copied()
    }

    /// The distances: each value to the power [`exponent`](Self::exponent), as [`Divergence::metric`](crate::Divergence::metric).
    ///
    /// # Errors
    /// [`Error::Pair`] with the first pair whose value is negative and so has no root.
    ///
    /// ```
    /// use hepml_ot::{Divergence, EmdConfig, EnergyFlow};
    ///
    /// let at = |y| EnergyFlow::from_rows(&[[1.0, y, 0.0]]);
    /// let emd = EmdConfig::new().beta(2.0).build()?;
    /// let values = emd.pairwise(&[at(0.0)?, at(0.5)?])?.values(&mut ())?;
    /// assert_eq!(values.values(), [0.25]);
    /// assert_eq!(values.into_metric()?.values(), [0.5]);
    /// # Ok::<(), hepml_ot::Error>(())
    /// ```
    pub fn into_metric(mut self) -> Result<Self> {
        for ((first, second), value) in self.pairing.pairs().zip(&mut self.values) {
            let place = |source: Error| Error::Pair { first, second, source: source.into() };
            *value = metric_of(*value, self.exponent).map_err(place)?;
        }
        self.exponent = 1.0;
        Ok(self)
    }

    /// Gives the values to a handler, as the stream they are from would have.
    ///
    /// # Errors
    /// An error of [`PairHandler::begin`]; a limit that is NaN.
    pub fn replay(&self, handler: &mut (impl PairHandler + ?Sized)) -> Result<()> {
        handler.begin(self.pairing)?;
        checked_limit(handler)?;
        for ((first, second), value) in self.pairing.pairs().zip(&self.values) {
            hand_over(handler, first, second, *value);
        }
        Ok(())
    }

    /// The values as a matrix: `[n, n]`, symmetric and with zeros on the diagonal, which is not computed, within one list;
    /// `[rows, columns]` between two.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if the work was stopped.
    pub fn to_array(&self) -> Result<Array2<f64>> {
        if !self.is_complete() {
            return Err(Error::Incomplete { done: self.values.len(), total: self.pairing.pair_count()? });
        }
        let mut array = Array2::zeros((self.pairing.rows(), self.pairing.columns()));
        for ((first, second), value) in self.pairing.pairs().zip(&self.values) {
            array[(first, second)] = *value;
            if matches!(self.pairing, Pairing::Within { .. }) {
                array[(second, first)] = *value;
            }
        }
        Ok(array)
    }
}
