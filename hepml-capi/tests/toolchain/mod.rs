//! The C and C++ compilers of the machine, and the libraries that cargo built with the running test.

#![allow(dead_code, reason = "each test program uses what it needs")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What warnings the interface and its tests are held to.
const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion"];

/// A compiler with the standard that it is called with.
#[derive(Debug, Clone)]
pub(crate) struct Compiler {
    words: Vec<String>,
    language: [&'static str; 3],
}

impl Compiler {
    fn find(variable: &str, usual: &str, language: [&'static str; 3]) -> Option<Self> {
        let words = std::env::var(variable).unwrap_or_else(|_| usual.into());
        let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
        let found = Command::new(words.first()?).args(&words[1..]).arg("--version").output();
        found.is_ok_and(|output| output.status.success()).then_some(Self { words, language })
    }

    /// The compiler with its warnings and the folder of the headers; what follows is source of its language.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).args(WARNINGS).args(self.language);
        command.arg("-I").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"));
        command
    }
}

/// The C compiler: $CC or cc.
pub(crate) fn c() -> Option<Compiler> {
    Compiler::find("CC", "cc", ["-std=c11", "-x", "c"])
}

/// The C++ compiler: $CXX or c++.
pub(crate) fn cpp() -> Option<Compiler> {
    Compiler::find("CXX", "c++", ["-std=c++17", "-x", "c++"])
}

/// Whether an empty program can be built with these options and runs: if so, a failure with them is one of what is tested.
pub(crate) fn probe(compiler: &Compiler, options: &[&str]) -> Result<(), String> {
    let folder = folder(&format!("probe {}", options.join(" ")));
    let (source, program) = (folder.join("empty.c"), folder.join("empty"));
    std::fs::write(&source, "int main(void) { return 0; }\n").expect("the folder can be written to");
    for command in
        [compiler.command().arg("-o").arg(&program).arg(source).args(options), &mut Command::new(&program)]
    {
        let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
        if !output.status.success() {
            return Err(format!(
                "{command:?}: {}\n{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            ));
        }
    }
    Ok(())
}

/// Says what is not tested, and why.
#[allow(clippy::print_stderr)]
pub(crate) fn skip(what: &str) {
    eprintln!("skipped: {what}");
}

/// Runs a command that has to succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// A folder of this name for what a test makes.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hepml-capi").join(name);
    std::fs::create_dir_all(&path).expect("the folder of cargo can be written to");
    path
}

/// Where cargo put the libraries: next to the program of the test, which it built at the same time.
pub(crate) fn library_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test is a program");
    test.parent().expect("it is in a folder").to_owned()
}

pub(crate) fn shared_library() -> PathBuf {
    library_folder().join(format!(
        "{}hepml_capi{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    ))
}

/// How a program is linked to the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linkage {
    Shared,
    Static,
}

/// Builds a program of sources in tests/c with what else the compiler is told.
pub(crate) fn build(
    compiler: &Compiler,
    sources: &[&str],
    options: &[&str],
    linkage: Linkage,
    program: &Path,
) -> Result<(), String> {
    let folder = program.parent().expect("programs are in folders");
    let mut command = compiler.command();
    command.args(options).arg("-o").arg(program);
    command.args(
        sources.iter().map(|source| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(source)),
    );
    command.args(["-x", "none"]);
    match linkage {
        Linkage::Shared => {
            // Programs look for the name that build.rs wrote into the library.
            let abi = hepml_capi::HEPML_ABI_VERSION;
            let name = if cfg!(target_os = "macos") {
                format!("libhepml.{abi}.dylib")
            } else {
                format!("libhepml.so.{abi}")
            };
            let library = folder.join(name);
            std::fs::copy(shared_library(), &library).expect("cargo built the shared library");
            command.arg(library).args(["-Xlinker", "-rpath", "-Xlinker"]).arg(folder);
        }
        Linkage::Static => {
            command.arg(library_folder().join("libhepml_capi.a"));
        }
    }
    command.args(["-lpthread", "-ldl", "-lm"]);
    let output = command.output().expect("the compiler was found before");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
