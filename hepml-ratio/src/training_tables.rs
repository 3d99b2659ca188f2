//! The two tables that a learner of tables is given, checked, with a part held out.

use hepml_core::rand::Rng;
use hepml_core::{Error as CoreError, FitReport, Table, Weighted, check_finite};

use crate::error::Result;
use crate::report::{of_densities, warn_of_weights};
use crate::split::split_alike;

/// Two tables with the same columns, finite, whose weights sum to positive numbers.
pub(crate) struct TrainingTables {
    /// The numerator and the denominator to learn from.
    pub(crate) sides: [Weighted<Table>; 2],
    /// Their sums of weights.
    pub(crate) sums: [f64; 2],
    /// The events that nothing is learned from, if any.
    pub(crate) held_out: Option<[Weighted<Table>; 2]>,
}

impl TrainingTables {
    /// Holds out a fraction of each side, chosen at random (none at a fraction of 0), and warns of events that outweigh the
    /// others, held out or not.
    ///
    /// # Errors
    /// Tables without columns or events, or with other numbers of columns; an entry that is not finite, naming side, event and
    /// column; a fraction outside [0, 1); no event left to learn from; weights that do not sum to a positive number.
    pub(crate) fn new(
        [numerator, denominator]: [&Weighted<Table>; 2],
        fraction: f64,
        rng: &mut dyn Rng,
        report: &mut FitReport,
    ) -> Result<Self> {
        of_densities(report);
        let (features, got) = (numerator.events().ncols(), denominator.events().ncols());
        if features != got {
            return Err(CoreError::shape("columns of the denominator", features, got).into());
        }
        if features == 0 {
            return Err(CoreError::Empty { what: "list of features".into() }.into());
        }
        for (name, side) in [("numerator", numerator), ("denominator", denominator)] {
            if side.is_empty() {
                return Err(CoreError::Empty { what: name.into() }.into());
            }
            check_finite(name, side.events())?;
            warn_of_weights(name, side.weights(), report);
        }
        let (sides, held_out) = if fraction == 0.0 {
            ([numerator.clone(), denominator.clone()], None)
        } else {
            let [held_out, rest] = split_alike([numerator, denominator], fraction, rng)?;
            (rest.sides, Some(held_out.sides))
        };
        let sums = [sides[0].sum_weights(), sides[1].sum_weights()];
        for (what, sum) in ["weights of the numerator", "weights of the denominator"].into_iter().zip(sums) {
            if !(sum > 0.0 && sum.is_finite()) {
                return Err(hepml_stats::Error::NonPositiveSum { what, sum }.into());
            }
        }
        Ok(Self { sides, sums, held_out })
    }

    /// The number of columns.
    pub(crate) fn features(&self) -> usize {
        self.sides[0].events().ncols()
    }
}
