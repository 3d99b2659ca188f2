//! Labelled jets of a file.

use std::error::Error;
use std::path::Path;

use hepml::core::rand::{Rng, RngExt};
use hepml::core::{EventSet, ParticleSets, Weighted};
use hepml::io::NpzFile;

/// Jets with weights, and which of them are tops.
pub struct Jets {
    /// The constituents of each, with its weight.
    pub sets: Weighted<ParticleSets>,
    /// Whether it is a top jet.
    pub is_top: Vec<bool>,
}

impl Jets {
    /// The first `most` jets of a file, or all.
    ///
    /// # Errors
    /// A file that is not there, or no such archive; labels other than 0 and 1, or of one kind only.
    pub fn read(path: &Path, most: Option<usize>) -> Result<Self, Box<dyn Error>> {
        let (sets, labels, weights) = NpzFile::open(path)?.particles()?.read_all()?.into_parts();
        let labels = labels.ok_or_else(|| format!("{}: no labels (array y)", path.display()))?;
        let count = most.map_or(labels.len(), |most| most.min(labels.len()));
        if let Some(jet) = labels[..count].iter().position(|label| *label != 0.0 && *label != 1.0) {
            return Err(
                format!("{}: the label of jet {jet} is {}, not 0 or 1", path.display(), labels[jet]).into()
            );
        }
        let indices: Vec<usize> = (0..count).collect();
        let weights = weights.unwrap_or_else(|| vec![1.0; labels.len()]);
        let jets = Self {
            sets: Weighted::new(sets.select_events(&indices)?, weights[..count].to_vec())?,
            is_top: labels[..count].iter().map(|label| *label == 1.0).collect(),
        };
        for (kind, name) in [(true, "top (label 1)"), (false, "QCD (label 0)")] {
            if !jets.is_top.contains(&kind) {
                return Err(format!("{}: among {count} jets, none is {name}", path.display()).into());
            }
        }
        Ok(jets)
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is one of each kind at least")]
    pub fn len(&self) -> usize {
        self.is_top.len()
    }

    /// The top jets, or the QCD jets.
    ///
    /// # Errors
    /// Those of [`Weighted::select`].
    pub fn of_kind(&self, is_top: bool) -> hepml::core::Result<Weighted<ParticleSets>> {
        let indices: Vec<usize> = (0..self.len()).filter(|&jet| self.is_top[jet] == is_top).collect();
        self.sets.select(&indices)
    }

    /// A random part with that share of the jets, and the rest.
    ///
    /// # Errors
    /// Those of [`Weighted::select`].
    pub fn split(&self, share: f64, rng: &mut dyn Rng) -> Result<[Self; 2], Box<dyn Error>> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, rng.random_range(0..=i));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the length")]
        let (first, rest) = order.split_at((share * order.len() as f64).round() as usize);
        Ok([self.select(first)?, self.select(rest)?])
    }

    fn select(&self, indices: &[usize]) -> Result<Self, Box<dyn Error>> {
        let is_top = indices.iter().map(|&jet| self.is_top[jet]).collect();
        Ok(Self { sets: self.sets.select(indices)?, is_top })
    }
}
