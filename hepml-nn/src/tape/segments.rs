//! Which rows belong together.

use std::sync::Arc;

use crate::error::Result;

/// The sets of a ragged batch: set `i` is the rows `offsets[i]..offsets[i + 1]`. Sets may be empty; there is no padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments(Arc<[usize]>);

impl Segments {
    /// Segments of their offsets `[sets + 1]`, which start at 0 and do not decrease.
    ///
    /// # Errors
    /// Offsets that are none.
    pub fn new(offsets: impl Into<Arc<[usize]>>) -> Result<Self> {
        let offsets = offsets.into();
        match offsets.first() {
            Some(0) => {}
            Some(&first) => return Err(hepml_core::Error::shape("first offset", 0, first).into()),
            None => return Err(hepml_core::Error::Empty { what: "list of offsets".into() }.into()),
        }
        if let Some(i) = offsets.windows(2).position(|ends| ends[1] < ends[0]) {
            let what = format!("end of set {i}, at least");
            return Err(hepml_core::Error::shape(what, offsets[i], offsets[i + 1]).into());
        }
        Ok(Self(offsets))
    }

    /// The number of sets.
    pub fn count(&self) -> usize {
        self.0.len() - 1
    }

    /// The rows of all sets.
    pub fn rows(&self) -> usize {
        self.0[self.0.len() - 1]
    }

    /// Where each set begins, and the end of the last.
    pub fn offsets(&self) -> &[usize] {
        &self.0
    }
}
