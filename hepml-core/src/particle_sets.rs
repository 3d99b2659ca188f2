//! Ragged batches of particles.

use std::sync::Arc;

use ndarray::{Array2, ArrayRef2, ArrayView1, ArrayView2, Axis, Slice};

use crate::error::{Error, Item, Result};
use crate::event_set::{EventSet, check_indices};
use crate::four_momentum::FourMomentum;

/// A ragged batch of events: four-momenta, named scalar features per particle, and where each event begins.
///
/// There is no padding, no mask and no sentinel value; an event may have no particles. Lorentz transformations act on
/// `momenta` and leave `features` alone. Every number is finite: that is checked when the batch is built.
///
/// ```
/// use hepml_core::{EventSet, FourMomentum, ParticleSets};
///
/// let p = FourMomentum::new(5.0, 3.0, 0.0, 4.0);
/// let sets = ParticleSets::from_events([vec![p, p], vec![], vec![p]])?;
/// assert_eq!(sets.event_count(), 3);
/// assert_eq!(sets.event(0).total_momentum(), 2.0 * p);
/// assert!(sets.event(1).is_empty());
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ParticleSets {
    momenta: Vec<FourMomentum>,
    features: Array2<f64>,
    feature_names: Arc<[String]>,
    offsets: Vec<usize>,
}

impl ParticleSets {
    /// A batch of its parts.
    ///
    /// Shapes: `momenta[n]`, `features[n, f]`, `feature_names[f]`, `offsets[events + 1]` with `offsets[0] = 0`,
    /// non-decreasing, ending at `n`; event `i` is `offsets[i]..offsets[i + 1]`.
    ///
    /// # Errors
    /// Shapes that do not fit; a number that is not finite (naming event and particle); a feature name that comes twice.
    pub fn new(
        momenta: Vec<FourMomentum>,
        features: Array2<f64>,
        feature_names: impl Into<Arc<[String]>>,
        offsets: Vec<usize>,
    ) -> Result<Self> {
        let feature_names = feature_names.into();
        if features.nrows() != momenta.len() {
            return Err(Error::shape("rows of the particles' features", momenta.len(), features.nrows()));
        }
        if features.ncols() != feature_names.len() {
            return Err(Error::shape(
                "names of the particles' features",
                features.ncols(),
                feature_names.len(),
            ));
        }
        for (i, name) in feature_names.iter().enumerate() {
            if feature_names[..i].contains(name) {
                return Err(Error::ColumnMismatch {
                    expected: vec![name.clone()],
                    got: feature_names.to_vec(),
                });
            }
        }
        match offsets.first() {
            Some(0) => {}
            Some(&first) => return Err(Error::shape("first offset", 0, first)),
            None => return Err(Error::Empty { what: "list of offsets".into() }),
        }
        if let Some(i) = offsets.windows(2).position(|pair| pair[1] < pair[0]) {
            return Err(Error::shape(format!("end of event {i}, at least"), offsets[i], offsets[i + 1]));
        }
        if offsets[offsets.len() - 1] != momenta.len() {
            return Err(Error::shape("last offset", momenta.len(), offsets[offsets.len() - 1]));
        }
        let sets = Self { momenta, features, feature_names, offsets };
        sets.check_finite()?;
        Ok(sets)
    }

    /// A batch of momenta without features, one iterator of momenta an event.
    ///
    /// # Errors
    /// A component that is not finite.
    pub fn from_events<E>(events: impl IntoIterator<Item = E>) -> Result<Self>
    where
        E: IntoIterator<Item = FourMomentum>,
    {
        let mut momenta = Vec::new();
        let mut offsets = vec![0];
        for event in events {
            momenta.extend(event);
            offsets.push(momenta.len());
        }
        let features = Array2::zeros((momenta.len(), 0));
        Self::new(momenta, features, Vec::new(), offsets)
    }

    /// A batch without events, with the given feature columns.
    pub fn empty(feature_names: impl Into<Arc<[String]>>) -> Self {
        let feature_names = feature_names.into();
        let features = Array2::zeros((0, feature_names.len()));
        Self { momenta: Vec::new(), features, feature_names, offsets: vec![0] }
    }

    fn check_finite(&self) -> Result<()> {
        for event in 0..self.event_count() {
            let set = self.event(event);
            for (particle, momentum) in set.momenta.iter().enumerate() {
                momentum.validated().map_err(|error| error.at_particle(particle).at_event(event))?;
            }
            for ((particle, column), &value) in set.features.indexed_iter() {
                if !value.is_finite() {
                    let what = format!("feature {:?}", self.feature_names[column]).into();
                    return Err(Error::NotFinite { what, item: Item::particle(event, particle), value });
                }
            }
        }
        Ok(())
    }

    /// All momenta, event after event.
    pub fn momenta(&self) -> &[FourMomentum] {
        &self.momenta
    }

    /// All features `[particles, features]`, event after event.
    pub fn features(&self) -> ArrayView2<'_, f64> {
        self.features.view()
    }

    /// The names of the feature columns.
    pub fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    /// The names of the feature columns, to share.
    pub fn shared_feature_names(&self) -> Arc<[String]> {
        self.feature_names.clone()
    }

    /// Where each event begins, and the end of the last.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The number of particles in all events.
    pub fn particle_count(&self) -> usize {
        self.momenta.len()
    }

    /// The feature column called `name`, over all particles.
    ///
    /// # Errors
    /// [`Error::UnknownName`] with the names there are.
    pub fn feature(&self, name: &str) -> Result<ArrayView1<'_, f64>> {
        match self.feature_names.iter().position(|known| known == name) {
            Some(column) => Ok(self.features.column(column)),
            None => Err(Error::UnknownName {
                what: "particle feature",
                name: name.to_owned(),
                known: self.feature_names.to_vec(),
            }),
        }
    }

    /// The same events with every momentum replaced: what a Lorentz transformation does.
    ///
    /// # Errors
    /// A component that is not finite.
    pub fn map_momenta(&self, mut map: impl FnMut(FourMomentum) -> FourMomentum) -> Result<Self> {
        let mapped = Self { momenta: self.momenta.iter().map(|&p| map(p)).collect(), ..self.clone() };
        mapped.check_finite()?;
        Ok(mapped)
    }

    /// The same events with a feature column added.
    ///
    /// # Errors
    /// A length other than the number of particles; a value that is not finite; a name that is taken.
    pub fn with_feature(&self, name: &str, values: &[f64]) -> Result<Self> {
        if values.len() != self.particle_count() {
            return Err(Error::shape(
                format!("values of feature {name:?}"),
                self.particle_count(),
                values.len(),
            ));
        }
        let mut features = self.features.clone();
        features.push_column(ArrayView1::from(values)).expect("one value a particle");
        let names: Vec<String> = self.feature_names.iter().cloned().chain([name.to_owned()]).collect();
        Self::new(self.momenta.clone(), features, names, self.offsets.clone())
    }

    /// Appends an event.
    ///
    /// # Errors
    /// As [`new`](Self::new), naming the particle; the batch is then unchanged.
    pub fn push_event(&mut self, momenta: &[FourMomentum], features: &ArrayRef2<f64>) -> Result<()> {
        if features.nrows() != momenta.len() {
            return Err(Error::shape("rows of the event's features", momenta.len(), features.nrows()));
        }
        if features.ncols() != self.feature_names.len() {
            return Err(Error::shape(
                "columns of the event's features",
                self.feature_names.len(),
                features.ncols(),
            ));
        }
        let event = self.event_count();
        for (particle, momentum) in momenta.iter().enumerate() {
            momentum.validated().map_err(|error| error.at_particle(particle).at_event(event))?;
        }
        if let Some(((particle, column), &value)) =
            features.indexed_iter().find(|(_, value)| !value.is_finite())
        {
            let what = format!("feature {:?}", self.feature_names[column]).into();
            return Err(Error::NotFinite { what, item: Item::particle(event, particle), value });
        }
        self.momenta.extend_from_slice(momenta);
        self.features.append(Axis(0), features.view()).expect("the columns were counted");
        self.offsets.push(self.momenta.len());
        Ok(())
    }
}

impl EventSet for ParticleSets {
    type Event<'a> = ParticleSet<'a>;

    fn event_count(&self) -> usize {
        self.offsets.len() - 1
    }

    fn event(&self, index: usize) -> ParticleSet<'_> {
        let range = self.offsets[index]..self.offsets[index + 1];
        ParticleSet {
            momenta: &self.momenta[range.clone()],
            features: self.features.slice_axis(Axis(0), Slice::from(range)),
        }
    }

    fn select_events(&self, indices: &[usize]) -> Result<Self> {
        check_indices(indices, self.event_count())?;
        let particles = indices.iter().map(|&i| self.offsets[i + 1] - self.offsets[i]).sum();
        let mut momenta = Vec::with_capacity(particles);
        let mut features = Vec::with_capacity(particles * self.feature_names.len());
        let mut offsets = Vec::with_capacity(indices.len() + 1);
        offsets.push(0);
        for &index in indices {
            let event = self.event(index);
            momenta.extend_from_slice(event.momenta);
            features.extend(event.features.iter());
            offsets.push(momenta.len());
        }
        let features = Array2::from_shape_vec((particles, self.feature_names.len()), features)
            .expect("a row of features a particle");
        Ok(Self { momenta, features, feature_names: self.feature_names.clone(), offsets })
    }

    fn concat_events(parts: &[&Self]) -> Result<Self> {
        let first = parts.first().ok_or(Error::Empty { what: "list of particle sets".into() })?;
        let mut all = Self::empty(first.feature_names.clone());
        for part in parts {
            if part.feature_names != first.feature_names {
                return Err(Error::ColumnMismatch {
                    expected: first.feature_names.to_vec(),
                    got: part.feature_names.to_vec(),
                });
            }
            let start = all.momenta.len();
            all.momenta.extend_from_slice(&part.momenta);
            all.features.append(Axis(0), part.features.view()).expect("the columns are the same");
            all.offsets.extend(part.offsets[1..].iter().map(|offset| start + offset));
        }
        Ok(all)
    }
}

/// One event of [`ParticleSets`], borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParticleSet<'a> {
    momenta: &'a [FourMomentum],
    features: ArrayView2<'a, f64>,
}

impl<'a> ParticleSet<'a> {
    /// The particles' momenta.
    pub fn momenta(&self) -> &'a [FourMomentum] {
        self.momenta
    }

    /// The particles' features `[particles, features]`.
    pub fn features(&self) -> ArrayView2<'a, f64> {
        self.features
    }

    /// The number of particles.
    pub fn len(&self) -> usize {
        self.momenta.len()
    }

    /// Whether there are no particles.
    pub fn is_empty(&self) -> bool {
        self.momenta.is_empty()
    }

    /// The sum of the momenta.
    pub fn total_momentum(&self) -> FourMomentum {
        self.momenta.iter().sum()
    }
}
