//! The events of both sides, cut into parts.

use hepml_core::rand::Rng;
use hepml_core::{Error as CoreError, EventSet, Streams, Weighted};
use hepml_nn::{Encoder, Inputs, Matrix, Scalar};

use crate::error::{Error, Result};
use crate::split::shuffled;

/// The names of the sides, in the order in which their events stand.
pub(super) const SIDES: [&str; 2] = ["numerator", "denominator"];

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

/// Events of both sides, which are some of all events.
pub(super) struct Selection<E> {
    pub(super) sides: [Weighted<E>; 2],
    indices: [Vec<usize>; 2],
}

impl<E: EventSet> Selection<E> {
    /// Cuts both sides at random into as many parts as there are fractions, and what is left: that comes last.
    ///
    /// # Errors
    /// A side that has too few events for that.
    pub(super) fn cut(sides: [&Weighted<E>; 2], fractions: &[f64], rng: &mut dyn Rng) -> Result<Vec<Self>> {
        // The same random numbers for both: see `split_alike`.
        let streams = Streams::from_rng(rng);
        let cut = |side: usize| cut(SIDES[side], sides[side].len(), fractions, &mut streams.stream(0));
        let [numerator, denominator] = [cut(0)?, cut(1)?];
        let select = |(above, below): (Vec<usize>, Vec<usize>)| {
            let sides = [sides[0].select(&above)?, sides[1].select(&below)?];
            Ok(Self { sides, indices: [above, below] })
        };
        numerator.into_iter().zip(denominator).map(select).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sides.iter().all(Weighted::is_empty)
    }

    /// All events, with weights of which those of each side sum to half their number.
    ///
    /// # Errors
    /// Weights of a side that do not sum to a positive number.
    pub(super) fn joined(&self, part: &'static str) -> Result<Weighted<E>> {
        let [numerator, denominator] = &self.sides;
        let half = 0.5 * (numerator.len() + denominator.len()) as f64;
        let mut weights = Vec::with_capacity(numerator.len() + denominator.len());
        for (name, side) in SIDES.into_iter().zip(&self.sides) {
            // By the largest first, so that no sum overflows.
            let largest = side.weights().iter().fold(0.0_f64, |m, w| m.max(w.abs()));
            let sum: f64 = side.weights().iter().map(|w| w / largest).sum();
            if largest == 0.0 || sum <= 0.0 {
                let sum = if largest == 0.0 { 0.0 } else { sum * largest };
                let what = format!("sum of the weights of the {part} events of the {name}");
                return Err(CoreError::out_of_range(what, sum, "positive").into());
            }
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
        let (count, numerators) = (joined.len(), self.sides[0].len());
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
        let count = self.indices[0].len();
        let (side, index) = if event < count { (0, event) } else { (1, event - count) };
        self.indices[side].get(index).map(|original| (SIDES[side], *original))
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

/// Random indices of each part of a side; of each fraction that is not 0, at least one.
fn cut(name: &str, count: usize, fractions: &[f64], rng: &mut dyn Rng) -> Result<Vec<Vec<usize>>> {
    let mut order = shuffled(count, rng);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "fractions are from 0 to below 1"
    )]
    let size =
        |fraction: &f64| ((fraction * count as f64).round() as usize).max(usize::from(*fraction > 0.0));
    let sizes: Vec<usize> = fractions.iter().map(size).collect();
    let held_out: usize = sizes.iter().sum();
    if held_out >= count {
        let what = format!("events of the {name} for training and what is held out, at least");
        return Err(CoreError::shape(what, held_out + 1, count).into());
    }
    let mut parts: Vec<Vec<usize>> = sizes.into_iter().map(|size| order.drain(..size).collect()).collect();
    parts.push(order);
    for part in &mut parts {
        part.sort_unstable();
    }
    Ok(parts)
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
        let sizes: Vec<[usize; 2]> = parts.iter().map(|part| [0, 1].map(|i| part.sides[i].len())).collect();
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
        let events = Table::from_shape_fn((40, 1), |(i, _)| i as f64);
        let (above, below) = (Weighted::unit(events.clone()), Weighted::unit(events));
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        for part in Selection::cut([&above, &below], &[0.3], rng).unwrap() {
            assert_eq!(part.indices[0], part.indices[1]);
        }
    }
}
