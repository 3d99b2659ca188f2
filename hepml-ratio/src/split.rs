//! Cuts of both sides of a ratio into parts, at random.

use hepml_core::rand::Rng;
use hepml_core::{EventSet, Streams, Weighted};

use crate::error::Result;

/// Splits both sides as [`Weighted::split`] does, with the same random numbers.
///
/// Exchanging the sides exchanges the parts; and an event that is in both samples at the same place (one a reweighting of the
/// other) comes into the same part of both, so that what is held out of one is not learned from the other.
pub(crate) fn split_alike<E: EventSet>(
    sides: [&Weighted<E>; 2],
    fraction: f64,
    rng: &mut dyn Rng,
) -> Result<[(Weighted<E>, Weighted<E>); 2]> {
    let streams = Streams::from_rng(rng);
    let split = |side: &Weighted<E>| side.split(fraction, &mut streams.stream(0));
    Ok([split(sides[0])?, split(sides[1])?])
}

/// Cuts both sides into folds as [`Weighted::folds`] does, alike.
pub(crate) fn folds_alike<E: EventSet>(
    sides: [&Weighted<E>; 2],
    count: usize,
    rng: &mut dyn Rng,
) -> Result<[Vec<Vec<usize>>; 2]> {
    let streams = Streams::from_rng(rng);
    let folds = |side: &Weighted<E>| side.folds(count, &mut streams.stream(0));
    Ok([folds(sides[0])?, folds(sides[1])?])
}

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
        let [(a, b), (c, d)] = split_alike([&above, &below], 0.3, &mut rng).unwrap();
        assert_eq!((a.len(), b.len()), (30, 70));
        assert_eq!((a.events(), b.events()), (c.events(), d.events()));
        let [folds, alike] = folds_alike([&above, &below], 4, &mut rng).unwrap();
        assert_eq!(folds, alike);
        // Anew each time.
        let [(other, _), _] = split_alike([&above, &below], 0.3, &mut rng).unwrap();
        assert_ne!(a.events(), other.events());
    }
}
