//! The tags of LHE files: XML as generators write it, not as XML demands it.
//!
//! Names and attribute values compare without regard to quotes; a `<` that begins no tag is text; nothing needs to be
//! closed. No input is an error here.

/// A piece of marked-up text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Open { name: &'a str, attributes: &'a str },
    Close { name: &'a str },
}

/// The longest tag in which quotes are honoured; beyond, a stray quote is assumed and the next `>` ends the tag.
const LONGEST_TAG: usize = 4096;

/// Splits text into tags and what is between them; comments, CDATA markers and processing instructions are dropped.
#[derive(Debug, Clone)]
pub(super) struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// What has not been split yet.
    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            if let Some(comment) = self.rest.strip_prefix("<!--") {
                self.rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            } else if let Some(data) = self.rest.strip_prefix("<![CDATA[") {
                let end = data.find("]]>").unwrap_or(data.len());
                self.rest = data[end..].strip_prefix("]]>").unwrap_or("");
                return Some(Piece::Text(&data[..end]));
            } else if let Some(instruction) = self.rest.strip_prefix("<?") {
                self.rest = instruction.find('>').map_or("", |end| &instruction[end + 1..]);
            } else if let Some((piece, rest)) = tag(self.rest) {
                self.rest = rest;
                return Some(piece);
            } else {
                // Text up to the next `<`; the first character is text even if it is one.
                let first = self.rest.chars().next().map_or(1, char::len_utf8);
                let end = self.rest[first..].find('<').map_or(self.rest.len(), |end| first + end);
                let (text, rest) = self.rest.split_at(end);
                self.rest = rest;
                return Some(Piece::Text(text));
            }
        }
    }
}

/// The tag at the beginning of the text, if there is one, and what follows it.
pub(super) fn tag(text: &str) -> Option<(Piece<'_>, &str)> {
    let inner = text.strip_prefix('<')?;
    let (close, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let name_end =
        inner.find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/' | '<')).unwrap_or(inner.len());
    let (name, attributes) = inner.split_at(name_end);
    let end = tag_end(attributes)?;
    let rest = &attributes[end + 1..];
    let attributes = attributes[..end].trim_end_matches('/');
    let piece = if close { Piece::Close { name } } else { Piece::Open { name, attributes } };
    Some((piece, rest))
}

/// Where the `>` is that ends a tag.
fn tag_end(attributes: &str) -> Option<usize> {
    let mut quote = None;
    for (index, byte) in attributes.bytes().enumerate().take(LONGEST_TAG) {
        match (quote, byte) {
            (None, b'>') => return Some(index),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    attributes.find('>')
}

/// The attributes of a tag with their values, entities decoded.
pub(super) fn attributes(mut text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some(equals) = text.find('=') {
        let name = text[..equals].trim().rsplit(|c: char| c.is_whitespace()).next().unwrap_or("");
        let value = text[equals + 1..].trim_start();
        let (value, rest) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let value = &value[1..];
                match value.find(quote) {
                    Some(end) => (&value[..end], &value[end + 1..]),
                    None => (value, ""),
                }
            }
            _ => value.split_at(value.find(|c: char| c.is_whitespace()).unwrap_or(value.len())),
        };
        if !name.is_empty() {
            found.push((name.to_owned(), unescape(value)));
        }
        text = rest;
    }
    found
}

/// The value of one attribute, as it is written.
pub(super) fn attribute<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    // The form that generators write a hundred times an event, without a detour: ` id='17'`.
    if let Some(value) = text.trim_start().strip_prefix(wanted).and_then(|rest| rest.strip_prefix('=')) {
        let quote = value.chars().next()?;
        if quote == '"' || quote == '\'' {
            return value[1..].split(quote).next();
        }
        return value.split_ascii_whitespace().next();
    }
    let mut rest = text;
    while let Some(at) = rest.find(wanted) {
        let before = rest[..at].chars().next_back();
        let after = rest[at + wanted.len()..].trim_start();
        if before.is_none_or(char::is_whitespace)
            && let Some(value) = after.strip_prefix('=')
        {
            let value = value.trim_start();
            return match value.chars().next() {
                Some(quote @ ('"' | '\'')) => value[1..].split(quote).next(),
                _ => value.split_ascii_whitespace().next(),
            };
        }
        rest = &rest[at + wanted.len()..];
    }
    None
}

const ENTITIES: [(&str, char); 5] =
    [("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&apos;", '\''), ("&amp;", '&')];

/// Text with the five entities of XML replaced by what they stand for.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (length, character) = ENTITIES
            .iter()
            .find(|(entity, _)| rest.starts_with(entity))
            .map_or((1, '&'), |(entity, character)| (entity.len(), *character));
        out.push(character);
        rest = &rest[length..];
    }
    out + rest
}

/// Text with the characters that XML reserves replaced by entities.
pub(super) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match ENTITIES.iter().find(|(_, special)| *special == character) {
            Some((entity, _)) => out.push_str(entity),
            None => out.push(character),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_split_into_tags_and_what_is_between() {
        let text = "a<b x='1>2'>c</B > 1 < 2 <!-- <d> --><e/><![CDATA[<f>]]><?g?>é<";
        let pieces: Vec<_> = Pieces::new(text).collect();
        assert_eq!(
            pieces,
            [
                Piece::Text("a"),
                Piece::Open { name: "b", attributes: " x='1>2'" },
                Piece::Text("c"),
                Piece::Close { name: "B" },
                Piece::Text(" 1 "),
                Piece::Text("< 2 "),
                Piece::Open { name: "e", attributes: "" },
                Piece::Text("<f>"),
                Piece::Text("é"),
                Piece::Text("<"),
            ]
        );
    }

    #[test]
    fn a_stray_quote_does_not_swallow_the_file() {
        let text = format!("<a it's>b{}", "x".repeat(2 * LONGEST_TAG));
        assert_eq!(Pieces::new(&text).next(), Some(Piece::Open { name: "a", attributes: " it's" }));
        assert_eq!(Pieces::new("<a it's").next(), Some(Piece::Text("<a it's")));
    }

    #[test]
    fn attributes_in_any_quotes() {
        let text = r#" id='1' name="a b" plain=7 tricky="&lt;&amp;lt;" "#;
        let expected = [("id", "1"), ("name", "a b"), ("plain", "7"), ("tricky", "<&lt;")];
        assert_eq!(attributes(text), expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert_eq!(attribute(text, "id"), Some("1"));
        assert_eq!(attribute(text, "plain"), Some("7"));
        assert_eq!(attribute(text, "name"), Some("a b"));
        assert_eq!(attribute("wid='2' id = \"3\"", "id"), Some("3"));
        assert_eq!(attribute("x='2'", "id"), None);
        assert!(attributes("= = 'x").len() <= 1);
    }

    #[test]
    fn escaping_is_undone() {
        let text = "<a & 'b' \"c\"> &lt;";
        assert_eq!(unescape(&escape(text)), text);
    }
}
