//! Writing HepMC3 files.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use hepml_core::{Event, Vertex};

use super::info::{HepMcInfo, HepMcRun, escape};
use crate::error::{Error, Result};
use crate::output::Output;

/// A writer of HepMC3 `Asciiv3` files, in GeV and mm.
///
/// Numbers have 17 significant digits: what is read back is the same bit for bit. The names of the weights are those of the
/// first event (HepMC3's own reader takes a name with white space for several). A particle without a generated mass gets that of its momentum. Spins, lifetimes and the run's number are
/// not part of the format and are lost.
///
/// ```
/// use hepml_core::{Event, FourMomentum, Particle};
/// use hepml_io::{HepMcReader, HepMcRun, HepMcWriter};
///
/// let path = std::env::temp_dir().join(format!("hepml-{}.hepmc3", std::process::id()));
/// let mut writer = HepMcWriter::create(&path, &HepMcRun::default())?;
/// let photon = Particle::new(22, 1, FourMomentum::new(5.0, 3.0, 0.0, 4.0));
/// writer.write(&Event::new(0, 1.0, vec![photon]))?;
/// writer.finish()?;
/// let event = HepMcReader::open(&path)?.next().expect("one event")?;
/// assert_eq!(event.particles[0].momentum.pz, 4.0);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a file is complete only after `finish`"]
pub struct HepMcWriter {
    output: Output,
    run: HepMcRun,
    /// The names of the weights of the first event; `None` before it.
    names: Option<Vec<String>>,
    events: usize,
}

impl HepMcWriter {
    /// Creates a file, gzipped if its name ends in `.gz`.
    ///
    /// # Errors
    /// A file that cannot be created.
    pub fn create(path: impl AsRef<Path>, run: &HepMcRun) -> Result<Self> {
        Ok(Self::from_output(Output::create(path.as_ref())?, run))
    }

    /// Writes to any writer.
    pub fn new(writer: impl Write + Send + 'static, run: &HepMcRun) -> Self {
        Self::from_output(Output::new(writer), run)
    }

    fn from_output(output: Output, run: &HepMcRun) -> Self {
        Self { output, run: run.clone(), names: None, events: 0 }
    }

    /// Writes an event.
    ///
    /// # Errors
    /// Writing fails; a number that is not finite; names of weights that differ from those of the first event. Nothing of
    /// the event is then written (unless writing itself failed).
    pub fn write(&mut self, event: &Event) -> Result<()> {
        self.write_with_info(event, &HepMcInfo::default())
    }

    /// Writes an event with attributes: a cross section, parton distributions, ...
    ///
    /// # Errors
    /// As [`write`](Self::write); the name of an attribute that is empty or holds white space.
    pub fn write_with_info(&mut self, event: &Event, info: &HepMcInfo) -> Result<()> {
        if let Some(names) = &self.names
            && names != event.weights.names()
        {
            let (expected, got) = (names.clone(), event.weights.names().to_vec());
            return Err(hepml_core::Error::ColumnMismatch { expected, got }.into());
        }
        let text = event_text(event, info).map_err(|error| match error {
            Error::Core(error) => Error::Core(error.at_event(self.events)),
            other => other,
        })?;
        if self.names.is_none() {
            self.write_header(event.weights.names())?;
        }
        self.output.write_all(text.as_bytes())?;
        self.events += 1;
        Ok(())
    }

    /// Writes the end of the file.
    ///
    /// # Errors
    /// Writing fails.
    pub fn finish(mut self) -> Result<()> {
        if self.names.is_none() {
            self.write_header(&[])?;
        }
        self.output.write_all(b"HepMC::Asciiv3-END_EVENT_LISTING\n\n")?;
        Ok(self.output.finish()?)
    }

    fn write_header(&mut self, names: &[String]) -> Result<()> {
        let mut out = "HepMC::Version 3.02.06\nHepMC::Asciiv3-START_EVENT_LISTING\n".to_owned();
        if !names.is_empty() {
            let bad = |name: &&String| name.contains(char::is_control) || name.trim() != *name;
            if let Some(name) = names.iter().find(bad) {
                let reason =
                    format!("the weight's name {name:?} begins or ends in white space or holds a line break");
                return Err(unsupported(reason));
            }
            push(&mut out, format_args!("W {}\n", escape(&names.join("\n"))));
        }
        for tool in &self.run.tools {
            let text = [tool.name.as_str(), &tool.version, &tool.description].join("\n");
            push(&mut out, format_args!("T {}\n", escape(&text)));
        }
        for (name, value) in &self.run.attributes {
            push_attribute(&mut out, "", name, value)?;
        }
        self.output.write_all(out.as_bytes())?;
        self.names = Some(names.to_vec());
        Ok(())
    }
}

fn unsupported(reason: String) -> Error {
    Error::Unsupported { format: "HepMC3", reason }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes everything");
}

fn push_attribute(out: &mut String, id: &str, name: &str, value: &str) -> Result<()> {
    if name.is_empty() || name.contains(|c: char| c.is_whitespace()) || value.contains('\r') {
        return Err(unsupported(format!(
            "the attribute {name:?} has no name, white space in it, or a carriage return in its value"
        )));
    }
    push(out, format_args!("A {id}{name} {}\n", escape(value)));
    Ok(())
}

fn finite(what: &'static str, value: f64) -> hepml_core::Result<f64> {
    hepml_core::finite(what, value)
}

fn event_text(event: &Event, info: &HepMcInfo) -> Result<String> {
    let vertices = event.vertices();
    let mut out = String::new();
    push(&mut out, format_args!("E {} {} {}", event.number, vertices.len(), event.particles.len()));
    push_position(&mut out, info.position)?;
    out.push_str("\nU GEV MM\nW");
    for value in event.weights.values() {
        push(&mut out, format_args!(" {:.16e}", finite("weight", *value)?));
    }
    out.push('\n');
    for (name, value) in &info.attributes {
        push_attribute(&mut out, "0 ", name, value)?;
    }
    for (name, value) in
        [("alphaQCD", event.alpha_qcd), ("alphaQED", event.alpha_qed), ("event_scale", event.scale)]
    {
        if let Some(value) = value {
            push(&mut out, format_args!("A 0 {name} {:.16e}\n", finite(name, value)?));
        }
    }
    if let Some(process) = event.process {
        push(&mut out, format_args!("A 0 signal_process_id {process}\n"));
    }
    for (index, particle) in event.particles.iter().enumerate() {
        if let Some([color, anticolor]) = particle.color {
            let number = index + 1;
            push(&mut out, format_args!("A {number} flow1 {color}\nA {number} flow2 {anticolor}\n"));
        }
    }
    push_graph(&mut out, event)?;
    Ok(out)
}

fn push_position(out: &mut String, position: Option<[f64; 4]>) -> hepml_core::Result<()> {
    if let Some(position) = position {
        out.push_str(" @");
        for x in position {
            push(out, format_args!(" {:.16e}", finite("position", x)?));
        }
    }
    Ok(())
}

/// Particles in their order; vertices in theirs, each before its first outgoing particle.
///
/// A vertex of one mother that has nothing to say is left out: its particles name the mother. That must not change the
/// order of the vertices, so one that is skipped over by a later vertex is written after all.
fn push_graph(out: &mut String, event: &Event) -> hepml_core::Result<()> {
    let vertices = event.vertices();
    let mut next = 0;
    let mut implicit = vec![false; vertices.len()];
    for (index, particle) in event.particles.iter().enumerate() {
        let mut origin = 0;
        if let Some(vertex) = particle.production_vertex() {
            while next < vertex {
                push_vertex(out, next, &vertices[next])?;
                next += 1;
            }
            if next == vertex {
                implicit[vertex] = is_silent(&vertices[vertex]);
                if !implicit[vertex] {
                    push_vertex(out, vertex, &vertices[vertex])?;
                }
                next += 1;
            }
            origin = if implicit[vertex] { number(vertices[vertex].incoming[0]) } else { -number(vertex) };
        }
        let p = particle.momentum.validated().map_err(|error| error.at_particle(index))?;
        let mass = finite("mass", particle.generated_mass.unwrap_or_else(|| p.mass()))
            .map_err(|error| error.at_particle(index))?;
        push(
            out,
            format_args!(
                "P {} {origin} {} {:.16e} {:.16e} {:.16e} {:.16e} {mass:.16e} {}\n",
                index + 1,
                particle.id,
                p.px,
                p.py,
                p.pz,
                p.e,
                particle.status
            ),
        );
    }
    for (index, vertex) in vertices.iter().enumerate().skip(next) {
        push_vertex(out, index, vertex)?;
    }
    Ok(())
}

/// The number from 1 of an index.
fn number(index: usize) -> i64 {
    i64::try_from(index + 1).expect("no vector has 2^63 elements")
}

/// Whether a vertex is fully described by its only mother.
fn is_silent(vertex: &Vertex) -> bool {
    vertex.incoming.len() == 1
        && vertex.position.is_none()
        && vertex.status == 0
        && !vertex.outgoing.contains(&vertex.incoming[0])
}

fn push_vertex(out: &mut String, index: usize, vertex: &Vertex) -> hepml_core::Result<()> {
    push(out, format_args!("V -{} {} [", index + 1, vertex.status));
    for (i, particle) in vertex.incoming.iter().enumerate() {
        push(out, format_args!("{}{}", if i == 0 { "" } else { "," }, particle + 1));
    }
    out.push(']');
    push_position(out, vertex.position)?;
    out.push('\n');
    Ok(())
}
