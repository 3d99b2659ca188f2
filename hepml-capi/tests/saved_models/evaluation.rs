//! Reading, describing and evaluating models.

use hepml::core::{EventSet, FourMomentum, Load, ModelFile, ParticleSets, Save};
use hepml_capi::hepml_status;

use crate::call::{Model, Sets, Table};
use crate::kinds::{Saved, jets, of_sets, of_tables, table};

/// More events than a network evaluates at once, and a last block that is not full.
const EVENTS: usize = 600;
/// Of a batch that stays on the calling thread.
const FEW: usize = 40;

fn same_bits(name: &str, expected: &[f64], got: &[f64]) {
    let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(expected), bits(got), "{name}");
}

/// Info, metadata and bytes of a model that was read.
fn check_description<E>(saved: &Saved<E>, model: &Model, input: &str) {
    let Saved { name, bytes, is_ratio, columns, .. } = saved;
    assert_eq!(&model.bytes(), bytes, "{name}");
    let (info, metadata) = (model.info(), model.metadata());
    assert_eq!((info.input, info.is_ratio), (i32::from(input == "sets"), i32::from(*is_ratio)), "{name}");
    assert_eq!(info.columns, *columns, "{name}");
    let file = ModelFile::from_bytes(bytes).unwrap();
    assert_eq!(metadata["kind"], file.kind(), "{name}");
    assert_eq!(metadata["version"], file.version(), "{name}");
    assert_eq!(metadata["input"], input, "{name}");
    assert_eq!(metadata["outputs"], info.outputs, "{name}");
    assert_eq!(metadata["is_ratio"], *is_ratio, "{name}");
    assert_eq!(metadata["columns"].as_array().map_or(0, Vec::len), *columns, "{name}");
    assert_eq!(metadata["header"], file.header::<serde_json::Value>().unwrap(), "{name}");
    let models = metadata["models"].as_object().unwrap();
    assert!(models.keys().map(String::as_str).eq(file.model_names()), "{name}");
}

#[test]
fn models_of_tables_give_the_numbers_of_rust() {
    let tables = [FEW, EVENTS].map(|rows| table(rows, 3, 0.0, 9));
    for saved in of_tables() {
        let model =
            Model::from_bytes(&saved.bytes).unwrap_or_else(|error| panic!("{}: {error:?}", saved.name));
        check_description(&saved, &model, "table");
        let outputs = model.info().outputs;
        for events in &tables {
            let (expected, given) = ((saved.values)(events), Table::new(events));
            assert_eq!(expected.len(), outputs * events.nrows());
            for threads in [1, 2] {
                same_bits(&saved.name, &expected, &model.table(&given, threads, expected.len()).unwrap());
            }
        }
    }
}

#[test]
fn models_of_sets_give_the_numbers_of_rust() {
    let sets = [FEW, EVENTS].map(|events| jets(events, 1.5, 9));
    for saved in of_sets() {
        let model =
            Model::from_bytes(&saved.bytes).unwrap_or_else(|error| panic!("{}: {error:?}", saved.name));
        check_description(&saved, &model, "sets");
        for events in &sets {
            let (expected, given) = ((saved.values)(events), Sets::new(events).unwrap());
            for threads in [1, 2] {
                same_bits(&saved.name, &expected, &model.sets(&given, threads, expected.len()).unwrap());
            }
        }
        let needs_charge =
            ["hepml-nn/deep-sets", "hepml-nn/cnn"].iter().any(|kind| saved.name.starts_with(kind));
        let expected = if needs_charge { serde_json::json!(["charge"]) } else { serde_json::json!([]) };
        assert_eq!(model.metadata()["features"], expected, "{}", saved.name);
    }
}

#[test]
fn metadata_name_columns_and_reports_remember_fits() {
    let list = of_tables();
    let named = |name: &str| {
        let saved = list.iter().find(|saved| saved.name == name).unwrap();
        Model::from_bytes(&saved.bytes).unwrap()
    };
    let metadata = named("hepml-nn/mlp f32").metadata();
    assert_eq!(metadata["columns"], serde_json::json!(["x", "y", "z"]));
    assert_eq!(metadata["header"]["precision"], "f32");
    assert_eq!(named("hepml-ratio/trees").metadata()["columns"], serde_json::json!([null, null, null]));

    let trees = named("hepml-ratio/trees").report();
    assert_eq!(trees["measures"]["trees"]["value"], 5.0);
    assert_eq!(trees["stopped"], false);
    let network = named("hepml-ratio/network f32").report();
    assert!(network["measures"]["clipped losses"]["value"].is_number(), "{network}");
    let calibrated = named("hepml-ratio/calibrated ensemble").report();
    let member = &calibrated["parts"]["model"]["parts"]["member 1"];
    assert_eq!(member["measures"]["trees"]["value"], 5.0, "{calibrated}");
    assert_eq!(named("hepml-ratio/linear").report(), serde_json::json!({}));
}

#[test]
fn files_are_read_and_written_as_they_are() {
    let folder = std::env::temp_dir().join(format!("hepml-capi-models-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let saved = &of_tables()[0];
    std::fs::write(path("model"), &saved.bytes).unwrap();
    let model = Model::load(&path("model")).unwrap();
    model.save(&path("copy")).unwrap();
    assert_eq!(std::fs::read(path("copy")).unwrap(), saved.bytes);

    let error = |result: Result<Model, _>| result.err().expect("no model");
    let (status, message) = error(Model::load(&path("missing")));
    assert_eq!(status, hepml_status::Io);
    assert!(message.contains("missing"), "{message}");
    assert_eq!(error(Model::load(folder.to_str().unwrap())).0, hepml_status::Io);
    assert_eq!(model.save(&path("no/such/folder")).unwrap_err().0, hepml_status::Io);
    assert_eq!(model.save(folder.to_str().unwrap()).unwrap_err().0, hepml_status::Io);
    #[cfg(unix)]
    {
        // Neither waits for the other end of a pipe, nor turns a link into a file.
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status();
        if made.is_ok_and(|made| made.success()) {
            assert_eq!(model.save(&path("pipe")).unwrap_err().0, hepml_status::Io);
        }
        std::fs::write(path("target"), "old").unwrap();
        std::os::unix::fs::symlink(path("target"), path("link")).unwrap();
        model.save(&path("link")).unwrap();
        assert!(std::fs::symlink_metadata(path("link")).unwrap().is_symlink());
        assert_eq!(std::fs::read(path("target")).unwrap(), saved.bytes);
    }
    let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("partial")));
    for (name, bytes) in [
        ("longer", [&saved.bytes[..], &[0]].concat()),
        ("shorter", saved.bytes[..saved.bytes.len() - 1].to_vec()),
        ("zeros", vec![0; 100]),
        ("empty", Vec::new()),
    ] {
        std::fs::write(path(name), &bytes).unwrap();
        let (status, message) = error(Model::load(&path(name)));
        assert_eq!(status, hepml_status::InvalidModel, "{name}: {message}");
        assert!(message.contains(name), "{message}");
        assert_eq!(error(Model::from_bytes(&bytes)).0, hepml_status::InvalidModel);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn kinds_without_outputs_are_named() {
    for kind in ["hepml-nn/training-state", "hepml-ratio/neural-resampler", "my-crate/line"] {
        let bytes = ModelFile::new(kind, 1, &()).unwrap().to_bytes().unwrap();
        let (status, message) = Model::from_bytes(&bytes).err().unwrap();
        assert_eq!(status, hepml_status::InvalidModel);
        assert!(message.contains(kind), "{message}");
    }
}

#[test]
fn errors_name_what_is_wrong() {
    let (tables, sets) = (of_tables(), of_sets());
    let model = Model::from_bytes(&tables[0].bytes).unwrap();
    let of_sets = Model::from_bytes(&sets[0].bytes).unwrap();
    let (rows, some_jets) = (Table::new(&table(FEW, 3, 0.0, 1)), Sets::new(&jets(FEW, 1.0, 1)).unwrap());

    let (status, message) = of_sets.table(&rows, 1, 200).unwrap_err();
    assert_eq!(status, hepml_status::WrongInput);
    assert!(message.contains("on sets of particles, not on tables"), "{message}");
    let (status, message) = model.sets(&some_jets, 1, 200).unwrap_err();
    assert_eq!(status, hepml_status::WrongInput);
    assert!(message.contains("on tables, not on sets of particles"), "{message}");

    let (status, message) = model.table(&rows, 1, 3 * FEW - 1).unwrap_err();
    assert_eq!(status, hepml_status::Capacity);
    assert!(message.contains("120") && message.contains("119"), "{message}");
    let values = model.table(&rows, 1, 3 * FEW + 2).unwrap();
    assert!(values[3 * FEW..].iter().all(|x| x.is_nan()) && values[..3 * FEW].iter().all(|x| !x.is_nan()));
    for rows in [&rows, &Table::new(&table(EVENTS, 3, 0.0, 1))] {
        assert_eq!(model.table(rows, 1025, 3 * EVENTS).unwrap_err().0, hepml_status::OutOfRange);
    }

    let narrow = Table::new(&table(FEW, 2, 0.0, 1));
    let (status, message) = model.table(&narrow, 1, 200).unwrap_err();
    assert_eq!(status, hepml_status::Shape);
    assert!(message.contains("expected 3, got 2"), "{message}");
    // A number that f32 does not hold, beyond the first block of events.
    let mut far = table(EVENTS, 3, 0.0, 1);
    far[[470, 1]] = 1e300;
    for threads in [1, 2] {
        let (status, message) = model.table(&Table::new(&far), threads, 3 * EVENTS).unwrap_err();
        assert_eq!(status, hepml_status::NotFinite);
        assert!(message.contains("event 470") && message.contains("column 1 (y)"), "{message}");
    }

    let uncharged = jets(FEW, 1.0, 1);
    let uncharged = ParticleSets::from_events(uncharged.events().map(|jet| jet.momenta().to_vec())).unwrap();
    let charged = sets.iter().find(|saved| saved.name == "hepml-nn/deep-sets f32").unwrap();
    let charged = Model::from_bytes(&charged.bytes).unwrap();
    let (status, message) = charged.sets(&Sets::new(&uncharged).unwrap(), 1, 200).unwrap_err();
    assert_eq!(status, hepml_status::UnknownName);
    assert!(message.contains("charge"), "{message}");
    // A particle along the beam has no rapidity.
    let beam = FourMomentum::new(1.0, 0.0, 0.0, 1.0);
    let jet = uncharged.event(0).momenta().to_vec();
    let with_beam = ParticleSets::from_events([jet.clone(), [jet, vec![beam]].concat()]).unwrap();
    let (status, message) = of_sets.sets(&Sets::new(&with_beam).unwrap(), 1, 200).unwrap_err();
    assert_eq!(status, hepml_status::NotFinite);
    assert!(message.contains("event 1"), "{message}");
}
