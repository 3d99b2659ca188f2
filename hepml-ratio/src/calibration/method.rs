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
    /// knows nothing), the bound 1 + E_num\[z\] - E_den\[e^z\] on the KL divergence ("kl bound"), and the calibration curve
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
            report.measure(format!("kl bound/{when}"), reliability.kl_bound, None);
            let column = |f: fn(&CalibrationPoint) -> f64| reliability.curve.points.iter().map(f).collect();
            report.curve(format!("calibration/{when}/estimated"), column(|point| point.estimated));
            report.curve(format!("calibration/{when}/observed"), column(|point| point.observed));
            report.curve(format!("calibration/{when}/error"), column(|point| point.error));
        }
        Ok(Fitted { model: Calibrated::new(model, map), report })
    }
}
