//! How an example ends.

use std::error::Error;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Prints what an example has to say and succeeds, or prints the error and its causes and fails.
///
/// A reader that goes away early (`| head`) is no error.
#[expect(clippy::print_stderr, reason = "a command-line program tells its user what is wrong")]
pub fn exit_with(result: Result<String, Box<dyn Error>>) -> ExitCode {
    let written = result.and_then(|text| match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    });
    let Err(error) = written else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Transparent wrappers repeat what they hold.
        if !said.contains(&inner.to_string()) {
            said = inner.to_string();
            eprintln!("  because: {said}");
        }
        cause = inner.source();
    }
    ExitCode::FAILURE
}
