//! The typed event record: particles, vertices, weights.
//!
//! # Conventions
//! Momenta in GeV, positions in mm (time as ct in mm), whatever units a file declares; indices count from 0. A particle
//! knows the vertex that produced it and the vertex in which it ends; the vertices know their particles. The two agree:
//! [`Event::add_vertex`] is the only way to set them.
//!
//! A record is plain data: its numbers are checked where they enter (the readers of files) and where they are used
//! ([`Selection`], [`Weighted`](crate::Weighted), the writers), not in between.

use std::sync::Arc;

use ndarray::Array2;

use crate::error::{Error, Result};
use crate::four_momentum::FourMomentum;
use crate::particle_sets::ParticleSets;
use crate::pdg::PdgId;

/// The status code of a final-state particle, in LHE and in HepMC.
pub const FINAL_STATE: i32 = 1;

/// A particle of an event record.
#[derive(Debug, Clone, PartialEq)]
pub struct Particle {
    /// Four-momentum in GeV.
    pub momentum: FourMomentum,
    /// What it is.
    pub id: PdgId,
    /// The status as the file has it: 1 is final state; see the format for the others (LHE: -1 incoming, 2 resonance).
    pub status: i32,
    /// The mass in GeV that the generator wrote, which may be more exact than that of the momentum.
    pub generated_mass: Option<f64>,
    /// Colour and anticolour line (0: none), where the file has them.
    pub color: Option<[i32; 2]>,
    /// Proper lifetime c tau in mm, where the file has it.
    pub lifetime: Option<f64>,
    /// Cosine of the angle between the spin and the mother's momentum (LHE), where known.
    pub spin: Option<f64>,
    production_vertex: Option<usize>,
    end_vertex: Option<usize>,
}

impl Particle {
    /// A particle with no history.
    pub fn new(id: impl Into<PdgId>, status: i32, momentum: FourMomentum) -> Self {
        Self {
            momentum,
            id: id.into(),
            status,
            generated_mass: None,
            color: None,
            lifetime: None,
            spin: None,
            production_vertex: None,
            end_vertex: None,
        }
    }

    /// Whether it is in the final state (status 1).
    pub fn is_final(&self) -> bool {
        self.status == FINAL_STATE
    }

    /// The index of the vertex that produced it.
    pub fn production_vertex(&self) -> Option<usize> {
        self.production_vertex
    }

    /// The index of the vertex in which it ends.
    pub fn end_vertex(&self) -> Option<usize> {
        self.end_vertex
    }
}

/// A vertex: what came in, what went out, and where.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vertex {
    /// Indices of the incoming particles.
    pub incoming: Vec<usize>,
    /// Indices of the outgoing particles.
    pub outgoing: Vec<usize>,
    /// Position (x, y, z, ct) in mm, where the file has one.
    pub position: Option<[f64; 4]>,
    /// The status as the file has it.
    pub status: i32,
}

/// An event: particles, vertices, named weights.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Event {
    /// The event's number, as the file has it (else counted from 0).
    pub number: i64,
    /// The run's number.
    pub run: Option<i64>,
    /// The weights; see [`EventWeights`].
    pub weights: EventWeights,
    /// The particles, in the order of the file.
    pub particles: Vec<Particle>,
    /// The subprocess (LHE `IDPRUP`, HepMC signal process id).
    pub process: Option<i32>,
    /// The event scale in GeV.
    pub scale: Option<f64>,
    /// The electromagnetic coupling used.
    pub alpha_qed: Option<f64>,
    /// The strong coupling used.
    pub alpha_qcd: Option<f64>,
    vertices: Vec<Vertex>,
}

impl Event {
    /// An event of unrelated particles with one unnamed weight.
    pub fn new(number: i64, weight: f64, particles: Vec<Particle>) -> Self {
        let particles = particles
            .into_iter()
            .map(|particle| Particle { production_vertex: None, end_vertex: None, ..particle })
            .collect();
        Self { number, weights: EventWeights::nominal(weight), particles, ..Self::default() }
    }

    /// The vertices.
    pub fn vertices(&self) -> &[Vertex] {
        &self.vertices
    }

    /// Adds a vertex and returns its index; its particles are told.
    ///
    /// # Errors
    /// A particle that does not exist or is named twice, among both lists together (it would be its own mother); an outgoing
    /// particle that has a production vertex; an incoming one that has an end vertex. The event is then unchanged.
    pub fn add_vertex(&mut self, vertex: Vertex) -> Result<usize> {
        let len = self.particles.len();
        for (what, list) in [
            ("incoming particles of a vertex", &vertex.incoming),
            ("outgoing particles of a vertex", &vertex.outgoing),
        ] {
            if let Some(&index) = list.iter().find(|index| **index >= len) {
                return Err(Error::IndexOutOfBounds { what: what.into(), index, len });
            }
            if !list.is_sorted_by(|a, b| a < b) {
                // Sorted, since a vertex may have thousands of particles.
                let mut sorted = list.clone();
                sorted.sort_unstable();
                if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                    let what = format!("particle among the {what}");
                    return Err(Error::out_of_range(what, pair[0] as f64, "named once"));
                }
            }
        }
        // A decay has one mother: the shorter list is the one to sort.
        let (mut short, long) = if vertex.incoming.len() < vertex.outgoing.len() {
            (vertex.incoming.clone(), &vertex.outgoing)
        } else {
            (vertex.outgoing.clone(), &vertex.incoming)
        };
        short.sort_unstable();
        if let Some(&index) = long.iter().find(|index| short.binary_search(index).is_ok()) {
            let what = "particle that comes into and goes out of a vertex";
            return Err(Error::out_of_range(what, index as f64, "on one side only"));
        }
        if let Some(&index) = vertex.outgoing.iter().find(|&&i| self.particles[i].production_vertex.is_some())
        {
            return Err(Error::out_of_range(
                "outgoing particle",
                index as f64,
                "one without a production vertex",
            ));
        }
        if let Some(&index) = vertex.incoming.iter().find(|&&i| self.particles[i].end_vertex.is_some()) {
            return Err(Error::out_of_range("incoming particle", index as f64, "one without an end vertex"));
        }
        let index = self.vertices.len();
        for &i in &vertex.outgoing {
            self.particles[i].production_vertex = Some(index);
        }
        for &i in &vertex.incoming {
            self.particles[i].end_vertex = Some(index);
        }
        self.vertices.push(vertex);
        Ok(index)
    }

    /// The indices of the particles that a particle came from; none for a particle without a production vertex.
    ///
    /// # Panics
    /// If there is no such particle.
    pub fn parents(&self, particle: usize) -> &[usize] {
        self.particles[particle].production_vertex.map_or(&[], |vertex| &self.vertices[vertex].incoming)
    }

    /// The indices of the particles that a particle turned into.
    ///
    /// # Panics
    /// If there is no such particle.
    pub fn children(&self, particle: usize) -> &[usize] {
        self.particles[particle].end_vertex.map_or(&[], |vertex| &self.vertices[vertex].outgoing)
    }

    /// Moves every vertex that has a position.
    pub(crate) fn map_positions(&mut self, map: impl Fn([f64; 4]) -> [f64; 4]) {
        for vertex in &mut self.vertices {
            vertex.position = vertex.position.map(&map);
        }
    }

    /// The final-state particles (status 1).
    pub fn final_state(&self) -> impl Iterator<Item = &Particle> {
        self.particles.iter().filter(|particle| particle.is_final())
    }

    /// The momentum of what comes in minus that of what comes out: beams (status 4 in HepMC, -1 in LHE) against the final
    /// state. `None` if there is no incoming particle.
    pub fn momentum_imbalance(&self) -> Option<FourMomentum> {
        let mut incoming = self.particles.iter().filter(|p| p.status == 4 || p.status == -1).peekable();
        incoming.peek()?;
        let incoming: FourMomentum = incoming.map(|p| p.momentum).sum();
        Some(incoming - self.final_state().map(|p| p.momentum).sum())
    }
}

/// The weights of an event: values, and the names they share with all events of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct EventWeights {
    names: Arc<[String]>,
    values: Vec<f64>,
}

impl Default for EventWeights {
    /// One weight of 1.
    fn default() -> Self {
        Self::nominal(1.0)
    }
}

impl EventWeights {
    /// One weight, without a name.
    pub fn nominal(value: f64) -> Self {
        Self { names: Arc::from([]), values: vec![value] }
    }

    /// Weights with names; the first is the nominal one. Names may be missing (`names` empty).
    ///
    /// # Errors
    /// No weight; another number of names than of values, other than 0.
    pub fn new(names: Arc<[String]>, values: Vec<f64>) -> Result<Self> {
        if values.is_empty() {
            return Err(Error::Empty { what: "list of event weights".into() });
        }
        if !names.is_empty() && names.len() != values.len() {
            return Err(Error::shape("names of the event weights", values.len(), names.len()));
        }
        Ok(Self { names, values })
    }

    /// The first weight.
    pub fn first(&self) -> f64 {
        self.values[0]
    }

    /// All values.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// All names; empty where the file has none.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The weight called `name`.
    ///
    /// # Errors
    /// [`Error::UnknownName`] with the names there are.
    pub fn named(&self, name: &str) -> Result<f64> {
        match self.names.iter().position(|known| known == name) {
            Some(index) => Ok(self.values[index]),
            None => {
                Err(Error::UnknownName { what: "weight", name: name.to_owned(), known: self.names.to_vec() })
            }
        }
    }
}

/// Which mass a particle gets when it is turned from an event record into an entry of [`ParticleSets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MassHypothesis {
    /// The momentum as it is.
    #[default]
    AsRecorded,
    /// E := |p|, as detectors without particle identification see it.
    Massless,
    /// The mass of the PDG table, momentum kept; particles that the table does not know are an error.
    Pdg,
}

/// Turns event records into [`ParticleSets`]: which particles, with which mass.
///
/// The feature columns are [`Selection::FEATURES`]: `pdg_id` and `charge` (in units of e; 0 where unknown to the table).
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Keep particles with this status; `None` keeps all.
    pub status: Option<i32>,
    /// Keep pT >= this (GeV).
    pub min_pt: f64,
    /// Keep |eta| <= this.
    pub max_abs_eta: f64,
    /// Drop neutrinos.
    pub drop_neutrinos: bool,
    /// The mass of what is kept.
    pub mass: MassHypothesis,
}

impl Default for Selection {
    /// The whole final state, as recorded.
    fn default() -> Self {
        Self {
            status: Some(FINAL_STATE),
            min_pt: 0.0,
            max_abs_eta: f64::INFINITY,
            drop_neutrinos: false,
            mass: MassHypothesis::AsRecorded,
        }
    }
}

impl Selection {
    /// The feature columns of the result.
    pub const FEATURES: [&'static str; 2] = ["pdg_id", "charge"];

    /// Whether a particle is kept.
    pub fn keeps(&self, particle: &Particle) -> bool {
        let p = &particle.momentum;
        self.status.is_none_or(|status| particle.status == status)
            && p.pt() >= self.min_pt
            && p.eta().abs() <= self.max_abs_eta
            && !(self.drop_neutrinos && particle.id.is_neutrino())
    }

    /// The selected particles of each event.
    ///
    /// # Errors
    /// A cut that is NaN; a momentum that is not finite, of any particle with the status; with [`MassHypothesis::Pdg`], a
    /// particle that is kept and whose mass the table does not have.
    pub fn particle_sets<'a>(&self, events: impl IntoIterator<Item = &'a Event>) -> Result<ParticleSets> {
        let mut sets = ParticleSets::empty(Self::FEATURES.map(String::from).to_vec());
        for (number, event) in events.into_iter().enumerate() {
            self.append(event, &mut sets).map_err(|error| error.at_event(number))?;
        }
        Ok(sets)
    }

    /// Appends the selected particles of one event to `sets`, which must have the columns [`Selection::FEATURES`].
    ///
    /// # Errors
    /// As [`particle_sets`](Self::particle_sets); `sets` is then unchanged.
    pub fn append(&self, event: &Event, sets: &mut ParticleSets) -> Result<()> {
        for (what, cut) in [("minimal pT", self.min_pt), ("maximal |eta|", self.max_abs_eta)] {
            if cut.is_nan() {
                return Err(Error::out_of_range(what, cut, "a number"));
            }
        }
        // Before the cuts, which a NaN does not pass.
        for (index, particle) in event.particles.iter().enumerate() {
            if self.status.is_none_or(|status| particle.status == status) {
                particle.momentum.validated().map_err(|error| error.at_particle(index))?;
            }
        }
        let mut momenta = Vec::new();
        let mut features = Vec::new();
        for (index, particle) in
            event.particles.iter().enumerate().filter(|(_, particle)| self.keeps(particle))
        {
            let p = particle.momentum;
            let momentum = match self.mass {
                MassHypothesis::AsRecorded => Ok(p),
                MassHypothesis::Massless => FourMomentum::from_p_m(p.px, p.py, p.pz, 0.0),
                MassHypothesis::Pdg => particle.id.mass().map_or_else(
                    || {
                        Err(Error::out_of_range(
                            "PDG id",
                            f64::from(particle.id.0),
                            "one with a mass in the PDG table",
                        ))
                    },
                    |m| FourMomentum::from_p_m(p.px, p.py, p.pz, m),
                ),
            };
            momenta.push(momentum.map_err(|error| error.at_particle(index))?);
            features.extend([f64::from(particle.id.0), particle.id.charge().unwrap_or(0.0)]);
        }
        let features = Array2::from_shape_vec((momenta.len(), 2), features).expect("two features a particle");
        sets.push_event(&momenta, &features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventSet;

    fn event(momenta: &[FourMomentum]) -> Event {
        Event::new(0, 1.0, momenta.iter().map(|&p| Particle::new(211, FINAL_STATE, p)).collect())
    }

    fn vertex(incoming: &[usize], outgoing: &[usize]) -> Vertex {
        Vertex { incoming: incoming.to_vec(), outgoing: outgoing.to_vec(), ..Vertex::default() }
    }

    #[test]
    fn vertices_and_particles_agree() {
        let mut event = event(&[FourMomentum::ZERO; 6]);
        assert_eq!(event.add_vertex(vertex(&[0, 1], &[2, 3])).unwrap(), 0);
        assert_eq!(event.add_vertex(vertex(&[3], &[5, 4])).unwrap(), 1);
        assert_eq!((event.parents(2), event.parents(4), event.parents(0)), (&[0, 1][..], &[3][..], &[][..]));
        assert_eq!(
            (event.children(1), event.children(3), event.children(4)),
            (&[2, 3][..], &[5, 4][..], &[][..])
        );
        let p = &event.particles[3];
        assert_eq!((p.production_vertex(), p.end_vertex()), (Some(0), Some(1)));
        // A new event has no vertices for its particles to know.
        let again = Event::new(0, 1.0, event.particles);
        assert!(again.particles.iter().all(|p| p.production_vertex().is_none() && p.end_vertex().is_none()));
    }

    #[test]
    fn impossible_vertices_leave_the_event_unchanged() {
        let mut event = event(&[FourMomentum::ZERO; 5]);
        event.add_vertex(vertex(&[0], &[1, 2])).unwrap();
        let before = event.clone();
        for (incoming, outgoing, what) in [
            (&[5][..], &[3][..], "index 5"),
            (&[1], &[3, 5], "index 5"),
            (&[1, 1], &[3], "incoming"),
            (&[1], &[4, 3, 4], "outgoing"),
            (&[3], &[1], "outgoing particle is 1"),
            (&[0], &[3], "incoming particle is 0"),
            (&[3], &[4, 3], "goes out of a vertex is 3"),
            (&[4, 1, 3], &[3], "goes out of a vertex is 3"),
        ] {
            let error = event.add_vertex(vertex(incoming, outgoing)).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
            assert_eq!(event, before);
        }
    }

    #[test]
    fn what_comes_in_goes_out() {
        let p = FourMomentum::new(5.0, 0.0, 0.0, 5.0);
        let mut event = event(&[p, p, p, p]);
        assert_eq!(event.momentum_imbalance(), None);
        event.particles[0].status = 4;
        event.particles[1].status = -1;
        event.particles[2].status = 2;
        assert_eq!(event.momentum_imbalance(), Some(p));
        assert_eq!(event.final_state().count(), 1);
    }

    #[test]
    fn selections_cut_and_set_masses() {
        let p = |px, pz| FourMomentum::from_p_m(px, 0.0, pz, 3.0).unwrap();
        let mut event =
            event(&[p(3.0, 0.0), p(1.0, 0.0), p(3.0, -400.0), p(4.0, 3.0), p(5.0, 0.0), p(6.0, 0.0)]);
        event.particles[3].id = PdgId(-11);
        event.particles[4].id = PdgId(-14);
        event.particles[5].status = 2;
        let selection =
            Selection { min_pt: 3.0, max_abs_eta: 4.9, drop_neutrinos: true, ..Selection::default() };
        let sets = selection.particle_sets([&event, &Event::default()]).unwrap();
        // pT >= 3 keeps 3; eta = asinh(400/3) = 5.6 is cut.
        assert_eq!(sets.momenta(), [p(3.0, 0.0), p(4.0, 3.0)]);
        assert_eq!((sets.event_count(), sets.event(1).len()), (2, 0));
        assert_eq!(sets.features(), ndarray::array![[211.0, 1.0], [-11.0, 1.0]]);
        let count = |selection: Selection| selection.particle_sets([&event]).unwrap().particle_count();
        assert_eq!(count(Selection { status: None, ..Selection::default() }), 6);
        assert_eq!(count(Selection { max_abs_eta: 4.9, ..Selection::default() }), 4);
        assert_eq!(count(Selection::default()), 5);
        let massless = Selection { mass: MassHypothesis::Massless, ..selection };
        let massless = massless.particle_sets([&event]).unwrap();
        assert_eq!(massless.momenta()[1], FourMomentum::new(5.0, 4.0, 0.0, 3.0));
        let pdg = Selection { mass: MassHypothesis::Pdg, ..selection }.particle_sets([&event]).unwrap();
        assert!((pdg.momenta()[0].mass() - 0.139_570_39).abs() < 1e-12);
        assert_eq!((pdg.momenta()[0].px, pdg.momenta()[1].pz), (3.0, 3.0));
    }

    #[test]
    fn selections_do_not_lose_what_is_not_a_number() {
        let good = FourMomentum::new(5.0, 3.0, 0.0, 4.0);
        let nan = f64::NAN;
        for (bad, what) in [
            (FourMomentum { e: nan, ..good }, "energy"),
            (FourMomentum { px: nan, ..good }, "px"),
            (FourMomentum { py: f64::INFINITY, ..good }, "py"),
            (FourMomentum { pz: nan, ..good }, "pz"),
        ] {
            for mass in [MassHypothesis::AsRecorded, MassHypothesis::Massless, MassHypothesis::Pdg] {
                let selection = Selection { mass, min_pt: 1.0, ..Selection::default() };
                let error = selection.particle_sets([&event(&[good]), &event(&[good, bad])]).unwrap_err();
                let expected = format!("{what} of event 1, particle 1 is not finite");
                assert!(error.to_string().starts_with(&expected), "{error}");
            }
        }
        for selection in [
            Selection { min_pt: nan, ..Selection::default() },
            Selection { max_abs_eta: nan, ..Selection::default() },
        ] {
            assert!(selection.particle_sets([&event(&[good])]).is_err());
        }
        let unknown = Event::new(0, 1.0, vec![Particle::new(0, FINAL_STATE, good)]);
        let selection = Selection { mass: MassHypothesis::Pdg, ..Selection::default() };
        let error = selection.particle_sets([&unknown]).unwrap_err().to_string();
        assert!(error.contains("event 0, particle 0"), "{error}");
    }
}
