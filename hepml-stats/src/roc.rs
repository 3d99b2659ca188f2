//! Receiver operating characteristic: how well a score separates signal from background.

use hepml_core::{Error as CoreError, Item};

use crate::error::{Error, Result};
use crate::sample::signed_weights;

/// A point of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RocPoint {
    /// Events with this score or a higher one pass; +∞ where none do.
    pub threshold: f64,
    /// ε_S.
    pub signal_efficiency: f64,
    /// ε_B.
    pub background_efficiency: f64,
    /// The effective number (Σw)²/Σw² of background events that pass.
    pub background_events: f64,
}

/// The largest significance improvement ε_S/√ε_B and where it is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaxSic {
    /// ε_S/√ε_B.
    pub value: f64,
    /// The point of the curve.
    pub point: RocPoint,
}

/// The curve of one classifier on a test sample.
///
/// # Conventions
/// High scores are signal-like; an event passes if its score is at or above the threshold. ε_S and ε_B are the fractions
/// of the signal and background weight that pass. Events with the same score pass together, and the curve is a straight
/// line between neighbouring thresholds (ties count half in the AUC).
///
/// Weights may be negative as long as the sum of each class is positive. The curve may then be non-monotonic and leave
/// the unit square; the AUC stays the weighted probability P(s_S > s_B) + P(s_S = s_B)/2, and ε_B(ε_S) is read off where
/// the curve reaches ε_S first, coming from tight thresholds.
///
/// ```
/// use hepml_stats::Roc;
///
/// let scores = [0.9, 0.8, 0.6, 0.4, 0.3, 0.1];
/// let is_signal = [true, true, false, true, false, false];
/// let roc = Roc::new(&scores, &is_signal, None)?;
/// assert!((roc.auc() - 8.0 / 9.0).abs() < 1e-15);
/// assert!((roc.background_rejection(1.0)? - 3.0).abs() < 1e-15);
/// # Ok::<(), hepml_stats::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Roc {
    /// Events from the highest score to the lowest.
    order: Vec<usize>,
    /// Where each group of equal scores ends in `order`.
    ends: Vec<usize>,
    /// The score of each group.
    thresholds: Vec<f64>,
    is_signal: Vec<bool>,
    weights: Vec<f64>,
    curve: Curve,
}

impl Roc {
    /// From the score of each event, whether it is signal, and its weight (1 where none are given).
    ///
    /// # Errors
    /// No events; lists of different lengths; a score that is NaN (infinities are scores); a weight that is not finite; no
    /// signal or no background; a class whose weights do not sum to a positive number.
    pub fn new(scores: &[f64], is_signal: &[bool], weights: Option<&[f64]>) -> Result<Self> {
        if scores.is_empty() {
            return Err(CoreError::Empty { what: "scores".into() }.into());
        }
        if is_signal.len() != scores.len() {
            return Err(CoreError::shape("labels", scores.len(), is_signal.len()).into());
        }
        if let Some(event) = scores.iter().position(|score| score.is_nan()) {
            let value = scores[event];
            return Err(CoreError::NotFinite { what: "score".into(), item: Item::event(event), value }.into());
        }
        let weights = signed_weights(weights, scores.len())?.into_owned();
        for (class, signal) in [("signal", true), ("background", false)] {
            if !is_signal.contains(&signal) {
                return Err(Error::MissingClass { class });
            }
        }
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&i, &j| scores[j].total_cmp(&scores[i]));
        let mut ends = Vec::new();
        let mut thresholds: Vec<f64> = Vec::new();
        for (position, &event) in order.iter().enumerate() {
            // −0.0 and 0.0 are the same score.
            if thresholds.last() == Some(&scores[event]) {
                ends.pop();
            } else {
                thresholds.push(scores[event]);
            }
            ends.push(position + 1);
        }
        let mut roc =
            Self { order, ends, thresholds, is_signal: is_signal.to_vec(), weights, curve: Curve::default() };
        roc.curve = roc.resampled(None)?;
        Ok(roc)
    }

    /// The points of the curve, from "none pass" to "all pass".
    pub fn points(&self) -> impl Iterator<Item = RocPoint> + '_ {
        (0..=self.thresholds.len()).map(|index| self.point(index))
    }

    fn point(&self, index: usize) -> RocPoint {
        RocPoint {
            threshold: index.checked_sub(1).map_or(f64::INFINITY, |group| self.thresholds[group]),
            signal_efficiency: self.curve.signal_efficiency[index],
            background_efficiency: self.curve.background_efficiency[index],
            background_events: self.curve.background_events[index],
        }
    }

    /// The area under the curve ε_S(ε_B): P(s_S > s_B) + P(s_S = s_B)/2.
    pub fn auc(&self) -> f64 {
        self.curve.auc()
    }

    /// ε_B at a given ε_S in (0, 1].
    ///
    /// # Errors
    /// A signal efficiency outside (0, 1].
    pub fn background_efficiency(&self, signal_efficiency: f64) -> Result<f64> {
        self.curve.background_efficiency(signal_efficiency)
    }

    /// The background rejection 1/ε_B at a given ε_S in (0, 1].
    ///
    /// # Errors
    /// A signal efficiency outside (0, 1]; an ε_B that is not positive (no background passes: the test sample is too
    /// small).
    pub fn background_rejection(&self, signal_efficiency: f64) -> Result<f64> {
        rejection(self.background_efficiency(signal_efficiency)?)
    }

    /// ε_S at a given ε_B in (0, 1]: the largest one reached before the curve exceeds ε_B, coming from tight thresholds.
    ///
    /// # Errors
    /// A background efficiency outside (0, 1].
    pub fn signal_efficiency(&self, background_efficiency: f64) -> Result<f64> {
        self.curve.signal_efficiency(background_efficiency)
    }

    /// The significance improvement ε_S/√ε_B at a given ε_S in (0, 1].
    ///
    /// # Errors
    /// As [`background_rejection`](Self::background_rejection).
    pub fn sic(&self, signal_efficiency: f64) -> Result<f64> {
        Ok(signal_efficiency * self.background_rejection(signal_efficiency)?.sqrt())
    }

    /// The largest ε_S/√ε_B over all thresholds that at least `min_background` effective background events pass.
    ///
    /// Without that rule the maximum is an artefact of the last few background events. With 25 events ε_B is known to
    /// 20 %. The maximum over fluctuating points is biased upwards all the same, more so for small test samples.
    ///
    /// # Errors
    /// A minimum that is not positive; no threshold with so many background events and a positive ε_S.
    pub fn max_sic(&self, min_background: f64) -> Result<MaxSic> {
        let (value, index) = self.curve.max_sic(min_background)?;
        Ok(MaxSic { value, point: self.point(index) })
    }

    /// The curve with each event counted so many times.
    pub(crate) fn resampled(&self, multiplicities: Option<&[u32]>) -> Result<Curve> {
        let mut curve = Curve::default();
        let (mut signal, mut background) = (0.0, 0.0);
        // For the effective number of events, scaled so that squares neither overflow nor underflow.
        let largest = self.weights.iter().fold(0.0_f64, |largest, weight| largest.max(weight.abs()));
        let (mut scaled, mut squares) = (0.0, 0.0);
        let (mut start, mut sums) = (0, Vec::with_capacity(self.ends.len() + 1));
        sums.push((0.0, 0.0, 0.0));
        let effective = |sum: f64, squares: f64| if squares > 0.0 { sum * sum / squares } else { 0.0 };
        for &end in &self.ends {
            for &event in &self.order[start..end] {
                let times = multiplicities.map_or(1.0, |counts| f64::from(counts[event]));
                let weight = self.weights[event];
                if self.is_signal[event] {
                    signal += times * weight;
                } else {
                    background += times * weight;
                    let relative = weight / largest;
                    scaled += times * relative;
                    squares += times * relative * relative;
                }
            }
            sums.push((signal, background, effective(scaled, squares)));
            start = end;
        }
        for (what, sum) in [("signal weights", signal), ("background weights", background)] {
            if !(sum > 0.0 && sum.is_finite()) {
                return Err(Error::NonPositiveSum { what, sum });
            }
        }
        for (s, b, events) in sums {
            curve.signal_efficiency.push(s / signal);
            curve.background_efficiency.push(b / background);
            curve.background_events.push(events);
        }
        Ok(curve)
    }

    pub(crate) fn curve(&self) -> &Curve {
        &self.curve
    }

    pub(crate) fn is_signal(&self) -> &[bool] {
        &self.is_signal
    }

    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }
}

/// The efficiencies at each threshold, from "none pass" (0, 0) to "all pass" (1, 1).
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Curve {
    signal_efficiency: Vec<f64>,
    background_efficiency: Vec<f64>,
    background_events: Vec<f64>,
}

impl Curve {
    pub(crate) fn auc(&self) -> f64 {
        let (s, b) = (&self.signal_efficiency, &self.background_efficiency);
        (1..s.len()).map(|i| (b[i] - b[i - 1]) * 0.5 * (s[i] + s[i - 1])).sum()
    }

    pub(crate) fn background_efficiency(&self, signal_efficiency: f64) -> Result<f64> {
        check_efficiency("signal efficiency", signal_efficiency)?;
        let (s, b) = (&self.signal_efficiency, &self.background_efficiency);
        let after = s.iter().position(|&s| s >= signal_efficiency).expect("the curve ends at exactly 1");
        // after > 0, for the curve starts at 0; s rises between the two points.
        let fraction = (signal_efficiency - s[after - 1]) / (s[after] - s[after - 1]);
        Ok(b[after - 1] * (1.0 - fraction) + b[after] * fraction)
    }

    pub(crate) fn signal_efficiency(&self, background_efficiency: f64) -> Result<f64> {
        check_efficiency("background efficiency", background_efficiency)?;
        let (s, b) = (&self.signal_efficiency, &self.background_efficiency);
        let Some(after) = b.iter().position(|&b| b > background_efficiency) else {
            return Ok(s[s.len() - 1]);
        };
        let fraction = (background_efficiency - b[after - 1]) / (b[after] - b[after - 1]);
        Ok(s[after - 1] * (1.0 - fraction) + s[after] * fraction)
    }

    pub(crate) fn max_sic(&self, min_background: f64) -> Result<(f64, usize)> {
        if !(min_background > 0.0 && min_background.is_finite()) {
            let allowed = "positive and finite";
            return Err(
                CoreError::out_of_range("minimum of background events", min_background, allowed).into()
            );
        }
        let mut best: Option<(f64, usize)> = None;
        for (index, &events) in self.background_events.iter().enumerate() {
            let (s, b) = (self.signal_efficiency[index], self.background_efficiency[index]);
            if events >= min_background && b > 0.0 && s > 0.0 {
                let sic = s / b.sqrt();
                if best.is_none_or(|(largest, _)| sic > largest) {
                    best = Some((sic, index));
                }
            }
        }
        best.ok_or_else(|| {
            Error::undefined(
                "maximal significance improvement",
                format!(
                    "no threshold lets {min_background} effective background events and some signal pass"
                ),
            )
        })
    }
}

fn check_efficiency(what: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value <= 1.0 {
        Ok(())
    } else {
        Err(CoreError::out_of_range(what, value, "above 0 and at most 1").into())
    }
}

pub(crate) fn rejection(background_efficiency: f64) -> Result<f64> {
    if background_efficiency > 0.0 {
        Ok(background_efficiency.recip())
    } else {
        Err(Error::undefined(
            "background rejection",
            format!("the background efficiency is {background_efficiency}; the test sample is too small"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [bool; 6] = [true, false, true, false, true, false];

    #[test]
    fn ties_count_half() {
        let roc = Roc::new(&[1.0; 6], &LABELS, None).unwrap();
        assert_eq!(roc.auc(), 0.5);
        assert_eq!(roc.points().count(), 2);
        assert_eq!(roc.background_efficiency(0.3).unwrap(), 0.3);
        // −0.0 and 0.0 tie.
        let roc = Roc::new(&[0.0, -0.0], &[true, false], None).unwrap();
        assert_eq!(roc.auc(), 0.5);
    }

    #[test]
    fn a_perfect_classifier() {
        let roc = Roc::new(&[1.0, 0.0, 2.0, -1.0, f64::INFINITY, f64::NEG_INFINITY], &LABELS, None).unwrap();
        assert_eq!(roc.auc(), 1.0);
        assert_eq!(roc.background_efficiency(1.0).unwrap(), 0.0);
        assert!(matches!(roc.background_rejection(1.0), Err(Error::Undefined { .. })));
        assert_eq!(roc.signal_efficiency(0.1).unwrap(), 1.0);
        // On a vertical piece of the curve it is the upper end that counts.
        let steps = Roc::new(&[6.0, 5.0, 4.0, 3.0, 2.0, 1.0], &LABELS, None).unwrap();
        assert_eq!(steps.signal_efficiency(1.0 / 3.0).unwrap(), 2.0 / 3.0);
        // With the minimum rule the maximum is finite: one background event, all signal.
        let best = roc.max_sic(1.0).unwrap();
        assert!((best.value - 3.0_f64.sqrt()).abs() < 1e-15);
        assert_eq!(best.point.threshold, 0.0);
        assert!(roc.max_sic(4.0).is_err());
    }

    #[test]
    fn effective_events_know_no_scale() {
        let scores = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0];
        for scale in [1e-300, 1e-200, 1.0, 1e200, 1e300] {
            let weights = [1.0, 1.0, 1.0, 2.0, 1.0, -1.0].map(|weight| weight * scale);
            let roc = Roc::new(&scores, &LABELS, Some(&weights)).unwrap();
            let events: Vec<f64> = roc.points().map(|point| point.background_events).collect();
            for (got, expected) in events.iter().zip([0.0, 0.0, 1.0, 1.0, 9.0 / 5.0, 9.0 / 5.0, 4.0 / 6.0]) {
                assert!((got - expected).abs() < 1e-14, "{scale:e}: {events:?}");
            }
            assert!(roc.max_sic(1.0).is_ok());
        }
    }

    #[test]
    fn signed_weights_are_the_double_sum() {
        let scores = [0.9, 0.8, 0.8, 0.4, 0.3, 0.1];
        let weights = [1.0, 2.0, -0.5, 1.0, 1.5, -0.7];
        let roc = Roc::new(&scores, &LABELS, Some(&weights)).unwrap();
        let (mut sum, mut signal, mut background) = (0.0, 0.0, 0.0);
        for i in [0, 2, 4] {
            signal += weights[i];
            for j in [1, 3, 5] {
                let wins = if scores[i] > scores[j] { 1.0 } else { 0.5 * f64::from(scores[i] == scores[j]) };
                sum += weights[i] * weights[j] * wins;
            }
        }
        for j in [1, 3, 5] {
            background += weights[j];
        }
        assert!((roc.auc() - sum / signal / background).abs() < 1e-15);
        let efficiencies: Vec<f64> = roc.points().map(|point| point.signal_efficiency).collect();
        assert!(efficiencies.windows(2).any(|pair| pair[1] < pair[0]));
    }

    #[test]
    fn bad_input() {
        let scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
        assert!(Roc::new(&[], &[], None).is_err());
        assert!(Roc::new(&scores, &LABELS[..5], None).is_err());
        assert!(Roc::new(&scores, &LABELS, Some(&[1.0])).is_err());
        let mut nan = scores;
        nan[3] = f64::NAN;
        assert!(Roc::new(&nan, &LABELS, None).unwrap_err().to_string().contains("event 3"));
        assert!(matches!(
            Roc::new(&scores, &[true; 6], None),
            Err(Error::MissingClass { class: "background" })
        ));
        assert!(matches!(Roc::new(&scores, &[false; 6], None), Err(Error::MissingClass { class: "signal" })));
        let zero = [1.0, 1.0, -1.0, 1.0, 0.0, 1.0];
        assert!(matches!(Roc::new(&scores, &LABELS, Some(&zero)), Err(Error::NonPositiveSum { .. })));
        let roc = Roc::new(&scores, &LABELS, None).unwrap();
        for efficiency in [0.0, -0.1, 1.1, f64::NAN] {
            assert!(roc.background_efficiency(efficiency).is_err());
            assert!(roc.signal_efficiency(efficiency).is_err());
            assert!(roc.sic(efficiency).is_err());
        }
        assert!(roc.max_sic(0.0).is_err() && roc.max_sic(f64::NAN).is_err());
    }
}
