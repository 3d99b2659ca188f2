//! An event of HepMC2's `IO_GenEvent`.

use hepml_core::{Event, FourMomentum, Particle, Vertex};

use super::asciiv3::Parsed;
use super::graph::{Barcodes, Units, add_vertices};
use super::info::HepMcInfo;
use super::reader::ends_event;
use crate::error::{Error, Result};
use crate::lines::Lines;
use crate::numbers::{Fault, Fields, clipped};

#[derive(Default)]
struct Draft {
    particles: Vec<Particle>,
    /// The barcode of the vertex in which each particle ends; 0 for none.
    ends: Vec<i64>,
    vertices: Vec<Vertex>,
    barcodes: Vec<i64>,
    /// How many incoming and outgoing particles the last vertex still needs.
    orphans: u64,
    outgoing: u64,
    weights: Vec<f64>,
    weight_names: Option<Vec<String>>,
    info: HepMcInfo,
    units: Units,
}

impl Draft {
    fn vertex_is_complete(&self) -> bool {
        self.orphans == 0 && self.outgoing == 0
    }
}

/// Reads the event whose `E` line is the current one; the line that ends it is held.
pub(super) fn read_event(lines: &mut Lines) -> Result<Parsed> {
    let start = lines.position();
    let mut event = Event::new(0, 1.0, Vec::new());
    let mut draft = Draft::default();
    let declared = parse_e(lines.text(), &mut event, &mut draft).map_err(|fault| lines.fault(fault))?;
    loop {
        if !lines.advance()? {
            let complete = draft.vertex_is_complete() && draft.vertices.len() as u64 >= declared;
            if !(complete && lines.is_complete()) {
                return Err(lines.truncated(format!("{declared} vertices with their particles")));
            }
            break;
        }
        let line = lines.text();
        if ends_event(line) {
            lines.hold();
            break;
        }
        parse_line(line, &mut draft).map_err(|fault| lines.fault(fault))?;
    }
    let malformed = |reason| Error::Malformed { format: "HepMC2", position: start, reason };
    if !draft.vertex_is_complete() {
        let barcode = draft.barcodes.last().copied().unwrap_or(0);
        return Err(malformed(format!("vertex {barcode} has fewer particles than it declares")));
    }
    if draft.vertices.len() as u64 != declared {
        let reason = format!("the event declares {declared} vertices, but has {}", draft.vertices.len());
        return Err(malformed(reason));
    }
    assemble(event, draft).map_err(malformed)
}

/// Parses the `E` line; returns the number of vertices.
fn parse_e(line: &str, event: &mut Event, draft: &mut Draft) -> Result<u64, Fault> {
    let mut fields = Fields::new(&line[1..]);
    event.number = fields.integer("the event's number")?;
    let interactions: i64 = fields.integer("the number of interactions")?;
    if interactions != -1 {
        draft.info.attributes.push(("mpi".to_owned(), interactions.to_string()));
    }
    let given = |value: f64| (value != -1.0).then_some(value);
    event.scale = given(fields.real("the event's scale")?);
    event.alpha_qcd = given(fields.real("alpha_QCD")?);
    event.alpha_qed = given(fields.real("alpha_QED")?);
    event.process = Some(fields.integer("the process")?).filter(|process| *process != 0);
    let _: i64 = fields.integer("the barcode of the signal vertex")?;
    let vertices = fields.integer("the number of vertices")?;
    for what in ["the barcode of the first beam", "the barcode of the second beam"] {
        let _: i64 = fields.integer(what)?;
    }
    let states: u64 = fields.integer("the number of random states")?;
    for _ in 0..states {
        fields.word("a random state")?;
    }
    let weights: u64 = fields.integer("the number of weights")?;
    for _ in 0..weights {
        draft.weights.push(fields.real("a weight")?);
    }
    Ok(vertices)
}

fn parse_line(line: &str, draft: &mut Draft) -> Result<(), Fault> {
    let mut fields = Fields::new(line);
    match fields.next() {
        Some("P") => parse_particle(&mut fields, draft),
        Some("V") => parse_vertex(&mut fields, draft),
        Some("N") => {
            draft.weight_names = Some(parse_names(line)?);
            Ok(())
        }
        Some("U") => {
            draft.units = Units::parse(fields.word("a unit of momentum")?, fields.word("a unit of length")?)?;
            Ok(())
        }
        Some("C") => {
            let text = format!("{} {} -1 -1", fields.word("the cross section")?, fields.word("its error")?);
            draft.info.attributes.push(("GenCrossSection".to_owned(), text));
            Ok(())
        }
        Some("F") => {
            draft.info.attributes.push(("GenPdfInfo".to_owned(), line[1..].trim().to_owned()));
            Ok(())
        }
        Some("H") => {
            draft.info.attributes.push(("HepMC2::H".to_owned(), line[1..].trim().to_owned()));
            Ok(())
        }
        None => Ok(()),
        Some(other) => {
            Err(format!("expected a line of type E, N, U, C, H, F, V or P, found {:?}", clipped(other)))
        }
    }
}

/// The quoted names of an `N` line, which begins with their number.
fn parse_names(line: &str) -> Result<Vec<String>, Fault> {
    let count: u64 = Fields::new(&line[1..]).integer("the number of names")?;
    let mut names = Vec::new();
    let mut parts = line.split('"').skip(1);
    while let Some(name) = parts.next() {
        names.push(name.to_owned());
        // What is between the quotes of two names.
        if parts.next().is_none() {
            return Err("a name of a weight lacks its closing quote".to_owned());
        }
    }
    if names.len() as u64 == count {
        Ok(names)
    } else {
        Err(format!("expected {count} quoted names of weights, found {}", names.len()))
    }
}

fn parse_vertex(fields: &mut Fields<'_>, draft: &mut Draft) -> Result<(), Fault> {
    if !draft.vertex_is_complete() {
        let missing = draft.orphans.saturating_add(draft.outgoing);
        return Err(format!("expected {missing} more particles of the vertex before, found a vertex"));
    }
    let barcode: i64 = fields.integer("the vertex' barcode")?;
    if barcode >= 0 {
        return Err(format!("the vertex' barcode must be negative ({barcode})"));
    }
    let status = fields.integer("the vertex' id")?;
    let position = fields.reals(["x", "y", "z", "c tau"])?;
    draft.orphans = fields.integer("the number of orphan incoming particles")?;
    draft.outgoing = fields.integer("the number of outgoing particles")?;
    let weights: u64 = fields.integer("the number of the vertex' weights")?;
    for _ in 0..weights {
        fields.real("a weight of the vertex")?;
    }
    draft.barcodes.push(barcode);
    let position = (position != [0.0; 4]).then_some(position);
    draft.vertices.push(Vertex { position, status, ..Vertex::default() });
    Ok(())
}

fn parse_particle(fields: &mut Fields<'_>, draft: &mut Draft) -> Result<(), Fault> {
    if draft.vertex_is_complete() {
        return Err("expected a vertex, found one particle more than the vertex before declares".to_owned());
    }
    let _: i64 = fields.integer("the particle's barcode")?;
    let id: i32 = fields.integer("the PDG id")?;
    let [px, py, pz, e, mass] = fields.reals(["px", "py", "pz", "E", "the mass"])?;
    let status: i32 = fields.integer("the status")?;
    let _ = fields.reals(["theta of the polarisation", "phi of the polarisation"])?;
    let end: i64 = fields.integer("the barcode of the end vertex")?;
    let flows: u64 = fields.integer("the number of flows")?;
    let mut color = None;
    for _ in 0..flows {
        let index: i64 = fields.integer("the index of a flow")?;
        let value: i32 = fields.integer("a flow")?;
        match index {
            1 => color.get_or_insert([0, 0])[0] = value,
            2 => color.get_or_insert([0, 0])[1] = value,
            _ => {}
        }
    }
    let mut particle = Particle::new(id, status, FourMomentum::new(e, px, py, pz));
    particle.generated_mass = Some(mass);
    particle.color = color;
    let index = draft.particles.len();
    draft.particles.push(particle);
    if draft.orphans > 0 {
        // An orphan enters the vertex that it is listed with.
        draft.orphans -= 1;
        draft.ends.push(draft.barcodes.last().copied().unwrap_or(0));
    } else {
        draft.outgoing -= 1;
        draft.ends.push(end);
        if let Some(vertex) = draft.vertices.last_mut() {
            vertex.outgoing.push(index);
        }
    }
    Ok(())
}

fn assemble(mut event: Event, mut draft: Draft) -> Result<Parsed, Fault> {
    let barcodes = Barcodes::new(draft.barcodes.iter().copied())?;
    for (particle, &end) in draft.ends.iter().enumerate() {
        if end != 0 {
            draft.vertices[barcodes.find(end)?].incoming.push(particle);
        }
    }
    event.particles = draft.particles;
    draft.units.convert(&mut event, &mut draft.vertices)?;
    add_vertices(&mut event, draft.vertices)?;
    Ok(Parsed { event, weights: draft.weights, info: draft.info, weight_names: draft.weight_names })
}
