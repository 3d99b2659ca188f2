//! Lines of text with their place in the file.

use std::io::{self, BufRead, Read};

use crate::error::{Error, Position, Result};
use crate::input::Input;
use crate::numbers::Fault;

/// The longest line that is read: no file without newlines can claim more memory.
pub(crate) const LONGEST_LINE: usize = 1 << 24;

/// Reads a text file line by line into one buffer, and knows where it is.
///
/// Lines end in `\n` or `\r\n`; the last one may lack both. Content must be UTF-8.
#[derive(Debug)]
pub(crate) struct Lines {
    input: Input,
    format: &'static str,
    buffer: String,
    /// The number of the line in `buffer`, from 1; 0 before the first.
    line: u64,
    /// Where the line in `buffer` begins.
    byte: u64,
    /// Where the next line begins.
    next_byte: u64,
    /// The event that is being read, for error messages.
    event: Option<u64>,
    /// Whether the line in `buffer` is to be returned once more.
    held: bool,
    /// Whether the line in `buffer` ended in a newline.
    complete: bool,
}

impl Lines {
    pub(crate) fn new(input: Input, format: &'static str) -> Self {
        Self {
            input,
            format,
            buffer: String::new(),
            line: 0,
            byte: 0,
            next_byte: 0,
            event: None,
            held: false,
            complete: true,
        }
    }

    /// Advances to the next line; `false` at the end of the file. The line is then [`text`](Self::text).
    pub(crate) fn advance(&mut self) -> Result<bool> {
        if self.held {
            self.held = false;
            return Ok(true);
        }
        let mut bytes = std::mem::take(&mut self.buffer).into_bytes();
        bytes.clear();
        self.byte = self.next_byte;
        let limit = LONGEST_LINE as u64 + 2;
        let count = match self.input.by_ref().take(limit).read_until(b'\n', &mut bytes) {
            Ok(count) => count,
            Err(error) => {
                self.line += 1;
                return Err(self.reading_failed(error));
            }
        };
        if count == 0 {
            return Ok(false);
        }
        self.line += 1;
        self.next_byte += count as u64;
        self.complete = bytes.last() == Some(&b'\n');
        if self.complete {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        if bytes.len() > LONGEST_LINE {
            return Err(self.malformed(format!("a line is longer than {LONGEST_LINE} bytes")));
        }
        match String::from_utf8(bytes) {
            Ok(text) => self.buffer = text,
            Err(error) => {
                self.byte += error.utf8_error().valid_up_to() as u64;
                return Err(self.malformed("the text is not UTF-8"));
            }
        }
        Ok(true)
    }

    /// The next line, or an error that says what was expected if the file ends.
    pub(crate) fn expect(&mut self, expected: &str) -> Result<&str> {
        if self.advance()? { Ok(self.text()) } else { Err(self.truncated(expected)) }
    }

    /// The line that was read last.
    pub(crate) fn text(&self) -> &str {
        &self.buffer
    }

    /// Makes the next [`advance`](Self::advance) return this line again.
    pub(crate) fn hold(&mut self) {
        self.held = true;
    }

    /// Sets the event that errors name.
    pub(crate) fn set_event(&mut self, event: Option<u64>) {
        self.event = event;
    }

    pub(crate) fn set_format(&mut self, format: &'static str) {
        self.format = format;
    }

    /// Where the current line is.
    pub(crate) fn position(&self) -> Position {
        Position { line: (self.line > 0).then_some(self.line), byte: Some(self.byte), event: self.event }
    }

    /// An error at the current line.
    pub(crate) fn malformed(&self, reason: impl Into<String>) -> Error {
        Error::Malformed { format: self.format, position: self.position(), reason: reason.into() }
    }

    /// Whether the current line ended in a newline; else the file may have been cut off within it.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// An error in a field of the current line; a last line without a newline counts as cut off.
    pub(crate) fn fault(&self, fault: Fault) -> Error {
        if self.complete { self.malformed(fault) } else { self.truncated("the rest of the line") }
    }

    /// The error of a file that ends here.
    pub(crate) fn truncated(&self, expected: impl Into<String>) -> Error {
        Error::Truncated { format: self.format, position: self.position(), expected: expected.into() }
    }

    /// The same error with the name of the file, if there is one.
    pub(crate) fn in_file(&self, error: Error) -> Error {
        match self.input.path() {
            Some(path) => error.in_file(path),
            None => error,
        }
    }

    fn reading_failed(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.truncated("more compressed data"),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                self.malformed(format!("the compressed data are corrupt ({error})"))
            }
            _ => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: impl Into<Vec<u8>>) -> Lines {
        Lines::new(Input::new(io::Cursor::new(bytes.into())).unwrap(), "text")
    }

    #[test]
    fn lines_know_their_place() {
        let mut lines = lines("ab\r\n\nc\rd\nlast");
        let mut seen = Vec::new();
        while lines.advance().unwrap() {
            seen.push((lines.text().to_owned(), lines.line, lines.byte));
        }
        let expected = [("ab", 1, 0), ("", 2, 4), ("c\rd", 3, 5), ("last", 4, 9)];
        assert_eq!(seen, expected.map(|(text, line, byte)| (text.to_owned(), line, byte)));
        assert!(!lines.advance().unwrap());
    }

    #[test]
    fn a_held_line_comes_again() {
        let mut lines = lines("a\nb\n");
        lines.advance().unwrap();
        lines.hold();
        assert_eq!(lines.expect("a").unwrap(), "a");
        assert_eq!(lines.expect("b").unwrap(), "b");
        assert!(matches!(lines.expect("c"), Err(Error::Truncated { .. })));
    }

    #[test]
    fn what_is_not_utf8_is_refused_with_its_place() {
        let mut lines = lines(b"ok\nab\xff\n".to_vec());
        assert!(lines.advance().unwrap());
        let Err(Error::Malformed { position, .. }) = lines.advance() else { panic!("accepted") };
        assert_eq!((position.line, position.byte), (Some(2), Some(5)));
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut lines = Lines::new(Input::new(io::repeat(b'x')).unwrap(), "text");
        assert!(matches!(lines.advance(), Err(Error::Malformed { .. })));
        assert!(lines.next_byte <= LONGEST_LINE as u64 + 2);
    }
}
