//! Model files: bit for bit round trips, Python's safetensors, and broken files.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test that calls it")]

use hepml_core::ndarray::{Array, Array0, Array1, Array2, ArrayD, IxDyn, array};
use hepml_core::{Error, Load, ModelFile, Result, Save, Tensor};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// Written by `tools/model_file.py` with Python's safetensors.
const PYTHON: &[u8] = include_bytes!("reference/model.safetensors");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Header {
    layers: Vec<usize>,
    name: String,
    scale: f64,
    shift: f64,
    tiny: f64,
}

fn header() -> Header {
    Header { layers: vec![3, 2], name: "µ → e γ".to_owned(), scale: 0.1, shift: -0.0, tiny: 5e-324 }
}

/// What `tools/model_file.py` writes.
fn example() -> ModelFile {
    let mut inner = ModelFile::new("test/inner", 1, &()).unwrap();
    inner.insert_f64("weight", &array![3.0]).unwrap();
    let mut file = ModelFile::new("test/python", 2, &header()).unwrap();
    file.insert_f64("weight", &array![[1.0, -0.0, 5e-324], [f64::MAX, -2.5, 1.0 / 3.0]]).unwrap();
    file.insert_f32("bias", &array![0.1_f32, -1e-45]).unwrap();
    file.insert_i64("counts", &array![i64::MIN, i64::MAX, 0]).unwrap();
    file.insert_f64("empty", &Array2::zeros((0, 4))).unwrap();
    file.insert_f64("scalar", &Array0::from_elem((), 2.0)).unwrap();
    file.insert_model("inner", &inner).unwrap();
    file
}

fn bits<D: ndarray::Dimension>(array: &Array<f64, D>) -> Vec<u64> {
    array.iter().map(|x| x.to_bits()).collect()
}

fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_file_of_pythons_safetensors_is_read() {
    let file = ModelFile::from_bytes(PYTHON).unwrap();
    file.expect("test/python", 2).unwrap();
    let read: Header = file.header().unwrap();
    assert_eq!(read, header());
    assert!(read.shift.is_sign_negative());
    let weight: Array2<f64> = file.f64("weight").unwrap();
    assert_eq!(bits(&weight), bits(&array![[1.0, -0.0, 5e-324], [f64::MAX, -2.5, 1.0 / 3.0]]));
    let bias: Array1<f32> = file.f32("bias").unwrap();
    assert_eq!(bias.map(|x| x.to_bits()), array![0.1_f32.to_bits(), (-1e-45_f32).to_bits()]);
    assert_eq!(file.i64::<ndarray::Ix1>("counts").unwrap(), array![i64::MIN, i64::MAX, 0]);
    assert_eq!(file.f64::<ndarray::Ix2>("empty").unwrap().dim(), (0, 4));
    assert_eq!(file.f64::<ndarray::Ix0>("scalar").unwrap().into_scalar(), 2.0);
    let inner: ModelFile = file.model("inner").unwrap();
    inner.expect("test/inner", 1).unwrap();
    assert_eq!(inner.f64::<ndarray::Ix1>("weight").unwrap(), array![3.0]);
}

#[test]
fn the_bytes_are_those_of_pythons_safetensors() {
    assert_eq!(example().to_bytes().unwrap(), PYTHON);
    // Whatever the order in which the tensors came.
    let read = ModelFile::from_bytes(PYTHON).unwrap();
    assert_eq!(read, example());
    assert_eq!(read.to_bytes().unwrap(), PYTHON);
}

#[test]
fn models_follow_one_another_in_a_stream() {
    let mut stream = example().to_bytes().unwrap();
    stream.extend(ModelFile::new("second", 1, &7).unwrap().to_bytes().unwrap());
    let mut reader = &stream[..];
    assert_eq!(ModelFile::load(&mut reader).unwrap(), example());
    assert_eq!(ModelFile::load(&mut reader).unwrap().header::<i32>().unwrap(), 7);
    assert!(message(ModelFile::load(&mut reader)).contains("truncated: length of the header: 0 of 8 bytes"));
    assert!(message(ModelFile::from_bytes(&stream)).contains("bytes after its end"));
}

#[test]
fn another_kind_or_a_newer_version_is_an_error() {
    let file = example();
    assert_eq!(
        message(file.expect("test/other", 2)),
        r#"saved model: expected a model of kind "test/other", got "test/python""#
    );
    assert_eq!(
        message(file.expect("test/python", 1)),
        "saved model: test/python in version 2, but this program reads versions 1 to 1"
    );
    assert!(file.expect("test/python", 3).is_ok());
    assert!(ModelFile::new("a", 0, &()).unwrap().expect("a", 1).is_err());
    let inner = message(file.model::<Other>("inner"));
    assert_eq!(inner, r#"saved model: expected a model of kind "other", got "test/inner""#);
}

#[derive(Debug)]
struct Other;

impl Load for Other {
    fn load(reader: &mut dyn std::io::Read) -> Result<Self> {
        ModelFile::load(reader)?.expect("other", 1).map(|()| Self)
    }
}

#[test]
fn a_tensor_that_is_missing_or_of_another_type_or_shape_is_named() {
    let file = example();
    match file.f64::<ndarray::Ix2>("wieght") {
        Err(Error::UnknownName { name, known, .. }) => {
            assert_eq!(name, "wieght");
            assert_eq!(known, ["bias", "counts", "empty", "inner/weight", "scalar", "weight"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        message(file.f64::<ndarray::Ix1>("bias")),
        r#"saved model: tensor "bias": expected type F64, got F32"#
    );
    assert_eq!(
        message(file.i64::<ndarray::Ix2>("weight")),
        r#"saved model: tensor "weight": expected type I64, got F64"#
    );
    assert_eq!(
        message(file.f64::<ndarray::Ix1>("weight")),
        r#"number of dimensions of tensor "weight": expected 1, got 2"#
    );
    assert_eq!(
        message(file.expect_shape("weight", &[3, 2])),
        r#"saved model: tensor "weight": expected shape [3, 2], got [2, 3]"#
    );
    assert!(file.expect_shape("weight", &[2, 3]).is_ok());
    assert!(matches!(file.model::<ModelFile>("outer"), Err(Error::UnknownName { .. })));
    let error = message(file.header::<Vec<f64>>());
    assert!(error.contains("header of test/python"), "{error}");
}

#[test]
fn numbers_that_are_not_finite_are_turned_away_on_both_sides() {
    let mut file = ModelFile::new("a", 1, &()).unwrap();
    assert_eq!(
        message(file.insert_f64("w", &array![[1.0, 2.0], [3.0, f64::NAN]])),
        r#"tensor "w" at [1, 1] is not finite (NaN)"#
    );
    assert_eq!(
        message(file.insert_f32("w", &array![f32::INFINITY])),
        r#"tensor "w" at [0] is not finite (inf)"#
    );
    assert_eq!(file.tensor_names().count(), 0);

    file.insert_f64("w", &array![1.0, 2.0]).unwrap();
    let mut bytes = file.to_bytes().unwrap();
    let end = bytes.len();
    bytes[end - 8..].copy_from_slice(&f64::NEG_INFINITY.to_le_bytes());
    assert_eq!(message(ModelFile::from_bytes(&bytes)), r#"tensor "w" at [1] is not finite (-inf)"#);
}

#[test]
fn headers_that_json_cannot_hold_are_turned_away() {
    let nan = Header { scale: f64::NAN, ..header() };
    let error = message(ModelFile::new("a", 1, &nan));
    assert!(error.contains("/scale is null"), "{error}");
    let error = message(ModelFile::new("a", 1, &vec![("x", vec![1.0, f64::INFINITY])]));
    assert!(error.contains("/0/1/1 is null"), "{error}");
    assert!(message(ModelFile::new("a", 1, &i128::MAX)).contains("header"));
    // A header may be absent as a whole.
    assert!(ModelFile::new("a", 1, &()).unwrap().header::<()>().is_ok());

    let mut deep = serde_json::json!(1);
    for _ in 0..1000 {
        deep = serde_json::json!([deep]);
    }
    assert!(message(ModelFile::new("a", 1, &deep).unwrap().to_bytes()).contains("recursion"));
}

#[test]
fn names_are_not_taken_twice() {
    let mut file = example();
    assert!(message(file.insert_f64("weight", &array![1.0])).contains(r#"two tensors are named "weight""#));
    assert!(message(file.insert_f64("inner/x", &array![1.0])).contains("belongs to the contained model"));
    assert!(message(file.insert_f64("", &array![1.0])).contains("cannot be named"));
    assert!(message(file.insert_f64("__metadata__", &array![1.0])).contains("cannot be named"));
    let other = ModelFile::new("b", 1, &()).unwrap();
    assert!(message(file.insert_model("inner", &other)).contains("taken"));
    assert!(message(file.insert_model("a/b", &other)).contains("cannot be named"));
    assert!(message(file.insert_model("", &other)).contains("cannot be named"));
    file.insert_f64("x/y", &array![1.0]).unwrap();
    assert!(message(file.insert_model("x", &other)).contains("taken"));
    assert_eq!(file.model_names().collect::<Vec<_>>(), ["inner"]);
}

/// Saves itself, but not as a model file.
struct NoFile;

impl Save for NoFile {
    fn save(&self, writer: &mut dyn std::io::Write) -> Result<()> {
        Ok(writer.write_all(b"something else entirely")?)
    }
}

#[test]
fn models_nest() {
    let mut outer = ModelFile::new("outer", 1, &"header").unwrap();
    outer.insert_model("middle", &example()).unwrap();
    assert!(outer.tensor_names().any(|name| name == "middle/inner/weight"));
    let outer = ModelFile::from_bytes(&outer.to_bytes().unwrap()).unwrap();
    let middle: ModelFile = outer.model("middle").unwrap();
    assert_eq!(middle, example());
    assert_eq!(middle.model::<ModelFile>("inner").unwrap().kind(), "test/inner");
    assert!(message(outer.clone().insert_model("text", &NoFile)).contains("not a model file"));
}

/// A file with this JSON header and these bytes after it.
fn raw(json: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(json.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

/// A safetensors header with these metadata of ours (JSON) and these tensors (JSON fields).
fn with_about(about: &str, tensors: &str) -> String {
    let about = serde_json::to_string(about).unwrap();
    format!(r#"{{"__metadata__":{{"hepml":{about}}}{tensors}}}"#)
}

const ABOUT: &str = r#"{"format":1,"kind":"a","version":1,"header":null,"models":{}}"#;

#[test]
fn lying_lengths_are_errors_and_take_no_memory() {
    // No test could hold what these claim.
    assert!(
        message(ModelFile::from_bytes(&[0xff; 8])).contains("claims a header of 18446744073709551615 bytes")
    );
    let mut bytes = 99_999_999_u64.to_le_bytes().to_vec();
    bytes.extend_from_slice(b"{}");
    assert!(message(ModelFile::from_bytes(&bytes)).contains("truncated: header: 2 of 99999999 bytes"));

    let petabyte = r#","w":{"dtype":"F64","shape":[125000000000000],"data_offsets":[0,1000000000000000]}"#;
    let error = message(ModelFile::from_bytes(&raw(&with_about(ABOUT, petabyte), &[0; 16])));
    assert!(error.contains(r#"truncated: tensor "w": 16 of 1000000000000000 bytes"#), "{error}");

    let overflow = r#","w":{"dtype":"F64","shape":[4611686018427387904,4],"data_offsets":[0,0]}"#;
    assert!(message(ModelFile::from_bytes(&raw(&with_about(ABOUT, overflow), &[]))).contains("overflow"));
    let empty =
        r#","w":{"dtype":"F64","shape":[0,9223372036854775807,9223372036854775807],"data_offsets":[0,0]}"#;
    assert!(
        message(ModelFile::from_bytes(&raw(&with_about(ABOUT, empty), &[])))
            .contains("tensor \"w\" of shape")
    );
}

#[test]
fn what_is_wrong_with_a_header_is_said() {
    for (json, expected) in [
        ("", "not a model file"),
        ("{", "not a model file"),
        ("[]", "not a model file"),
        ("{}", r#"have no entry "hepml""#),
        (r#"{"__metadata__":{"other":"1"}}"#, r#"have no entry "hepml""#),
        (&with_about("nonsense", ""), r#"entry "hepml": expected"#),
        (&with_about("{}", ""), r#"no field "format""#),
        (&with_about(r#"{"format":2}"#, ""), "format 2, but this program reads format 1"),
        (&with_about(r#"{"format":1,"models":{}}"#, ""), r#"no field "header""#),
        (&with_about(r#"{"format":1,"header":1,"models":{}}"#, ""), r#"no field "kind""#),
        (
            &with_about(r#"{"format":1,"kind":"a","version":-1,"header":1,"models":{}}"#, ""),
            r#"no field "version""#,
        ),
        (
            &with_about(r#"{"format":1,"kind":"a","version":4294967296,"header":1,"models":{}}"#, ""),
            r#"no field "version""#,
        ),
        (
            &with_about(r#"{"format":1,"kind":"a","version":1,"header":1,"models":{"m":{}}}"#, ""),
            r#"model "m": no field"#,
        ),
        (
            &with_about(ABOUT, r#","w":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}"#),
            r#"tensor "w" is of type BF16; known are F64, F32 and I64"#,
        ),
        (
            &with_about(ABOUT, r#","w":{"dtype":"F64","shape":[1],"data_offsets":[1,9]}"#),
            "invalid offset for tensor `w`",
        ),
        (
            &with_about(ABOUT, r#","w":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}"#),
            "invalid shape, data type, or offset",
        ),
        (
            &with_about(ABOUT, r#","":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}"#),
            "a tensor cannot be named",
        ),
    ] {
        let error = message(ModelFile::from_bytes(&raw(json, &[0; 8])));
        assert!(error.contains(expected), "{json}: {error}");
    }
}

fn finite_f64() -> impl Strategy<Value = f64> {
    // Every bit pattern that is finite: subnormals and both zeros included.
    any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |x| x.is_finite())
}

fn finite_f32() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |x| x.is_finite())
}

fn tensor() -> impl Strategy<Value = Tensor> {
    prop::collection::vec(0_usize..4, 0..4).prop_flat_map(|shape| {
        let len: usize = shape.iter().product();
        let (a, b, c) = (IxDyn(&shape), IxDyn(&shape), IxDyn(&shape));
        prop_oneof![
            prop::collection::vec(finite_f64(), len)
                .prop_map(move |v| Tensor::F64(ArrayD::from_shape_vec(a.clone(), v).unwrap())),
            prop::collection::vec(finite_f32(), len)
                .prop_map(move |v| Tensor::F32(ArrayD::from_shape_vec(b.clone(), v).unwrap())),
            prop::collection::vec(any::<i64>(), len)
                .prop_map(move |v| Tensor::I64(ArrayD::from_shape_vec(c.clone(), v).unwrap())),
        ]
    })
}

/// The bits of a tensor: `==` takes -0 for 0.
fn tensor_bits(tensor: &Tensor) -> Vec<u64> {
    match tensor {
        Tensor::F64(array) => array.iter().map(|x| x.to_bits()).collect(),
        Tensor::F32(array) => array.iter().map(|x| u64::from(x.to_bits())).collect(),
        Tensor::I64(array) => array.iter().map(|x| x.cast_unsigned()).collect(),
        _ => unreachable!("no other types"),
    }
}

proptest! {
    #[test]
    fn round_trips_are_bit_for_bit(
        kind in "\\PC{0,12}",
        version in any::<u32>(),
        numbers in prop::collection::vec(finite_f64(), 0..20),
        singles in prop::collection::vec(finite_f32(), 0..20),
        tensors in prop::collection::btree_map("\\PC{1,12}", tensor(), 0..6),
    ) {
        let header = (numbers, singles);
        let mut file = ModelFile::new(kind.clone(), version, &header)?;
        // Backwards, to see that the order does not matter.
        for (name, tensor) in tensors.iter().rev() {
            file.insert(name, tensor.clone())?;
        }
        let bytes = file.to_bytes()?;
        let read = ModelFile::from_bytes(&bytes)?;
        prop_assert_eq!((read.kind(), read.version()), (&*kind, version));
        let (numbers, singles): (Vec<f64>, Vec<f32>) = read.header()?;
        prop_assert!(numbers.iter().map(|x| x.to_bits()).eq(header.0.iter().map(|x| x.to_bits())));
        prop_assert!(singles.iter().map(|x| x.to_bits()).eq(header.1.iter().map(|x| x.to_bits())));
        prop_assert!(read.tensor_names().eq(tensors.keys()));
        for (name, tensor) in &tensors {
            let got = read.tensor(name)?;
            prop_assert_eq!(got.shape(), tensor.shape());
            prop_assert_eq!(got, tensor);
            prop_assert_eq!(tensor_bits(got), tensor_bits(tensor));
        }
        prop_assert_eq!(read.to_bytes()?, bytes);
    }

    #[test]
    fn truncated_files_are_errors(length in 0..PYTHON.len()) {
        prop_assert!(matches!(ModelFile::from_bytes(&PYTHON[..length]), Err(Error::Model(_))));
    }

    #[test]
    fn corrupted_files_never_panic(
        changes in prop::collection::vec((0..PYTHON.len(), any::<u8>()), 1..4),
    ) {
        let mut bytes = PYTHON.to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        // A change of a number or a name may go unseen; then it is a file like any other.
        if let Ok(file) = ModelFile::from_bytes(&bytes) {
            prop_assert_eq!(ModelFile::from_bytes(&file.to_bytes()?)?, file);
        }
    }

    #[test]
    fn arbitrary_bytes_are_errors(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(ModelFile::from_bytes(&bytes).is_err());
    }

    #[test]
    fn arbitrary_headers_are_errors(json in "[\\[\\]{}\":,a-z0-9_ ]{0,100}") {
        prop_assert!(ModelFile::from_bytes(&raw(&json, &[0; 8])).is_err());
    }
}

#[test]
fn contained_models_whose_names_begin_alike_keep_their_tensors() {
    let names = ["member 1", "member 10", "member 1!", "member"];
    let mut file = ModelFile::new("test/ensemble", 3, &names.len()).unwrap();
    for (number, name) in names.into_iter().enumerate() {
        let mut member = ModelFile::new("test/member", 1, &number).unwrap();
        member.insert_f64("a", &array![number as f64]).unwrap();
        member.insert_f64("b/c", &array![-1.0]).unwrap();
        file.insert_model(name, &member).unwrap();
    }
    file.insert_f64("member 1", &array![9.0]).unwrap();
    for (number, name) in names.into_iter().enumerate() {
        let member: ModelFile = file.model(name).unwrap();
        assert!(member.tensor_names().eq(["a", "b/c"]), "{name}");
        assert_eq!(member.f64::<ndarray::Ix1>("a").unwrap(), array![number as f64]);
    }
    let about: serde_json::Value = serde_json::from_str(&file.about()).unwrap();
    let fields: Vec<_> = about.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["header", "kind", "models", "version"]);
    assert_eq!((&about["kind"], &about["version"]), (&"test/ensemble".into(), &3.into()));
    assert_eq!(about["models"]["member 10"]["header"], 1);
}
