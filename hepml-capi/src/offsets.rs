//! Where the events of a flat list of particles begin.

use std::ops::Range;

use crate::arguments::Input;
use crate::status::{Failure, Result, hepml_status};

/// Offsets that were checked: event i has the particles from offset i up to offset i + 1.
pub(crate) struct Offsets(Vec<usize>);

impl Offsets {
    /// The `events + 1` offsets at `pointer`, which divide `particles` particles.
    ///
    /// # Safety
    /// `pointer` may be read for `events + 1` numbers if it is aligned and not NULL.
    pub(crate) unsafe fn new(pointer: *const usize, events: usize, particles: usize) -> Result<Self> {
        let shape = |message| Err(Failure::new(hepml_status::Shape, message));
        // With SIZE_MAX events the memory that this asks for is refused.
        let count = events.saturating_add(1);
        // SAFETY: as the caller promises.
        let offsets = unsafe { Input::new("offsets", pointer, count) }?.to_vec("offsets")?;
        if offsets[0] != 0 {
            return shape(format!("offsets: the first is {}, but must be 0", offsets[0]));
        }
        for (event, pair) in offsets.windows(2).enumerate() {
            if pair[1] < pair[0] {
                return shape(format!(
                    "offsets: event {event} begins at {} and ends at {}",
                    pair[0], pair[1]
                ));
            }
            if pair[1] > particles {
                let ends = format!("event {event} ends at {}", pair[1]);
                return shape(format!("offsets: {ends}, but there are {particles} particles"));
            }
        }
        match offsets[events] {
            last if last == particles => Ok(Self(offsets)),
            last => shape(format!("offsets: the last is {last}, but there are {particles} particles")),
        }
    }

    /// How many events there are.
    pub(crate) fn events(&self) -> usize {
        self.0.len() - 1
    }

    /// The particles of an event.
    pub(crate) fn particles(&self, event: usize) -> Range<usize> {
        self.0[event]..self.0[event + 1]
    }

    /// The numbers themselves.
    pub(crate) fn into_vec(self) -> Vec<usize> {
        self.0
    }
}
