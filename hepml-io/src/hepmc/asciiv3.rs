//! An event of HepMC3's `Asciiv3`.

use hepml_core::{Event, FourMomentum, Particle, Vertex};

use super::graph::{Barcodes, Units, add_vertices};
use super::info::{HepMcInfo, unescape};
use super::reader::ends_event;
use crate::error::{Error, Result};
use crate::lines::Lines;
use crate::numbers::{Fault, Fields, clipped, integer, real};

/// An event without its weights, their values, and what else the file says of it.
pub(super) struct Parsed {
    pub(super) event: Event,
    pub(super) weights: Vec<f64>,
    pub(super) info: HepMcInfo,
    /// The names of the weights, if the event itself has them (HepMC2).
    pub(super) weight_names: Option<Vec<String>>,
}

/// A vertex as a `V` line has it.
struct Declared {
    barcode: i64,
    /// Numbers of the incoming particles, from 1.
    incoming: Vec<usize>,
    status: i32,
    position: Option<[f64; 4]>,
}

/// A mention of a vertex, in the order of the file.
enum Mention {
    /// By the `V` line of this index.
    Declared(usize),
    /// As the end vertex of the particle of this number, from 1.
    EndOf(usize),
}

#[derive(Default)]
struct Draft {
    particles: Vec<Particle>,
    /// The vertex (< 0), particle (> 0) or nothing (0) that each particle comes from.
    origins: Vec<i64>,
    declared: Vec<Declared>,
    mentions: Vec<Mention>,
    /// (number of the particle, 0 for colour or 1 for anticolour, value).
    flows: Vec<(usize, usize, i32)>,
    weights: Vec<f64>,
    info: HepMcInfo,
    units: Units,
}

/// Reads the event whose `E` line is the current one; the line that ends it is held.
pub(super) fn read_event(lines: &mut Lines) -> Result<Parsed> {
    let start = lines.position();
    let mut event = Event::new(0, 1.0, Vec::new());
    let mut draft = Draft::default();
    let declared = parse_e(lines.text(), &mut event, &mut draft).map_err(|fault| lines.fault(fault))?;
    loop {
        if !lines.advance()? {
            // The event is complete if its particles are and the last line was not cut off.
            if !lines.is_complete() || (draft.particles.len() as u64) < declared {
                return Err(lines.truncated(format!("{declared} particles")));
            }
            break;
        }
        let line = lines.text();
        if ends_event(line) {
            lines.hold();
            break;
        }
        parse_line(line, &mut event, &mut draft).map_err(|fault| lines.fault(fault))?;
    }
    let malformed = |reason| Error::Malformed { format: "HepMC3", position: start, reason };
    if draft.particles.len() as u64 != declared {
        let reason = format!("the event declares {declared} particles, but has {}", draft.particles.len());
        return Err(malformed(reason));
    }
    assemble(event, draft).map_err(malformed)
}

fn parse_e(line: &str, event: &mut Event, draft: &mut Draft) -> Result<u64, Fault> {
    let mut fields = Fields::new(&line[1..]);
    event.number = fields.integer("the event's number")?;
    let _: u64 = fields.integer("the number of vertices")?;
    let particles = fields.integer("the number of particles")?;
    draft.info.position = parse_position(&mut fields)?;
    Ok(particles)
}

/// `@ x y z t`, if there is more.
fn parse_position(fields: &mut Fields<'_>) -> Result<Option<[f64; 4]>, Fault> {
    match fields.next() {
        Some("@") => fields.reals(["x", "y", "z", "t"]).map(Some),
        Some(other) => Err(format!("expected @, found {:?}", clipped(other))),
        None => Ok(None),
    }
}

fn parse_line(line: &str, event: &mut Event, draft: &mut Draft) -> Result<(), Fault> {
    let mut fields = Fields::new(line);
    match fields.next() {
        Some("P") => parse_particle(&mut fields, draft),
        Some("V") => parse_vertex(&mut fields, draft),
        Some("A") => parse_attribute(line, event, draft),
        Some("W") => {
            while let Some(token) = fields.next() {
                draft.weights.push(real(token, "a weight")?);
            }
            Ok(())
        }
        Some("U") => {
            draft.units = Units::parse(fields.word("a unit of momentum")?, fields.word("a unit of length")?)?;
            Ok(())
        }
        None => Ok(()),
        Some(other) => Err(format!("expected a line of type E, U, W, A, P or V, found {:?}", clipped(other))),
    }
}

fn parse_particle(fields: &mut Fields<'_>, draft: &mut Draft) -> Result<(), Fault> {
    let number: usize = fields.integer("the particle's number")?;
    if number != draft.particles.len() + 1 {
        return Err(format!("expected particle {}, found particle {number}", draft.particles.len() + 1));
    }
    let origin: i64 = fields.integer("the particle's origin")?;
    if let Ok(mother @ 1..) = usize::try_from(origin) {
        if mother == number {
            return Err(format!("particle {number} is its own mother"));
        }
        // Siblings mostly follow one another; what slips through is harmless.
        if !matches!(draft.mentions.last(), Some(Mention::EndOf(last)) if *last == mother) {
            draft.mentions.push(Mention::EndOf(mother));
        }
    }
    let id: i32 = fields.integer("the PDG id")?;
    let [px, py, pz, e, mass] = fields.reals(["px", "py", "pz", "E", "the mass"])?;
    let status: i32 = fields.integer("the status")?;
    let mut particle = Particle::new(id, status, FourMomentum::new(e, px, py, pz));
    particle.generated_mass = Some(mass);
    draft.particles.push(particle);
    draft.origins.push(origin);
    Ok(())
}

fn parse_vertex(fields: &mut Fields<'_>, draft: &mut Draft) -> Result<(), Fault> {
    let barcode: i64 = fields.integer("the vertex' number")?;
    if barcode >= 0 {
        return Err(format!("the vertex' number must be negative ({barcode})"));
    }
    let status = fields.integer("the vertex' status")?;
    let list = fields.word("the incoming particles")?;
    let list = list.strip_prefix('[').and_then(|list| list.strip_suffix(']'));
    let list = list.ok_or("expected the incoming particles as [a,b,...]")?;
    let mut incoming = Vec::new();
    for token in list.split(',').filter(|token| !token.is_empty()) {
        incoming.push(integer(token, "an incoming particle")?);
    }
    let position = parse_position(fields)?;
    draft.mentions.push(Mention::Declared(draft.declared.len()));
    draft.declared.push(Declared { barcode, incoming, status, position });
    Ok(())
}

fn parse_attribute(line: &str, event: &mut Event, draft: &mut Draft) -> Result<(), Fault> {
    let mut parts = line[1..].trim_start().splitn(3, ' ');
    let id: i64 = integer(parts.next().unwrap_or(""), "the number of what has the attribute")?;
    let name = parts.next().ok_or("expected the name of an attribute, but the line ends")?;
    let value = parts.next().unwrap_or("");
    if id == 0 {
        match name {
            "signal_process_id" => event.process = Some(integer(value.trim(), name)?),
            "event_scale" => event.scale = Some(real(value.trim(), name)?),
            "alphaQED" => event.alpha_qed = Some(real(value.trim(), name)?),
            "alphaQCD" => event.alpha_qcd = Some(real(value.trim(), name)?),
            _ => draft.info.attributes.push((name.to_owned(), unescape(value))),
        }
    } else if let (Ok(particle), "flow1" | "flow2") = (usize::try_from(id), name) {
        draft.flows.push((particle, usize::from(name == "flow2"), integer(value.trim(), name)?));
    }
    Ok(())
}

fn assemble(mut event: Event, mut draft: Draft) -> Result<Parsed, Fault> {
    let count = draft.particles.len();
    let index = |number: usize| -> Result<usize, Fault> {
        if (1..=count).contains(&number) {
            Ok(number - 1)
        } else {
            Err(format!("particle {number} does not exist, the event has {count} particles"))
        }
    };
    for (number, which, value) in draft.flows {
        draft.particles[index(number)?].color.get_or_insert([0, 0])[which] = value;
    }
    // What ends where, by `V` lines first: they may come after a particle's mention of its mother.
    let mut declared_end: Vec<Option<usize>> = vec![None; count];
    for (vertex, declared) in draft.declared.iter().enumerate() {
        for &number in &declared.incoming {
            if declared_end[index(number)?].replace(vertex).is_some() {
                return Err(format!("particle {number} ends in two vertices"));
            }
        }
    }
    let barcodes = Barcodes::new(draft.declared.iter().map(|declared| declared.barcode))?;
    let mut vertices: Vec<Vertex> = Vec::new();
    let mut index_of_declared = vec![0; draft.declared.len()];
    let mut end: Vec<Option<usize>> = vec![None; count];
    for mention in &draft.mentions {
        match *mention {
            Mention::Declared(which) => {
                let Declared { incoming, status, position, .. } = &draft.declared[which];
                let mut mothers = Vec::with_capacity(incoming.len());
                for &number in incoming {
                    mothers.push(index(number)?);
                    end[index(number)?] = Some(vertices.len());
                }
                index_of_declared[which] = vertices.len();
                let (position, status) = (*position, *status);
                vertices.push(Vertex { incoming: mothers, outgoing: Vec::new(), position, status });
            }
            Mention::EndOf(number) => {
                let mother = index(number)?;
                if declared_end[mother].is_none() && end[mother].is_none() {
                    end[mother] = Some(vertices.len());
                    vertices.push(Vertex { incoming: vec![mother], ..Vertex::default() });
                }
            }
        }
    }
    for (particle, &origin) in draft.origins.iter().enumerate() {
        let vertex = if origin < 0 {
            Some(index_of_declared[barcodes.find(origin)?])
        } else if let Ok(number @ 1..) = usize::try_from(origin) {
            end[index(number)?]
        } else {
            None
        };
        if let Some(vertex) = vertex {
            vertices[vertex].outgoing.push(particle);
        }
    }
    event.particles = draft.particles;
    draft.units.convert(&mut event, &mut vertices)?;
    add_vertices(&mut event, vertices)?;
    draft.info.position =
        draft.info.position.map(|position| draft.units.position_in_mm(position)).transpose()?;
    Ok(Parsed { event, weights: draft.weights, info: draft.info, weight_names: None })
}
