//! The C header as the sources are now.

use std::path::{Path, PathBuf};

/// The order in which functions appear in the header; files that are not listed follow in the order of their names.
const ORDER: [&str; 17] = [
    "version",
    "status",
    "boundary",
    "handle",
    "work",
    "particles",
    "momenta",
    "table",
    "sets",
    "flows",
    "divergence",
    "transport",
    "thrust",
    "spherocity",
    "isotropy",
    "n_subjettiness",
    "manifold",
];

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether what is committed is to be rewritten.
pub(crate) fn bless() -> bool {
    std::env::var_os("HEPML_BLESS").is_some_and(|value| value == "1")
}

/// The modules of the library in the order of the header; cbindgen follows each into those below it.
fn sources() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("src")).expect("the sources are there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.retain(|path| path.is_file() && path.file_name().is_some_and(|name| name != "lib.rs"));
    files.sort_by_cached_key(|path| {
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        (ORDER.iter().position(|first| *first == name).unwrap_or(ORDER.len()), name)
    });
    files
}

/// The public types: the enums are passed as int32_t, so that no function mentions them and cbindgen would leave them out.
fn types(source: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(source).expect("the sources can be read");
    let names = text.lines().filter_map(|line| line.strip_prefix("pub enum ")?.split_once(' '));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// The header: what cbindgen makes, with the sections on Rust's safety left out, which repeat for Rust what the sentences say.
pub(crate) fn header() -> String {
    let mut config =
        cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("cbindgen.toml is valid");
    let [version, major, minor, patch] = [
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ];
    config.after_includes = Some(format!(
        "\n/**\n * The version that this header came with; hepml_version has that of the library that runs.\n */\n\
         #define HEPML_VERSION \"{version}\"\n#define HEPML_VERSION_MAJOR {major}\n\
         #define HEPML_VERSION_MINOR {minor}\n#define HEPML_VERSION_PATCH {patch}"
    ));
    let sources = sources();
    config.export.include = sources.iter().flat_map(|source| types(source)).collect();
    let builder =
        sources.into_iter().fold(cbindgen::Builder::new().with_config(config), cbindgen::Builder::with_src);
    let mut made = Vec::new();
    builder.generate().expect("cbindgen reads the sources").write(&mut made);
    for_c(&String::from_utf8(made).expect("cbindgen writes UTF-8"))
}

/// Leaves out what is for readers of Rust.
fn for_c(header: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut in_safety = false;
    for line in header.lines() {
        if line.trim() == "* # Safety" {
            in_safety = true;
            while lines.last().is_some_and(|last| last.trim() == "*") {
                lines.pop();
            }
        } else if line.trim_start().starts_with("*/") {
            in_safety = false;
        }
        if !in_safety {
            lines.push(line.replace('`', "").trim_end().to_owned());
        }
    }
    lines.join("\n") + "\n"
}
