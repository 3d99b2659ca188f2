//! What every calibration method has in common.

use hepml_core::{EventSet, FitReport, Fitted, LogRatio, Weighted};

use crate::calibration::{Calibrated, CalibrationMap, HeldOut, Reliability};
use crate::error::{Error, Result};
use crate::report::CalibrationPoint;

/// The number of bins of the reported calibration curves.
const CURVE_BINS: usize = 20;

/// A way to calibrate: one function of z fitted to held-out z of both sides.
pub trait Calibration: Send + Sync {
    /// The function of z, with what should be known about it put into the report.
    ///
    /// # Errors
    /// Samples that the method cannot take.
    fn fit_map(&self, held_out: &HeldOut, report: &mut FitReport) -> Result<CalibrationMap>;

    /// Calibrates a model on samples it was not trained on.
    ///
    /// The report holds, "before" and "after": the binary cross-entropy (mean of both sides, in nats; ln 2 for a model that
    /// knows nothing), the bound 1 + E_num\[z\] - E_den\[e^z\] on the KL divergence ("kl bound",
    /// with a warning in its place where e^z overflows), and the calibration curve
    /// ("calibration/before/estimated", ...); the effective sample size of each side; what the method adds.
    ///
    /// # Errors
    /// An empty side, or one whose weights do not sum to a positive number; a log ratio that is not finite, naming side and
    /// event; samples whose z do not overlap; what the method cannot take.
    fn calibrate<E, M>(
        &self,
        model: M,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
    ) -> Result<Fitted<Calibrated<M>>>
    where
        E: EventSet,
        M: LogRatio<E>,
        Self: Sized,
    {
        let scored = HeldOut::new(&model, numerator, denominator)?;
        if scored.is_separated() {
            return Err(Error::calibration(
                "the log ratios of the two samples do not overlap: no finite ratio fits",
            ));
        }
        let mut report = FitReport::new();
        scored.report(&mut report);
        let map = self.fit_map(&scored, &mut report)?;
        for (when, scored) in [("before", &scored), ("after", &scored.map(|z| map.apply(z)))] {
            let reliability = Reliability::of(scored, CURVE_BINS)?;
            report.measure(format!("cross-entropy/{when}"), reliability.cross_entropy, None);
            if reliability.kl_bound.is_finite() {
                report.measure(format!("kl bound/{when}"), reliability.kl_bound, None);
            } else {
                report.warn(format!("the kl bound {when} the calibration is beyond the range of numbers"));
            }
            let column = |f: fn(&CalibrationPoint) -> f64| reliability.curve.points.iter().map(f).collect();
            report.curve(format!("calibration/{when}/estimated"), column(|point| point.estimated));
            report.curve(format!("calibration/{when}/observed"), column(|point| point.observed));
            report.curve(format!("calibration/{when}/error"), column(|point| point.error));
        }
        Ok(Fitted { model: Calibrated::new(model, map), report })
    }
}

#[cfg(test)]
mod tests {
    use hepml_core::Table;
    use hepml_core::ndarray::{Array1, array};

    use super::*;
    use crate::calibration::HistogramCalibration;

    #[derive(Debug)]
    struct Identity;

    impl LogRatio<Table> for Identity {
        fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
            Ok(events.column(0).to_owned())
        }
    }

    #[test]
    fn a_bound_beyond_the_range_of_numbers_is_left_out() {
        let numerator = Weighted::unit(array![[0.0], [1.0], [2.0]]);
        let calibrate = |weight: f64| {
            let denominator = Weighted::new(array![[-1.0], [0.5], [800.0]], vec![1.0, 1.0, weight]).unwrap();
            HistogramCalibration::new().bins(2).calibrate(Identity, &numerator, &denominator).unwrap().report
        };
        let report = calibrate(1.0);
        assert!(
            report.get("kl bound/before").is_none() && report.get("kl bound/after").is_some(),
            "{report:?}"
        );
        assert!(report.warnings.iter().any(|warning| warning.contains("kl bound before")), "{report:?}");
        // Without a weight it is no matter.
        assert!(calibrate(0.0).get("kl bound/before").unwrap().value.is_finite());
    }

    #[test]
    fn more_bins_than_memory_are_refused() {
        let numerator = Weighted::unit(array![[0.0], [1.0], [2.0]]);
        let denominator = Weighted::unit(array![[-1.0], [0.5], [1.5]]);
        let method = HistogramCalibration::new().bins(usize::MAX);
        let error = method.calibrate(Identity, &numerator, &denominator).unwrap_err().to_string();
        assert!(error.contains("bins of a histogram calibration"), "{error}");
        let error =
            Reliability::measure(&Identity, &numerator, &denominator, usize::MAX).unwrap_err().to_string();
        assert!(error.contains("number of bins"), "{error}");
    }
}
