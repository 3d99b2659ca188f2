//! The two tables that a learner of tables is given, checked, with a part held out.

use hepml_core::rand::Rng;
use hepml_core::{Error as CoreError, FitReport, LogRatio, Table, Weighted, check_finite};

use crate::error::Result;
use crate::loss::RatioLoss;
use crate::report::{examine, of_densities, warn_of_side};
use crate::split::{Part, split_alike};
use crate::weight_sum::WeightSum;

/// Two tables with the same columns, finite, whose weights sum to positive numbers.
pub(crate) struct TrainingTables {
    /// The numerator and the denominator to learn from.
    pub(crate) sides: [Weighted<Table>; 2],
    /// Their sums of weights.
    pub(crate) sums: [f64; 2],
    /// The events that nothing is learned from, if any.
    pub(crate) held_out: Option<Part<Table>>,
}

impl TrainingTables {
    /// Holds out a fraction of each side, chosen at random (none at a fraction of 0), and warns of events that outweigh the
    /// others, held out or not.
    ///
    /// # Errors
    /// Tables without columns or events, or with other numbers of columns; an entry that is not finite, naming side, event and
    /// column; a fraction outside [0, 1); no event left to learn from; weights that do not sum to a positive number beyond rounding.
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
            warn_of_side(name, side.weights(), report);
        }
        let (sides, held_out) = if fraction == 0.0 {
            ([numerator.clone(), denominator.clone()], None)
        } else {
            let [held_out, rest] = split_alike([numerator, denominator], fraction, rng)?;
            (rest.sides, Some(held_out))
        };
        let sums = [sides[0].sum_weights(), sides[1].sum_weights()];
        for ((what, side), sum) in
            ["weights of the numerator", "weights of the denominator"].into_iter().zip(&sides).zip(sums)
        {
            WeightSum::of(side.weights()).positive(|| what.to_owned())?;
            if !sum.is_finite() {
                return Err(CoreError::not_finite(format!("sum of the {what}"), sum).into());
            }
        }
        Ok(Self { sides, sums, held_out })
    }

    /// Adds what the held-out events, if any, say of a model to a report, with their loss.
    ///
    /// # Errors
    /// Those of the model, naming side and event as all events are numbered.
    pub(crate) fn examine<M: LogRatio<Table>>(
        &self,
        model: &M,
        loss: RatioLoss,
        rng: &mut dyn Rng,
        report: &mut FitReport,
    ) -> Result<()> {
        let Some(part) = &self.held_out else { return Ok(()) };
        let [numerator, denominator] = &part.sides;
        examine(model, numerator, denominator, rng, report).map_err(|error| part.named(error.into()))?;
        loss.measure_held_out(model, [numerator, denominator], report)
    }

    /// The number of columns.
    pub(crate) fn features(&self) -> usize {
        self.sides[0].events().ncols()
    }
}

#[cfg(test)]
mod tests {
    use hepml_core::ndarray::Array1;
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;

    use super::*;

    /// No ratio at 17, as a model of its own would say it: the number is that among the events it is given.
    struct NoRatioAt17;

    impl LogRatio<Table> for NoRatioAt17 {
        fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
            match events.iter().position(|x| *x == 17.0) {
                Some(event) => Err(CoreError::not_finite("log ratio", f64::NAN).at_event(event)),
                None => Ok(Array1::zeros(events.nrows())),
            }
        }
    }

    fn side(weights: Vec<f64>) -> Weighted<Table> {
        Weighted::new(Table::from_shape_fn((weights.len(), 1), |(i, _)| i as f64), weights).unwrap()
    }

    #[test]
    fn errors_of_an_examination_name_the_users_event() {
        let sides = [side(vec![1.0; 40]), side(vec![1.0; 10])];
        let mut named = 0;
        for seed in 0..10 {
            let (rng, report) = (&mut ChaCha8Rng::seed_from_u64(seed), &mut FitReport::new());
            let tables = TrainingTables::new([&sides[0], &sides[1]], 0.5, rng, report).unwrap();
            if let Err(error) = tables.examine(&NoRatioAt17, RatioLoss::Bce, rng, report) {
                assert_eq!(error.to_string(), "numerator: log ratio of event 17 is not finite (NaN)");
                named += 1;
            }
        }
        assert!(named > 0);
    }

    #[test]
    fn held_out_weights_that_cancel_but_for_rounding_say_nothing() {
        let (good, bad) = (side(vec![1.0; 6]), side(vec![0.1, 0.1, 0.1, -0.1, -0.1, -0.1]));
        let held_out = Some(Part::whole([&good, &bad]));
        let tables = TrainingTables { sides: [good.clone(), good], sums: [6.0; 2], held_out };
        let (rng, report) = (&mut ChaCha8Rng::seed_from_u64(1), &mut FitReport::new());
        tables.examine(&NoRatioAt17, RatioLoss::Bce, rng, report).unwrap();
        assert!(report.get("held-out loss").is_none() && report.get("normalisation").is_none(), "{report:?}");
        assert_eq!(report.warnings.len(), 1);
        assert!(report.warnings[0].contains("held-out events of the denominator"), "{report:?}");
    }

    #[test]
    fn weights_that_cancel_but_for_rounding_are_refused() {
        let good = side(vec![1.0; 6]);
        let bad = side(vec![0.1, 0.1, 0.1, -0.1, -0.1, -0.1]);
        assert!(bad.sum_weights() > 0.0);
        for (sides, name) in [([&bad, &good], "numerator"), ([&good, &bad], "denominator")] {
            let rng = &mut ChaCha8Rng::seed_from_u64(1);
            let tables = TrainingTables::new(sides, 0.0, rng, &mut FitReport::new());
            let error = tables.err().map(|error| error.to_string()).unwrap();
            assert!(error.contains(name) && error.contains("sum"), "{error}");
        }
    }
}
