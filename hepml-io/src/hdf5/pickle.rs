//! Lists of names that PyTables pickles into attributes.
//!
//! pandas keeps the names of a table's columns as a Python list of texts or whole numbers. This reads the few opcodes of
//! the pickle protocols 0 to 5 that such lists are made of, and nothing else: no object is ever built.

/// The names in a pickled list; whole numbers as text.
///
/// # Errors
/// What is no such list, in words.
pub(super) fn names(pickle: &[u8]) -> Result<Vec<String>, String> {
    Machine { rest: pickle, stack: Vec::new(), memo: Vec::new() }.run()
}

#[derive(Debug, Clone)]
enum Item {
    Mark,
    Name(String),
    List(Vec<String>),
}

struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Item>,
    /// Names only: lists are not referred to.
    memo: Vec<(usize, Item)>,
}

impl Machine<'_> {
    fn run(mut self) -> Result<Vec<String>, String> {
        loop {
            let [opcode, rest @ ..] = self.rest else { return Err("the pickle ends early".into()) };
            self.rest = rest;
            match opcode {
                // PROTO, FRAME.
                0x80 => drop(self.bytes(1)?),
                0x95 => drop(self.bytes(8)?),
                b'(' => self.stack.push(Item::Mark),
                b']' => self.stack.push(Item::List(Vec::new())),
                b'l' => {
                    let names = self.above_mark()?;
                    self.stack.push(Item::List(names));
                }
                b'a' => {
                    let name = self.name()?;
                    self.list()?.push(name);
                }
                b'e' => {
                    let names = self.above_mark()?;
                    self.list()?.extend(names);
                }
                // Texts: a line (protocol 0), or counted bytes.
                b'V' => {
                    let line = self.line()?;
                    self.push(unescaped(&line)?);
                }
                b'S' => {
                    let line = self.line()?;
                    let quoted =
                        line.strip_prefix(['\'', '"']).and_then(|line| line.strip_suffix(['\'', '"']));
                    self.push(unescaped(quoted.ok_or("a text without quotes")?)?);
                }
                b'X' | b'T' => self.counted(4)?,
                0x8c | b'U' => self.counted(1)?,
                // Whole numbers.
                b'I' | b'L' => {
                    let line = self.line()?;
                    let number: i64 =
                        line.trim_end_matches('L').parse().map_err(|_| format!("a number {line:?}"))?;
                    self.push(number.to_string());
                }
                b'K' => self.integer(1)?,
                b'M' => self.integer(2)?,
                b'J' => self.integer(4)?,
                // Memo.
                b'p' => {
                    let line = self.line()?;
                    let index = line.parse().map_err(|_| format!("a memo {line:?}"))?;
                    self.remember(index);
                }
                b'q' => {
                    let index = self.bytes(1)?[0];
                    self.remember(index.into());
                }
                b'r' => {
                    let index = self.unsigned(4)?;
                    self.remember(index);
                }
                0x94 => self.remember(self.memo.len()),
                b'g' => {
                    let line = self.line()?;
                    let index = line.parse().map_err(|_| format!("a memo {line:?}"))?;
                    self.recall(index)?;
                }
                b'h' => {
                    let index = self.bytes(1)?[0];
                    self.recall(index.into())?;
                }
                b'j' => {
                    let index = self.unsigned(4)?;
                    self.recall(index)?;
                }
                b'.' => {
                    return match self.stack.pop() {
                        Some(Item::List(names)) if self.stack.is_empty() => Ok(names),
                        _ => Err("the pickle is no list of names".into()),
                    };
                }
                other => {
                    return Err(format!(
                        "the pickle has the opcode {other:#04x}, which lists of names have not"
                    ));
                }
            }
        }
    }

    fn bytes(&mut self, count: usize) -> Result<&[u8], String> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or("the pickle ends early")?;
        self.rest = rest;
        Ok(bytes)
    }

    fn line(&mut self) -> Result<String, String> {
        let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or("the pickle ends early")?;
        let line = std::str::from_utf8(&self.rest[..end]).map_err(|error| error.to_string())?.to_owned();
        self.rest = &self.rest[end + 1..];
        Ok(line)
    }

    fn unsigned(&mut self, count: usize) -> Result<usize, String> {
        let bytes = self.bytes(count)?;
        Ok(bytes.iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte)))
    }

    fn counted(&mut self, width: usize) -> Result<(), String> {
        let count = self.unsigned(width)?;
        let text = std::str::from_utf8(self.bytes(count)?).map_err(|error| error.to_string())?.to_owned();
        self.push(text);
        Ok(())
    }

    fn integer(&mut self, width: usize) -> Result<(), String> {
        let value = self.unsigned(width)?;
        // Only BININT, with 4 bytes, is signed.
        if width == 4 {
            #[expect(clippy::cast_possible_truncation, reason = "of 4 bytes")]
            self.push((value as u32).cast_signed().to_string());
        } else {
            self.push(value.to_string());
        }
        Ok(())
    }

    fn push(&mut self, name: String) {
        self.stack.push(Item::Name(name));
    }

    fn name(&mut self) -> Result<String, String> {
        match self.stack.pop() {
            Some(Item::Name(name)) => Ok(name),
            _ => Err("the pickle appends something that is no name".into()),
        }
    }

    fn list(&mut self) -> Result<&mut Vec<String>, String> {
        match self.stack.last_mut() {
            Some(Item::List(names)) => Ok(names),
            _ => Err("the pickle appends to something that is no list".into()),
        }
    }

    fn above_mark(&mut self) -> Result<Vec<String>, String> {
        let mark =
            self.stack.iter().rposition(|item| matches!(item, Item::Mark)).ok_or("the pickle has no mark")?;
        let names = self.stack.split_off(mark).into_iter().skip(1);
        names
            .map(
                |item| {
                    if let Item::Name(name) = item { Ok(name) } else { Err("a list within a list".into()) }
                },
            )
            .collect()
    }

    fn remember(&mut self, index: usize) {
        // A list is remembered by its place only: nothing refers to it, and a copy each time would be quadratic.
        let item = match self.stack.last() {
            Some(Item::Name(name)) => Item::Name(name.clone()),
            _ => Item::Mark,
        };
        self.memo.push((index, item));
    }

    fn recall(&mut self, index: usize) -> Result<(), String> {
        match self.memo.iter().rev().find(|(known, _)| *known == index) {
            Some((_, Item::Name(name))) => {
                self.stack.push(Item::Name(name.clone()));
                Ok(())
            }
            _ => Err("the pickle refers to something that is no name".into()),
        }
    }
}

/// A text without the escapes of Python literals that column names can have.
fn unescaped(text: &str) -> Result<String, String> {
    if !text.contains('\\') {
        return Ok(text.to_owned());
    }
    Err(format!("the name {text:?} has escapes, which are not read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `pickle.dumps(["E_0", "é", "E_0", 7, 300, -2], protocol)` of CPython 3.11, the repeated text once per object.
    #[test]
    fn lists_of_all_protocols() {
        let zero = b"(lp0\nVE_0\np1\nag1\naI7\naI300\naI-2\na.";
        let two = b"\x80\x02]q\x00(X\x03\x00\x00\x00E_0q\x01h\x01K\x07M,\x01J\xfe\xff\xff\xffe.";
        let four = b"\x80\x04\x95\x14\x00\x00\x00\x00\x00\x00\x00]\x94(\x8c\x03E_0\x94h\x01K\x07M,\x01J\xfe\xff\xff\xffe.";
        for pickle in [&zero[..], two, four] {
            assert_eq!(names(pickle).unwrap(), ["E_0", "E_0", "7", "300", "-2"]);
        }
        assert_eq!(names(b"(lp0\nS'E_0'\np1\na.").unwrap(), ["E_0"]);
        assert!(names(b"(lp0\n.").unwrap().is_empty());
    }

    #[test]
    fn anything_else_is_refused() {
        for pickle in [
            &b""[..],
            b".",
            b"N.",
            b"a.",
            b"]e.",
            b"](].",
            b"](]e.",
            b"]g5\na.",
            b"]VE\\u0041\na.",
            b"cos\nsystem\n(S'true'\ntR.",
            b"]X\xff\xff\xff\xffE.",
            b"(lp0\nVE_0\np1\na",
        ] {
            assert!(names(pickle).is_err(), "{pickle:?}");
        }
    }
}
