//! The events of both sides, cut into parts.

use hepml_core::rand::Rng;
use hepml_core::{Error as CoreError, EventSet, Weighted};
use hepml_nn::{Encoder, Inputs, Matrix, Scalar};

use crate::error::{Error, Result};
use crate::split::{self, SIDES, cut_alike};
use crate::weight_sum::WeightSum;

/// Events of the numerator and then of the denominator, encoded.
pub(super) struct Part<T: Scalar, I> {
    pub(super) inputs: I,
    /// Those of each side sum to half the number of events: the mean over events is (E_num + E_den)/2.
    pub(super) weights: Vec<f64>,
    /// The same, [events, 1].
    pub(super) rounded_weights: Matrix<T>,
    /// -1 for the numerator, 1 for the denominator, [events, 1].
    pub(super) signs: Matrix<T>,
    numerators: usize,
}

impl<T: Scalar, I> Part<T, I> {
    pub(super) fn is_numerator(&self, event: usize) -> bool {
        event < self.numerators
    }
}

/// Events of both sides, which are some of all events: those of the numerator and then of the denominator.
pub(super) struct Selection<E> {
    pub(super) part: split::Part<E>,
}

impl<E: EventSet> Selection<E> {
    /// Cuts both sides alike, at random, into as many parts as there are fractions, and what is left: that comes last. Of each fraction
    /// that is not 0 there is at least one event (of the longer side by its place, where the other one has no more).
    ///
    /// # Errors
    /// A side that has too few events for that.
    pub(super) fn cut(sides: [&Weighted<E>; 2], fractions: &[f64], rng: &mut dyn Rng) -> Result<Vec<Self>> {
        let sizes = |count: usize| -> Vec<usize> {
            let size = |fraction: &f64| split::share(*fraction, count).max(usize::from(*fraction > 0.0));
            fractions.iter().map(size).collect()
        };
        for (name, side) in SIDES.into_iter().zip(sides) {
            let held_out: usize = sizes(side.len()).iter().sum();
            if held_out >= side.len() {
                let what = format!("events of the {name} for training and what is held out, at least");
                return Err(CoreError::shape(what, held_out + 1, side.len()).into());
            }
        }
        let [numerator, denominator] = cut_alike(sides.map(Weighted::len), &sizes, rng);
        let select = |(mut above, mut below): (Vec<usize>, Vec<usize>)| {
            above.sort_unstable();
            below.sort_unstable();
            Ok(Self { part: split::Part::new(sides, [above, below])? })
        };
        numerator.into_iter().zip(denominator).map(select).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.part.sides.iter().all(Weighted::is_empty)
    }

    /// All events, with weights of which those of each side sum to half their number.
    ///
    /// # Errors
    /// Weights of a side that do not sum to a positive number beyond rounding.
    pub(super) fn joined(&self, part: &'static str) -> Result<Weighted<E>> {
        let [numerator, denominator] = &self.part.sides;
        let half = 0.5 * (numerator.len() + denominator.len()) as f64;
        let mut weights = Vec::with_capacity(numerator.len() + denominator.len());
        for (name, side) in SIDES.into_iter().zip(&self.part.sides) {
            let WeightSum { largest, scaled: sum, .. } = WeightSum::of(side.weights())
                .positive(|| format!("weights of the {part} events of the {name}"))?;
            weights.extend(side.weights().iter().map(|w| w / largest / sum * half));
        }
        let events = E::concat_events(&[numerator.events(), denominator.events()])?;
        Ok(Weighted::new(events, weights)?)
    }

    /// The events as a network takes them.
    ///
    /// # Errors
    /// Events that cannot be encoded, naming side, event and column.
    pub(super) fn encode<T: Scalar, P: Encoder<Events = E>>(
        &self,
        encoder: &P,
        joined: &Weighted<E>,
    ) -> Result<Part<T, P::Encoded<T>>> {
        let inputs = encoder.encode::<T>(joined.events()).map_err(|error| self.named(error.into()))?;
        let (count, numerators) = (joined.len(), self.part.sides[0].len());
        if inputs.count() != count {
            return Err(CoreError::shape("encoded events", count, inputs.count()).into());
        }
        let weights = joined.weights().to_vec();
        let column = |of: &dyn Fn(usize) -> f64| {
            let numbers: Vec<T> = (0..count).map(|event| T::from_f64(of(event))).collect();
            Matrix::from_rows(count, 1, &numbers)
        };
        let signs = column(&|event| if event < numerators { -1.0 } else { 1.0 })?;
        let rounded_weights = column(&|event| weights[event])?;
        Ok(Part { inputs, weights, rounded_weights, signs, numerators })
    }

    /// The side of one of the joined events, and the number that the user knows it by.
    pub(super) fn place(&self, event: usize) -> Option<(&'static str, usize)> {
        let indices = &self.part.indices;
        let count = indices[0].len();
        let (side, index) = if event < count { (0, event) } else { (1, event - count) };
        indices[side].get(index).map(|original| (SIDES[side], *original))
    }

    /// The same error about one of the joined events, by its [`place`](Self::place).
    pub(super) fn named(&self, error: Error) -> Error {
        match error {
            Error::Network(hepml_nn::Error::Core(error)) => self.named(error.into()),
            Error::Core(mut error) => {
                if let CoreError::NotFinite { what, item, .. } | CoreError::OutOfRange { what, item, .. } =
                    &mut error
                    && let Some((side, original)) = item.event.and_then(|event| self.place(event))
                {
                    item.event = Some(original);
                    *what = format!("{side}: {what}").into();
                }
                error.into()
            }
            error => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use hepml_core::Table;
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn joined_events_are_known_by_side_and_number() {
        // Each event is its own number; those of the denominator are negative.
        let side = |sign: f64, count: usize| {
            Weighted::unit(Table::from_shape_fn((count, 1), |(i, _)| sign * (i as f64 + 1.0)))
        };
        let (above, below) = (side(1.0, 50), side(-1.0, 30));
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let parts = Selection::cut([&above, &below], &[0.1, 0.2], rng).unwrap();
        let sizes: Vec<[usize; 2]> =
            parts.iter().map(|Selection { part }| [0, 1].map(|i| part.sides[i].len())).collect();
        assert_eq!(sizes, [[5, 3], [10, 6], [35, 21]]);
        for part in parts {
            let joined = part.joined("training").unwrap();
            for (event, x) in joined.events().iter().enumerate() {
                let place = if *x > 0.0 { ("numerator", *x) } else { ("denominator", -x) };
                let (name, original) = part.place(event).unwrap();
                assert_eq!((name, original as f64 + 1.0), place);
            }
            assert!(part.place(joined.len()).is_none());
        }
    }

    #[test]
    fn sides_of_one_sample_are_cut_alike() {
        let events = |count| Weighted::unit(Table::from_shape_fn((count, 1), |(i, _)| i as f64));
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        // Also where one has more events than the other.
        for (above, below) in [(40, 40), (40, 60), (9, 4), (1000, 40)] {
            let sides = [events(above), events(below)];
            for Selection { part } in Selection::cut([&sides[0], &sides[1]], &[0.3, 0.1], rng).unwrap() {
                let shared = part.indices.map(|mut indices| {
                    indices.retain(|event| *event < above.min(below));
                    indices
                });
                assert_eq!(shared[0], shared[1]);
            }
        }
    }

    #[test]
    fn weights_that_cancel_but_for_rounding_are_refused() {
        let side = |weights: Vec<f64>| Weighted::new(Table::zeros((weights.len(), 1)), weights).unwrap();
        let (good, bad) = (side(vec![1.0; 6]), side(vec![0.1, 0.1, 0.1, -0.1, -0.1, -0.1]));
        assert!(bad.sum_weights() > 0.0);
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        let [training] = <[_; 1]>::try_from(Selection::cut([&good, &bad], &[], rng).unwrap()).ok().unwrap();
        let error = training.joined("training").unwrap_err().to_string();
        assert!(error.contains("sum of the weights of the training events of the denominator"), "{error}");
    }
}
