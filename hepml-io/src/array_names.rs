//! Which arrays of a file are what.

/// Which arrays of a file (members of an `.npz` file, data sets of an HDF5 file) hold particles, labels and weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayNames {
    /// The particles `[events, particles, columns]`.
    pub particles: String,
    /// The labels `[events]`.
    pub labels: Option<String>,
    /// The weights `[events]`.
    pub weights: Option<String>,
}

impl ArrayNames {
    /// Particles without labels and weights.
    pub fn new(particles: impl Into<String>) -> Self {
        Self { particles: particles.into(), labels: None, weights: None }
    }

    /// The same with labels.
    #[must_use]
    pub fn with_labels(self, labels: impl Into<String>) -> Self {
        Self { labels: Some(labels.into()), ..self }
    }

    /// The same with weights.
    #[must_use]
    pub fn with_weights(self, weights: impl Into<String>) -> Self {
        Self { weights: Some(weights.into()), ..self }
    }

    /// `particles`, with those of `labels` and `weights` that `contains` knows.
    #[cfg(any(feature = "npz", feature = "hdf5"))]
    pub(crate) fn known(
        particles: &str,
        labels: &str,
        weights: &str,
        contains: impl Fn(&str) -> bool,
    ) -> Self {
        let known = |name: &str| contains(name).then(|| name.to_owned());
        Self { particles: particles.to_owned(), labels: known(labels), weights: known(weights) }
    }
}
