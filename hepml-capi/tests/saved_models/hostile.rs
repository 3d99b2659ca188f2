//! Broken and forged files: an error or a model that can be evaluated, whatever the bytes are.

use hepml::core::rand::{Rng, RngExt};
use hepml_capi::hepml_status;
use serde_json::{Value, json};

use crate::call::{Model, Outcome, Sets, Table};
use crate::kinds::{Saved, jets, of_sets, of_tables, rng, table};

/// The broken files of each saved model: with bytes changed, and with numbers of the header changed.
const BYTES: usize = 60;
const HEADERS: usize = 200;
/// A file of some kilobytes must not cost more than that, whatever it says.
const MOST_SECONDS: f64 = 5.0;

/// The length of the JSON header and where the numbers begin.
fn header_end(bytes: &[u8]) -> usize {
    8 + usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap()
}

/// The file with another header.
fn with_header(bytes: &[u8], header: &Value) -> Vec<u8> {
    let mut text = header.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    [&(text.len() as u64).to_le_bytes(), &text[..], &bytes[header_end(bytes)..]].concat()
}

/// A few bytes overwritten, anywhere or in the header, or the end cut off.
fn damaged(bytes: &[u8], rng: &mut dyn Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let end = if rng.random::<bool>() { bytes.len() } else { header_end(&bytes) };
    match rng.random_range(0..4) {
        0 => bytes.truncate(rng.random_range(0..bytes.len())),
        1 => bytes[rng.random_range(0..end)] ^= 1 << rng.random_range(0..8),
        2 => {
            let start = rng.random_range(0..end);
            for byte in bytes.iter_mut().skip(start).take(8) {
                *byte = rng.random();
            }
        }
        // A digit for a digit: the header stays JSON.
        _ => {
            let digits: Vec<usize> =
                (8..header_end(&bytes)).filter(|at| bytes[*at].is_ascii_digit()).collect();
            for _ in 0..3 {
                bytes[digits[rng.random_range(0..digits.len())]] = rng.random_range(b'0'..b':');
            }
        }
    }
    bytes
}

/// The pointers to all values inside a JSON value.
fn pointers(value: &Value, path: &str, list: &mut Vec<String>) {
    if !path.is_empty() {
        list.push(path.to_owned());
    }
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{path}/{index}"), list);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                pointers(field, &format!("{path}/{}", escaped(name)), list);
            }
        }
        _ => {}
    }
}

/// Another value in the place of one.
fn forge(value: &mut Value, rng: &mut dyn Rng) {
    let extremes = [
        json!(0),
        json!(1),
        json!(2),
        json!(60_000),
        json!(1_u64 << 31),
        json!(1_000_000_000_000_000_u64),
        json!(1_u64 << 63),
        json!(u64::MAX),
        json!(-1),
        json!(-0.0),
        json!(1e-300),
        json!(1e300),
    ];
    let extreme = extremes[rng.random_range(0..extremes.len())].clone();
    match value {
        Value::Array(items) if rng.random::<bool>() => match rng.random_range(0..4) {
            0 => items.clear(),
            1 => drop(items.pop()),
            2 => items.extend(items.clone().into_iter().cycle().take(1000)),
            _ => items.push(extreme),
        },
        Value::Object(fields) if rng.random::<bool>() => {
            let name = fields.keys().next().cloned();
            if let Some(name) = name {
                fields.remove(&name);
            }
        }
        Value::Bool(flag) => *flag = !*flag,
        value => *value = extreme,
    }
}

/// One or two values of the header of the model, or of the table of its tensors, are others.
fn forged(bytes: &[u8], rng: &mut dyn Rng) -> Vec<u8> {
    let mut header: Value = serde_json::from_slice(&bytes[8..header_end(bytes)]).unwrap();
    let text = header["__metadata__"]["hepml"].as_str().unwrap();
    let mut about: Value = serde_json::from_str(text).unwrap();
    for _ in 0..rng.random_range(1..3) {
        let of_model = rng.random_range(0..8) > 0;
        let root = if of_model { &mut about } else { &mut header };
        let mut list = Vec::new();
        pointers(root, "", &mut list);
        forge(root.pointer_mut(&list[rng.random_range(0..list.len())]).unwrap(), rng);
    }
    if let Some(text) = header.pointer_mut("/__metadata__/hepml") {
        *text = about.to_string().into();
    }
    with_header(bytes, &header)
}

/// Reads and evaluates broken files of each model; how many could be evaluated.
fn torment<E>(list: &[Saved<E>], evaluate: impl Fn(&Model) -> Outcome<Vec<f64>>) -> usize {
    let mut random = rng(20);
    let mut evaluated = 0;
    for saved in list {
        assert!(evaluate(&Model::from_bytes(&saved.bytes).unwrap()).is_ok(), "{}", saved.name);
        for index in 0..BYTES + HEADERS {
            let bytes = if index < BYTES {
                damaged(&saved.bytes, &mut random)
            } else {
                forged(&saved.bytes, &mut random)
            };
            let clock = std::time::Instant::now();
            let text = || String::from_utf8_lossy(&bytes[..bytes.len().min(4000)]).into_owned();
            let outcome = Model::from_bytes(&bytes).and_then(|model| {
                model.report();
                model.metadata();
                evaluate(&model)
            });
            match outcome {
                Ok(_) => evaluated += 1,
                Err((status, message)) => {
                    assert_ne!(status, hepml_status::Panic, "{} {index}: {message}\n{}", saved.name, text());
                }
            }
            let seconds = clock.elapsed().as_secs_f64();
            assert!(seconds < MOST_SECONDS, "{} {index}: {seconds} s\n{}", saved.name, text());
        }
    }
    evaluated
}

#[test]
fn broken_models_of_tables_are_errors_or_can_be_evaluated() {
    let (few, list) = (Table::new(&table(20, 3, 0.0, 9)), of_tables());
    let evaluated = torment(&list, |model| model.table(&few, 1, 20 * model.info().outputs.min(1000)));
    // Else nothing but the first check of the bytes would be tested.
    assert!(evaluated > list.len() * (BYTES + HEADERS) / 10, "{evaluated}");
}

#[test]
fn broken_models_of_sets_are_errors_or_can_be_evaluated() {
    let (few, list) = (Sets::new(&jets(20, 1.0, 9)).unwrap(), of_sets());
    let evaluated = torment(&list, |model| model.sets(&few, 1, 20 * model.info().outputs.min(1000)));
    assert!(evaluated > list.len() * (BYTES + HEADERS) / 10, "{evaluated}");
}

/// Files that claim what no memory holds.
#[test]
fn claims_beyond_all_memory_are_refused_at_once() {
    let (tables, sets) = (of_tables(), of_sets());
    let refused = |bytes: &[u8], path: &str, value: Value| {
        let mut header: Value = serde_json::from_slice(&bytes[8..header_end(bytes)]).unwrap();
        let text = header["__metadata__"]["hepml"].as_str().unwrap();
        let mut about: Value = serde_json::from_str(text).unwrap();
        *about.pointer_mut(path).expect(path) = value;
        header["__metadata__"]["hepml"] = about.to_string().into();
        let clock = std::time::Instant::now();
        let (status, message) = Model::from_bytes(&with_header(bytes, &header)).err().expect(path);
        assert_eq!(status, hepml_status::InvalidModel, "{path}: {message}");
        assert!(clock.elapsed().as_secs_f64() < MOST_SECONDS, "{path}: {message}");
    };
    let of_table = |name: &str| &tables.iter().find(|saved| saved.name == name).expect(name).bytes;
    let of_sets = |name: &str| &sets.iter().find(|saved| saved.name == name).expect(name).bytes;
    for number in [1_u64 << 24, 1 << 40, 1_000_000_000_000_000, 1 << 63, u64::MAX] {
        let widths = json!([number, number]);
        for precision in ["f32", "f64"] {
            let table = |kind: &str| of_table(&format!("hepml-nn/{kind} {precision}"));
            refused(table("mlp"), "/header/architecture/hidden/widths", widths.clone());
            refused(table("mlp"), "/header/architecture/outputs", json!(number));
            refused(table("residual-mlp"), "/header/architecture/blocks", json!(number));
            refused(table("residual-mlp"), "/header/architecture/width", json!(number));
            refused(table("bayesian-mlp"), "/header/architecture/widths", widths.clone());
            refused(table("autoencoder"), "/header/architecture/latent", json!(number));
            for (variant, field) in
                [("Gaussian", "dimensions"), ("Mixture", "dimensions"), ("Mixture", "components")]
            {
                let name = format!("hepml-nn/variational-autoencoder {precision}");
                let matches = |saved: &&Saved<_>| {
                    saved.name == name && String::from_utf8_lossy(&saved.bytes).contains(variant)
                };
                let saved = tables.iter().find(matches).expect(variant);
                refused(
                    &saved.bytes,
                    &format!("/header/architecture/prior/{variant}/{field}"),
                    json!(number),
                );
            }
            let particles = |kind: &str| of_sets(&format!("hepml-nn/{kind} {precision}"));
            for kind in ["pfn", "efn", "deep-sets"] {
                refused(particles(kind), "/header/architecture/phi/widths", widths.clone());
                refused(particles(kind), "/header/architecture/f/widths", widths.clone());
            }
            refused(particles("cnn"), "/header/architecture/blocks/0/channels", json!(number));
            refused(particles("cnn"), "/header/architecture/blocks/0/kernel", widths.clone());
            refused(particles("cnn"), "/header/encoder/pixels", json!(number));
        }
        refused(of_table("hepml-nn/ensemble"), "/header", json!(number));
        refused(of_table("hepml-ratio/trees"), "/header/features", json!(number));
        refused(of_table("hepml-ratio/histogram"), "/header", json!(number));
        refused(of_table("hepml-ratio/ensemble of trees"), "/header/0", json!(number));
    }
}
