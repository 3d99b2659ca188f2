//! Cuts of both sides of a ratio into parts, at random.

use hepml_core::rand::{Rng, RngExt};
use hepml_core::{Error as CoreError, EventSet, Streams, Weighted};

use crate::error::{Error, Result};

/// Some events of both sides, and which they are.
pub(crate) struct Part<E> {
    pub(crate) sides: [Weighted<E>; 2],
    pub(crate) indices: [Vec<usize>; 2],
}

impl<E: EventSet> Part<E> {
    /// All events.
    pub(crate) fn whole(sides: [&Weighted<E>; 2]) -> Self {
        Self { sides: sides.map(Clone::clone), indices: sides.map(|side| (0..side.len()).collect()) }
    }

    /// The events with these numbers.
    pub(crate) fn new(sides: [&Weighted<E>; 2], indices: [Vec<usize>; 2]) -> Result<Self> {
        Ok(Self { sides: [sides[0].select(&indices[0])?, sides[1].select(&indices[1])?], indices })
    }

    /// An error of a learner that was given these events, about the events of all.
    pub(crate) fn named(&self, error: CoreError) -> CoreError {
        Origin { names: SIDES, indices: [&self.indices[0], &self.indices[1]] }.named(error)
    }
}

/// Splits both sides at random, as [`cut_alike`] does: about a fraction of each, and the rest.
pub(crate) fn split_alike<E: EventSet>(
    sides: [&Weighted<E>; 2],
    fraction: f64,
    rng: &mut dyn Rng,
) -> Result<[Part<E>; 2]> {
    if !(0.0..1.0).contains(&fraction) {
        let allowed = "at least 0 and below 1";
        return Err(CoreError::out_of_range("examination fraction", fraction, allowed).into());
    }
    let parts = split_parts(sides, &[fraction], rng)?;
    Ok(parts.try_into().unwrap_or_else(|_| unreachable!("one fraction and the rest")))
}

/// As [`split_alike`], into a part for each fraction, and the rest.
pub(crate) fn split_parts<E: EventSet>(
    sides: [&Weighted<E>; 2],
    fractions: &[f64],
    rng: &mut dyn Rng,
) -> Result<Vec<Part<E>>> {
    let sizes = |len: usize| fractions.iter().map(|fraction| share(*fraction, len)).collect();
    let [above, below] = cut_alike(sides.map(Weighted::len), &sizes, rng);
    above.into_iter().zip(below).map(|(above, below)| Part::new(sides, [above, below])).collect()
}

/// A fraction of so many events, rounded.
pub(crate) fn share(fraction: f64, count: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "fractions are from 0 to 1")]
    let share = (fraction * count as f64).round() as usize;
    share
}

/// The events of two sides, in parts of the sizes that a number of events has and what is left, at random and with the same random
/// numbers for both: the numbers of the events of each part.
///
/// Exchanging the sides exchanges the parts; and an event that is in both samples at the same place (one a reweighting of the
/// other, or of its first events) comes into the same part of both, so that what is held out of one is not learned from the
/// other: the numbers that both sides have are dealt out once, those that only the longer one has after them. In every part
/// they stand in that order, so that parts can be cut alike in turn.
pub(crate) fn cut_alike(
    lens: [usize; 2],
    sizes: &dyn Fn(usize) -> Vec<usize>,
    rng: &mut dyn Rng,
) -> [Vec<Vec<usize>>; 2] {
    let streams = Streams::from_rng(rng);
    let common = lens[0].min(lens[1]);
    lens.map(|len| {
        let mut order = shuffled(common, &mut streams.stream(0));
        let mut others = shuffled(len - common, &mut streams.stream(1));
        for event in &mut others {
            *event += common;
        }
        let mut parts = Vec::new();
        for (of_common, size) in sizes(common).into_iter().zip(sizes(len)) {
            let mut part: Vec<usize> = order.drain(..of_common).collect();
            // Rounded sizes may leave one fewer of the others than the last part wants.
            let more = size.saturating_sub(of_common).min(others.len());
            part.extend(others.drain(..more));
            parts.push(part);
        }
        order.append(&mut others);
        parts.push(order);
        parts
    })
}

/// The indices below `len` in random order (Fisher-Yates).
pub(crate) fn shuffled(len: usize, rng: &mut dyn Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for last in (1..len).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    order
}

/// Cuts both sides into folds whose numbers of events differ by 1 at most, alike in the sense of [`cut_alike`].
///
/// # Errors
/// Fewer than 2 folds; a side with fewer events than folds, by name.
pub(crate) fn folds_alike<E: EventSet>(
    sides: [&Weighted<E>; 2],
    count: usize,
    rng: &mut dyn Rng,
) -> Result<[Vec<Vec<usize>>; 2]> {
    for (name, side) in SIDES.into_iter().zip(sides) {
        if side.is_empty() {
            return Err(CoreError::Empty { what: name.into() }.into());
        }
        if count < 2 || count > side.len() {
            let what = format!("number of folds of the {name}");
            let allowed = "at least 2 and at most the number of its events";
            return Err(CoreError::out_of_range(what, count as f64, allowed).into());
        }
    }
    let streams = Streams::from_rng(rng);
    let common = sides[0].len().min(sides[1].len());
    Ok(sides.map(|side| {
        let order = shuffled(common, &mut streams.stream(0));
        let start = |fold: usize| fold * common / count;
        let mut folds: Vec<Vec<usize>> =
            (0..count).map(|fold| order[start(fold)..start(fold + 1)].to_vec()).collect();
        for event in shuffled(side.len() - common, &mut streams.stream(1)) {
            if let Some(smallest) = folds.iter_mut().min_by_key(|fold| fold.len()) {
                smallest.push(common + event);
            }
        }
        folds
    }))
}

/// Some events of both sides, by their numbers, and what the sides are called.
///
/// A composite fits its parts to some of the events. What a learner says of "event 3 of the numerator" is then about another event,
/// and maybe another side, than the user of the composite has.
pub(crate) struct Origin<'a> {
    pub(crate) names: [&'static str; 2],
    pub(crate) indices: [&'a [usize]; 2],
}

impl Origin<'_> {
    /// The side and number of an event that a learner knows as one of its own numerator or denominator.
    fn of(&self, side: &str, event: usize) -> Option<(&'static str, usize)> {
        let side = SIDES.iter().position(|name| *name == side)?;
        Some((self.names[side], *self.indices[side].get(event)?))
    }

    /// The same error, with the event and the side that the user knows.
    pub(crate) fn named(&self, mut error: CoreError) -> CoreError {
        match &mut error {
            CoreError::NotFinite { what, item, .. } | CoreError::OutOfRange { what, item, .. } => {
                if let Some(side) = SIDES.into_iter().find(|side| what.contains(side))
                    && let Some((name, event)) = item.event.and_then(|event| self.of(side, event))
                {
                    *what = what.replace(side, name).into();
                    item.event = Some(event);
                }
            }
            CoreError::Other(other) => {
                if let Some(Error::Diverged { event: Some(event), .. }) = other.downcast_mut()
                    && let Some(original) = self.of(event.0, event.1)
                {
                    *event = original;
                }
            }
            _ => {}
        }
        error
    }
}

/// The same error about an event, which is one of this side, with its name.
pub(crate) fn of_side(side: &str, mut error: CoreError) -> CoreError {
    if let CoreError::NotFinite { what, item, .. } | CoreError::OutOfRange { what, item, .. } = &mut error
        && item.event.is_some()
    {
        *what = format!("{side}: {what}").into();
    }
    error
}

/// What learners call the sides in their errors.
pub(crate) const SIDES: [&str; 2] = ["numerator", "denominator"];

#[cfg(test)]
mod tests {
    use hepml_core::Table;
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn shared_events_come_into_the_same_part() {
        let events = Table::from_shape_fn((100, 1), |(i, _)| i as f64);
        let (above, below) = (Weighted::unit(events.clone()), Weighted::new(events, vec![2.0; 100]).unwrap());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let [first, rest] = split_alike([&above, &below], 0.3, &mut rng).unwrap();
        for (part, count) in [(&first, 30), (&rest, 70)] {
            assert_eq!((part.sides[0].len(), part.sides[0].events()), (count, part.sides[1].events()));
        }
        let [folds, alike] = folds_alike([&above, &below], 4, &mut rng).unwrap();
        assert_eq!(folds, alike);
        let few = |count| Weighted::unit(Table::zeros((count, 1)));
        let error = folds_alike([&above, &few(3)], 4, &mut rng).unwrap_err().to_string();
        assert!(error.contains("folds of the denominator is 4"), "{error}");
        let error = folds_alike([&few(0), &above], 4, &mut rng).unwrap_err().to_string();
        assert_eq!(error, "numerator is empty");
        // Anew each time.
        let [other, _] = split_alike([&above, &below], 0.3, &mut rng).unwrap();
        assert_ne!(first.indices, other.indices);
        let mut both = [first.indices[0].clone(), rest.indices[0].clone()].concat();
        both.sort_unstable();
        assert_eq!(both, (0..100).collect::<Vec<_>>());
        assert!(split_alike([&above, &below], 1.0, &mut rng).is_err());
    }

    #[test]
    fn shared_events_come_into_the_same_part_of_samples_of_other_lengths() {
        for (few, many) in [(1, 2), (5, 7), (60, 100), (10, 1000), (99, 100)] {
            for exchanged in [false, true] {
                let lens = if exchanged { [many, few] } else { [few, many] };
                let sides = lens.map(|len| Weighted::unit(Table::zeros((len, 1))));
                let sides = [&sides[0], &sides[1]];
                let mut rng = ChaCha8Rng::seed_from_u64(3);
                let parts = split_alike(sides, 0.3, &mut rng).unwrap();
                let mut parts: Vec<[Vec<usize>; 2]> = parts.map(|part| part.indices).into();
                for (side, len) in lens.into_iter().enumerate() {
                    assert_eq!(parts[0][side].len(), share(0.3, len));
                }
                // Two sizes that are rounded: no part may take more than there is.
                let sizes = |len: usize| vec![share(0.45, len), share(0.45, len)];
                let [above, below] = cut_alike(lens, &sizes, &mut rng);
                parts.extend(above.into_iter().zip(below).map(|(above, below)| [above, below]));
                if few >= 5 {
                    let [above, below] = folds_alike(sides, 5, &mut rng).unwrap();
                    for folds in [&above, &below] {
                        let sizes = || folds.iter().map(Vec::len);
                        assert!(sizes().max().unwrap() - sizes().min().unwrap() <= 1);
                    }
                    parts.extend(above.into_iter().zip(below).map(|(above, below)| [above, below]));
                }
                for indices in &parts {
                    let common = [0, 1].map(|side| {
                        let events = indices[side].iter().copied().filter(|event| *event < few);
                        events.collect::<Vec<_>>()
                    });
                    assert_eq!(common[0], common[1]);
                    // At the front, so that parts of parts are alike as well.
                    assert!([0, 1].iter().all(|side| indices[*side].starts_with(&common[0])));
                }
                for (side, len) in lens.into_iter().enumerate() {
                    let mut all = [parts[0][side].clone(), parts[1][side].clone()].concat();
                    all.sort_unstable();
                    assert_eq!(all, (0..len).collect::<Vec<_>>());
                }
            }
        }
    }

    #[test]
    fn errors_name_the_users_events() {
        let origin = Origin { names: ["denominator", "denominator"], indices: [&[4, 9], &[7]] };
        let named = |what: &str, event: usize| {
            origin.named(CoreError::not_finite(what.to_owned(), f64::NAN).at_event(event)).to_string()
        };
        assert_eq!(named("numerator, column 1,", 1), "denominator, column 1, of event 9 is not finite (NaN)");
        assert_eq!(
            named("table of the denominator", 0),
            "table of the denominator of event 7 is not finite (NaN)"
        );
        let error = CoreError::not_finite("column 3", f64::NAN).at_event(0);
        let text = origin.named(of_side("denominator", error)).to_string();
        assert_eq!(text, "denominator: column 3 of event 7 is not finite (NaN)");
        // What names no side, or an event that there is none of, stays as it is.
        assert_eq!(named("weight", 0), "weight of event 0 is not finite (NaN)");
        assert_eq!(named("numerator", 2), "numerator of event 2 is not finite (NaN)");
    }
}
