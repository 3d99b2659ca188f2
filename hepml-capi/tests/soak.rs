//! Long use from several threads: memory stays flat.
//! `cargo test -p hepml-capi --test soak -- --ignored --nocapture`

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
#![cfg(unix)]

mod models;
mod toolchain;

use std::process::Command;

use toolchain::{Linkage, build, skip};

/// Calls of the EMD, and evaluations of models.
const CALLS: [usize; 2] = [1_000_000, 100_000];

#[test]
#[ignore = "takes a minute; .ci/capi runs it"]
#[allow(clippy::print_stdout)]
fn memory_stays_flat() {
    let Some(compiler) = toolchain::cpp() else { return skip("the soak: there is no C++ compiler") };
    let folder = toolchain::folder("soak");
    models::write(&folder);
    let program = folder.join("soak");
    let errors = |errors: String| panic!("{errors}");
    build(&compiler, &["soak.cpp", "check.c"], &["-O2"], Linkage::Shared, &program).unwrap_or_else(errors);
    let start = std::time::Instant::now();
    let output = toolchain::run(Command::new(program).arg(folder).args(CALLS.map(|calls| calls.to_string())));
    print!("{}", String::from_utf8_lossy(&output.stdout));
    println!("{:.1} s", start.elapsed().as_secs_f64());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
