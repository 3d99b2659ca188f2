//! What every reader of event records is.

use hepml_core::{Event, ParticleSets, Selection, Weighted};

use crate::error::{Error, Result};

/// A stream of event records from a file: an iterator that holds one event at a time.
///
/// After an error the iterator is at its end (it is fused); the events before the error stay valid. Readers of one format
/// have methods of their own for what only that format knows (cross sections, weight groups, ...).
///
/// ```no_run
/// use hepml_core::Selection;
/// use hepml_io::{EventReader, LheReader};
///
/// let mut reader = LheReader::open("events.lhe.gz")?;
/// while let Some(batch) = reader.read_particle_sets(10_000, &Selection::default())? {
///     println!("{} events, sum of weights {}", batch.len(), batch.sum_weights());
/// }
/// # Ok::<(), hepml_io::Error>(())
/// ```
pub trait EventReader: Iterator<Item = Result<Event>> + Send {
    /// The format, with its version: `"LHE 3.0"`, `"HepMC3"`, ...
    fn format(&self) -> String;

    /// The names of the events' weights as far as they are known; a file may name them only in its first event.
    fn weight_names(&self) -> &[String];

    /// Up to `count` events; fewer only at the end of the file, none once the end is reached.
    ///
    /// # Errors
    /// The first event that cannot be read. The events of this call before it are lost: read one by one to keep them.
    fn read_chunk(&mut self, count: usize) -> Result<Vec<Event>> {
        // The capacity grows with what is there, not with what was asked for.
        let mut events = Vec::new();
        while events.len() < count {
            match self.next() {
                Some(event) => events.push(event?),
                None => break,
            }
        }
        Ok(events)
    }

    /// The selected particles and the first weights of up to `count` events; `None` once the end of the file is reached.
    ///
    /// The event records are dropped one by one: memory holds only what was selected.
    ///
    /// # Errors
    /// As [`read_chunk`](Self::read_chunk), and as [`Selection::particle_sets`].
    fn read_particle_sets(
        &mut self,
        count: usize,
        selection: &Selection,
    ) -> Result<Option<Weighted<ParticleSets>>> {
        let mut sets = ParticleSets::empty(Selection::FEATURES.map(String::from).to_vec());
        let mut weights = Vec::new();
        while weights.len() < count {
            let Some(event) = self.next() else { break };
            let event = event?;
            selection.append(&event, &mut sets).map_err(|error| error.at_event(weights.len()))?;
            weights.push(event.weights.first());
        }
        if weights.is_empty() && count > 0 {
            return Ok(None);
        }
        Ok(Some(Weighted::new(sets, weights).map_err(Error::from)?))
    }

    /// The events in batches of `size`, the last one smaller; the events before an error are a batch of their own.
    ///
    /// # Errors
    /// A size of 0.
    fn chunks(self, size: usize) -> Result<Chunks<Self>>
    where
        Self: Sized,
    {
        if size == 0 {
            return Err(hepml_core::Error::out_of_range("size of a batch", 0.0, "at least 1").into());
        }
        Ok(Chunks { reader: self, size, failed: None })
    }
}

impl<R: EventReader + ?Sized> EventReader for Box<R> {
    fn format(&self) -> String {
        (**self).format()
    }

    fn weight_names(&self) -> &[String] {
        (**self).weight_names()
    }
}

/// Batches of events; see [`EventReader::chunks`].
#[derive(Debug)]
pub struct Chunks<R> {
    reader: R,
    size: usize,
    /// The error that ended the batch before.
    failed: Option<Error>,
}

impl<R> Chunks<R> {
    /// The reader, for what its format knows.
    pub fn reader(&self) -> &R {
        &self.reader
    }
}

impl<R: EventReader> Iterator for Chunks<R> {
    type Item = Result<Vec<Event>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let mut events = Vec::new();
        while events.len() < self.size {
            match self.reader.next() {
                Some(Ok(event)) => events.push(event),
                Some(Err(error)) if events.is_empty() => return Some(Err(error)),
                Some(Err(error)) => {
                    self.failed = Some(error);
                    break;
                }
                None => break,
            }
        }
        (!events.is_empty()).then_some(Ok(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five events, then an error, then the end.
    struct Five(u32);

    impl Iterator for Five {
        type Item = Result<Event>;

        fn next(&mut self) -> Option<Self::Item> {
            self.0 += 1;
            match self.0 {
                1..=5 => Some(Ok(Event::new(self.0.into(), 0.5, Vec::new()))),
                6 => Some(Err(Error::UnknownFormat("five".into()))),
                _ => None,
            }
        }
    }

    impl EventReader for Five {
        fn format(&self) -> String {
            "five".into()
        }

        fn weight_names(&self) -> &[String] {
            &[]
        }
    }

    #[test]
    fn batches_end_at_an_error_and_keep_what_came_before() {
        let mut chunks = Five(0).chunks(3).unwrap();
        assert_eq!(chunks.next().unwrap().unwrap().len(), 3);
        assert_eq!(chunks.next().unwrap().unwrap().len(), 2);
        assert!(chunks.next().unwrap().is_err());
        assert!(chunks.next().is_none());
        assert!(Five(0).chunks(0).is_err());
    }

    #[test]
    fn particle_sets_carry_the_weights() {
        let mut reader = Five(0);
        let batch = reader.read_particle_sets(4, &Selection::default()).unwrap().unwrap();
        assert_eq!(batch.weights(), [0.5; 4]);
        assert!(reader.read_particle_sets(4, &Selection::default()).is_err());
        assert!(reader.read_particle_sets(4, &Selection::default()).unwrap().is_none());
        assert_eq!(Five(0).read_chunk(5).unwrap().len(), 5);
    }
}
