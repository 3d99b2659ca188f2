//! What networks take: rows, or sets of rows.

use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::scalar::Scalar;
use crate::tape::{Segments, Tape, Var};

/// Events as a network takes them, all or a batch of them.
pub trait Inputs<T: Scalar>: Default + Send + Sync {
    /// The same on a tape: what networks compute with. Whoever wants derivatives by inputs records them as such, and hands
    /// the variables to [`Network::forward`](crate::Network::forward).
    type Vars;

    /// Puts them on a tape, as inputs (differentiated by) or as constants.
    ///
    /// # Errors
    /// Parts that do not fit together.
    fn record(&self, tape: &mut Tape<T>, differentiate: bool) -> Result<Self::Vars>;

    /// The number of events.
    fn count(&self) -> usize;

    /// The rows that an event takes: what it costs, for batches of about the same cost.
    fn rows_of(&self, event: usize) -> usize;

    /// Becomes the events of `all` at `events`, in that order, in the memory that it has.
    ///
    /// # Errors
    /// An event that is not there.
    fn select_from(&mut self, all: &Self, events: &[usize]) -> Result<()>;
}

/// The numbers that are as costly as a row of a set, about.
const NUMBERS_OF_A_ROW: usize = 64;

/// A row an event.
impl<T: Scalar> Inputs<T> for Matrix<T> {
    type Vars = Var;

    fn record(&self, tape: &mut Tape<T>, differentiate: bool) -> Result<Var> {
        Ok(leaf(tape, self, differentiate))
    }

    fn count(&self) -> usize {
        self.rows()
    }

    /// A row counts as several if it is wide, as those of images are: their batches are then cut as those of sets are.
    fn rows_of(&self, _: usize) -> usize {
        self.columns().div_ceil(NUMBERS_OF_A_ROW).max(1)
    }

    fn select_from(&mut self, all: &Self, events: &[usize]) -> Result<()> {
        check(events, all.rows())?;
        self.reset(events.len(), all.columns());
        let (from, mut to) = (all.view(), self.view_mut());
        let stride = from.stride();
        for (row, &event) in events.iter().enumerate() {
            to.padded_row(row).copy_from_slice(&from.padded()[event * stride..][..stride]);
        }
        Ok(())
    }
}

/// Sets of rows: a ragged batch, without padding.
#[derive(Debug, Clone, PartialEq)]
pub struct Sets<T: Scalar> {
    /// The features of all particles [particles, features], set after set.
    pub rows: Matrix<T>,
    /// A weight of each particle [particles, 1], for networks that weigh (the z of an EFN); [particles, 0] for the others.
    pub weights: Matrix<T>,
    /// Features of each event [events, features]; [events, 0] for networks without.
    pub globals: Matrix<T>,
    /// Which rows belong together.
    pub segments: Segments,
}

impl<T: Scalar> Default for Sets<T> {
    fn default() -> Self {
        Self {
            rows: Matrix::default(),
            weights: Matrix::default(),
            globals: Matrix::default(),
            segments: Segments::new(vec![0]).expect("no sets"),
        }
    }
}

/// [`Sets`] on a tape.
#[derive(Debug, Clone)]
pub struct SetVars {
    /// The features of all particles [particles, features].
    pub rows: Var,
    /// A weight of each particle [particles, 1], where there are any.
    pub weights: Option<Var>,
    /// Features of each event [events, features], where there are any.
    pub globals: Option<Var>,
    /// Which rows belong together.
    pub segments: Segments,
}

impl<T: Scalar> Inputs<T> for Sets<T> {
    type Vars = SetVars;

    fn record(&self, tape: &mut Tape<T>, differentiate: bool) -> Result<SetVars> {
        self.check()?;
        let mut part = |matrix: &Matrix<T>| (matrix.columns() > 0).then(|| leaf(tape, matrix, differentiate));
        let (weights, globals) = (part(&self.weights), part(&self.globals));
        let rows = leaf(tape, &self.rows, differentiate);
        Ok(SetVars { rows, weights, globals, segments: self.segments.clone() })
    }

    fn count(&self) -> usize {
        self.segments.count()
    }

    fn rows_of(&self, event: usize) -> usize {
        self.segments.offsets()[event + 1] - self.segments.offsets()[event]
    }

    fn select_from(&mut self, all: &Self, events: &[usize]) -> Result<()> {
        all.check()?;
        check(events, all.count())?;
        let ends = all.segments.offsets();
        let mut offsets = Vec::with_capacity(events.len() + 1);
        offsets.push(0);
        let mut rows = 0;
        for &event in events {
            rows += all.rows_of(event);
            offsets.push(rows);
        }
        for (to, from) in [(&mut self.rows, &all.rows), (&mut self.weights, &all.weights)] {
            to.reset(rows, from.columns());
            let (from, mut to) = (from.view(), to.view_mut());
            let stride = from.stride();
            for (&event, first) in events.iter().zip(&offsets) {
                let from = &from.padded()[ends[event] * stride..ends[event + 1] * stride];
                to.padded()[first * stride..][..from.len()].copy_from_slice(from);
            }
        }
        self.globals.select_from(&all.globals, events)?;
        self.segments = Segments::new(offsets)?;
        Ok(())
    }
}

impl<T: Scalar> Sets<T> {
    /// Checks that there is a row a particle, or an event.
    fn check(&self) -> Result<()> {
        let (particles, events) = (self.segments.rows(), self.segments.count());
        for (what, matrix, rows) in [
            ("particles' features", &self.rows, particles),
            ("particles' weights", &self.weights, particles),
            ("events' features", &self.globals, events),
        ] {
            if matrix.rows() != rows {
                return Err(Error::shape(format!("rows of the {what}"), rows, matrix.rows()));
            }
        }
        Ok(())
    }
}

fn leaf<T: Scalar>(tape: &mut Tape<T>, matrix: &Matrix<T>, differentiate: bool) -> Var {
    if differentiate { tape.input(matrix.view()) } else { tape.constant(matrix.view()) }
}

fn check(indices: &[usize], len: usize) -> Result<()> {
    match indices.iter().find(|index| **index >= len) {
        None => Ok(()),
        Some(&index) => Err(Error::Core(hepml_core::Error::IndexOutOfBounds {
            what: "event of a batch".into(),
            index,
            len,
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_without_a_row_a_particle_are_errors() {
        let segments = Segments::new(vec![0, 2, 3]).unwrap();
        let sets = |rows, weights, globals| Sets {
            rows: Matrix::<f32>::zeros(rows, 2),
            weights: Matrix::zeros(weights, 0),
            globals: Matrix::zeros(globals, 0),
            segments: segments.clone(),
        };
        let mut batch = Sets::default();
        batch.select_from(&sets(3, 3, 2), &[1]).unwrap();
        assert_eq!(batch.rows.shape(), (1, 2));
        for wrong in [sets(2, 3, 2), sets(3, 2, 2), sets(3, 3, 1)] {
            let error = batch.select_from(&wrong, &[1]).unwrap_err();
            assert!(error.to_string().contains("rows of the"), "{error}");
        }
    }
}
