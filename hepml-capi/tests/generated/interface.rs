//! What the header exports, one line a thing: the list of which abi/ holds what was promised.

/// A line for each function, struct (with its layout on 64-bit platforms), handle type, enum value and callback of a header,
/// sorted.
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

fn lines_of(declaration: &str) -> Vec<String> {
    let body = || {
        declaration
            .split_once('{')
            .and_then(|(_, rest)| rest.split_once('}'))
            .map_or("", |(body, _)| body.trim())
    };
    if let Some(rest) = declaration.strip_prefix("enum ") {
        let name = rest.split([' ', ':']).next().expect("enums have names");
        let values = body().split(',').map(str::trim).filter(|value| !value.is_empty());
        return values.map(|value| format!("enum {name}: int32_t {value}")).collect();
    }
    if declaration.starts_with("typedef enum ") || declaration.starts_with("typedef int32_t hepml_") {
        return Vec::new();
    }
    if let Some(rest) = declaration.strip_prefix("typedef struct ") {
        let name = rest.split(' ').next().expect("structs have names");
        return if rest.contains('{') {
            vec![format!("struct {name} {}", layout(body()))]
        } else {
            vec![format!("handle {name}")]
        };
    }
    if let Some(callback) = declaration.strip_prefix("typedef ") {
        return vec![format!("callback {}", plain(callback))];
    }
    assert!(declaration.contains('('), "not a function: {declaration}");
    vec![format!("function {}", plain(declaration))]
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
