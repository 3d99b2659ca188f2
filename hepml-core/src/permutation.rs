//! Permutations.

use ndarray::Axis;

use crate::error::{Error, Result};
use crate::event_set::EventSet;
use crate::particle_sets::ParticleSets;
use crate::transformation::Transformation;

/// A permutation: position `i` of the result holds what was at `indices[i]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permutation {
    indices: Vec<usize>,
}

impl Permutation {
    /// The permutation that puts element `indices[i]` at position `i`.
    ///
    /// # Errors
    /// [`Error::NotPermutation`] naming the first position with an index that is too large or comes twice.
    pub fn new(indices: Vec<usize>) -> Result<Self> {
        let mut seen = vec![false; indices.len()];
        for (position, &index) in indices.iter().enumerate() {
            if index >= indices.len() || std::mem::replace(&mut seen[index], true) {
                return Err(Error::NotPermutation { len: indices.len(), position, index });
            }
        }
        Ok(Self { indices })
    }

    /// Which element each position holds.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// The permutation that undoes this one.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let mut indices = vec![0; self.indices.len()];
        for (position, &index) in self.indices.iter().enumerate() {
            indices[index] = position;
        }
        Self { indices }
    }
}

impl<T: Clone> Transformation<Vec<T>> for Permutation {
    fn apply(&self, x: &Vec<T>) -> Result<Vec<T>> {
        if x.len() != self.indices.len() {
            return Err(Error::shape("elements to permute", self.indices.len(), x.len()));
        }
        Ok(self.indices.iter().map(|&index| x[index].clone()).collect())
    }
}

impl Transformation<ParticleSets> for Permutation {
    /// Permutes all particles of the batch; each must stay within its event.
    fn apply(&self, sets: &ParticleSets) -> Result<ParticleSets> {
        let momenta = self.apply(&sets.momenta().to_vec())?;
        for event in 0..sets.event_count() {
            let range = sets.offsets()[event]..sets.offsets()[event + 1];
            if let Some(&index) = self.indices[range.clone()].iter().find(|index| !range.contains(index)) {
                let what = format!("particle that event {event} receives").into();
                return Err(Error::OutOfRange {
                    what,
                    item: crate::error::Item::NONE,
                    value: index as f64,
                    allowed: "one of its own",
                });
            }
        }
        let features = sets.features().select(Axis(0), &self.indices);
        ParticleSets::new(momenta, features, sets.shared_feature_names(), sets.offsets().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FourMomentum;

    #[test]
    fn what_is_no_permutation_is_an_error() {
        assert!(matches!(
            Permutation::new(vec![0, 2]),
            Err(Error::NotPermutation { position: 1, index: 2, .. })
        ));
        assert!(matches!(Permutation::new(vec![1, 0, 1]), Err(Error::NotPermutation { position: 2, .. })));
        assert!(Permutation::new(vec![]).is_ok());
    }

    #[test]
    fn particles_stay_in_their_events() {
        let p = |e| FourMomentum::new(e, 0.0, 0.0, 0.0);
        let sets = ParticleSets::from_events([vec![p(1.0), p(2.0)], vec![p(3.0)]]).unwrap();
        let within = Permutation::new(vec![1, 0, 2]).unwrap();
        let permuted = within.apply(&sets).unwrap();
        assert_eq!(permuted.momenta(), [p(2.0), p(1.0), p(3.0)]);
        assert_eq!(within.inverse().apply(&permuted).unwrap(), sets);
        let across = Permutation::new(vec![0, 2, 1]).unwrap();
        assert!(across.apply(&sets).unwrap_err().to_string().contains("event 0"));
        assert!(Permutation::new(vec![0]).unwrap().apply(&sets).is_err());
    }
}
