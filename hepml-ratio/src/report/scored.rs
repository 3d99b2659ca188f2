//! The ratios and weights of the events of one side.

use hepml_core::{Error as CoreError, Item};

use crate::error::Result;
use crate::weight_sum::WeightSum;

/// The ln |r| = z and weights of the events of one side, and where r is negative.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    pub(super) z: &'a [f64],
    pub(super) weights: &'a [f64],
    /// Of each event whether r is negative; none where no event has a negative one.
    is_negative: &'a [bool],
}

impl<'a> Scored<'a> {
    /// One z = ln r and one weight an event; z may be infinite (r = 0 or infinite).
    ///
    /// # Errors
    /// No events; other numbers of weights than of events; a z that is NaN, a weight that is not finite, naming the event; weights
    /// that do not sum to a positive number beyond rounding.
    pub fn new(z: &'a [f64], weights: &'a [f64]) -> Result<Self> {
        if z.is_empty() {
            return Err(CoreError::Empty { what: "list of log ratios".into() }.into());
        }
        if weights.len() != z.len() {
            return Err(CoreError::shape("weights", z.len(), weights.len()).into());
        }
        for (event, (&z, &weight)) in z.iter().zip(weights).enumerate() {
            for (what, value, is_bad) in
                [("log ratio", z, z.is_nan()), ("weight", weight, !weight.is_finite())]
            {
                if is_bad {
                    let item = Item::event(event);
                    return Err(CoreError::NotFinite { what: what.into(), item, value }.into());
                }
            }
        }
        let sum = WeightSum::of(weights).positive(|| "weights".to_owned())?.value();
        if !sum.is_finite() {
            return Err(CoreError::not_finite("sum of the weights", sum).into());
        }
        Ok(Self { z, weights, is_negative: &[] })
    }

    /// As [`new`](Self::new), for ratios that may be negative: z = ln |r|, and whether r is negative.
    ///
    /// # Errors
    /// As [`new`](Self::new); another number of signs than of events.
    pub fn signed(z: &'a [f64], is_negative: &'a [bool], weights: &'a [f64]) -> Result<Self> {
        if is_negative.len() != z.len() {
            return Err(CoreError::shape("signs of ratios", z.len(), is_negative.len()).into());
        }
        let is_negative = if is_negative.contains(&true) { is_negative } else { &[] };
        Ok(Self { is_negative, ..Self::new(z, weights)? })
    }

    /// The same events with other weights, which sum to a positive number.
    pub(super) fn with_weights(self, weights: &'a [f64]) -> Result<Self> {
        Ok(Self { is_negative: self.is_negative, ..Self::new(self.z, weights)? })
    }

    /// Whether r is negative at an event.
    fn is_negative(self, event: usize) -> bool {
        self.is_negative.get(event).is_some_and(|is_negative| *is_negative)
    }

    /// How many events with a weight have a negative r.
    pub(super) fn negative_count(self) -> usize {
        (0..self.z.len()).filter(|event| self.weights[*event] != 0.0 && self.is_negative(*event)).count()
    }

    /// Whether an event with a weight has this z.
    pub(super) fn has(self, z: f64) -> bool {
        self.z.iter().zip(self.weights).any(|(of_event, weight)| *of_event == z && *weight != 0.0)
    }

    /// The first event with a weight at which r is infinite.
    pub(crate) fn infinite(self) -> Option<usize> {
        (0..self.z.len()).find(|event| self.z[*event] == f64::INFINITY && self.weights[*event] != 0.0)
    }

    /// z and w, with the sign of r, of each event: sums of sign(r) w e^z are sums of w r.
    pub(super) fn terms(self) -> impl Iterator<Item = (f64, f64)> + Clone + 'a {
        (0..self.z.len()).map(move |event| {
            let weight = self.weights[event];
            (self.z[event], if self.is_negative(event) { -weight } else { weight })
        })
    }

    /// sign(r) ln(1 + |r|), which rises with r.
    fn signed_scores(self) -> Vec<f64> {
        let size = |z: &f64| z.max(0.0) + (-z.abs()).exp().ln_1p();
        let signed = |(event, z)| if self.is_negative(event) { -size(z) } else { size(z) };
        self.z.iter().enumerate().map(signed).collect()
    }

    /// What the events of two sides are ordered by: z, or where an r is negative the [signed scores](Self::signed_scores).
    pub(super) fn scores(sides: [Self; 2]) -> [Vec<f64>; 2] {
        if sides.iter().all(|side| side.negative_count() == 0) {
            sides.map(|side| side.z.to_vec())
        } else {
            sides.map(Self::signed_scores)
        }
    }

    /// The logarithms of |w| e^(sign z), of events that have a weight.
    pub(super) fn log_weights(self, sign: f64) -> Vec<f64> {
        let events = self.z.iter().zip(self.weights).filter(|(_, weight)| **weight != 0.0);
        events.map(|(z, weight)| weight.abs().ln() + sign * z).collect()
    }

    /// w r e^-shift, with the shift that makes the largest e^z that counts 1.
    pub(super) fn reweighted(self) -> Vec<f64> {
        let shift = shift(self.terms());
        self.terms().map(|(z, w)| if w == 0.0 { 0.0 } else { w * (z - shift).exp() }).collect()
    }
}

/// The largest finite exponent of a term that counts; 0 without one.
pub(super) fn shift(terms: impl Iterator<Item = (f64, f64)>) -> f64 {
    let counting = terms.filter(|(x, w)| *w != 0.0 && x.is_finite()).map(|(x, _)| x);
    let largest = counting.fold(f64::NEG_INFINITY, f64::max);
    if largest.is_finite() { largest } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_those_of_the_ratio() {
        let (r, weights) = ([3.0, -0.5, 1e-300, -2.0_f64], [1.0, 2.0, 0.5, -1.0]);
        let z = r.map(|r| r.abs().ln());
        let is_negative = r.map(|r| r < 0.0);
        let side = Scored::signed(&z, &is_negative, &weights).unwrap();
        let scores = side.signed_scores();
        let mut order: Vec<usize> = (0..4).collect();
        order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        assert_eq!(order, [3, 1, 2, 0]);
        // ln(1 + 3) and -ln(1 + 1/2), up to a few roundings.
        assert!((scores[0] - 4.0_f64.ln()).abs() < 1e-15 && (scores[1] + 1.5_f64.ln()).abs() < 1e-15);
        for (got, (r, w)) in side.reweighted().iter().zip(r.iter().zip(weights)) {
            // In units of the largest |r|.
            assert!((got - w * r / 3.0).abs() < 1e-15);
        }
        assert_eq!(side.negative_count(), 2);
        assert!(Scored::signed(&z, &[false], &weights).is_err());
        assert_eq!(Scored::signed(&z, &[false; 4], &weights).unwrap().negative_count(), 0);
    }

    #[test]
    fn bad_input() {
        assert!(Scored::new(&[], &[]).unwrap_err().to_string().contains("empty"));
        assert!(Scored::new(&[0.0], &[1.0, 2.0]).is_err());
        assert!(Scored::new(&[0.0, f64::NAN], &[1.0; 2]).unwrap_err().to_string().contains("event 1"));
        assert!(Scored::new(&[0.0, 0.0], &[1.0, f64::NAN]).unwrap_err().to_string().contains("event 1"));
        for weights in [[0.0, 0.0], [1.0, -2.0], [1.0, f64::EPSILON - 1.0]] {
            let error = Scored::new(&[0.0; 2], &weights).unwrap_err().to_string();
            assert!(error.contains("must be positive"), "{error}");
        }
        let error = Scored::new(&[0.0; 2], &[f64::MAX; 2]).unwrap_err().to_string();
        assert_eq!(error, "sum of the weights is not finite (inf)");
    }
}
