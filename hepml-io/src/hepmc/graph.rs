//! From references between lines to particles and vertices.

use hepml_core::{Event, Vertex};

use crate::numbers::Fault;

/// The units of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Units {
    pub(super) mev: bool,
    pub(super) cm: bool,
}

impl Units {
    /// The units that a `U` line names.
    pub(super) fn parse(momentum: &str, length: &str) -> Result<Self, Fault> {
        let mev = match momentum {
            unit if unit.eq_ignore_ascii_case("GEV") => false,
            unit if unit.eq_ignore_ascii_case("MEV") => true,
            unit => return Err(format!("expected GEV or MEV, found {:?}", crate::numbers::clipped(unit))),
        };
        let cm = match length {
            unit if unit.eq_ignore_ascii_case("MM") => false,
            unit if unit.eq_ignore_ascii_case("CM") => true,
            unit => return Err(format!("expected MM or CM, found {:?}", crate::numbers::clipped(unit))),
        };
        Ok(Self { mev, cm })
    }

    pub(super) fn position_in_mm(self, position: [f64; 4]) -> Result<[f64; 4], Fault> {
        let position = if self.cm { position.map(|x| 10.0 * x) } else { position };
        match position.iter().find(|x| !x.is_finite()) {
            Some(_) => Err("a position in mm is not finite".to_owned()),
            None => Ok(position),
        }
    }

    /// Turns the momenta of an event into GeV and the positions of its vertices-to-be into mm.
    pub(super) fn convert(self, event: &mut Event, vertices: &mut [Vertex]) -> Result<(), Fault> {
        if self.mev {
            for particle in &mut event.particles {
                let p = &mut particle.momentum;
                for component in [&mut p.e, &mut p.px, &mut p.py, &mut p.pz] {
                    *component /= 1000.0;
                }
                particle.generated_mass = particle.generated_mass.map(|mass| mass / 1000.0);
            }
        }
        for vertex in vertices {
            vertex.position = vertex.position.map(|position| self.position_in_mm(position)).transpose()?;
        }
        Ok(())
    }
}

/// Where the numbers by which a file names its vertices are.
#[derive(Debug)]
pub(super) struct Barcodes {
    /// (barcode, index), sorted.
    sorted: Vec<(i64, usize)>,
}

impl Barcodes {
    /// Of vertices in the order of the file.
    pub(super) fn new(barcodes: impl Iterator<Item = i64>) -> Result<Self, Fault> {
        let mut sorted: Vec<_> = barcodes.enumerate().map(|(index, barcode)| (barcode, index)).collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(format!("vertex {} is declared twice", pair[0].0)),
            None => Ok(Self { sorted }),
        }
    }

    pub(super) fn find(&self, barcode: i64) -> Result<usize, Fault> {
        self.sorted
            .binary_search_by_key(&barcode, |entry| entry.0)
            .map(|at| self.sorted[at].1)
            .map_err(|_| format!("vertex {barcode} is not declared"))
    }
}

/// Adds the vertices to the event.
pub(super) fn add_vertices(event: &mut Event, vertices: Vec<Vertex>) -> Result<(), Fault> {
    for vertex in vertices {
        event.add_vertex(vertex).map_err(|error| error.to_string())?;
    }
    Ok(())
}
