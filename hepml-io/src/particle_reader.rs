//! Events of particle rows, read one by one.

use hepml_core::ndarray::{Array2, Axis};
use hepml_core::{Error as CoreError, EventSet, MassHypothesis, ParticleSets};

use crate::columns::{ParticleLayout, finite_of_event};
use crate::error::Result;
use crate::event_rows::EventRows;
use crate::labelled_sets::LabelledSets;

/// What a format's own reader hands over: the columns of an event's particles, padding included.
pub(crate) struct RawEvent {
    /// The rows, one after another.
    pub(crate) values: Vec<f64>,
    pub(crate) label: Option<f64>,
    pub(crate) weight: Option<f64>,
}

/// Checks an event for writing: rows that are particles of the layout, label and weight where `first` has them.
pub(crate) fn check_rows(
    layout: ParticleLayout,
    index: usize,
    event: &EventRows,
    first: &EventRows,
) -> Result<()> {
    let columns = event.particles.ncols();
    if columns != layout.width() {
        return Err(CoreError::shape(format!("columns of event {index}"), layout.width(), columns).into());
    }
    for (particle, row) in event.particles.axis_iter(Axis(0)).enumerate() {
        let row = row.to_vec();
        let checked = layout.check(&row).and_then(|kept| {
            let padding =
                || CoreError::out_of_range("size of a particle", 0.0, "above 0: a 0 would be padding");
            if kept { Ok(()) } else { Err(padding()) }
        });
        checked.map_err(|error| error.at_particle(particle).at_event(index))?;
    }
    for (what, value, wanted) in
        [("label", event.label, first.label.is_some()), ("weight", event.weight, first.weight.is_some())]
    {
        if value.is_some() != wanted {
            let what = format!("{what}s of event {index}, as many as event 0 has");
            return Err(CoreError::shape(what, usize::from(wanted), usize::from(value.is_some())).into());
        }
        value.map_or(Ok(0.0), |value| finite_of_event(what, value, index))?;
    }
    Ok(())
}

/// The events of a file, in whatever format, read one by one: in memory is one event, or one batch.
///
/// As an iterator it yields [`EventRows`], the numbers of the file without the padding;
/// [`next_batch`](Self::next_batch) and [`read_all`](Self::read_all) turn them into [`LabelledSets`] by the rules of the
/// [`ParticleLayout`]. After an error there is nothing more to read.
pub struct ParticleReader {
    source: Box<dyn Iterator<Item = Result<RawEvent>> + Send>,
    layout: ParticleLayout,
    mass: MassHypothesis,
    labelled: bool,
    weighted: bool,
    path: Option<String>,
    event: usize,
    finished: bool,
}

impl ParticleReader {
    pub(crate) fn new(
        layout: ParticleLayout,
        labelled: bool,
        weighted: bool,
        source: impl Iterator<Item = Result<RawEvent>> + Send + 'static,
    ) -> Self {
        Self {
            source: Box::new(source),
            layout,
            mass: MassHypothesis::default(),
            labelled,
            weighted,
            path: None,
            event: 0,
            finished: false,
        }
    }

    /// Makes errors name the file.
    pub(crate) fn in_file(self, path: Option<String>) -> Self {
        Self { path, ..self }
    }

    /// The mass that particles get, [`MassHypothesis::AsRecorded`] unless said otherwise.
    #[must_use]
    pub fn with_mass(self, mass: MassHypothesis) -> Self {
        Self { mass, ..self }
    }

    /// What the columns of a particle are.
    pub fn layout(&self) -> ParticleLayout {
        self.layout
    }

    /// The next event: its rows with the padding, checked by `use_row`, which sees the particle's place and row.
    fn advance(
        &mut self,
        use_row: &mut dyn FnMut(&[f64]) -> hepml_core::Result<()>,
    ) -> Result<Option<RawEvent>> {
        if self.finished {
            return Ok(None);
        }
        let result = self.source.next().transpose().and_then(|raw| {
            let Some(raw) = raw else { return Ok(None) };
            let event = self.event;
            for (particle, row) in raw.values.chunks(self.layout.width()).enumerate() {
                use_row(row).map_err(|error| error.at_particle(particle).at_event(event))?;
            }
            for (what, value) in [("label", raw.label), ("weight", raw.weight)] {
                value.map_or(Ok(0.0), |value| finite_of_event(what, value, event))?;
            }
            self.event += 1;
            Ok(Some(raw))
        });
        self.finished = !matches!(result, Ok(Some(_)));
        result.map_err(|error| match &self.path {
            Some(path) => error.in_file(path),
            None => error,
        })
    }

    /// The next `events` events, fewer at the end of the file, `None` after it.
    ///
    /// # Errors
    /// What is wrong with the file ([`Error::Malformed`](crate::Error::Malformed),
    /// [`Error::Truncated`](crate::Error::Truncated), ...) or with a particle ([`ParticleLayout::momentum`]), naming
    /// event and particle; events are counted from 0 over all batches.
    pub fn next_batch(&mut self, events: usize) -> Result<Option<LabelledSets>> {
        let batch = self.batch(events)?;
        Ok((batch.sets().event_count() > 0 || events == 0).then_some(batch))
    }

    /// All events that are left.
    ///
    /// # Errors
    /// As [`next_batch`](Self::next_batch).
    pub fn read_all(mut self) -> Result<LabelledSets> {
        self.batch(usize::MAX)
    }

    fn batch(&mut self, events: usize) -> Result<LabelledSets> {
        let (layout, mass) = (self.layout, self.mass);
        let mut momenta = Vec::new();
        let mut features: Vec<f64> = Vec::new();
        let mut offsets = vec![0];
        let mut labels = self.labelled.then(Vec::new);
        let mut weights = self.weighted.then(Vec::new);
        while offsets.len() <= events {
            let raw = self.advance(&mut |row| {
                if let Some(momentum) = layout.momentum(row, mass)? {
                    momenta.push(momentum);
                    if layout.has_id() {
                        features.push(row[3]);
                    }
                }
                Ok(())
            })?;
            let Some(raw) = raw else { break };
            offsets.push(momenta.len());
            for (list, value) in [(&mut labels, raw.label), (&mut weights, raw.weight)] {
                if let (Some(list), Some(value)) = (list, value) {
                    list.push(value);
                }
            }
        }
        let names: Vec<String> = layout.features().iter().map(ToString::to_string).collect();
        let features =
            Array2::from_shape_vec((momenta.len(), names.len()), features).expect("a row a particle");
        let sets = ParticleSets::new(momenta, features, names, offsets)?;
        Ok(LabelledSets::new(sets, labels, weights)?)
    }
}

impl Iterator for ParticleReader {
    type Item = Result<EventRows>;

    fn next(&mut self) -> Option<Self::Item> {
        let layout = self.layout;
        let mut particles = Vec::new();
        let raw = self.advance(&mut |row| {
            if layout.check(row)? {
                particles.extend_from_slice(row);
            }
            Ok(())
        });
        raw.transpose().map(|raw| {
            let RawEvent { label, weight, .. } = raw?;
            let shape = (particles.len() / layout.width(), layout.width());
            let particles = Array2::from_shape_vec(shape, particles).expect("whole rows were collected");
            Ok(EventRows { particles, label, weight })
        })
    }
}

impl std::fmt::Debug for ParticleReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParticleReader")
            .field("layout", &self.layout)
            .field("mass", &self.mass)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}
