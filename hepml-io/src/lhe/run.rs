//! What an LHE file says before its events.

use hepml_core::PdgId;

use super::XWGTUP;
use super::markup::{Piece, Pieces, attributes, unescape};

/// What stands before the events: header, beams, processes, names of weights.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LheRun {
    /// The version of the format (`"3.0"`).
    pub version: String,
    /// The text of the header block(s) without `<initrwgt>`, unchanged: run cards, parameters, ...
    pub header: String,
    /// Beams and processes.
    pub init: LheInit,
    /// The further lines of the init block without `<initrwgt>` (`<generator>`, `<xsecinfo>`, ...), unchanged.
    pub init_tags: String,
    /// The weights that `<initrwgt>` declares; those outside of any group are in groups without attributes.
    pub weight_groups: Vec<LheWeightGroup>,
}

/// Beams and processes: the Les Houches run common block HEPRUP.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LheInit {
    /// The beams (IDBMUP).
    pub beams: [PdgId; 2],
    /// Their energies in GeV (EBMUP).
    pub energies: [f64; 2],
    /// Author groups of the parton distributions (PDFGUP); 0 for LHAPDF numbers.
    pub pdf_groups: [i32; 2],
    /// Numbers of the parton distributions (PDFSUP).
    pub pdf_sets: [i32; 2],
    /// What the weights mean (IDWTUP): ±1 to ±4.
    pub weighting: i32,
    /// The processes.
    pub processes: Vec<LheProcess>,
}

impl LheInit {
    /// The cross section Σ XSECUP in pb as the header has it.
    pub fn cross_section_pb(&self) -> f64 {
        self.processes.iter().map(|process| process.cross_section_pb).sum()
    }

    /// The error of [`cross_section_pb`](Self::cross_section_pb): the processes' XERRUP in quadrature.
    pub fn cross_section_error_pb(&self) -> f64 {
        self.processes.iter().fold(0.0, |sum: f64, process| sum.hypot(process.error_pb))
    }
}

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LheProcess {
    /// Cross section in pb (XSECUP).
    pub cross_section_pb: f64,
    /// Its statistical error in pb (XERRUP).
    pub error_pb: f64,
    /// The largest weight (XMAXUP).
    pub max_weight: f64,
    /// The number by which events name the process (LPRUP).
    pub id: i32,
}

/// A group of weights of `<initrwgt>`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LheWeightGroup {
    /// All attributes: `name` (or `type`), `combine`, ...
    pub attributes: Vec<(String, String)>,
    /// The weights.
    pub weights: Vec<LheWeight>,
}

impl LheWeightGroup {
    /// The name of the group (attribute `name`, in older files `type`).
    pub fn name(&self) -> Option<&str> {
        ["name", "type"].iter().find_map(|wanted| find(&self.attributes, wanted))
    }
}

/// A weight of `<initrwgt>`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LheWeight {
    /// The id by which events name it.
    pub id: String,
    /// The other attributes: `MUR`, `MUF`, `PDF`, ...
    pub attributes: Vec<(String, String)>,
    /// The description.
    pub text: String,
}

/// A program that took part, from `<generator>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LheGenerator {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it says of itself.
    pub text: String,
}

impl LheRun {
    /// The programs that wrote the file (`<generator>`).
    pub fn generators(&self) -> Vec<LheGenerator> {
        let mut found = Vec::new();
        let mut pieces = Pieces::new(&self.init_tags);
        while let Some(piece) = pieces.next() {
            if let Piece::Open { name, attributes: text } = piece
                && name.eq_ignore_ascii_case("generator")
            {
                let attributes = attributes(text);
                let get = |wanted| find(&attributes, wanted).unwrap_or("").to_owned();
                let (name, version) = (get("name"), get("version"));
                let text = text_until_tag(&mut pieces);
                found.push(LheGenerator { name, version, text });
            }
        }
        found
    }

    /// The names of the weights after [`XWGTUP`] as the header declares them: ids of `<initrwgt>`, names of `<weightinfo>`.
    pub fn weight_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self
            .weight_groups
            .iter()
            .flat_map(|group| &group.weights)
            .map(|weight| weight.id.clone())
            .collect();
        for piece in Pieces::new(&self.init_tags) {
            if let Piece::Open { name, attributes: text } = piece
                && name.eq_ignore_ascii_case("weightinfo")
                && let Some(name) = find(&attributes(text), "name")
                && name != XWGTUP
            {
                ids.push(name.to_owned());
            }
        }
        ids
    }
}

fn find<'a>(attributes: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
}

/// The text up to the next tag, trimmed.
fn text_until_tag(pieces: &mut Pieces<'_>) -> String {
    let mut text = String::new();
    loop {
        let before = pieces.clone();
        match pieces.next() {
            Some(Piece::Text(more)) => text.push_str(more),
            Some(_) => {
                *pieces = before;
                break;
            }
            None => break,
        }
    }
    unescape(text.trim())
}

/// Takes all `<initrwgt>` blocks out of the text and returns the groups they declare.
pub(super) fn take_weight_groups(text: &mut String) -> Vec<LheWeightGroup> {
    let mut groups: Vec<LheWeightGroup> = Vec::new();
    let mut kept = String::new();
    let mut pieces = Pieces::new(text);
    let mut copied = 0;
    // Whether weights belong to the last group, which a `<weightgroup>` opened.
    let mut in_block = false;
    let mut in_group = false;
    loop {
        let start = text.len() - pieces.rest().len();
        let Some(piece) = pieces.next() else { break };
        match piece {
            Piece::Open { name, .. } if name.eq_ignore_ascii_case("initrwgt") => {
                if !in_block {
                    kept.push_str(&text[copied..start]);
                }
                in_block = true;
                in_group = false;
            }
            Piece::Close { name } if in_block && name.eq_ignore_ascii_case("initrwgt") => {
                in_block = false;
                copied = text.len() - pieces.rest().len();
                // The line that the block stood on goes with it.
                if kept.is_empty() || kept.ends_with('\n') {
                    copied += usize::from(text[copied..].starts_with('\n'));
                }
            }
            Piece::Open { name, attributes: text }
                if in_block && name.eq_ignore_ascii_case("weightgroup") =>
            {
                groups.push(LheWeightGroup { attributes: attributes(text), weights: Vec::new() });
                in_group = true;
            }
            Piece::Close { name } if in_block && name.eq_ignore_ascii_case("weightgroup") => in_group = false,
            Piece::Open { name, attributes: text } if in_block && name.eq_ignore_ascii_case("weight") => {
                let mut attributes = attributes(text);
                let id = attributes.iter().position(|(name, _)| name.eq_ignore_ascii_case("id"));
                let id = id.map_or_else(String::new, |index| attributes.remove(index).1);
                let weight = LheWeight { id, attributes, text: text_until_tag(&mut pieces) };
                match groups.last_mut() {
                    Some(group) if in_group || group.attributes.is_empty() => group.weights.push(weight),
                    _ => groups.push(LheWeightGroup { attributes: Vec::new(), weights: vec![weight] }),
                }
            }
            _ => {}
        }
    }
    if !in_block {
        kept.push_str(&text[copied..]);
    }
    *text = kept;
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_groups_are_taken_out_of_the_header() {
        let mut text = "<a>1</a><initrwgt>\n<weight id='0'>lone</weight>\
            <weightgroup name=\"scale\" combine='envelope'>\n<weight id='1' MUR=\"0.5\"> mu &lt; 1 </weight>\
            <weight id=2>b</weight></weightgroup> # scale\n<weight id='3'/></initrwgt>\n<b>"
            .to_owned();
        let groups = take_weight_groups(&mut text);
        assert_eq!(text, "<a>1</a>\n<b>");
        assert_eq!(groups.len(), 3);
        assert_eq!(groups[1].name(), Some("scale"));
        assert_eq!(groups[1].weights[0].text, "mu < 1");
        assert_eq!(groups[1].weights[0].attributes, [("MUR".to_owned(), "0.5".to_owned())]);
        let run = LheRun {
            weight_groups: groups,
            init_tags: "<weightinfo name='w4'/>\n<generator name='G' version='1'> cite me </generator>"
                .into(),
            ..LheRun::default()
        };
        assert_eq!(run.weight_ids(), ["0", "1", "2", "3", "w4"]);
        let generator = LheGenerator { name: "G".into(), version: "1".into(), text: "cite me".into() };
        assert_eq!(run.generators(), [generator]);
    }
}
