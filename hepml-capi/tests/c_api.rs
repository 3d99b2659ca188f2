//! Runs the programs of tests/c, which call the library as C and C++ do, with whatever can be wrong.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
#![cfg(unix)]

mod models;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use toolchain::{Compiler, Linkage, build, skip};

/// The translation units of the suite.
const SUITE: [&str; 19] = [
    "check.c",
    "divergence.c",
    "fixtures.c",
    "flows.c",
    "handles.c",
    "isotropy.c",
    "library.c",
    "main.c",
    "manifold.c",
    "model.c",
    "momenta.c",
    "n_subjettiness.c",
    "pairwise.c",
    "ratio.c",
    "sets.c",
    "table.c",
    "threads.c",
    "thrust.c",
    "transport.c",
];

const SANITIZERS: [&str; 4] = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// A folder of this name with the saved models in it, which are made once.
fn folder(name: &str) -> PathBuf {
    static MODELS: OnceLock<PathBuf> = OnceLock::new();
    let made = MODELS.get_or_init(|| {
        let made = toolchain::folder("models");
        models::write(&made);
        made
    });
    let folder = toolchain::folder(name);
    for model in ["tagger.model", "pfn.model", "trees.model"] {
        std::fs::copy(made.join(model), folder.join(model)).expect("the folder can be written to");
    }
    folder
}

/// All has to succeed, and nothing is printed to the terminal of the caller, not even by panics.
fn check(output: &Output) {
    let (printed, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let failed: Vec<_> = printed.lines().filter(|line| !line.starts_with("ok ")).collect();
    assert!(output.status.success(), "{}\n{}\n{errors}", output.status, failed.join("\n"));
    assert_eq!(errors, "");
}

/// The suite, built into the folder of this name.
fn suite(
    name: &str,
    compiler: &Compiler,
    options: &[&str],
    linkage: Linkage,
) -> Result<(PathBuf, PathBuf), String> {
    let folder = folder(name);
    let program = folder.join("suite");
    build(compiler, &SUITE, options, linkage, &program)?;
    Ok((program, folder))
}

fn build_and_run(name: &str, compiler: Option<Compiler>, linkage: Linkage) {
    let Some(compiler) = compiler else { return skip(&format!("{name}: there is no compiler")) };
    let (program, folder) = suite(name, &compiler, &[], linkage).unwrap_or_else(|errors| panic!("{errors}"));
    check(&Command::new(program).arg(folder).output().unwrap());
}

#[test]
fn suite_lists_all_sources() {
    let entries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut sources: Vec<_> = names
        .filter(|name| {
            Path::new(name).extension().is_some_and(|extension| extension == "c")
                && !name.starts_with("header_")
        })
        .collect();
    sources.sort();
    assert_eq!(sources, SUITE);
}

#[test]
fn header_stands_alone_and_twice() {
    for (name, compiler) in [("C11", toolchain::c()), ("C++17", toolchain::cpp())] {
        let Some(compiler) = compiler else {
            skip(&format!("the header in {name}: there is no compiler"));
            continue;
        };
        let alone = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/header_alone.c");
        toolchain::run(compiler.command().arg("-fsyntax-only").arg(alone));
        let program = toolchain::folder(&format!("header in {name}")).join("program");
        build(&compiler, &["header_twice.c", "header_alone.c"], &[], Linkage::Shared, &program).unwrap();
        toolchain::run(&mut Command::new(program));
    }
}

#[test]
fn suite_in_c11() {
    build_and_run("suite in C11", toolchain::c(), Linkage::Shared);
}

#[test]
fn suite_in_c11_with_the_static_library() {
    build_and_run("suite in C11, static", toolchain::c(), Linkage::Static);
}

#[test]
fn suite_in_cpp17() {
    build_and_run("suite in C++17", toolchain::cpp(), Linkage::Shared);
}

#[test]
fn probe_tells_options_that_compilers_have_from_others() {
    let Some(compiler) = toolchain::c() else { return skip("the probe: there is no C compiler") };
    toolchain::probe(&compiler, &["-g"]).unwrap();
    assert!(toolchain::probe(&compiler, &["-fsanitize=nothing-there-is"]).is_err());
    assert!(toolchain::probe(&compiler, &["-lhepml_nothing_there_is"]).is_err());
}

#[test]
#[ignore = "needs the sanitizers; .ci/capi runs it"]
fn suite_under_address_and_undefined_behaviour_sanitizers() {
    let Some(compiler) = toolchain::c() else { return skip("the sanitizers: there is no C compiler") };
    if let Err(errors) = toolchain::probe(&compiler, &SANITIZERS) {
        return skip(&format!("the sanitizers: the compiler has none\n{errors}"));
    }
    let (program, folder) = suite("suite, sanitized", &compiler, &SANITIZERS, Linkage::Static)
        .unwrap_or_else(|errors| panic!("{errors}"));
    let symbols = toolchain::run(Command::new("nm").arg(&program));
    assert!(
        String::from_utf8_lossy(&symbols.stdout).contains("__asan_init"),
        "it was built without the sanitizer"
    );
    let mut command = Command::new(program);
    // A NULL from an allocation that is too large is what the library has to cope with.
    command.arg(folder).env("ASAN_OPTIONS", "detect_leaks=1:allocator_may_return_null=1");
    check(&command.output().unwrap());
}

#[test]
#[ignore = "takes a minute; .ci/capi runs it"]
fn suite_under_valgrind() {
    let valgrind = Command::new("valgrind").arg("--version").output();
    if !valgrind.is_ok_and(|output| output.status.success()) {
        return skip("valgrind: it is not installed");
    }
    let Some(compiler) = toolchain::c() else { return skip("valgrind: there is no C compiler") };
    let (program, folder) = suite("suite, valgrind", &compiler, &["-g"], Linkage::Shared).unwrap();
    let mut command = Command::new("valgrind");
    command.args([
        "--quiet",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite,possible",
        "--error-exitcode=9",
    ]);
    let suppressions = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/valgrind.supp");
    command.arg(format!("--suppressions={}", suppressions.display()));
    check(&command.arg(program).arg(folder).output().unwrap());
}
