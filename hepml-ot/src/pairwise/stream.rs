//! All pairs in packed order, computed tile by tile on all threads.

use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use hepml_core::{Observer, Progress};

use crate::divergence::Divergence;
use crate::error::{Error, Result};
use crate::pairwise::engine::{PairReport, Pairwise};
use crate::pairwise::handler::{PairHandler, checked_limit};
use crate::pairwise::pairing::Pairing;
use crate::pairwise::parallel;

/// The columns of a tile, and the most rows: few enough that the events of both stay in a cache.
const SIDE: usize = 16;
/// The most tiles per thread that are computed between two looks at the observer: many, so that threads seldom wait for the
/// slowest.
const TILES_PER_THREAD: usize = 16;
/// How long the observer may wait: tiles become fewer when they take longer than this, and more when they take a quarter of it.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Some rows times some columns, the unit of parallel work.
///
/// The tiles of the same rows are a band; once a band is complete, its pairs go to the handler. Which tiles there are depends on
/// the pairing alone.
struct Tile {
    rows: Range<usize>,
    columns: Range<usize>,
    /// Whether this is the last tile of its band.
    last: bool,
}

/// The values of a tile, row after row, up to the first error.
struct Computed {
    values: Vec<Option<f64>>,
    /// How many of them had to be computed.
    count: usize,
    error: Option<((usize, usize), Error)>,
}

pub(crate) fn stream<D: Divergence, H: PairHandler + ?Sized>(
    pairwise: &Pairwise<'_, D>,
    handler: &mut H,
    observer: &mut dyn Observer,
) -> Result<PairReport> {
    let pairing = pairwise.pairing();
    handler.begin(pairing)?;
    let limit = checked_limit(handler)?;
    let mut report = PairReport { total: pairing.pair_count()?, settled: 0, computed: 0 };
    let mut tiles = tiles(pairing);
    let mut tiles_per_thread = 1;
    let mut band = Band::default();
    let mut step = 0;
    loop {
        let start = Instant::now();
        let batch: Vec<Tile> = tiles.by_ref().take(tiles_per_thread * parallel::threads()).collect();
        if batch.is_empty() {
            return Ok(report);
        }
        let computed = parallel::map(&batch, |tile| {
            pairwise.with_workspace(|workspace| compute(pairwise, workspace, pairing, tile, limit))
        });
        // It decides when the observer is asked, and nothing of the values.
        let waited = start.elapsed();
        if waited > LONGEST_WAIT {
            tiles_per_thread = (tiles_per_thread / 2).max(1);
        } else if 4 * waited < LONGEST_WAIT {
            tiles_per_thread = (2 * tiles_per_thread).min(TILES_PER_THREAD);
        }
        for (tile, computed) in batch.into_iter().zip(computed) {
            report.computed += computed.count;
            step += tile.pair_count(pairing);
            let (rows, last) = (tile.rows.clone(), tile.last);
            band.add(tile, computed);
            if last {
                report.settled += band.hand_over(pairing, rows, handler)?;
            }
            let total = Some(report.total as u64);
            let progress = Progress { stage: "pairwise", step: step as u64, total, measures: &[] };
            if observer.step(&progress) == ControlFlow::Break(()) {
                return Ok(report);
            }
        }
    }
}

/// The tiles that have pairs, band after band.
fn tiles(pairing: Pairing) -> impl Iterator<Item = Tile> {
    // With few events a band of 16 rows would be much of the whole, and lost when the work is stopped within it.
    let height = (pairing.rows() / 32).clamp(1, SIDE);
    (0..pairing.rows()).step_by(height).flat_map(move |top| {
        let rows = top..(top + height).min(pairing.rows());
        let partners = pairing.partners(top);
        let end = partners.end;
        partners.step_by(SIDE).map(move |left| {
            let right = (left + SIDE).min(end);
            Tile { rows: rows.clone(), columns: left..right, last: right == end }
        })
    })
}

impl Tile {
    /// The columns that a row has pairs with.
    fn partners(&self, pairing: Pairing, row: usize) -> Range<usize> {
        let partners = pairing.partners(row);
        let start = partners.start.max(self.columns.start);
        start..partners.end.min(self.columns.end).max(start)
    }

    fn pair_count(&self, pairing: Pairing) -> usize {
        self.rows.clone().map(|row| self.partners(pairing, row).len()).sum()
    }
}

fn compute<D: Divergence>(
    pairwise: &Pairwise<'_, D>,
    workspace: &mut D::Workspace,
    pairing: Pairing,
    tile: &Tile,
    limit: f64,
) -> Computed {
    let mut result = Computed { values: Vec::with_capacity(SIDE * SIDE), count: 0, error: None };
    for first in tile.rows.clone() {
        for second in tile.partners(pairing, first) {
            let (computed, value) = pairwise.value(workspace, (first, second), limit);
            result.count += usize::from(computed);
            match value {
                Ok(value) => result.values.push(value),
                Err(error) => {
                    result.error = Some(((first, second), error));
                    return result;
                }
            }
        }
    }
    result
}

/// The tiles of the present band.
#[derive(Default)]
struct Band {
    tiles: Vec<(Tile, std::vec::IntoIter<Option<f64>>)>,
    /// The first error in packed order.
    error: Option<((usize, usize), Error)>,
}

impl Band {
    fn add(&mut self, tile: Tile, computed: Computed) {
        if let Some((pair, error)) = computed.error
            && self.error.as_ref().is_none_or(|(first, _)| pair < *first)
        {
            self.error = Some((pair, error));
        }
        self.tiles.push((tile, computed.values.into_iter()));
    }

    /// Gives the pairs of all tiles to the handler, row after row, and returns how many there were.
    fn hand_over(
        &mut self,
        pairing: Pairing,
        rows: Range<usize>,
        handler: &mut (impl PairHandler + ?Sized),
    ) -> Result<usize> {
        let mut count = 0;
        for first in rows {
            for (tile, values) in &mut self.tiles {
                for second in tile.partners(pairing, first) {
                    // Before the first error there is none, so every tile has got that far.
                    if let Some((_, error)) = self.error.take_if(|(pair, _)| *pair == (first, second)) {
                        return Err(error);
                    }
                    match values.next().flatten() {
                        Some(value) => handler.pair(first, second, value),
                        None => handler.beyond(first, second),
                    }
                    count += 1;
                }
            }
        }
        self.tiles.clear();
        Ok(count)
    }
}
