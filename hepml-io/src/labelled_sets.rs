//! Particle sets with what a file says about each event.

use hepml_core::{Error, EventSet, ParticleSets, Result, Weighted};

use crate::columns::{ParticleLayout, finite_of_event};
use crate::event_rows::EventRows;

/// Particle sets with one label and one weight an event, where the file has them.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledSets {
    sets: ParticleSets,
    labels: Option<Vec<f64>>,
    weights: Option<Vec<f64>>,
}

impl LabelledSets {
    /// Particle sets with labels and weights.
    ///
    /// # Errors
    /// Another number of labels or weights than of events; one that is not finite, naming its event.
    pub fn new(sets: ParticleSets, labels: Option<Vec<f64>>, weights: Option<Vec<f64>>) -> Result<Self> {
        for (what, values) in [("label", &labels), ("weight", &weights)] {
            let Some(values) = values else { continue };
            if values.len() != sets.event_count() {
                return Err(Error::shape(format!("{what}s"), sets.event_count(), values.len()));
            }
            for (event, &value) in values.iter().enumerate() {
                finite_of_event(what, value, event)?;
            }
        }
        Ok(Self { sets, labels, weights })
    }

    /// The particle sets.
    pub fn sets(&self) -> &ParticleSets {
        &self.sets
    }

    /// The labels.
    pub fn labels(&self) -> Option<&[f64]> {
        self.labels.as_deref()
    }

    /// The weights.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// The particle sets, labels and weights.
    pub fn into_parts(self) -> (ParticleSets, Option<Vec<f64>>, Option<Vec<f64>>) {
        (self.sets, self.labels, self.weights)
    }

    /// The events that carry `label`, with their weights (1 where there are none).
    ///
    /// # Errors
    /// No labels.
    pub fn with_label(&self, label: f64) -> Result<Weighted<ParticleSets>> {
        let labels = self.labels.as_ref().ok_or(Error::Empty { what: "list of labels".into() })?;
        let indices: Vec<usize> = (0..labels.len()).filter(|&event| labels[event] == label).collect();
        let sets = self.sets.select_events(&indices)?;
        match &self.weights {
            Some(weights) => Weighted::new(sets, indices.iter().map(|&event| weights[event]).collect()),
            None => Ok(Weighted::unit(sets)),
        }
    }

    /// All events with their weights (1 where there are none); the labels are dropped.
    pub fn into_weighted(self) -> Weighted<ParticleSets> {
        match self.weights {
            Some(weights) => Weighted::new(self.sets, weights).expect("checked when it was built"),
            None => Weighted::unit(self.sets),
        }
    }

    /// The rows of each event in a layout, for writing; ids are taken from the feature `pdg_id` if there is one.
    ///
    /// # Errors
    /// A momentum that the layout cannot hold, naming event and particle.
    pub fn to_rows(&self, layout: ParticleLayout) -> Result<Vec<EventRows>> {
        let id = self.sets.feature_names().iter().position(|name| name == "pdg_id");
        (0..self.sets.event_count())
            .map(|event| {
                let set = self.sets.event(event);
                let features = set.features();
                let rows = EventRows::from_set(layout, set, id.map(|column| features.column(column)))
                    .map_err(|error| error.at_event(event))?;
                let of_event = |values: &Option<Vec<f64>>| values.as_ref().map(|values| values[event]);
                Ok(EventRows { label: of_event(&self.labels), weight: of_event(&self.weights), ..rows })
            })
            .collect()
    }
}
