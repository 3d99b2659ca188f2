//! Which pairs of events there are.

use std::ops::Range;

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
    pub fn pair_count(self) -> usize {
        match self {
            Self::Within { events } => triangle(events),
            Self::Between { rows, columns } => rows * columns,
        }
    }

    /// The index of a pair in packed order, `None` if there is no such pair.
    ///
    /// Within a list the order of the two does not matter, and pair i < j is at n(n-1)/2 - (n-i)(n-i-1)/2 + j - i - 1.
    pub fn index(self, first: usize, second: usize) -> Option<usize> {
        match self {
            Self::Within { events } => {
                let (i, j) = (first.min(second), first.max(second));
                (i != j && j < events).then(|| triangle(events) - triangle(events - i) + j - i - 1)
            }
            Self::Between { rows, columns } => {
                (first < rows && second < columns).then_some(first * columns + second)
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

/// n(n-1)/2.
fn triangle(n: usize) -> usize {
    n * n.saturating_sub(1) / 2
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
            assert_eq!(pairs.len(), pairing.pair_count());
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
}
