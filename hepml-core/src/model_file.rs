//! The file format of saved models: safetensors with a JSON header.
//!
//! # Conventions
//! A model file is a [safetensors](https://github.com/huggingface/safetensors) file that any of its readers opens: a length
//! (8 bytes, little endian), a JSON header of that length, and the tensors' numbers, little endian, row-major. The header's
//! `__metadata__` has one entry, `hepml`: a JSON text of its own with the fields
//!
//! - `format`: 1, the version of this layout,
//! - `kind`: which model this is,
//! - `version`: the version of that kind's own layout,
//! - `header`: what the model needs besides its tensors (architecture, preprocessing, names of columns),
//! - `models`: by name, the `kind`, `version`, `header` and `models` of each contained model; its tensors are those called
//!   `name/...`.
//!
//! In Python:
//!
//! ```python
//! import json, safetensors
//! with safetensors.safe_open("model.safetensors", framework="np") as f:
//!     about = json.loads(f.metadata()["hepml"])
//!     weight = f.get_tensor("layers/0/weight")
//! ```
//!
//! Reading gives back what was written bit for bit, numbers in the header included. Every number is finite: infinities and
//! NaN are turned away when they are put in and when they are read. The same model gives the same bytes: tensors are sorted
//! by type and name, header fields by name. Reading takes from the stream exactly the bytes of one model, and memory only
//! for what has arrived, whatever lengths a broken file claims.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};

use ndarray::{ArrayD, ArrayRef, Dimension, IxDyn};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::save::{Load, Save};

/// The version of the layout itself.
const FORMAT: u64 = 1;
/// The entry of the safetensors metadata.
const METADATA_KEY: &str = "hepml";
/// The longest header that is read or written: the limit of the safetensors library.
const MAX_HEADER: u64 = 100_000_000;
/// Between the names of a contained model and of its tensors.
const SEPARATOR: char = '/';

/// The numbers of a tensor.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Tensor {
    /// 64-bit floats.
    F64(ArrayD<f64>),
    /// 32-bit floats.
    F32(ArrayD<f32>),
    /// 64-bit integers.
    I64(ArrayD<i64>),
}

/// A saved model before it is bytes: its kind, a header, named tensors, and the models it contains.
///
/// ```
/// use hepml_core::ndarray::{Array1, array};
/// use hepml_core::{Load, ModelFile, Result, Save};
/// use std::io::{Read, Write};
///
/// #[derive(Debug, PartialEq)]
/// struct Line { slope: Array1<f64>, offset: f64 }
///
/// impl Save for Line {
///     fn save(&self, writer: &mut dyn Write) -> Result<()> {
///         let mut file = ModelFile::new("my-crate/line", 1, &self.offset)?;
///         file.insert_f64("slope", &self.slope)?;
///         file.save(writer)
///     }
/// }
///
/// impl Load for Line {
///     fn load(reader: &mut dyn Read) -> Result<Self> {
///         let file = ModelFile::load(reader)?;
///         file.expect("my-crate/line", 1)?;
///         Ok(Self { slope: file.f64("slope")?, offset: file.header()? })
///     }
/// }
///
/// let line = Line { slope: array![0.1, -0.0], offset: 1.0 / 3.0 };
/// assert_eq!(Line::from_bytes(&line.to_bytes()?)?, line);
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFile {
    kind: String,
    version: u32,
    header: Value,
    tensors: BTreeMap<String, Tensor>,
    models: BTreeMap<String, About>,
}

/// What a model's file says of it besides the tensors.
#[derive(Debug, Clone, PartialEq)]
struct About {
    kind: String,
    version: u32,
    header: Value,
    models: BTreeMap<String, About>,
}

impl ModelFile {
    /// A file of a kind (a name that no other model has, such as `hepml-nn/dense`), in a version of that kind's layout
    /// (counted up when it changes), with a header (anything that serializes; `()` for none).
    ///
    /// # Errors
    /// A header that JSON cannot hold: a `null` in it other than the header itself. NaN and infinities become `null`, so this
    /// catches them; fields that are absent are left out (`skip_serializing_if`).
    pub fn new(kind: impl Into<String>, version: u32, header: &impl Serialize) -> Result<Self> {
        let header = serde_json::to_value(header).map_err(|error| model(format!("header: {error}")))?;
        if let Some(path) = null_in(&header) {
            return Err(model(format!(
                "header: {path} is null, which NaN and infinity become in JSON; leave out what is absent"
            )));
        }
        Ok(Self { kind: kind.into(), version, header, tensors: BTreeMap::new(), models: BTreeMap::new() })
    }

    /// Which model this is.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The version of that kind's layout.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Checks that the file is of a kind, in a version that the caller can read: 1 to `newest`.
    ///
    /// # Errors
    /// Another kind; version 0 or one newer than `newest`.
    pub fn expect(&self, kind: &str, newest: u32) -> Result<()> {
        if self.kind != kind {
            return Err(model(format!("expected a model of kind {kind:?}, got {:?}", self.kind)));
        }
        if self.version == 0 || self.version > newest {
            return Err(model(format!(
                "{kind} in version {}, but this program reads versions 1 to {newest}",
                self.version
            )));
        }
        Ok(())
    }

    /// The header.
    ///
    /// # Errors
    /// A header that is not what `T` expects, naming the field.
    pub fn header<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.header).map_err(|error| model(format!("header of {}: {error}", self.kind)))
    }

    /// The JSON text of all that the file says besides its tensors: an object of `kind`, `version`, `header` and `models`, the
    /// last with such an object for each contained model.
    pub fn about(&self) -> String {
        Value::Object(about_to_json(&self.kind, self.version, &self.header, &self.models)).to_string()
    }

    /// The names of the tensors, those of contained models (`model/tensor`) included, sorted.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensor of that name, whatever its type.
    ///
    /// # Errors
    /// [`Error::UnknownName`] with the names there are.
    pub fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| Error::UnknownName {
            what: "tensor in the saved model",
            name: name.to_owned(),
            known: self.tensors.keys().cloned().collect(),
        })
    }

    /// Puts in a tensor.
    ///
    /// # Errors
    /// A name that is empty, taken, or begins as a contained model's tensors do; a number that is not finite, naming its
    /// position.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) -> Result<()> {
        let name = name.into();
        if let Some((owner, _)) = name.split_once(SEPARATOR)
            && self.models.contains_key(owner)
        {
            return Err(model(format!("tensor name {name:?} belongs to the contained model {owner:?}")));
        }
        if name.is_empty() || name == "__metadata__" {
            return Err(model(format!("a tensor cannot be named {name:?}")));
        }
        tensor.check_finite(&name)?;
        if self.tensors.contains_key(&name) {
            return Err(model(format!("two tensors are named {name:?}")));
        }
        self.tensors.insert(name, tensor);
        Ok(())
    }

    /// Puts in 64-bit floats.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_f64<D: Dimension>(
        &mut self,
        name: impl Into<String>,
        array: &ArrayRef<f64, D>,
    ) -> Result<()> {
        self.insert(name, Tensor::F64(array.to_owned().into_dyn()))
    }

    /// Puts in 32-bit floats.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_f32<D: Dimension>(
        &mut self,
        name: impl Into<String>,
        array: &ArrayRef<f32, D>,
    ) -> Result<()> {
        self.insert(name, Tensor::F32(array.to_owned().into_dyn()))
    }

    /// Puts in 64-bit integers.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_i64<D: Dimension>(
        &mut self,
        name: impl Into<String>,
        array: &ArrayRef<i64, D>,
    ) -> Result<()> {
        self.insert(name, Tensor::I64(array.to_owned().into_dyn()))
    }

    /// Checks the shape of a tensor.
    ///
    /// # Errors
    /// No tensor of that name; one of another shape.
    pub fn expect_shape(&self, name: &str, shape: &[usize]) -> Result<()> {
        let got = self.tensor(name)?.shape();
        if got == shape {
            return Ok(());
        }
        Err(model(format!("tensor {name:?}: expected shape {shape:?}, got {got:?}")))
    }

    /// The 64-bit floats of that name, in as many dimensions as the caller asks for.
    ///
    /// # Errors
    /// No tensor of that name; one of another type or number of dimensions.
    pub fn f64<D: Dimension>(&self, name: &str) -> Result<ndarray::Array<f64, D>> {
        match self.tensor(name)? {
            Tensor::F64(array) => with_dimensions(name, array),
            other => Err(other.wrong_type(name, "F64")),
        }
    }

    /// The 32-bit floats of that name, in as many dimensions as the caller asks for.
    ///
    /// # Errors
    /// As [`f64`](Self::f64).
    pub fn f32<D: Dimension>(&self, name: &str) -> Result<ndarray::Array<f32, D>> {
        match self.tensor(name)? {
            Tensor::F32(array) => with_dimensions(name, array),
            other => Err(other.wrong_type(name, "F32")),
        }
    }

    /// The 64-bit integers of that name, in as many dimensions as the caller asks for.
    ///
    /// # Errors
    /// As [`f64`](Self::f64).
    pub fn i64<D: Dimension>(&self, name: &str) -> Result<ndarray::Array<i64, D>> {
        match self.tensor(name)? {
            Tensor::I64(array) => with_dimensions(name, array),
            other => Err(other.wrong_type(name, "I64")),
        }
    }

    /// Puts in a whole model (a member of an ensemble, the learner inside a calibration) that saves itself as one
    /// [`ModelFile`]; its tensors are then called `name/...`.
    ///
    /// # Errors
    /// What its `save` returns, or writes if that is no model file; a name that is empty, contains `/` or is taken.
    pub fn insert_model(&mut self, name: impl Into<String>, contained: &dyn Save) -> Result<()> {
        let name = name.into();
        let prefix = format!("{name}{SEPARATOR}");
        if name.is_empty() || name.contains(SEPARATOR) {
            return Err(model(format!("a contained model cannot be named {name:?}")));
        }
        if self.models.contains_key(&name) || self.tensors.keys().any(|tensor| tensor.starts_with(&prefix)) {
            return Err(model(format!("the name {name:?} is taken")));
        }
        let Self { kind, version, header, tensors, models } = Self::from_bytes(&contained.to_bytes()?)?;
        self.tensors
            .extend(tensors.into_iter().map(|(tensor, values)| (format!("{prefix}{tensor}"), values)));
        self.models.insert(name, About { kind, version, header, models });
        Ok(())
    }

    /// The contained model of that name.
    ///
    /// # Errors
    /// [`Error::UnknownName`] with the names there are; what `M`'s `load` returns.
    pub fn model<M: Load>(&self, name: &str) -> Result<M> {
        let About { kind, version, header, models } =
            self.models.get(name).cloned().ok_or_else(|| Error::UnknownName {
                what: "model in the saved model",
                name: name.to_owned(),
                known: self.models.keys().cloned().collect(),
            })?;
        let prefix = format!("{name}{SEPARATOR}");
        // Theirs follow one another: those of other models, which may be many, are not looked at.
        let tensors = self
            .tensors
            .range(prefix.clone()..)
            .map_while(|(tensor, values)| Some((tensor.strip_prefix(&prefix)?.to_owned(), values.clone())))
            .collect();
        M::from_bytes(&Self { kind, version, header, tensors, models }.to_bytes()?)
    }

    /// The names of the contained models, sorted.
    pub fn model_names(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }
}

impl Save for ModelFile {
    fn save(&self, writer: &mut dyn Write) -> Result<()> {
        // By type and then by name, as the safetensors library sorts: the widest type first keeps all of them aligned.
        let mut tensors: Vec<_> = self.tensors.iter().collect();
        tensors.sort_by_key(|(_, tensor)| std::cmp::Reverse(tensor.dtype()));
        let mut end = 0;
        let infos = tensors.iter().map(|(name, tensor)| {
            let start = end;
            end += tensor.len() * tensor.dtype().bitsize() / 8;
            let info = TensorInfo {
                dtype: tensor.dtype(),
                shape: tensor.shape().to_vec(),
                data_offsets: (start, end),
            };
            ((*name).clone(), info)
        });
        let mut about = about_to_json(&self.kind, self.version, &self.header, &self.models);
        about.insert("format".to_owned(), FORMAT.into());
        let text = Value::Object(about).to_string();
        // JSON is read to a limited depth: better found out now than when the model is needed.
        serde_json::from_str::<Value>(&text).map_err(|error| model(format!("header: {error}")))?;
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), text)]);
        let metadata =
            Metadata::new(Some(metadata), infos.collect()).map_err(|error| model(error.to_string()))?;
        let mut json = serde_json::to_vec(&metadata).map_err(|error| model(format!("header: {error}")))?;
        json.resize(json.len().next_multiple_of(8), b' ');
        if json.len() as u64 > MAX_HEADER {
            return Err(model(format!("a header of {} bytes is longer than {MAX_HEADER}", json.len())));
        }
        writer.write_all(&(json.len() as u64).to_le_bytes())?;
        writer.write_all(&json)?;
        for (_, tensor) in tensors {
            tensor.write(writer)?;
        }
        Ok(())
    }
}

impl Load for ModelFile {
    fn load(reader: &mut dyn Read) -> Result<Self> {
        let length = read_bytes(reader, 8, "length of the header")?;
        let length = u64::from_le_bytes(length.try_into().expect("8 bytes were read"));
        if length > MAX_HEADER {
            return Err(model(format!(
                "not a model file: it claims a header of {length} bytes, more than {MAX_HEADER}"
            )));
        }
        let json = read_bytes(reader, length, "header")?;
        let metadata: Metadata = serde_json::from_slice(&json)
            .map_err(|error| model(format!("not a model file: header: {error}")))?;
        let about =
            metadata.metadata().as_ref().and_then(|entries| entries.get(METADATA_KEY)).ok_or_else(|| {
                model(format!("not a model file: its safetensors metadata have no entry {METADATA_KEY:?}"))
            })?;
        let about: Value = serde_json::from_str(about)
            .map_err(|error| model(format!("metadata entry {METADATA_KEY:?}: {error}")))?;
        match about.get("format").and_then(Value::as_u64) {
            Some(FORMAT) => {}
            Some(newer @ 2..) => {
                return Err(model(format!("format {newer}, but this program reads format {FORMAT}")));
            }
            _ => return Err(model("no field \"format\", or none that is a format".to_owned())),
        }
        let About { kind, version, header, models } = about_from_json(&about, "")?;

        let mut file = Self { kind, version, header, tensors: BTreeMap::new(), models: BTreeMap::new() };
        for name in metadata.offset_keys() {
            let TensorInfo { dtype, shape, data_offsets: (start, end) } =
                metadata.info(&name).expect("the name is one of its keys");
            let bytes = read_bytes(reader, (end - start) as u64, &format!("tensor {name:?}"))?;
            file.insert(name.clone(), Tensor::read(&name, *dtype, shape, &bytes)?)?;
        }
        file.models = models;
        Ok(file)
    }
}

impl Tensor {
    /// The lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F64(array) => array.shape(),
            Self::F32(array) => array.shape(),
            Self::I64(array) => array.shape(),
        }
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F64(array) => array.len(),
            Self::F32(array) => array.len(),
            Self::I64(array) => array.len(),
        }
    }

    /// Whether there are no numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    const fn dtype(&self) -> Dtype {
        match self {
            Self::F64(_) => Dtype::F64,
            Self::F32(_) => Dtype::F32,
            Self::I64(_) => Dtype::I64,
        }
    }

    fn wrong_type(&self, name: &str, expected: &str) -> Error {
        model(format!("tensor {name:?}: expected type {expected}, got {}", self.dtype()))
    }

    fn check_finite(&self, name: &str) -> Result<()> {
        let bad = match self {
            Self::F64(array) => array.indexed_iter().find(|(_, x)| !x.is_finite()).map(|(at, x)| (at, *x)),
            Self::F32(array) => {
                array.indexed_iter().find(|(_, x)| !x.is_finite()).map(|(at, x)| (at, f64::from(*x)))
            }
            Self::I64(_) => None,
        };
        match bad {
            Some((at, value)) => {
                Err(Error::not_finite(format!("tensor {name:?} at {:?}", at.slice()), value))
            }
            None => Ok(()),
        }
    }

    fn write(&self, writer: &mut dyn Write) -> Result<()> {
        let bytes: Vec<u8> = match self {
            Self::F64(array) => array.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::F32(array) => array.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::I64(array) => array.iter().flat_map(|x| x.to_le_bytes()).collect(),
        };
        Ok(writer.write_all(&bytes)?)
    }

    fn read(name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Result<Self> {
        match dtype {
            Dtype::F64 => array(name, shape, bytes, f64::from_le_bytes).map(Self::F64),
            Dtype::F32 => array(name, shape, bytes, f32::from_le_bytes).map(Self::F32),
            Dtype::I64 => array(name, shape, bytes, i64::from_le_bytes).map(Self::I64),
            other => Err(model(format!("tensor {name:?} is of type {other}; known are F64, F32 and I64"))),
        }
    }
}

fn array<T, const N: usize>(
    name: &str,
    shape: &[usize],
    bytes: &[u8],
    from_le_bytes: fn([u8; N]) -> T,
) -> Result<ArrayD<T>> {
    let numbers = bytes.as_chunks().0.iter().map(|chunk| from_le_bytes(*chunk)).collect();
    ArrayD::from_shape_vec(IxDyn(shape), numbers)
        .map_err(|error| model(format!("tensor {name:?} of shape {shape:?}: {error}")))
}

fn with_dimensions<T: Clone, D: Dimension>(name: &str, array: &ArrayD<T>) -> Result<ndarray::Array<T, D>> {
    array.clone().into_dimensionality().map_err(|_| {
        let expected = D::NDIM.expect("an array of any number of dimensions has this one, too");
        Error::shape(format!("number of dimensions of tensor {name:?}"), expected, array.ndim())
    })
}

/// Reads exactly `length` bytes; memory grows with what arrives, not with what is claimed.
fn read_bytes(reader: &mut dyn Read, length: u64, what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Err(model(format!("truncated: {what}: {} of {length} bytes", bytes.len())));
    }
    Ok(bytes)
}

fn about_to_json(
    kind: &str,
    version: u32,
    header: &Value,
    models: &BTreeMap<String, About>,
) -> serde_json::Map<String, Value> {
    let models = models
        .iter()
        .map(|(name, about)| {
            let about = about_to_json(&about.kind, about.version, &about.header, &about.models);
            (name.clone(), Value::Object(about))
        })
        .collect();
    serde_json::Map::from_iter([
        ("kind".to_owned(), kind.into()),
        ("version".to_owned(), version.into()),
        ("header".to_owned(), header.clone()),
        ("models".to_owned(), Value::Object(models)),
    ])
}

/// `path` names the contained model, for errors.
fn about_from_json(json: &Value, path: &str) -> Result<About> {
    let missing = |field| model(format!("{path}no field {field:?}, or none of the right type"));
    let models = json.get("models").and_then(Value::as_object).ok_or_else(|| missing("models"))?;
    let header = json.get("header").ok_or_else(|| missing("header"))?.clone();
    Ok(About {
        kind: json.get("kind").and_then(Value::as_str).ok_or_else(|| missing("kind"))?.to_owned(),
        version: json
            .get("version")
            .and_then(Value::as_u64)
            .and_then(|version| version.try_into().ok())
            .ok_or_else(|| missing("version"))?,
        header,
        models: models
            .iter()
            .map(|(name, about)| {
                Ok((name.clone(), about_from_json(about, &format!("{path}model {name:?}: "))?))
            })
            .collect::<Result<_>>()?,
    })
}

/// The path of the first `null` inside a value that is not `null` itself.
fn null_in(value: &Value) -> Option<String> {
    let child = |key: &str, child: &Value| match child {
        Value::Null => Some(format!("/{key}")),
        child => null_in(child).map(|path| format!("/{key}{path}")),
    };
    match value {
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| child(&index.to_string(), item))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, field)| child(name, field)),
        _ => None,
    }
}

fn model(what: String) -> Error {
    Error::Model(what)
}
