//! One way through a network.

use std::ops::{Deref, DerefMut};

use hepml_core::rand::Rng;

use crate::scalar::Scalar;
use crate::tape::{Tape, Var};

/// A tape on which a network computes, and what training adds to it: noise for layers that want it (dropout, variational
/// layers), and terms of the loss that layers ask for.
pub struct Pass<'a, T: Scalar> {
    tape: &'a mut Tape<T>,
    noise: Option<&'a mut dyn Rng>,
    penalties: Vec<Var>,
}

impl<'a, T: Scalar> Pass<'a, T> {
    /// Evaluation: no noise, the same output each time.
    pub fn evaluation(tape: &'a mut Tape<T>) -> Self {
        Self { tape, noise: None, penalties: Vec::new() }
    }

    /// Training: layers draw their noise from `rng`.
    pub fn training(tape: &'a mut Tape<T>, rng: &'a mut dyn Rng) -> Self {
        Self { tape, noise: Some(rng), penalties: Vec::new() }
    }

    /// What to draw noise from; none where there is to be none.
    pub fn noise(&mut self) -> Option<&mut dyn Rng> {
        match &mut self.noise {
            Some(rng) => Some(&mut **rng),
            None => None,
        }
    }

    /// Asks for a term [1, 1] of the loss that depends on parameters alone (a Kullback-Leibler divergence). It counts once a
    /// batch, not once an event: who trains divides it by the number of events there are.
    pub fn add_penalty(&mut self, penalty: Var) {
        self.penalties.push(penalty);
    }

    /// The terms that layers have asked for so far.
    pub fn penalties(&self) -> &[Var] {
        &self.penalties
    }
}

impl<T: Scalar> Deref for Pass<'_, T> {
    type Target = Tape<T>;

    fn deref(&self) -> &Tape<T> {
        self.tape
    }
}

impl<T: Scalar> DerefMut for Pass<'_, T> {
    fn deref_mut(&mut self) -> &mut Tape<T> {
        self.tape
    }
}
