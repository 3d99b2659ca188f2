//! Writing LHE files.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use hepml_core::{Event, Particle};

use super::markup::escape;
use super::run::{LheRun, LheWeightGroup};
use crate::error::{Error, Result};
use crate::output::Output;

/// A writer of LHE 3.0 files.
///
/// Numbers have 17 significant digits: what is read back is the same bit for bit. Written are process, scale, couplings,
/// weights (`<rwgt>` if they have names, else `<weights>`) and of each particle id, status, mothers, colours, momentum,
/// generated mass (without one, that of the momentum), lifetime (0) and spin (9, unknown). The
/// first weight becomes `XWGTUP`, whatever its name. Positions of vertices, the
/// event's number, its run, and vertices nothing enters or leaves are not part of the format and are lost.
///
/// ```
/// use hepml_io::{LheInit, LheProcess, LheReader, LheRun, LheWriter};
///
/// let process = LheProcess { cross_section_pb: 1.5, error_pb: 0.1, max_weight: 1.0, id: 1 };
/// let init = LheInit { weighting: 3, processes: vec![process], ..LheInit::default() };
/// let path = std::env::temp_dir().join(format!("hepml-{}.lhe", std::process::id()));
/// let mut writer = LheWriter::create(&path, &LheRun { init, ..LheRun::default() })?;
/// let mut event = hepml_core::Event::new(0, 1.0, vec![]);
/// event.process = Some(1);
/// writer.write(&event)?;
/// writer.finish()?;
/// assert_eq!(LheReader::open(&path)?.count(), 1);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a file is complete only after `finish`"]
pub struct LheWriter {
    output: Output,
    events: usize,
}

impl LheWriter {
    /// Creates a file, gzipped if its name ends in `.gz`.
    ///
    /// # Errors
    /// A file that cannot be created; a number that is not finite; text that would end the block it stands in.
    pub fn create(path: impl AsRef<Path>, run: &LheRun) -> Result<Self> {
        Self::from_output(Output::create(path.as_ref())?, run)
    }

    /// Writes to any writer.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn new(writer: impl Write + Send + 'static, run: &LheRun) -> Result<Self> {
        Self::from_output(Output::new(writer), run)
    }

    fn from_output(mut output: Output, run: &LheRun) -> Result<Self> {
        output.write_all(run_text(run)?.as_bytes())?;
        Ok(Self { output, events: 0 })
    }

    /// Writes an event.
    ///
    /// # Errors
    /// Writing fails; an event without a process; a number that is not finite; mothers that are no range of particles,
    /// which the format cannot express. Nothing of the event is then written (unless writing itself failed).
    pub fn write(&mut self, event: &Event) -> Result<()> {
        if let Some(name) = event.weights.names().iter().find(|name| name.contains(char::is_control)) {
            let reason =
                format!("the weight's name {name:?} holds a line break or another control character");
            return Err(Error::Unsupported { format: "LHE", reason });
        }
        let text = event_text(event).map_err(|error| error.at_event(self.events))?;
        self.output.write_all(text.as_bytes())?;
        self.events += 1;
        Ok(())
    }

    /// Writes the end of the file.
    ///
    /// # Errors
    /// Writing fails.
    pub fn finish(mut self) -> Result<()> {
        self.output.write_all(b"</LesHouchesEvents>\n")?;
        Ok(self.output.finish()?)
    }
}

fn number(what: &'static str, value: f64) -> hepml_core::Result<String> {
    hepml_core::finite(what, value).map(|value| format!("{value:.16e}"))
}

fn run_text(run: &LheRun) -> Result<String> {
    for (text, end) in [(&run.header, "</header"), (&run.init_tags, "</init")] {
        if text.to_ascii_lowercase().contains(end) {
            let reason = format!("text that contains {end}> cannot be written into that block");
            return Err(Error::Unsupported { format: "LHE", reason });
        }
    }
    let mut out = String::from("<LesHouchesEvents version=\"3.0\">\n");
    if !(run.header.is_empty() && run.weight_groups.is_empty()) {
        out.push_str("<header>\n");
        push_block(&mut out, &run.header);
        if !run.weight_groups.is_empty() {
            push_weight_groups(&mut out, &run.weight_groups);
        }
        out.push_str("</header>\n");
    }
    let init = &run.init;
    push(
        &mut out,
        format_args!(
            "<init>\n{} {} {} {} {} {} {} {} {} {}\n",
            init.beams[0],
            init.beams[1],
            number("energy of the first beam", init.energies[0])?,
            number("energy of the second beam", init.energies[1])?,
            init.pdf_groups[0],
            init.pdf_groups[1],
            init.pdf_sets[0],
            init.pdf_sets[1],
            init.weighting,
            init.processes.len()
        ),
    );
    for process in &init.processes {
        push(
            &mut out,
            format_args!(
                "{} {} {} {}\n",
                number("cross section", process.cross_section_pb)?,
                number("error of the cross section", process.error_pb)?,
                number("largest weight", process.max_weight)?,
                process.id
            ),
        );
    }
    push_block(&mut out, &run.init_tags);
    out.push_str("</init>\n");
    Ok(out)
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes everything");
}

/// Appends text that ends in a newline, if it is not empty.
fn push_block(out: &mut String, text: &str) {
    out.push_str(text);
    if !text.is_empty() && !text.ends_with('\n') {
        out.push('\n');
    }
}

fn push_weight_groups(out: &mut String, groups: &[LheWeightGroup]) {
    let push_attributes = |out: &mut String, attributes: &[(String, String)]| {
        for (name, value) in attributes {
            push(out, format_args!(" {name}=\"{}\"", escape(value)));
        }
    };
    out.push_str("<initrwgt>\n");
    for group in groups {
        if !group.attributes.is_empty() {
            out.push_str("<weightgroup");
            push_attributes(out, &group.attributes);
            out.push_str(">\n");
        }
        for weight in &group.weights {
            push(out, format_args!("<weight id=\"{}\"", escape(&weight.id)));
            push_attributes(out, &weight.attributes);
            push(out, format_args!(">{}</weight>\n", escape(&weight.text)));
        }
        if !group.attributes.is_empty() {
            out.push_str("</weightgroup>\n");
        }
    }
    out.push_str("</initrwgt>\n");
}

fn event_text(event: &Event) -> hepml_core::Result<String> {
    let process = event.process.ok_or(hepml_core::Error::Empty { what: "process of an event".into() })?;
    let ranges = ranges_of_mothers(event)?;
    let optional = |what, value: Option<f64>| number(what, value.unwrap_or(-1.0));
    let mut out = format!(
        "<event>\n{} {process} {} {} {} {}\n",
        event.particles.len(),
        number("weight", event.weights.first())?,
        optional("scale", event.scale)?,
        optional("alpha_qed", event.alpha_qed)?,
        optional("alpha_qcd", event.alpha_qcd)?
    );
    for (index, particle) in event.particles.iter().enumerate() {
        push_particle(&mut out, &ranges, particle).map_err(|error| error.at_particle(index))?;
    }
    let (values, names) = (event.weights.values(), event.weights.names());
    if values.len() > 1 {
        if names.is_empty() {
            out.push_str("<weights>");
            for value in &values[1..] {
                out = out + " " + &number("weight", *value)?;
            }
            out.push_str(" </weights>\n");
        } else {
            out.push_str("<rwgt>\n");
            for (name, value) in names.iter().zip(values).skip(1) {
                push(
                    &mut out,
                    format_args!("<wgt id=\"{}\"> {} </wgt>\n", escape(name), number("weight", *value)?),
                );
            }
            out.push_str("</rwgt>\n");
        }
    }
    out.push_str("</event>\n");
    Ok(out)
}

fn push_particle(out: &mut String, ranges: &[[usize; 2]], particle: &Particle) -> hepml_core::Result<()> {
    let mothers = particle.production_vertex().map_or([0, 0], |vertex| ranges[vertex]);
    let color = particle.color.unwrap_or([0, 0]);
    let p = &particle.momentum;
    let p = p.validated()?;
    push(
        out,
        format_args!(
            "{} {} {} {} {} {} {} {} {} {} {} {} {}\n",
            particle.id,
            particle.status,
            mothers[0],
            mothers[1],
            color[0],
            color[1],
            number("px", p.px)?,
            number("py", p.py)?,
            number("pz", p.pz)?,
            number("energy", p.e)?,
            number("mass", particle.generated_mass.unwrap_or_else(|| p.mass()))?,
            number("lifetime", particle.lifetime.unwrap_or(0.0))?,
            number("spin", particle.spin.unwrap_or(9.0))?
        ),
    );
    Ok(())
}

/// For each vertex the range of its mothers, from 1; zeros for none.
fn ranges_of_mothers(event: &Event) -> hepml_core::Result<Vec<[usize; 2]>> {
    let mut ranges = Vec::with_capacity(event.vertices().len());
    let mut written = Vec::new();
    for (index, vertex) in event.vertices().iter().enumerate() {
        let (Some(&first), Some(&last)) = (vertex.incoming.iter().min(), vertex.incoming.iter().max()) else {
            ranges.push([0, 0]);
            continue;
        };
        // What lies between must be mothers too, or leave the same vertex: the reader takes those out again.
        let leaves = |&i: &usize| event.particles[i].production_vertex() == Some(index);
        let mothers = (first..=last).filter(|i| !leaves(i)).count();
        if mothers != vertex.incoming.len() || vertex.incoming.iter().any(leaves) {
            return Err(not_a_range(index));
        }
        ranges.push([first + 1, last + 1]);
        if !vertex.outgoing.is_empty() {
            written.push((first, last, index));
        }
    }
    written.sort_unstable();
    match written.windows(2).find(|pair| pair[1].0 <= pair[0].1) {
        Some(pair) => Err(not_a_range(pair[1].2)),
        None => Ok(ranges),
    }
}

fn not_a_range(vertex: usize) -> hepml_core::Error {
    let allowed = "one whose mothers are a range of particles of its own, which is all that LHE can express";
    hepml_core::Error::out_of_range("vertex", vertex as f64, allowed)
}

#[cfg(test)]
mod tests {
    use hepml_core::{FourMomentum, Vertex};

    use super::*;
    use crate::lhe::{LheInit, LheProcess};

    fn event(particles: usize, vertices: &[(&[usize], &[usize])]) -> Event {
        let particles = (0..particles).map(|_| Particle::new(21, 1, FourMomentum::ZERO)).collect();
        let mut event = Event::new(0, 1.0, particles);
        event.process = Some(1);
        for (incoming, outgoing) in vertices {
            let (incoming, outgoing) = (incoming.to_vec(), outgoing.to_vec());
            event.add_vertex(Vertex { incoming, outgoing, ..Vertex::default() }).unwrap();
        }
        event
    }

    #[test]
    fn mothers_that_are_no_range_are_refused() {
        assert!(event_text(&event(4, &[(&[0, 1], &[2, 3])])).is_ok());
        assert!(event_text(&event(4, &[(&[0, 2], &[1, 3])])).is_ok());
        assert!(event_text(&event(4, &[(&[0, 2], &[3])])).is_err());
        // Particle 1 would be read as a mother of particle 3 too.
        assert!(event_text(&event(5, &[(&[0, 2], &[1, 3]), (&[1], &[4])])).is_err());
    }

    #[test]
    fn what_the_format_cannot_hold_is_refused() {
        assert!(event_text(&Event::new(0, 1.0, Vec::new())).is_err());
        let mut bad = event(1, &[]);
        bad.particles[0].momentum.px = f64::NAN;
        let error = event_text(&bad).unwrap_err().at_event(3).to_string();
        assert!(error.contains("event 3, particle 0"), "{error}");
        let process = LheProcess { cross_section_pb: f64::INFINITY, ..LheProcess::default() };
        let init = LheInit { processes: vec![process], ..LheInit::default() };
        assert!(LheWriter::new(Vec::new(), &LheRun { init, ..LheRun::default() }).is_err());
        let header = "<x></HEADER>".to_owned();
        assert!(LheWriter::new(Vec::new(), &LheRun { header, ..LheRun::default() }).is_err());
    }
}
