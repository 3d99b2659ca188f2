//! Events, made ready for training.

use hepml_core::rand::{Rng, RngExt};
use hepml_core::{FitReport, Weighted};

use super::model::relabelled;
use crate::error::Result;
use crate::network::{Architecture, EncodedOf, Encoder, EventsOf};
use crate::scalar::Scalar;

/// Training and validation events, encoded.
pub(super) struct Preparation<A: Architecture, T: Scalar> {
    pub(super) encoder: A::Encoder,
    pub(super) training: Part<A, T>,
    pub(super) validation: Option<Part<A, T>>,
}

/// Some of the events, encoded.
pub(super) struct Part<A: Architecture, T: Scalar> {
    /// Which of all events they are.
    pub(super) events: Vec<usize>,
    pub(super) weights: Vec<f64>,
    pub(super) inputs: EncodedOf<A, T>,
}

impl<A: Architecture, T: Scalar> Preparation<A, T> {
    /// Splits off `round(validation * events)` random events, at least one if the fraction is not 0, and fits the encoder to
    /// the others.
    pub(super) fn new(
        architecture: &A,
        events: &Weighted<EventsOf<A>>,
        validation: f64,
        rng: &mut dyn Rng,
    ) -> Result<Self> {
        if !(0.0..1.0).contains(&validation) {
            let allowed = "at least 0 and below 1";
            return Err(hepml_core::Error::out_of_range("validation fraction", validation, allowed).into());
        }
        if events.is_empty() {
            return Err(hepml_core::Error::Empty { what: "set of training events".into() }.into());
        }
        let count = events.len();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and count")]
        let held_out = ((validation * count as f64).round() as usize).max(usize::from(validation > 0.0));
        if held_out >= count {
            return Err(hepml_core::Error::shape(
                "events for training and validation, at least",
                held_out + 1,
                count,
            )
            .into());
        }
        let mut order: Vec<usize> = (0..count).collect();
        // The first `held_out` of a Fisher-Yates shuffle.
        for i in 0..held_out {
            order.swap(i, rng.random_range(i..count));
        }
        let mut training = order.split_off(held_out);
        training.sort_unstable();
        order.sort_unstable();
        let selected = if held_out == 0 { events.clone() } else { events.select(&training)? };
        let encoder = architecture
            .fit_encoder(&selected)
            .map_err(|error| relabelled(error, |event| training.get(event).copied().unwrap_or(event)))?;
        let training = Part::new(&encoder, training, &selected)?;
        let validation = if held_out == 0 {
            None
        } else {
            Some(Part::new(&encoder, order.clone(), &events.select(&order)?)?)
        };
        Ok(Self { encoder, training, validation })
    }

    /// Writes into a report what should be known of the events.
    pub(super) fn report(&self, report: &mut FitReport) {
        if let Some(validation) = &self.validation {
            report.measure("events/validation", validation.events.len() as f64, None);
        }
        for note in self.encoder.notes() {
            report.warn(note);
        }
    }
}

impl<A: Architecture, T: Scalar> Part<A, T> {
    fn new(encoder: &A::Encoder, events: Vec<usize>, selected: &Weighted<EventsOf<A>>) -> Result<Self> {
        let inputs = encoder
            .encode(selected.events())
            .map_err(|error| relabelled(error, |event| events.get(event).copied().unwrap_or(event)))?;
        Ok(Self { weights: selected.weights().to_vec(), events, inputs })
    }
}
