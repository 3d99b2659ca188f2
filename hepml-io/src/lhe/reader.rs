//! Reading LHE files.

use std::io::Read;
use std::path::Path;

use hepml_core::{Event, EventWeights, FourMomentum, Particle, PdgId};

use super::XWGTUP;
use super::markup::{Piece, Pieces, attribute, attributes, tag, unescape};
use super::mothers::add_vertices;
use super::normalization::LheTally;
use super::run::{LheInit, LheProcess, LheRun, take_weight_groups};
use crate::error::{Error, Position, Result};
use crate::event_reader::EventReader;
use crate::input::Input;
use crate::lines::Lines;
use crate::numbers::{Fault, Fields, real};
use crate::weight_choice::WeightChoice;

/// The most text that the header, the init block or one event may have.
const LONGEST_BLOCK: usize = 1 << 28;

/// A streaming reader of LHE files: an iterator of events, and what the file says before them.
///
/// Conventions (weights, mothers, what is skipped) are at the top of the [module](crate::lhe). Memory holds one event.
/// A file must end with `</LesHouchesEvents>`: without it, all complete events are read and then the error is
/// [`Error::Truncated`]. What follows it (other than remarks) is an error too, as it would be lost: two files glued together.
///
/// ```
/// use hepml_io::LheReader;
///
/// let file = "<LesHouchesEvents version=\"1.0\">
/// <init>
///  11 -11 45.6 45.6 0 0 0 0 3 1
///  1.5D+3 2.0 1.0 1
/// </init>
/// <event>
///  4 1 1.0 91.2 -1 -1
///   11 -1 0 0 0 0 0. 0.  45.6 45.6 0. 0. 9.
///  -11 -1 0 0 0 0 0. 0. -45.6 45.6 0. 0. 9.
///   13  1 1 2 0 0 45.6 0. 0. 45.6 0. 0. 9.
///  -13  1 1 2 0 0 -45.6 0. 0. 45.6 0. 0. 9.
/// </event>
/// </LesHouchesEvents>
/// ";
/// let mut reader = LheReader::new(file.as_bytes())?;
/// assert_eq!(reader.run().init.cross_section_pb(), 1500.0);
/// let event = reader.next().expect("one event")?;
/// assert_eq!(event.parents(3), [0, 1]);
/// assert!(reader.next().is_none());
/// let normalization = reader.run().init.normalization(reader.tally())?;
/// assert_eq!(normalization.weight_in_pb(&event)?, 1500.0);
/// # Ok::<(), hepml_io::Error>(())
/// ```
#[derive(Debug)]
pub struct LheReader {
    lines: Lines,
    run: LheRun,
    declared_ids: Vec<String>,
    weights: WeightChoice,
    tally: LheTally,
    events: u64,
    block: Block,
    done: bool,
}

impl LheReader {
    /// Opens a file (plain, gzip or Zstandard) and reads what stands before the events.
    ///
    /// # Errors
    /// A file that cannot be read or whose beginning is no LHE header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_input(Input::open(path)?)
    }

    /// Reads from any reader (plain, gzip or Zstandard).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn new(reader: impl Read + Send + 'static) -> Result<Self> {
        Self::from_input(Input::new(reader)?)
    }

    /// Reads from an input that is open.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_input(input: Input) -> Result<Self> {
        let mut lines = Lines::new(input, "LHE");
        let run = match read_run(&mut lines) {
            Ok(run) => run,
            Err(error) => return Err(lines.in_file(error)),
        };
        let declared_ids = run.weight_ids();
        let mut weights = WeightChoice::default();
        if !declared_ids.is_empty() {
            weights.declare(std::iter::once(XWGTUP.to_owned()).chain(declared_ids.iter().cloned()));
        }
        let tally = LheTally::new();
        let block = Block::default();
        Ok(Self { lines, run, declared_ids, weights, tally, events: 0, block, done: false })
    }

    /// Makes the weight called `name` (an id of `<rwgt>`) the first of every event; the others follow in their order.
    ///
    /// An event without it is an error that lists the names it has.
    #[must_use]
    pub fn with_weight(mut self, name: impl Into<String>) -> Self {
        self.weights.choose(name.into());
        self
    }

    /// What stands before the events.
    pub fn run(&self) -> &LheRun {
        &self.run
    }

    /// Counts of the events read so far: what [`LheInit::normalization`] needs.
    pub fn tally(&self) -> &LheTally {
        &self.tally
    }

    fn read_event(&mut self) -> Result<Option<Event>> {
        self.lines.set_event(None);
        let mut in_comment = false;
        loop {
            if !self.lines.advance()? {
                return Err(self.lines.truncated("an <event> or </LesHouchesEvents>"));
            }
            let line = self.lines.text().trim();
            if in_comment {
                in_comment = !line.contains("-->");
                continue;
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(comment) = line.strip_prefix("<!--") {
                in_comment = !comment.contains("-->");
                continue;
            }
            match tag(line) {
                Some((Piece::Open { name, .. }, rest)) if name.eq_ignore_ascii_case("event") => {
                    let rest = rest.to_owned();
                    self.lines.set_event(Some(self.events));
                    return self.read_event_block(&rest).map(Some);
                }
                Some((Piece::Close { name }, _)) if name.eq_ignore_ascii_case("LesHouchesEvents") => {
                    return self.check_end().map(|()| None);
                }
                // Event groups: what matters is inside.
                Some((Piece::Open { name, .. } | Piece::Close { name }, _))
                    if name.eq_ignore_ascii_case("eventgroup") => {}
                Some((Piece::Open { name, .. }, _)) if !line.ends_with("/>") => {
                    let name = name.to_owned();
                    self.skip_block(&name)?;
                }
                Some(_) => {}
                None => return Err(self.lines.malformed("expected <event> or </LesHouchesEvents>")),
            }
        }
    }

    /// Skips an unknown block, whose opening tag is on the current line.
    fn skip_block(&mut self, name: &str) -> Result<()> {
        loop {
            let mut pieces = Pieces::new(self.lines.text());
            if pieces.any(|piece| matches!(piece, Piece::Close { name: closed } if closed == name)) {
                return Ok(());
            }
            if !self.lines.advance()? {
                return Err(self.lines.truncated(format!("</{name}>")));
            }
        }
    }

    /// Checks that nothing but remarks follows the end of the file.
    fn check_end(&mut self) -> Result<()> {
        let mut in_comment = false;
        while self.lines.advance()? {
            let line = self.lines.text().trim();
            if in_comment {
                in_comment = !line.contains("-->");
            } else if let Some(comment) = line.strip_prefix("<!--") {
                in_comment = !comment.contains("-->");
            } else if !(line.is_empty() || line.starts_with('#')) {
                return Err(self.lines.malformed(
                    "there is more after </LesHouchesEvents>; it would be lost (were files glued together?)",
                ));
            }
        }
        Ok(())
    }

    /// Reads on to `</event>` and parses the block.
    fn read_event_block(&mut self, first_line: &str) -> Result<Event> {
        self.block.collect(&mut self.lines, "event", first_line)?;
        let parsed = parse_event(&self.block.text, &self.declared_ids, &mut self.weights);
        let Parsed { mut event, xwgtup, mothers } = parsed.map_err(|fault| self.block.malformed(fault))?;
        event.number = i64::try_from(self.events).unwrap_or(i64::MAX);
        add_vertices(&mut event, &mothers)?;
        self.tally.count(event.process, xwgtup);
        self.events += 1;
        Ok(event)
    }
}

impl Iterator for LheReader {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.read_event() {
            Ok(Some(event)) => Some(Ok(event)),
            Ok(None) => {
                self.done = true;
                None
            }
            Err(error) => {
                self.done = true;
                Some(Err(self.lines.in_file(error)))
            }
        }
    }
}

impl std::iter::FusedIterator for LheReader {}

impl EventReader for LheReader {
    fn format(&self) -> String {
        format!("LHE {}", self.run.version)
    }

    fn weight_names(&self) -> &[String] {
        self.weights.names()
    }
}

/// The text between a tag and its end, without comment lines.
#[derive(Debug, Default)]
struct Block {
    text: String,
    /// Where each line of the text is in the file: (offset in the text, position).
    places: Vec<(usize, Position)>,
}

impl Block {
    /// Collects the text up to the end of a block; its opening tag was read, `first_line` is what follows it.
    fn collect(&mut self, lines: &mut Lines, name: &str, first_line: &str) -> Result<()> {
        self.text.clear();
        self.places.clear();
        let mut next: Option<&str> = Some(first_line);
        loop {
            let line = if let Some(line) = next.take() {
                line
            } else if lines.advance()? {
                lines.text()
            } else {
                return Err(lines.truncated(format!("</{name}>")));
            };
            if line.trim_start().starts_with('#') {
                continue;
            }
            self.places.push((self.text.len(), lines.position()));
            let mut from = 0;
            while let Some(at) = line[from..].find('<') {
                let at = from + at;
                match tag(&line[at..]) {
                    Some((Piece::Close { name: closed }, _)) if closed.eq_ignore_ascii_case(name) => {
                        self.text.push_str(&line[..at]);
                        return Ok(());
                    }
                    Some((Piece::Open { name: opened, .. }, _)) if opened.eq_ignore_ascii_case(name) => {
                        return Err(lines.malformed(format!("expected </{name}>, found <{name}>")));
                    }
                    _ => from = at + 1,
                }
            }
            self.text.push_str(line);
            self.text.push('\n');
            if self.text.len() > LONGEST_BLOCK {
                return Err(lines.malformed(format!("<{name}> is longer than {LONGEST_BLOCK} bytes")));
            }
        }
    }

    fn malformed(&self, (offset, reason): FaultAt) -> Error {
        let line = self.places.partition_point(|place| place.0 <= offset).saturating_sub(1);
        let position = self.places.get(line).map_or_else(Position::default, |place| place.1);
        Error::Malformed { format: "LHE", position, reason }
    }
}

/// Reads what stands before the first event.
fn read_run(lines: &mut Lines) -> Result<LheRun> {
    let mut run = LheRun { version: find_root(lines)?, ..LheRun::default() };
    let mut in_comment = false;
    loop {
        if !lines.advance()? {
            return Err(lines.truncated("<init>"));
        }
        let line = lines.text().trim_start();
        if in_comment {
            in_comment = !line.contains("-->");
            continue;
        }
        if let Some(comment) = line.strip_prefix("<!--") {
            in_comment = !comment.contains("-->");
            continue;
        }
        match tag(line) {
            Some((Piece::Open { name, .. }, rest)) if name.eq_ignore_ascii_case("header") => {
                let rest = rest.to_owned();
                collect_header(lines, &rest, &mut run.header)?;
            }
            Some((Piece::Open { name, .. }, rest)) if name.eq_ignore_ascii_case("init") => {
                let rest = rest.to_owned();
                let mut block = Block::default();
                block.collect(lines, "init", &rest)?;
                let (init, tags) = parse_init(&block.text).map_err(|fault| block.malformed(fault))?;
                run.init = init;
                run.init_tags = tags;
                break;
            }
            Some((Piece::Open { name, .. }, _)) if name.eq_ignore_ascii_case("event") => {
                return Err(lines.malformed("expected <init> before the first <event>"));
            }
            // Blank lines, remarks and unknown tags.
            _ => {}
        }
    }
    run.weight_groups = take_weight_groups(&mut run.header);
    run.weight_groups.extend(take_weight_groups(&mut run.init_tags));
    Ok(run)
}

/// Finds `<LesHouchesEvents version="...">`, which only a declaration, comments and blank lines may precede.
fn find_root(lines: &mut Lines) -> Result<String> {
    let mut in_comment = false;
    loop {
        let line = lines.expect("<LesHouchesEvents>")?.trim_start_matches('\u{feff}').trim();
        if in_comment {
            in_comment = !line.contains("-->");
            continue;
        }
        if line.is_empty() || line.starts_with("<?") || line.starts_with("<!DOCTYPE") {
            continue;
        }
        if let Some(comment) = line.strip_prefix("<!--") {
            in_comment = !comment.contains("-->");
            continue;
        }
        return match tag(line) {
            Some((Piece::Open { name, attributes: text }, _))
                if name.eq_ignore_ascii_case("LesHouchesEvents") =>
            {
                let version =
                    attributes(text).into_iter().find(|(name, _)| name.eq_ignore_ascii_case("version"));
                Ok(version.map_or_else(|| "1.0".to_owned(), |(_, version)| version))
            }
            _ => Err(lines.malformed("expected <LesHouchesEvents>")),
        };
    }
}

/// Collects the text up to `</header>`. Nothing else is looked for: run cards are full of `<`.
fn collect_header(lines: &mut Lines, first_line: &str, header: &mut String) -> Result<()> {
    if let Some(end) = first_line.find("</header") {
        header.push_str(&first_line[..end]);
        return Ok(());
    }
    if !first_line.is_empty() {
        header.push_str(first_line);
        header.push('\n');
    }
    loop {
        if !lines.advance()? {
            return Err(lines.truncated("</header>"));
        }
        let line = lines.text();
        if let Some(end) = line.find("</header") {
            header.push_str(&line[..end]);
            return Ok(());
        }
        header.push_str(line);
        header.push('\n');
        if header.len() > LONGEST_BLOCK {
            return Err(lines.malformed(format!("the header is longer than {LONGEST_BLOCK} bytes")));
        }
    }
}

/// Lines of numbers at the beginning of a block.
struct NumberLines<'a> {
    block: &'a str,
    offset: usize,
}

impl<'a> NumberLines<'a> {
    /// The next line that is not blank, and its offset.
    fn next(&mut self, what: &str) -> Result<(usize, &'a str), FaultAt> {
        loop {
            let rest = &self.block[self.offset..];
            if rest.is_empty() {
                return Err((self.offset, format!("expected {what}, but the block ends")));
            }
            let start = self.offset;
            let length = rest.find('\n').unwrap_or(rest.len());
            self.offset += (length + 1).min(rest.len());
            let line = rest[..length].trim_ascii();
            if line.starts_with('<') {
                return Err((start, format!("expected {what}, found a tag")));
            }
            if !line.is_empty() {
                return Ok((start, line));
            }
        }
    }
}

/// Parses the numbers of an init block; returns what follows them as it is.
fn parse_init(block: &str) -> Result<(LheInit, String), FaultAt> {
    let mut lines = NumberLines { block, offset: 0 };
    let (start, line) = lines.next("beams and weighting")?;
    let beams = |fields: &mut Fields<'_>| -> Result<(LheInit, u64), Fault> {
        let init = LheInit {
            beams: [PdgId(fields.integer("IDBMUP(1)")?), PdgId(fields.integer("IDBMUP(2)")?)],
            energies: fields.reals(["EBMUP(1)", "EBMUP(2)"])?,
            pdf_groups: [fields.integer("PDFGUP(1)")?, fields.integer("PDFGUP(2)")?],
            pdf_sets: [fields.integer("PDFSUP(1)")?, fields.integer("PDFSUP(2)")?],
            weighting: fields.integer("IDWTUP")?,
            processes: Vec::new(),
        };
        Ok((init, fields.integer("NPRUP")?))
    };
    let (mut init, count) = beams(&mut Fields::new(line)).map_err(|fault| (start, fault))?;
    let process = |fields: &mut Fields<'_>| -> Result<LheProcess, Fault> {
        let [cross_section_pb, error_pb, max_weight] = fields.reals(["XSECUP", "XERRUP", "XMAXUP"])?;
        Ok(LheProcess { cross_section_pb, error_pb, max_weight, id: fields.integer("LPRUP")? })
    };
    for _ in 0..count {
        let (start, line) = lines.next("a process")?;
        init.processes.push(process(&mut Fields::new(line)).map_err(|fault| (start, fault))?);
    }
    Ok((init, block[lines.offset..].trim_start_matches('\n').to_owned()))
}

struct Parsed {
    event: Event,
    xwgtup: f64,
    mothers: Vec<Option<(usize, usize)>>,
}

/// What is wrong, with the offset in the block at which it is.
type FaultAt = (usize, Fault);

/// Parses the text between `<event>` and `</event>`.
fn parse_event(block: &str, declared: &[String], weights: &mut WeightChoice) -> Result<Parsed, FaultAt> {
    let mut lines = NumberLines { block, offset: 0 };
    let (start, line) = lines.next("NUP IDPRUP XWGTUP SCALUP AQEDUP AQCDUP")?;
    let header = |fields: &mut Fields<'_>| -> Result<_, Fault> {
        let count: u64 = fields.integer("NUP")?;
        let process: i32 = fields.integer("IDPRUP")?;
        let numbers = fields.reals(["XWGTUP", "SCALUP", "AQEDUP", "AQCDUP"])?;
        Ok((count, process, numbers))
    };
    let (count, process, [xwgtup, scale, alpha_qed, alpha_qcd]) =
        header(&mut Fields::new(line)).map_err(|fault| (start, fault))?;
    let given = |value: f64| (value != -1.0).then_some(value);
    let mut event = Event::new(0, xwgtup, Vec::new());
    event.process = Some(process);
    event.scale = given(scale);
    event.alpha_qed = given(alpha_qed);
    event.alpha_qcd = given(alpha_qcd);
    let mut mothers = Vec::new();
    for index in 0..count {
        let (start, line) = lines.next(&format!("{count} particles"))?;
        let (particle, range) = parse_particle(&mut Fields::new(line), index, count)
            .map_err(|fault| (start, format!("particle {index}: {fault}")))?;
        event.particles.push(particle);
        mothers.push(range);
    }
    event.weights = parse_weights(&block[lines.offset..], xwgtup, declared, weights)
        .map_err(|fault| (lines.offset, fault))?;
    Ok(Parsed { event, xwgtup, mothers })
}

fn parse_particle(
    fields: &mut Fields<'_>,
    index: u64,
    count: u64,
) -> Result<(Particle, Option<(usize, usize)>), Fault> {
    let id: i32 = fields.integer("IDUP")?;
    let status: i32 = fields.integer("ISTUP")?;
    let mothers: [u64; 2] = [fields.integer("MOTHUP(1)")?, fields.integer("MOTHUP(2)")?];
    let color = [fields.integer("ICOLUP(1)")?, fields.integer("ICOLUP(2)")?];
    let [px, py, pz, e, mass, lifetime, spin] =
        fields.reals(["px", "py", "pz", "E", "the mass", "VTIMUP", "SPINUP"])?;
    let range = match mothers {
        [0, 0] => None,
        [mother, 0] | [0, mother] => Some((mother, mother)),
        [a, b] => Some((a.min(b), a.max(b))),
    };
    let range = match range {
        None => None,
        Some((first, last)) => {
            if last > count {
                return Err(format!("mother {last} does not exist, the event has {count} particles"));
            }
            if (first..=last).contains(&(index + 1)) {
                return Err("it is its own mother".to_owned());
            }
            let zero_based =
                |number: u64| usize::try_from(number - 1).map_err(|_| "mother out of range".to_owned());
            Some((zero_based(first)?, zero_based(last)?))
        }
    };
    let mut particle = Particle::new(id, status, FourMomentum::new(e, px, py, pz));
    particle.generated_mass = Some(mass);
    particle.color = Some(color);
    particle.lifetime = Some(lifetime);
    particle.spin = Some(spin);
    Ok((particle, range))
}

/// Reads the weights among the tags that follow the particles; all other tags are skipped.
fn parse_weights(
    text: &str,
    xwgtup: f64,
    declared: &[String],
    choice: &mut WeightChoice,
) -> Result<EventWeights, Fault> {
    choice.begin();
    let mut values = vec![xwgtup];
    let mut named = false;
    let mut list: Vec<f64> = Vec::new();
    let mut pieces = Pieces::new(text);
    let mut in_rwgt = false;
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Open { name, .. } if name.eq_ignore_ascii_case("rwgt") => in_rwgt = true,
            Piece::Close { name } if name.eq_ignore_ascii_case("rwgt") => in_rwgt = false,
            Piece::Open { name, attributes } if in_rwgt && name.eq_ignore_ascii_case("wgt") => {
                let id = attribute(attributes, "id").ok_or_else(|| "<wgt> has no id".to_owned())?;
                let Some(Piece::Text(text)) = pieces.next() else {
                    return Err(format!("expected a number in <wgt id={id:?}>"));
                };
                if !named {
                    choice.push(XWGTUP);
                    named = true;
                }
                if id.contains('&') {
                    choice.push(&unescape(id));
                } else {
                    choice.push(id);
                }
                values.push(
                    real(text.trim(), "a weight").map_err(|fault| format!("<wgt id={id:?}>: {fault}"))?,
                );
            }
            Piece::Open { name, .. } if name.eq_ignore_ascii_case("weights") => {
                if let Some(Piece::Text(text)) = pieces.next() {
                    for token in text.split_ascii_whitespace() {
                        list.push(real(token, "a weight of <weights>")?);
                    }
                }
            }
            _ => {}
        }
    }
    if !list.is_empty() && (named || !declared.is_empty()) {
        if !named {
            choice.push(XWGTUP);
        }
        if declared.len() == list.len() {
            for id in declared {
                choice.push(id);
            }
        } else {
            for position in 1..=list.len() {
                choice.push(&position.to_string());
            }
        }
    }
    values.extend(list);
    choice.finish(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(events: &str) -> String {
        format!(
            "<LesHouchesEvents version=\"3.0\">\n<init>\n2212 2212 6500 6500 0 0 0 0 -4 1\n1.5 0.1 1.5 1\n</init>\n\
             {events}</LesHouchesEvents>\n"
        )
    }

    fn read(text: &str) -> Result<Vec<Event>> {
        LheReader::new(std::io::Cursor::new(text.to_owned()))?.collect()
    }

    const PARTICLE: &str = "21 -1 0 0 501 502 0 0 10 10 0 0 9\n";

    #[test]
    fn other_tags_comments_and_fortran_numbers_do_no_harm() {
        let text = file(&format!(
            "<!-- a\n<event>\n--> \n<eventgroup nreal='1'>\n<event npLO=' -1 '>\n# remark <rwgt>\n\n 1 5 1.5D+00 -1 0.0078 1.2-001\n{PARTICLE}\
             # more\n<mgrwt>\n<rscale> 2 0.2E+2</rscale>\n</mgrwt>\n<scales muf='1' />\n<clustering>\n<clus> 1 2 </clus></clustering>\n\
             <RWGT>\n<wgt id='a'> 1.25 </wgt><wgt id=\"b\">\n-2D0\n</wgt>\n</RWGT>\n</EVENT>\n</eventgroup>\n\
             <unknown>\n 5 5 5\n</unknown>\n<other a='b'/>\n"
        ));
        let events = read(&text).unwrap();
        assert_eq!(events.len(), 1);
        let event = &events[0];
        assert_eq!(event.weights.values(), [1.5, 1.25, -2.0]);
        assert_eq!(event.weights.names(), ["XWGTUP", "a", "b"]);
        assert_eq!((event.scale, event.alpha_qcd, event.process), (None, Some(0.12), Some(5)));
        assert_eq!(event.particles[0].color, Some([501, 502]));
        // Windows line ends change nothing.
        assert_eq!(read(&text.replace('\n', "\r\n")).unwrap(), events);
    }

    #[test]
    fn unnamed_weights_have_no_names_unless_the_header_gives_some() {
        let event = format!("<event>\n1 1 1 1 1 1\n{PARTICLE}<weights> 1 2 3 </weights>\n</event>\n");
        let events = read(&file(&event)).unwrap();
        assert_eq!(events[0].weights.values(), [1.0, 1.0, 2.0, 3.0]);
        assert!(events[0].weights.names().is_empty());
        let groups = "<header>\n<initrwgt><weight id='x'/><weight id='y'/><weight id='z'/></initrwgt>\n</header>\n<init>";
        let events = read(&file(&event).replace("<init>", groups)).unwrap();
        assert_eq!(events[0].weights.names(), ["XWGTUP", "x", "y", "z"]);
        let fewer = groups.replace("<weight id='z'/>", "");
        let events = read(&file(&event).replace("<init>", &fewer)).unwrap();
        assert_eq!(events[0].weights.names(), ["XWGTUP", "1", "2", "3"]);
    }

    #[test]
    fn a_chosen_weight_comes_first() {
        let rwgt = "<rwgt>\n<wgt id='a'>5</wgt>\n<wgt id='b'>7</wgt>\n</rwgt>";
        let text = file(&format!(
            "<event>\n1 1 2 1 1 1\n{PARTICLE}{rwgt}\n</event>\n<event>\n1 1 2 1 1 1\n{PARTICLE}</event>\n"
        ));
        let mut reader = LheReader::new(std::io::Cursor::new(text.clone())).unwrap().with_weight("b");
        let event = reader.next().unwrap().unwrap();
        assert_eq!(event.weights.values(), [7.0, 2.0, 5.0]);
        assert_eq!(event.weights.names(), ["b", "XWGTUP", "a"]);
        assert_eq!(reader.weight_names(), ["b", "XWGTUP", "a"]);
        assert_eq!(reader.tally().sum_weights(), 2.0);
        // The second event does not have it.
        assert!(reader.next().unwrap().is_err());
        assert!(reader.next().is_none());
        let mut reader = LheReader::new(std::io::Cursor::new(text)).unwrap().with_weight("c");
        let message = reader.next().unwrap().unwrap_err().to_string();
        assert!(message.contains(r#"["XWGTUP", "a", "b"]"#), "{message}");
    }

    #[test]
    fn errors_name_line_and_event() {
        let good = format!("<event>\n1 1 1 1 1 1\n{PARTICLE}</event>\n");
        let bad = [
            (
                "nan",
                "<event>\n1 1 1 1 1 1\n21 -1 0 0 0 0 0 0 NaN 10 0 0 9\n</event>\n",
                12,
                "pz is not finite",
            ),
            (
                "inf",
                "<event>\n1 1 1 1 1 1\n21 -1 0 0 0 0 0 0 1e999 10 0 0 9\n</event>\n",
                12,
                "pz is not finite",
            ),
            ("short", "<event>\n1 1 1 1 1 1\n21 -1 0 0 0 0 0 0 10 10 0 0\n</event>\n", 12, "SPINUP"),
            ("count", "<event>\n2 1 1 1 1 1\n21 -1 0 0 0 0 0 0 10 10 0 0 9\n</event>\n", 13, "2 particles"),
            ("lying", "<event>\n1000000000000 1 1 1 1 1\n</event>\n", 12, "1000000000000 particles"),
            ("negative", "<event>\n-1 1 1 1 1 1\n</event>\n", 11, "NUP"),
            ("mother", "<event>\n1 1 1 1 1 1\n21 -1 0 2 0 0 0 0 10 10 0 0 9\n</event>\n", 12, "mother 2"),
            ("self", "<event>\n1 1 1 1 1 1\n21 -1 1 1 0 0 0 0 10 10 0 0 9\n</event>\n", 12, "its own mother"),
            ("nested", "<event>\n1 1 1 1 1 1\n<event>\n</event>\n", 12, "found <event>"),
            ("text", "hello\n", 10, "expected <event>"),
        ];
        for (name, event, line, words) in bad {
            let mut reader = LheReader::new(std::io::Cursor::new(file(&format!("{good}{event}")))).unwrap();
            assert!(reader.next().unwrap().is_ok(), "{name}");
            let error = reader.next().unwrap().unwrap_err();
            let Error::Malformed { position, reason, .. } = &error else { panic!("{name}: {error}") };
            assert_eq!(position.line, Some(line), "{name}: {error}");
            assert_eq!(position.event, (name != "text").then_some(1), "{name}: {error}");
            assert!(reason.contains(words), "{name}: {error}");
            assert!(reader.next().is_none());
        }
    }

    #[test]
    fn a_file_that_ends_early_is_truncated_and_one_that_goes_on_is_malformed() {
        let text = file(&format!("<event>\n1 1 1 1 1 1\n{PARTICLE}</event>\n"));
        let end = text.find("</LesH").unwrap();
        for length in 0..end + 2 {
            match LheReader::new(std::io::Cursor::new(text[..length].to_owned())) {
                Err(Error::Truncated { .. } | Error::Malformed { .. }) => {}
                Err(error) => panic!("{error}"),
                Ok(reader) => {
                    let events: Vec<_> = reader.collect();
                    let last = events.last().expect("an error at least");
                    let error = last.as_ref().expect_err("the end is missing");
                    assert!(matches!(error, Error::Truncated { .. } | Error::Malformed { .. }), "{error}");
                }
            }
        }
        assert!(matches!(read(&text.repeat(2)), Err(Error::Malformed { .. })));
        assert_eq!(read(&format!("{text}\n\n")).unwrap().len(), 1);
    }

    #[test]
    fn lying_counts_claim_no_memory() {
        let text = file("").replace("-4 1\n", "-4 999999999999\n");
        let error = read(&text).unwrap_err();
        assert!(error.to_string().contains("expected a process"), "{error}");
        assert!(matches!(read(""), Err(Error::Truncated { .. })));
        assert!(matches!(read("HepMC::Version 3\n"), Err(Error::Malformed { .. })));
    }

    #[test]
    fn the_header_is_kept() {
        let header = "<header>\n<slha>\n# a < b\n</slha>\n</header>\n<init>";
        let text = file("")
            .replace("<init>", header)
            .replace("</init>", "<generator name='G'>x</generator>\n</init>");
        let reader = LheReader::new(std::io::Cursor::new(text)).unwrap();
        assert_eq!(reader.run().header, "<slha>\n# a < b\n</slha>\n");
        assert_eq!(reader.run().init_tags, "<generator name='G'>x</generator>\n");
        assert_eq!(EventReader::format(&reader), "LHE 3.0");
    }
}
