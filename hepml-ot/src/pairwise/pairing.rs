//! Which pairs of events there are.

use std::ops::Range;

use crate::error::{Error, Result};

/// Which pairs there are, and their packed order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// The pairs i < j of the events of one list, each once.
    Within {
        /// The number of events.
        events: usize,
    },
    /// Each event of one list with each of another.
    Between {
        /// The number of events of the first list.
        rows: usize,
        /// The number of events of the second list.
        columns: usize,
    },
}

impl Pairing {
    /// The number of events that come first in a pair or could.
    pub fn rows(self) -> usize {
        match self {
            Self::Within { events } => events,
            Self::Between { rows, .. } => rows,
        }
    }

    /// The number of events that come second in a pair or could.
    pub fn columns(self) -> usize {
        match self {
            Self::Within { events } => events,
            Self::Between { columns, .. } => columns,
        }
    }

    /// The number of pairs: n(n-1)/2 within a list of n events, `rows` times `columns` between two.
    ///
    /// # Errors
    /// [`Error::TooManyPairs`] if it is larger than the largest `usize`.
    pub fn pair_count(self) -> Result<usize> {
        let count = match self {
            Self::Within { events } => triangle(events),
            Self::Between { rows, columns } => rows.checked_mul(columns),
        };
        count.ok_or(Error::TooManyPairs { rows: self.rows(), columns: self.columns() })
    }

    /// The index of a pair in packed order, `None` if there is no such pair or its index is larger than the largest `usize`.
    ///
    /// Within a list the order of the two does not matter, and pair i < j is at n(n-1)/2 - (n-i)(n-i-1)/2 + j - i - 1.
    pub fn index(self, first: usize, second: usize) -> Option<usize> {
        match self {
            Self::Within { events } => {
                let (i, j) = (first.min(second), first.max(second));
                if i == j || j >= events {
                    return None;
                }
                // Of i and the rows above, each with events - 1 partners or one less than the row above it.
                i.checked_mul(events - 1)?.checked_sub(triangle(i)?)?.checked_add(j - i - 1)
            }
            Self::Between { rows, columns } => {
                if first >= rows || second >= columns {
                    return None;
                }
                first.checked_mul(columns)?.checked_add(second)
            }
        }
    }

    /// All pairs in packed order.
    pub fn pairs(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.rows()).flat_map(move |i| self.partners(i).map(move |j| (i, j)))
    }

    /// The events that an event comes first in a pair with.
    pub(crate) fn partners(self, row: usize) -> Range<usize> {
        match self {
            Self::Within { events } => row + 1..events,
            Self::Between { columns, .. } => 0..columns,
        }
    }
}

/// n(n-1)/2, if that is a `usize`.
fn triangle(n: usize) -> Option<usize> {
    // Of two numbers that follow one another one is even.
    if n.is_multiple_of(2) { (n / 2).checked_mul(n.saturating_sub(1)) } else { n.checked_mul((n - 1) / 2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_count_the_pairs() {
        let within = (0..12).map(|events| Pairing::Within { events });
        let between = (0..4).flat_map(|rows| (0..4).map(move |columns| Pairing::Between { rows, columns }));
        for pairing in within.chain(between) {
            let pairs: Vec<(usize, usize)> = pairing.pairs().collect();
            assert_eq!(pairs.len(), pairing.pair_count().unwrap());
            for (index, &(i, j)) in pairs.iter().enumerate() {
                assert_eq!(pairing.index(i, j), Some(index));
                if matches!(pairing, Pairing::Within { .. }) {
                    assert_eq!(pairing.index(j, i), Some(index));
                }
            }
            assert_eq!(pairing.index(0, pairing.columns()), None);
            assert_eq!(pairing.index(pairing.rows(), 0), None);
        }
        assert_eq!(Pairing::Within { events: 5 }.index(3, 3), None);
    }

    #[test]
    fn more_pairs_than_can_be_counted_are_an_error() {
        let (half, most) = (1 << (usize::BITS / 2), usize::MAX);
        for pairing in [
            Pairing::Within { events: most },
            Pairing::Between { rows: most, columns: 2 },
            Pairing::Between { rows: half, columns: half },
        ] {
            let error = pairing.pair_count().unwrap_err();
            assert!(matches!(error, Error::TooManyPairs { .. }), "{error}");
        }
        assert_eq!(Pairing::Within { events: half }.pair_count().unwrap(), half / 2 * (half - 1));
        assert_eq!(Pairing::Within { events: half + 1 }.pair_count().unwrap(), half / 2 * (half + 1));
        assert_eq!(Pairing::Between { rows: most, columns: 1 }.pair_count().unwrap(), most);
        assert_eq!(Pairing::Within { events: most }.index(0, most - 1), Some(most - 2));
        assert_eq!(Pairing::Within { events: most }.index(most - 2, most - 1), None);
        assert_eq!(Pairing::Between { rows: most, columns: most }.index(2, 0), None);
    }
}
