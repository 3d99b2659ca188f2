//! Fixtures and reference numbers of the event-record readers.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

#[path = "../files/mod.rs"]
mod files;
pub use files::{data, shared};

pub fn reference() -> Value {
    serde_json::from_str(include_str!("../reference/records.json")).unwrap()
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// Compares two sums of `terms` terms whose magnitudes sum to `scale`: each addition may round by eps of that.
pub fn assert_close(what: &str, got: f64, expected: f64, terms: usize, scale: f64) {
    let tolerance = (terms as f64 + 4.0) * f64::EPSILON * scale.abs();
    assert!(
        (got - expected).abs() <= tolerance,
        "{what}: {got} and {expected} differ by more than {tolerance:e}"
    );
}

pub fn compress_gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A path of its own in the system's temporary folder; what is there goes when this does.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("hepml-io-{}-{count}-{name}", std::process::id())))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A test that failed before it wrote leaves nothing to remove.
        let _ = std::fs::remove_file(&self.0);
    }
}
