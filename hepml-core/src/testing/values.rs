//! What checkers compare.

use ndarray::{Array, Dimension, OwnedRepr};

use crate::{FourMomentum, ParticleSets};

/// What a function under test returns: something that is a list of numbers.
pub trait Values {
    /// The numbers, in a fixed order.
    fn values(&self) -> Vec<f64>;

    /// What number `index` is, for messages.
    fn item(&self, index: usize) -> String {
        format!("value {index}")
    }
}

impl Values for f64 {
    fn values(&self) -> Vec<f64> {
        vec![*self]
    }

    fn item(&self, _: usize) -> String {
        "the value".to_owned()
    }
}

impl Values for Vec<f64> {
    fn values(&self) -> Vec<f64> {
        self.clone()
    }
}

impl<const N: usize> Values for [f64; N] {
    fn values(&self) -> Vec<f64> {
        self.to_vec()
    }
}

impl<D: Dimension> Values for ndarray::ArrayBase<OwnedRepr<f64>, D, f64> {
    fn values(&self) -> Vec<f64> {
        self.iter().copied().collect()
    }

    fn item(&self, index: usize) -> String {
        match Array::from_iter(0..self.len()).into_shape_with_order(self.raw_dim()) {
            Ok(numbers) => numbers
                .indexed_iter()
                .find(|(_, number)| **number == index)
                .map_or_else(String::new, |(place, _)| format!("entry {place:?}")),
            Err(_) => format!("entry {index}"),
        }
    }
}

impl Values for FourMomentum {
    fn values(&self) -> Vec<f64> {
        vec![self.e, self.px, self.py, self.pz]
    }

    fn item(&self, index: usize) -> String {
        ["E", "px", "py", "pz"][index].to_owned()
    }
}

impl Values for Vec<FourMomentum> {
    fn values(&self) -> Vec<f64> {
        self.iter().flat_map(Values::values).collect()
    }

    fn item(&self, index: usize) -> String {
        format!("{} of momentum {}", ["E", "px", "py", "pz"][index % 4], index / 4)
    }
}

impl Values for ParticleSets {
    /// The momenta, then the features.
    fn values(&self) -> Vec<f64> {
        self.momenta().iter().flat_map(Values::values).chain(self.features().iter().copied()).collect()
    }

    fn item(&self, index: usize) -> String {
        let momenta = 4 * self.particle_count();
        if index < momenta {
            return format!("{} of particle {}", ["E", "px", "py", "pz"][index % 4], index / 4);
        }
        let columns = self.feature_names().len();
        let (particle, column) = ((index - momenta) / columns, (index - momenta) % columns);
        format!("feature {:?} of particle {particle}", self.feature_names()[column])
    }
}
