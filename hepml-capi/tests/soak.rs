//! Long use from several threads: memory stays flat. The full run, whose figures the README states:
//! `HEPML_SOAK=full cargo test --release -p hepml-capi --test soak -- --ignored --nocapture`

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
#![cfg(unix)]

mod models;
mod toolchain;

use std::process::Command;

use toolchain::{Linkage, build, skip};

/// Calls of the EMD, and evaluations of models.
const FULL: (usize, usize) = (1_000_000, 100_000);
const SHORT: (usize, usize) = (40_000, 8_000);

#[test]
#[ignore = "takes from seconds to a minute; .ci/capi runs the short one"]
#[allow(clippy::print_stdout)]
fn memory_stays_flat() {
    let Some(compiler) = toolchain::cpp() else { return skip("the soak: there is no C++ compiler") };
    let folder = toolchain::folder("soak");
    models::write(&folder);
    let program = folder.join("soak");
    let errors = |errors: String| panic!("{errors}");
    build(&compiler, &["soak.cpp", "check.c"], &["-O2"], Linkage::Shared, &program).unwrap_or_else(errors);
    let full = std::env::var("HEPML_SOAK").is_ok_and(|value| value == "full");
    let (emds, evaluations) = if full { FULL } else { SHORT };
    let start = std::time::Instant::now();
    let output =
        toolchain::run(Command::new(program).arg(folder).args([emds.to_string(), evaluations.to_string()]));
    print!("{}", String::from_utf8_lossy(&output.stdout));
    println!("{:.1} s", start.elapsed().as_secs_f64());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
