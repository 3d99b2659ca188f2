//! Reweighting the denominator to the numerator.

use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, EventSet, FitReport, Item, LogRatio, Weighted};

use crate::error::{Error, Result};
use crate::report::{ExponentialMean, Tail, warn_of_weights};

/// From this tail index on a mean converges too slowly for any sample (arXiv:1507.02646).
const UNRELIABLE: f64 = 0.7;

/// How to turn a log ratio into weights.
///
/// The weight of an event becomes w e^z, which keeps the sum of weights in expectation where z is the ratio of densities;
/// [`total`](Self::total) then scales all weights to a given sum (the numerator's, for yields). An event with r = 0 (z of minus
/// infinity) gets the weight 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields, default)]
pub struct Reweighting {
    #[serde(skip_serializing_if = "Option::is_none")]
    clip: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<f64>,
}

/// Reweighted events and what happened to them.
#[derive(Debug, Clone)]
pub struct Reweighted<E> {
    /// The same events with new weights.
    pub events: Weighted<E>,
    /// "effective sample size/before" and "/after"; "normalisation", E_den\[r\] of the clipped r before any scaling, 1 for an
    /// exact ratio, with its error unless the tail index says that the variance is infinite or cannot be found; "clipped"
    /// events; "largest log ratio"; "largest share", the largest abs(new weight) over the sum of all; "tail index" of
    /// abs(w) r; warnings.
    pub report: FitReport,
}

impl Reweighting {
    /// Neither clipped nor scaled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Clips z to \[-clip, clip\]; the events are counted. A ratio of 0 stays 0.
    #[must_use]
    pub const fn clip(mut self, clip: f64) -> Self {
        self.clip = Some(clip);
        self
    }

    /// Scales the new weights to this sum; ratios may then be beyond the range of numbers (ln r = 800).
    #[must_use]
    pub const fn total(mut self, total: f64) -> Self {
        self.total = Some(total);
        self
    }

    /// Reweights denominator events, of any kind, by a model of p_num/p_den.
    ///
    /// ```
    /// use hepml_core::{LogRatio, Result, Table, Weighted, ndarray::{Array1, array}};
    /// use hepml_ratio::Reweighting;
    ///
    /// struct Slope;
    /// impl LogRatio<Table> for Slope {
    ///     fn log_ratio(&self, events: &Table) -> Result<Array1<f64>> {
    ///         Ok(events.column(0).to_owned())
    ///     }
    /// }
    ///
    /// let table: Table = array![[0.0], [2.0_f64.ln()]];
    /// let reweighted = Reweighting::new().apply(&Slope, &Weighted::new(table, vec![3.0, -1.0])?)?;
    /// assert_eq!(reweighted.events.weights(), [3.0, -2.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the model returns; as [`apply_log_ratios`](Self::apply_log_ratios).
    pub fn apply<E, M>(&self, model: &M, denominator: &Weighted<E>) -> Result<Reweighted<E>>
    where
        E: EventSet,
        M: LogRatio<E> + ?Sized,
    {
        self.check(denominator)?;
        self.apply_log_ratios(&model.log_ratio(denominator.events())?.to_vec(), denominator)
    }

    /// Reweights denominator events by z = ln r of each, such as those that cross-fitting finds
    /// ([`CrossFitted::denominator`](crate::CrossFitted::denominator)).
    ///
    /// # Errors
    /// No events; another number of log ratios than of events; a clip or total that is not positive; a log ratio that is NaN or
    /// plus infinity, or a weight that overflows, naming the event; for a total, new weights whose sum is not positive.
    pub fn apply_log_ratios<E: EventSet>(
        &self,
        log_ratios: &[f64],
        denominator: &Weighted<E>,
    ) -> Result<Reweighted<E>> {
        self.check(denominator)?;
        if log_ratios.len() != denominator.len() {
            return Err(CoreError::shape("log ratios", denominator.len(), log_ratios.len()).into());
        }
        let mut clipped = 0_usize;
        let mut z = Vec::with_capacity(log_ratios.len());
        for (event, &value) in log_ratios.iter().enumerate() {
            let item = Item::event(event);
            if value.is_nan() || value == f64::INFINITY {
                return Err(CoreError::NotFinite { what: "log ratio".into(), item, value }.into());
            }
            // r = 0 is no rounding error of a small ratio: the model says that there is none.
            let clip = self.clip.filter(|&clip| value.abs() > clip && value != f64::NEG_INFINITY);
            clipped += usize::from(clip.is_some());
            z.push(clip.map_or(value, |clip| value.clamp(-clip, clip)));
        }
        // Where the sum is given, only ratios of ratios matter: the largest is taken for 1, and none overflows.
        let largest = largest_that_counts(&z, denominator.weights());
        let shift = if self.total.is_some() && largest.is_finite() { largest } else { 0.0 };
        let mut weights = Vec::with_capacity(z.len());
        for (event, (z, &weight)) in z.iter().zip(denominator.weights()).enumerate() {
            let value = if weight == 0.0 { 0.0 } else { weight * (z - shift).exp() };
            if !value.is_finite() {
                let item = Item::event(event);
                return Err(CoreError::NotFinite { what: "new weight".into(), item, value }.into());
            }
            weights.push(value);
        }
        let mut report = FitReport::new();
        let sum: f64 = weights.iter().sum();
        if let Some(total) = self.total {
            if !(sum > 0.0 && sum.is_finite()) {
                let what = "reweighted events";
                return Err(Error::from(hepml_stats::Error::NonPositiveSum { what, sum }));
            }
            for weight in &mut weights {
                *weight *= total / sum;
            }
        } else if sum.is_nan() || sum <= 0.0 {
            report.warn(format!("the sum of the new weights is {sum}: they are no distribution"));
        }
        let events = denominator.reweighted(weights)?;
        report.measure("effective sample size/before", denominator.effective_sample_size(), None);
        report.measure("effective sample size/after", events.effective_sample_size(), None);
        report.measure("clipped", clipped as f64, None);
        if clipped > 0 {
            report.warn(format!("{clipped} of {} log ratios were clipped", denominator.len()));
        }
        if largest.is_finite() {
            report.measure("largest log ratio", largest, None);
        }
        let heaviest = events.weights().iter().fold(0.0_f64, |most, weight| most.max(weight.abs()));
        if heaviest > 0.0 {
            let share = 1.0 / events.weights().iter().map(|weight| weight.abs() / heaviest).sum::<f64>();
            report.measure("largest share", share, None);
        }
        warn_of_weights("reweighted denominator", events.weights(), &mut report);
        let is_known = has_finite_variance(&z, denominator, &mut report);
        normalisation(&z, denominator, is_known, &mut report)?;
        Ok(Reweighted { events, report })
    }

    fn check<E: EventSet>(&self, denominator: &Weighted<E>) -> Result<()> {
        for (what, value) in [("clip of a log ratio", self.clip), ("total of the weights", self.total)] {
            if let Some(value) = value.filter(|&value| !(value > 0.0 && value.is_finite())) {
                return Err(CoreError::out_of_range(what, value, "positive and finite").into());
            }
        }
        if denominator.is_empty() {
            return Err(CoreError::Empty { what: "denominator".into() }.into());
        }
        Ok(())
    }
}

/// The largest z of an event with a weight; minus infinity without one.
fn largest_that_counts(z: &[f64], weights: &[f64]) -> f64 {
    z.iter().zip(weights).filter(|(_, w)| **w != 0.0).map(|(z, _)| *z).fold(f64::NEG_INFINITY, f64::max)
}

/// Whether abs(w) r has a finite variance, as far as its tail tells.
fn has_finite_variance<E: EventSet>(z: &[f64], denominator: &Weighted<E>, report: &mut FitReport) -> bool {
    let counting = z.iter().zip(denominator.weights()).filter(|(_, weight)| **weight != 0.0);
    let log_weights: Vec<f64> = counting.map(|(z, weight)| z + weight.abs().ln()).collect();
    let tail = Tail::new(&log_weights);
    match &tail {
        Tail::None => {}
        Tail::Index(k) => {
            report.measure("tail index", *k, None);
            if *k >= UNRELIABLE {
                report.warn(format!(
                    "the tail index of the new weights is {k:.2}: sums and effective sample size cannot be trusted"
                ));
            }
        }
        Tail::Unknown(reason) => report.warn(format!("E_den[r] has no error: {reason}")),
    }
    tail.is_finite()
}

/// E_den\[r\], where there is one.
fn normalisation<E: EventSet>(
    z: &[f64],
    denominator: &Weighted<E>,
    is_known: bool,
    report: &mut FitReport,
) -> Result<()> {
    let sum = denominator.sum_weights();
    if sum.is_nan() || sum <= 0.0 {
        report.warn(format!("the sum of the denominator's weights is {sum}: E_den[r] is not defined"));
        return Ok(());
    }
    let mean = ExponentialMean::new(z.iter().copied(), denominator.weights())?;
    match mean.estimate() {
        Some(estimate) => report.measure("normalisation", estimate.value, is_known.then_some(estimate.error)),
        None => report.warn("E_den[r] is beyond the range of numbers"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hepml_core::ndarray::Array1;
    use hepml_core::{FourMomentum, ParticleSets, Table};

    use super::*;

    fn events(weights: &[f64]) -> Weighted<Table> {
        Weighted::new(Table::zeros((weights.len(), 1)), weights.to_vec()).unwrap()
    }

    fn run(config: Reweighting, z: &[f64], weights: &[f64]) -> Result<Reweighted<Table>, String> {
        config.apply_log_ratios(z, &events(weights)).map_err(|error| error.to_string())
    }

    fn warned(of: &Reweighted<Table>, what: &str) -> bool {
        of.report.warnings.iter().any(|warning| warning.contains(what))
    }

    #[test]
    fn ratios_beyond_the_range_of_numbers() {
        let plain = Reweighting::new();
        let z = [800.0, 800.0 + 3.0_f64.ln(), -800.0];
        assert!(run(plain, &z, &[1.0; 3]).unwrap_err().contains("event 0"));
        // Only their ratios matter where the sum is given.
        let scaled = run(plain.total(8.0), &z, &[1.0; 3]).unwrap();
        for (weight, expected) in scaled.events.weights().iter().zip([2.0, 6.0, 0.0]) {
            // e^1 of a difference of numbers about 800: 800 eps.
            assert!((weight - expected).abs() < 1e-11, "{weight}");
        }
        assert!(warned(&scaled, "beyond the range") && scaled.report.get("normalisation").is_none());
        assert!(scaled.report.measures.iter().all(|(_, measure)| measure.value.is_finite()));
        // Squares of weights overflow before the weights do.
        let large: Vec<f64> = (0..50).map(|i| 400.0 + 0.01 * f64::from(i)).collect();
        let large = run(plain, &large, &[1.0; 50]).unwrap();
        assert!(large.report.get("normalisation").unwrap().error.unwrap().is_finite());
        assert!(large.report.get("effective sample size/after").unwrap().value > 45.0);
        // All weights vanish: said, or refused where they must have a sum.
        let small = run(plain, &[-800.0, -900.0], &[1.0; 2]).unwrap();
        assert!(warned(&small, "no distribution"));
        assert!(run(plain.total(1.0), &[f64::NEG_INFINITY; 2], &[1.0; 2]).is_err());
    }

    #[test]
    fn a_ratio_of_zero_is_a_weight_of_zero() {
        let got = run(Reweighting::new(), &[0.0, f64::NEG_INFINITY], &[1.0, 5.0]).unwrap();
        assert_eq!(got.events.weights(), [1.0, 0.0]);
        assert!((got.report.get("normalisation").unwrap().value - 1.0 / 6.0).abs() < 1e-15);
        // Clipping leaves it.
        let got = run(Reweighting::new().clip(3.0), &[0.0, f64::NEG_INFINITY], &[1.0, 5.0]).unwrap();
        assert_eq!(got.events.weights(), [1.0, 0.0]);
        assert_eq!(got.report.get("clipped").unwrap().value, 0.0);
        // An infinite ratio is none, not even of an event without weight.
        assert!(run(Reweighting::new(), &[0.0, f64::INFINITY], &[1.0, 0.0]).unwrap_err().contains("event 1"));
        let got = run(Reweighting::new(), &[0.0, 900.0], &[1.0, 0.0]).unwrap();
        assert_eq!(got.events.weights(), [1.0, 0.0]);
    }

    #[test]
    fn errors_only_where_the_tail_allows() {
        // Quantiles of weights of tail index 0.25 and 0.9: r = u^-k.
        let of_index = |k: f64| {
            let z: Vec<f64> = (0..2000).map(|i| -k * ((f64::from(i) + 0.5) / 2000.0).ln()).collect();
            run(Reweighting::new(), &z, &[1.0; 2000]).unwrap()
        };
        let light = of_index(0.25);
        assert!(
            light.report.get("normalisation").unwrap().error.is_some() && light.report.warnings.is_empty()
        );
        let heavy = of_index(0.9);
        assert!(heavy.report.get("normalisation").unwrap().error.is_none() && warned(&heavy, "tail index"));
        assert!(heavy.report.get("tail index").unwrap().value > 0.7);
        // Too few to tell.
        let few = run(Reweighting::new(), &[0.0, 1.0, 2.0], &[1.0; 3]).unwrap();
        assert!(
            few.report.get("normalisation").unwrap().error.is_none()
                && warned(&few, "too few for a tail index")
        );
        // Equal ones have none.
        let equal = run(Reweighting::new(), &[0.5; 30], &[2.0; 30]).unwrap();
        assert!(equal.report.get("normalisation").unwrap().error.unwrap() < 1e-15);
        assert!(equal.report.warnings.is_empty());
    }

    #[test]
    fn one_event_that_outweighs_the_others_is_warned_of() {
        let mut z = vec![0.0; 100];
        z[7] = 10.0;
        let got = run(Reweighting::new(), &z, &[1.0; 100]).unwrap();
        let share = got.report.get("largest share").unwrap().value;
        assert!((share - 10.0_f64.exp() / (99.0 + 10.0_f64.exp())).abs() < 1e-12);
        assert!(warned(&got, "event 7 of the reweighted denominator carries 100 %"));
    }

    #[test]
    fn signed_weights_that_cancel() {
        let plain = Reweighting::new();
        // The denominator has no sum.
        let got = run(plain, &[0.0, 1.0], &[1.0, -1.0]).unwrap();
        assert!(warned(&got, "E_den[r] is not defined") && warned(&got, "no distribution"));
        // The reweighted events have none.
        assert!(run(plain.total(1.0), &[0.0, 1.0], &[2.0, -1.0]).unwrap_err().contains("reweighted events"));
        let got = run(plain, &[0.0; 2], &[0.0; 2]).unwrap();
        assert!(warned(&got, "no distribution") && got.report.get("largest share").is_none());
        assert_eq!(got.report.get("effective sample size/after").unwrap().value, 0.0);
    }

    /// Says too little.
    struct Short;
    impl LogRatio<ParticleSets> for Short {
        fn log_ratio(&self, _: &ParticleSets) -> hepml_core::Result<Array1<f64>> {
            Ok(Array1::zeros(1))
        }
    }

    #[test]
    fn lengths_and_models() {
        assert!(run(Reweighting::new(), &[0.0; 3], &[1.0; 2]).unwrap_err().contains("log ratios"));
        let p = FourMomentum::new(5.0, 3.0, 0.0, 4.0);
        let sets = Weighted::unit(ParticleSets::from_events([vec![p, p], vec![]]).unwrap());
        let error = Reweighting::new().apply(&Short, &sets).unwrap_err().to_string();
        assert!(error.contains("log ratios"), "{error}");
        let none = Weighted::unit(ParticleSets::from_events(Vec::<Vec<FourMomentum>>::new()).unwrap());
        assert_eq!(Reweighting::new().apply(&Short, &none).unwrap_err().to_string(), "denominator is empty");
    }
}
