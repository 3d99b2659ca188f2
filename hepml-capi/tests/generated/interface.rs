//! What the header exports, one line a thing: the list of which abi/ holds what was promised.

/// A line for each function, struct (with its layout on 64-bit platforms), handle type, enum value (with the type that holds
/// it), other name of a type, and callback of a header, sorted.
pub(crate) fn interface(header: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        declarations(header).iter().flat_map(|declaration| lines_of(declaration)).collect();
    lines.sort();
    lines
}

/// The declarations, with single blanks between words.
fn declarations(header: &str) -> Vec<String> {
    let mut code = String::new();
    let mut rest = header;
    while let Some(start) = rest.find("/*") {
        code.push_str(&rest[..start]);
        rest = rest[start..].split_once("*/").expect("comments end").1;
    }
    code.push_str(rest);
    let (mut declarations, mut current, mut depth) = (Vec::new(), String::new(), 0);
    for line in code.lines().filter(|line| !line.trim_start().starts_with('#')) {
        // The block that C++ needs around functions is none of the interface.
        if matches!(line.trim(), "extern \"C\" {" | "}  // extern \"C\"" | "} // extern \"C\"") {
            continue;
        }
        for letter in line.chars().chain([' ']) {
            depth += i32::from(letter == '{') - i32::from(letter == '}');
            if letter == ';' && depth == 0 {
                declarations.push(current.split_whitespace().collect::<Vec<_>>().join(" "));
                current.clear();
            } else {
                current.push(letter);
            }
        }
    }
    assert!(current.trim().is_empty(), "not a declaration: {current}");
    declarations
}

/// The lines of one declaration. What is of no kind known here is refused: it would otherwise be no part of the promise.
fn lines_of(declaration: &str) -> Vec<String> {
    let unknown = || -> ! { panic!("what kind of declaration is this? {declaration}") };
    let (head, body) = match declaration.split_once('{') {
        Some((head, rest)) => {
            (head.trim(), rest.split_once('}').map(|(body, end)| (body.trim(), end.trim())))
        }
        None => (declaration, None),
    };
    let words: Vec<&str> = head.split(' ').collect();
    match (words.as_slice(), body) {
        (["enum", name, ":", underlying], Some((body, ""))) if is_name(name) => {
            let values = body.split(',').map(str::trim).filter(|value| !value.is_empty());
            let line = |value: &str| match value.split_once(" = ") {
                Some((_, number)) if number.parse::<i64>().is_ok() => {
                    format!("enum {name}: {underlying} {value}")
                }
                // Its number would change with its place.
                _ => panic!("{value} of {name} has no number"),
            };
            values.map(line).collect()
        }
        (["typedef", "struct", name], Some((body, end))) if is_name(name) && *name == end => {
            vec![format!("struct {name} {}", layout(body))]
        }
        // One name for the enum, whose lines are those of its declaration.
        (["typedef", "enum", name, same], None) if is_name(name) && name == same => Vec::new(),
        (["typedef", "struct", name, same], None) if is_name(name) && name == same => {
            vec![format!("handle {name}")]
        }
        (["typedef", of, name], None) if is_name(name) => vec![format!("typedef {of} {name}")],
        (["typedef", ..], None) => {
            let callback = head.strip_prefix("typedef ").expect("it is one");
            let name = callback.split_once("(*").and_then(|(_, rest)| rest.split_once(")("));
            if !name.is_some_and(|(name, _)| is_name(name)) || !callback.ends_with(')') {
                unknown();
            }
            vec![format!("callback {}", plain(callback))]
        }
        (_, None) => {
            let name = head.split_once('(').and_then(|(start, _)| start.rsplit([' ', '*']).next());
            if !name.is_some_and(is_name) || !head.ends_with(')') {
                unknown();
            }
            vec![format!("function {}", plain(head))]
        }
        _ => unknown(),
    }
}

/// Whether it is a name of the library: no attribute, no keyword.
fn is_name(word: &str) -> bool {
    word.starts_with("hepml_") && word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// `struct x *` and `x *` are one type.
fn plain(declaration: &str) -> String {
    declaration.replace("struct ", "")
}

/// The fields with their offsets, and size and alignment, on platforms whose pointers have 64 bits.
fn layout(body: &str) -> String {
    let (mut fields, mut offset, mut largest) = (Vec::new(), 0_usize, 1);
    for field in body.split(';').map(str::trim).filter(|field| !field.is_empty()) {
        let size = match field.split(' ').next().expect("fields have types") {
            _ if field.contains('*') => 8,
            "double" | "size_t" | "uint64_t" | "int64_t" => 8,
            "int32_t" | "uint32_t" => 4,
            other => panic!("what is the size of {other}?"),
        };
        let count = field
            .split_once('[')
            .map_or(1, |(_, count)| count.trim_end_matches(']').parse().expect("a number"));
        offset = offset.next_multiple_of(size);
        fields.push(format!("{} @{offset}", plain(field)));
        offset += size * count;
        largest = largest.max(size);
    }
    format!("{{ {} }} size {} align {largest}", fields.join("; "), offset.next_multiple_of(largest))
}

/// What the header states of the layout of its structs, for a C compiler to confirm.
pub(crate) fn layout_assertions(interface: &[String]) -> String {
    let structs = interface.iter().filter_map(|line| line.strip_prefix("struct "));
    let assertions = structs.flat_map(|line| {
        let (name, rest) = line.split_once(" { ").expect("a struct");
        let (fields, end) = rest.split_once(" } ").expect("a struct");
        let offsets = fields.split("; ").map(move |field| {
            let (field, offset) = field.split_once(" @").expect("an offset");
            let field =
                field.rsplit([' ', '*']).next().and_then(|field| field.split('[').next()).expect("a name");
            format!("offsetof({name}, {field}) == {offset}")
        });
        let words: Vec<_> = end.split(' ').collect();
        let whole = format!("sizeof({name}) == {} && alignof({name}) == {}", words[1], words[3]);
        offsets.chain([whole])
    });
    let lines = assertions.map(|assertion| format!("_Static_assert({assertion}, \"{assertion}\");\n"));
    String::from("#include <stdalign.h>\n") + &lines.collect::<String>()
}

/// What was promised and is no more, and what is new.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Difference {
    pub(crate) gone: Vec<String>,
    pub(crate) new: Vec<String>,
}

pub(crate) fn difference(promised: &[String], exported: &[String]) -> Difference {
    let without = |a: &[String], b: &[String]| a.iter().filter(|line| !b.contains(line)).cloned().collect();
    Difference { gone: without(promised, exported), new: without(exported, promised) }
}
