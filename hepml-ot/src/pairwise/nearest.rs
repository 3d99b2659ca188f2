//! Neighbours without all values.

use std::ops::ControlFlow;

use hepml_core::{Observer, Progress};

use crate::divergence::Divergence;
use crate::error::{Error, Result};
use crate::pairwise::engine::{PairReport, Pairwise};
use crate::pairwise::handler::PairHandler;
use crate::pairwise::neighbours::{Neighbour, Neighbours, insert};
use crate::pairwise::pairing::Pairing;
use crate::pairwise::parallel;

/// The most events whose neighbours are looked for between two looks at the observer.
const LARGEST_BATCH: usize = 64;
/// The pairs within a batch that are one piece of parallel work.
const PIECE: usize = 16;

/// What the search for the neighbours of one event found.
#[derive(Default)]
struct Found {
    list: Vec<Neighbour>,
    /// The events whose values were computed, and these.
    computed: Vec<Neighbour>,
    error: Option<((usize, usize), Error)>,
}

/// Event after event: candidates in the order of their lower bounds, until the next bound exceeds the k-th best value.
///
/// Within one list no pair is computed twice: events come in batches, whose size depends on their number alone; first the pairs within
/// a batch are computed, then each event of the batch is compared with the others, and what is found counts for both.
pub(crate) fn nearest<D: Divergence>(
    pairwise: &Pairwise<'_, D>,
    k: usize,
    observer: &mut dyn Observer,
) -> Result<(Neighbours, PairReport)> {
    let pairing = pairwise.pairing();
    let (within, events) = (matches!(pairing, Pairing::Within { .. }), pairing.rows());
    let mut neighbours = Neighbours::new(k)?;
    neighbours.begin(pairing)?;
    let mut report = PairReport { total: pairing.pair_count()?, settled: 0, computed: 0 };
    let mut known = Known::new(if within { report.total } else { 0 });
    let size = if within { (events / 64).clamp(4, LARGEST_BATCH) } else { LARGEST_BATCH };
    for start in (0..events).step_by(size) {
        let batch = start..(start + size).min(events);
        if within {
            let pairs: Vec<(usize, usize)> =
                batch.clone().flat_map(|i| (i + 1..batch.end).map(move |j| (i, j))).collect();
            let values = all_of(pairwise, &pairs)?;
            report.computed += pairs.len();
            for (&(i, j), value) in pairs.iter().zip(values) {
                neighbours.pair(i, j, value);
            }
        }
        let rows: Vec<usize> = batch.clone().collect();
        let found = parallel::map(&rows, |&event| {
            let others = 0..pairing.columns();
            let candidates = others.filter(|&other| {
                !within || (!batch.contains(&other) && !known.contains(pairing.index(event, other)))
            });
            let list = neighbours.lists()[event].clone();
            search(pairwise, event, candidates, within, list, k)
        });
        let mut first_error: Option<((usize, usize), Error)> = None;
        for (&event, found) in rows.iter().zip(found) {
            if let Some((pair, error)) = found.error
                && first_error.as_ref().is_none_or(|(first, _)| pair < *first)
            {
                first_error = Some((pair, error));
            }
            report.computed += found.computed.len();
            *neighbours.list_mut(event).0 = found.list;
            for Neighbour { index, value } in found.computed {
                // The lists of events before the batch are complete.
                if within && index >= batch.end {
                    known.insert(pairing.index(event, index));
                    let (list, k) = neighbours.list_mut(index);
                    insert(list, k, Neighbour { index: event, value });
                }
            }
        }
        if let Some((_, error)) = first_error {
            return Err(error);
        }
        report.settled += batch.clone().map(|row| pairing.partners(row).len()).sum::<usize>();
        let progress = Progress {
            stage: "neighbours",
            step: batch.end as u64,
            total: Some(events as u64),
            measures: &[],
        };
        if observer.step(&progress) == ControlFlow::Break(()) {
            neighbours.truncate(batch.end);
            break;
        }
    }
    Ok((neighbours, report))
}

/// The values of all these pairs, or the first error.
fn all_of<D: Divergence>(pairwise: &Pairwise<'_, D>, pairs: &[(usize, usize)]) -> Result<Vec<f64>> {
    let pieces: Vec<&[(usize, usize)]> = pairs.chunks(PIECE).collect();
    let values = parallel::map(&pieces, |pairs| {
        pairwise.with_workspace(|workspace| {
            let value = |pair: &(usize, usize)| pairwise.value(workspace, *pair, f64::INFINITY).1;
            pairs.iter().map(value).collect::<Result<Vec<_>>>()
        })
    });
    let values: Vec<Vec<Option<f64>>> = values.into_iter().collect::<Result<_>>()?;
    Ok(values.concat().into_iter().flatten().collect())
}

/// Completes the list of an event by those of the candidates that belong there.
fn search<D: Divergence>(
    pairwise: &Pairwise<'_, D>,
    event: usize,
    candidates: impl Iterator<Item = usize>,
    within: bool,
    list: Vec<Neighbour>,
    k: usize,
) -> Found {
    let pair = |other: usize| if within { (event.min(other), event.max(other)) } else { (event, other) };
    let mut candidates: Vec<Neighbour> = candidates
        .map(|index| {
            let bound = pairwise.lower_bound(pair(index));
            // A bound that is none, so that the order is total.
            Neighbour { index, value: if bound.is_nan() { f64::NEG_INFINITY } else { bound } }
        })
        .collect();
    candidates.sort_unstable_by(|a, b| a.value.total_cmp(&b.value).then(a.index.cmp(&b.index)));
    let mut found = Found { list, ..Found::default() };
    pairwise.with_workspace(|workspace| {
        for Neighbour { index, value: bound } in candidates {
            // At an equal value the index decides, so only what is above is out.
            if found.list.len() == k && found.list.last().is_some_and(|last| bound > last.value) {
                break;
            }
            match pairwise.value(workspace, pair(index), f64::INFINITY).1 {
                Ok(value) => {
                    let value = value.expect("finite values are below infinity");
                    found.computed.push(Neighbour { index, value });
                    insert(&mut found.list, k, Neighbour { index, value });
                }
                Err(error) => {
                    found.error = Some((pair(index), error));
                    break;
                }
            }
        }
    });
    found
}

/// The pairs whose values have been computed, a bit each.
struct Known(Vec<u64>);

impl Known {
    fn new(pairs: usize) -> Self {
        Self(vec![0; pairs.div_ceil(64)])
    }

    fn contains(&self, pair: Option<usize>) -> bool {
        // An event with itself is never to be computed.
        pair.is_none_or(|pair| self.0[pair / 64] >> (pair % 64) & 1 == 1)
    }

    fn insert(&mut self, pair: Option<usize>) {
        if let Some(pair) = pair {
            self.0[pair / 64] |= 1 << (pair % 64);
        }
    }
}
