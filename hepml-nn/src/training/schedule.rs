//! How the learning rate changes.

use hepml_core::Error as CoreError;
use hepml_core::serde::{Deserialize, Serialize};

use crate::error::Result;

/// The learning rate as training goes on, as a factor of the configured one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
#[non_exhaustive]
pub enum Schedule {
    /// 1.
    Constant,
    /// last + (1 - last) (1 + cos(pi t/T))/2 at step t = 0, 1, ... of T (arXiv:1608.03983, without restarts).
    Cosine {
        /// The factor at the end.
        last: f64,
    },
    /// From `first` up to 1 and from there down to `last`, each along half a cosine (arXiv:1708.07120).
    OneCycle {
        /// The share of the steps that go up.
        rise: f64,
        /// The factor at first.
        first: f64,
        /// The factor at the end.
        last: f64,
    },
    /// The factor is multiplied by `factor` each time the validation loss (that of training where there is none) has not
    /// become better by `threshold` times its absolute value for more than `patience` epochs.
    Plateau {
        /// What the rate is multiplied by.
        factor: f64,
        /// The epochs without improvement that are let pass.
        patience: usize,
        /// The relative improvement that counts.
        threshold: f64,
        /// The least factor.
        least: f64,
    },
}

impl Default for Schedule {
    /// Constant.
    fn default() -> Self {
        Self::Constant
    }
}

impl Schedule {
    /// Down to 0 along half a cosine.
    pub const fn cosine() -> Self {
        Self::Cosine { last: 0.0 }
    }

    /// Up from 1/25 for 30% of the steps, and down to 1/250000.
    pub const fn one_cycle() -> Self {
        Self::OneCycle { rise: 0.3, first: 1.0 / 25.0, last: 1.0 / 25.0e4 }
    }

    /// A tenth of the rate after more than `patience` epochs without an improvement by 1e-4.
    pub const fn plateau(patience: usize) -> Self {
        Self::Plateau { factor: 0.1, patience, threshold: 1e-4, least: 0.0 }
    }

    /// Checks its numbers.
    ///
    /// # Errors
    /// Factors or shares outside [0, 1], a threshold outside [0, 1).
    pub fn check(&self) -> Result<()> {
        let share = |what: &'static str, value: f64| {
            if (0.0..=1.0).contains(&value) {
                Ok(())
            } else {
                Err(CoreError::out_of_range(what, value, "between 0 and 1"))
            }
        };
        match *self {
            Self::Constant => {}
            Self::Cosine { last } => share("last factor of a cosine schedule", last)?,
            Self::OneCycle { rise, first, last } => {
                share("rising share of a one-cycle schedule", rise)?;
                share("first factor of a one-cycle schedule", first)?;
                share("last factor of a one-cycle schedule", last)?;
            }
            Self::Plateau { factor, threshold, least, .. } => {
                share("factor of a plateau schedule", factor)?;
                share("threshold of a plateau schedule", threshold)?;
                share("least factor of a plateau schedule", least)?;
            }
        }
        Ok(())
    }

    /// The factor of step `step`, counted from 0, of `total`.
    pub(super) fn factor(&self, step: u64, total: u64, plateau: &Plateau) -> f64 {
        let (t, total) = (step as f64, total as f64);
        // From a to b along half a cosine.
        let half_cosine =
            |a: f64, b: f64, share: f64| b + 0.5 * (a - b) * (1.0 + (std::f64::consts::PI * share).cos());
        match *self {
            Self::Constant => 1.0,
            Self::Cosine { last } => half_cosine(1.0, last, (t / total).min(1.0)),
            Self::OneCycle { rise, first, last } => {
                // The top may lie between two steps.
                let top = (rise * total - 1.0).max(0.0);
                let end = (total - 1.0).max(top);
                if t < top {
                    half_cosine(first, 1.0, t / top)
                } else if end > top {
                    half_cosine(1.0, last, ((t - top) / (end - top)).min(1.0))
                } else {
                    1.0
                }
            }
            Self::Plateau { .. } => plateau.factor,
        }
    }
}

/// Where a [`Schedule::Plateau`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
pub(super) struct Plateau {
    factor: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    best: Option<f64>,
    waited: usize,
}

impl Default for Plateau {
    fn default() -> Self {
        Self { factor: 1.0, best: None, waited: 0 }
    }
}

impl Plateau {
    /// Takes note of the loss of an epoch.
    pub(super) fn note(&mut self, schedule: &Schedule, loss: f64) {
        let Schedule::Plateau { factor, patience, threshold, least } = *schedule else { return };
        if self.best.is_none_or(|best| loss < best - threshold * best.abs()) {
            self.best = Some(loss);
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        if self.waited > patience {
            self.factor = (self.factor * factor).max(least);
            self.waited = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::reference::{numbers, reference};

    /// Rounding of cosines, and of the recursions by which torch goes from one rate to the next.
    const ROUNDING: f64 = 1e-13;

    fn compare(got: &[f64], expected: &[f64]) {
        assert_eq!(got.len(), expected.len());
        for (step, (got, expected)) in got.iter().zip(expected).enumerate() {
            assert!((got - expected).abs() < ROUNDING, "step {step}: {got} {expected}");
        }
    }

    #[test]
    fn rates_are_those_of_torch() {
        let reference = reference("schedules");
        let (rate, total) = (reference["rate"].as_f64().unwrap(), reference["steps"].as_u64().unwrap());
        for (name, schedule) in
            [("cosine", Schedule::Cosine { last: 0.1 }), ("one cycle", Schedule::one_cycle())]
        {
            let rates: Vec<f64> =
                (0..total).map(|step| rate * schedule.factor(step, total, &Plateau::default())).collect();
            compare(&rates, &numbers(&reference[name]));
        }
        let schedule = Schedule::Plateau { factor: 0.5, patience: 2, threshold: 1e-4, least: 0.2 };
        let mut plateau = Plateau::default();
        let mut rates = Vec::new();
        for loss in numbers(&reference["plateau losses"]) {
            rates.push(rate * schedule.factor(0, total, &plateau));
            plateau.note(&schedule, loss);
        }
        compare(&rates, &numbers(&reference["plateau"]));
    }

    #[test]
    fn plateaus_know_negative_losses() {
        let schedule = Schedule::Plateau { factor: 0.5, patience: 0, threshold: 0.1, least: 0.0 };
        let mut plateau = Plateau::default();
        let factors: Vec<f64> = [-1.0, -1.2, -1.25, -1.0]
            .into_iter()
            .map(|loss| {
                plateau.note(&schedule, loss);
                plateau.factor
            })
            .collect();
        assert_eq!(factors, [1.0, 1.0, 0.5, 0.25]);
    }

    #[test]
    fn short_trainings_have_rates_too() {
        for schedule in [
            Schedule::Constant,
            Schedule::cosine(),
            Schedule::one_cycle(),
            Schedule::plateau(3),
            Schedule::OneCycle { rise: 1.0, first: 0.1, last: 0.0 },
            Schedule::OneCycle { rise: 0.0, first: 0.1, last: 0.0 },
        ] {
            for total in 1..5 {
                for step in 0..total {
                    let factor = schedule.factor(step, total, &Plateau::default());
                    assert!((0.0..=1.0).contains(&factor), "{schedule:?} {step}/{total}: {factor}");
                }
            }
        }
        assert!(Schedule::Cosine { last: 2.0 }.check().is_err());
        assert!(
            Schedule::Plateau { factor: f64::NAN, patience: 1, threshold: 0.0, least: 0.0 }.check().is_err()
        );
    }
}
