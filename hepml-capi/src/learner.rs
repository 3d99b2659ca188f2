//! Fits of ratios, with options as JSON.

use std::ffi::{c_char, c_void};

use hepml::core::rand::SeedableRng;
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::core::serde::de::DeserializeOwned;
use hepml::core::serde::{Deserialize, Serialize};
use hepml::core::{Fitted, Observer, RatioEstimator, Result as CoreResult, Save, Table, Weighted};
use hepml::nn::{MlpConfig, StackConfig, TableConfig, TrainingConfig};
use hepml::ratio::{NetworkConfig, RatioLoss, TreesConfig, ratio_training};
use serde_json::{Map, Value};

use crate::any_model::AnyModel;
use crate::arguments::{Bytes, Input, Output, check_memory, text, unknown_value};
use crate::boundary::guard;
use crate::handle::{self, NewHandle};
use crate::model::hepml_model;
use crate::report;
use crate::status::{Failure, Result, hepml_status};
use crate::table::hepml_table;
use crate::work::{self, Callback, hepml_progress_callback};

/// How a ratio is learned.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum hepml_learner {
    /// Boosted trees.
    Trees = 0,
    /// A multilayer perceptron with numbers of 32 bits.
    Mlp = 1,
}

impl hepml_learner {
    fn of(value: i32) -> Result<Self> {
        match value {
            0 => Ok(Self::Trees),
            1 => Ok(Self::Mlp),
            _ => Err(unknown_value("learner", value, "a hepml_learner (0 or 1)")),
        }
    }

    /// The options, with those that are off left out.
    fn defaults(self) -> Value {
        let json = match self {
            Self::Trees => serde_json::to_value(TreesConfig::default()),
            Self::Mlp => serde_json::to_value(MlpOptions::default()),
        };
        json.expect("options are JSON")
    }
}

/// The options of [`hepml_learner::Mlp`].
#[derive(Serialize, Deserialize)]
#[serde(crate = "hepml::core::serde", deny_unknown_fields)]
struct MlpOptions {
    hidden: StackConfig,
    table: TableConfig,
    loss: RatioLoss,
    examination: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validation: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    training: Option<TrainingConfig>,
}

impl Default for MlpOptions {
    fn default() -> Self {
        Self {
            hidden: StackConfig::default(),
            table: TableConfig::default(),
            loss: RatioLoss::default(),
            examination: 0.1,
            validation: None,
            training: None,
        }
    }
}

impl MlpOptions {
    fn config(self) -> NetworkConfig<MlpConfig> {
        let mlp = MlpConfig::new(1).hidden(self.hidden).table(self.table);
        let mut config = NetworkConfig::new(mlp).loss(self.loss).examination(self.examination);
        if let Some(training) = self.training {
            config = config.training(training);
        }
        if let Some(fraction) = self.validation {
            config = config.validation(fraction);
        }
        config
    }
}

/// Options that the caller gave on top of defaults.
struct Options {
    defaults: Value,
    given: Map<String, Value>,
}

fn invalid(message: String) -> Failure {
    Failure::new(hepml_status::InvalidOptions, message)
}

impl Options {
    fn new(defaults: Value, json: Option<&str>) -> Result<Self> {
        let given = match json.map(serde_json::from_str) {
            None => Map::new(),
            Some(Ok(Value::Object(given))) => given,
            Some(Ok(_)) => return Err(invalid("options: not a JSON object".to_owned())),
            Some(Err(error)) => return Err(invalid(format!("options: no JSON: {error}"))),
        };
        Ok(Self { defaults, given })
    }

    /// The configuration that they make.
    fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let mut all = self.defaults.clone();
        merge(&mut all, &Value::Object(self.given.clone()));
        T::deserialize(all).map_err(|error| {
            let (path, error) = culprit::<T>(&self.defaults, &self.given, &mut Vec::new())
                .unwrap_or_else(|| (String::new(), error.to_string()));
            invalid(format!("options: {path}{error}"))
        })
    }
}

/// Puts what was given in place of the defaults, field by field.
fn merge(default: &mut Value, given: &Value) {
    match (default, given) {
        (Value::Object(default), Value::Object(given)) if !is_other_choice(default, given) => {
            for (name, given) in given {
                merge(default.entry(name.clone()).or_insert(Value::Null), given);
            }
        }
        (default, given) => *default = given.clone(),
    }
}

/// Whether these are two variants, such as {"Adam": ...} and {"AdamW": ...}, of which one takes the other's place.
fn is_other_choice(default: &Map<String, Value>, given: &Map<String, Value>) -> bool {
    let choice = |map: &Map<String, Value>| match map.iter().next() {
        Some((name, Value::Object(_))) if map.len() == 1 => Some(name.clone()),
        _ => None,
    };
    matches!((choice(default), choice(given)), (Some(a), Some(b)) if a != b)
}

/// The first field that by itself makes the defaults unreadable, and why: what is wrong with a value does not say where it is.
fn culprit<T: DeserializeOwned>(
    defaults: &Value,
    given: &Map<String, Value>,
    path: &mut Vec<String>,
) -> Option<(String, String)> {
    for (name, value) in given {
        path.push(name.clone());
        let only = path
            .iter()
            .rev()
            .fold(value.clone(), |value, name| Value::Object(Map::from_iter([(name.clone(), value)])));
        let mut all = defaults.clone();
        merge(&mut all, &only);
        if let Err(error) = T::deserialize(all) {
            // A field inside, if one is wrong by itself.
            let inner = value.as_object().and_then(|given| culprit::<T>(defaults, given, path));
            return Some(inner.unwrap_or_else(|| (format!("{}: ", path.join(".")), error.to_string())));
        }
        path.pop();
    }
    None
}

/// The options of the MLP, whose training, where it is given, changes that for so many events.
fn mlp_options(json: Option<&str>, events: usize) -> Result<MlpOptions> {
    let mut options = Options::new(hepml_learner::Mlp.defaults(), json)?;
    if options.given.contains_key("training") {
        let training = serde_json::to_value(ratio_training(events)).expect("a training is JSON");
        options.defaults["training"] = training;
    }
    options.read()
}

/// The options of a learner with their defaults, as a JSON object.
///
/// Any of them may be given to hepml_ratio_fit; the others stay as they are. A choice between kinds is a name, or an object of a
/// name and its numbers: "Bce", {"PMse": 1.5}.
///
/// Both learners: loss ("Bce", "Mse", "Mlc", "Sqr", {"PMse": p}, {"PSqr": p}, "Lsif"); examination (the fraction of each
/// sample that the fit does not see and the report speaks of).
///
/// HEPML_LEARNER_TREES: trees (at most), learning_rate, max_leaves, max_depth (no limit unless given), min_child_weight (the least
/// curvature of a leaf), lambda (added to it), min_gain, max_step (of a leaf in ln r), max_bins (2 to 255), event_share and
/// feature_share (seen by each tree), validation_share (held out to stop early), patience (trees without improvement).
///
/// HEPML_LEARNER_MLP: hidden (widths, activation: "Relu", "Tanh", "Sigmoid", "Softplus", "Silu", "Gelu", {"LeakyRelu": slope},
/// ...; initial: "HeUniform", "GlorotUniform", "InverseSqrt", "Zeros"; layer_norm; dropout); table (names of the columns, which
/// errors and the metadata then speak of; functions: by the number of the column, "Ln" or {"Asinh": {"scale": s}}; standardise);
/// validation (the fraction held out to choose the epoch; unless given 0, and 0.1 with a training); training (unless given
/// a recipe for the number of events, whose fields those that are given replace): epochs, batch_size, micro_rows, rate,
/// optimiser ({"Sgd": {momentum, nesterov, decay}}, {"Adam": {beta1, beta2, epsilon, decay}}, {"AdamW": the same}), schedule
/// ("Constant", {"Cosine": {last}}, {"OneCycle": {rise, first, last}}, {"Plateau": {factor, patience, threshold, least}}),
/// warm_up (steps), clip_norm (of the gradient), average (decay of the parameters' moving average), patience (epochs without
/// improvement, none unless given), threads (at most those of the call).
///
/// An example: {"hidden": {"widths": [32, 32], "activation": "Silu"}, "training": {"epochs": 40}, "loss": "Mlc"}
///
/// # Safety
/// `text` may be written to for `capacity` bytes, `length` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_learner_options(
    learner: i32,
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> hepml_status {
    guard(|| {
        let options = hepml_learner::of(learner)?.defaults();
        // SAFETY: as the caller promises.
        unsafe { Bytes::new(text.cast(), capacity, length) }?.write_text(&options.to_string())
    })
}

/// Fits ln r, r the density of the numerator's events over that of the denominator's, each normalised by its own sum of weights.
///
/// `options` is a JSON object (see hepml_learner_options), NULL for the defaults. Weights may be negative, NULL with the count 0
/// stands for 1 each. The same seed gives the same model, bit for bit, for any number of threads. If the callback stops the fit,
/// the status is HEPML_STATUS_STOPPED; *model is then the model that the fit had come to, if it can be used, and else NULL. Read the
/// warnings in hepml_model_report before the model is trusted.
///
/// # Safety
/// `options` is NULL or ends in NUL; the weights may be read for as many numbers as stated; `progress` may be called with `user`;
/// `model` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_ratio_fit(
    learner: i32,
    options: *const c_char,
    numerator: *const hepml_table,
    numerator_weights: *const f64,
    numerator_weight_count: usize,
    denominator: *const hepml_table,
    denominator_weights: *const f64,
    denominator_weight_count: usize,
    seed: u64,
    threads: usize,
    progress: hepml_progress_callback,
    user: *mut c_void,
    model: *mut *mut hepml_model,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let (new, output) = unsafe { (NewHandle::new(model)?, Output::new("model", model)?) };
        let learner = hepml_learner::of(learner)?;
        let options =
            // SAFETY: as the caller promises.
            if options.is_null() { None } else { Some(unsafe { text("options", options) }?) };
        // SAFETY: as the caller promises.
        let [numerator, denominator] = unsafe {
            [
                sample("numerator", numerator, numerator_weights, numerator_weight_count)?,
                sample("denominator", denominator, denominator_weights, denominator_weight_count)?,
            ]
        };
        let callback = Callback { function: progress, user };
        let sides = [&numerator, &denominator];
        let options = options.as_deref();
        let outcome = match learner {
            hepml_learner::Trees => {
                let config: TreesConfig = Options::new(learner.defaults(), options)?.read()?;
                work::run(threads, callback, |observer| fit(&config, sides, seed, observer))?
            }
            hepml_learner::Mlp => {
                let options = mlp_options(options, numerator.len() + denominator.len())?;
                check_size(&options, numerator.events().ncols(), threads)?;
                let config = options.config();
                work::run(threads, callback, |observer| fit(&config, sides, seed, observer))?
            }
        };
        let stopped = || Failure::new(hepml_status::Stopped, "stopped by the callback");
        match outcome {
            Ok((model, false)) => new.put(model),
            Ok((model, true)) => new.put(model).and(Err(stopped())),
            Err(error) => {
                let failure = Failure::from(error);
                if failure.status == hepml_status::Stopped {
                    output.write(std::ptr::null_mut());
                }
                Err(failure)
            }
        }
    })
}

/// The most parameters of a network that hepml-nn builds.
const MOST_PARAMETERS: u128 = 1 << 27;

/// An error where a perceptron is larger than memory. What is kept of each of its parameters: the value, the best and the averaged one, two
/// moments and copies between these; on each thread a gradient, a transpose and the sum of both.
fn check_size(options: &MlpOptions, columns: usize, threads: usize) -> Result<()> {
    let hidden = serde_json::to_value(&options.hidden).expect("options are JSON");
    let widths = hidden["widths"].as_array().into_iter().flatten().filter_map(Value::as_u64);
    let (parameters, _) = widths.chain([1]).fold((0_u128, columns as u128), |(sum, inputs), width| {
        (sum.saturating_add((inputs + 1).saturating_mul(width.into())), width.into())
    });
    if parameters > MOST_PARAMETERS {
        // The fit itself refuses that many.
        return Ok(());
    }
    let copies = 8 + 3 * work::thread_count(threads)? as u128;
    check_memory("network", parameters * 4 * copies)
}

/// The events of one side, which are shared, with their weights.
///
/// # Safety
/// `weights` may be read for `count` numbers.
unsafe fn sample(
    name: &str,
    table: *const hepml_table,
    weights: *const f64,
    count: usize,
) -> Result<Weighted<Table>> {
    let table = handle::get(name, table)?;
    let argument = format!("{name}_weights");
    if weights.is_null() && count == 0 {
        return Ok(Weighted::unit(table));
    }
    // SAFETY: as the caller promises.
    let weights = unsafe { Input::new(&argument, weights, count) }?.to_vec(&argument)?;
    Weighted::new(table, weights).map_err(|error| Failure::from(error).of(&argument))
}

/// A fitted model with its report, and whether the fit was stopped.
fn fit<R>(
    estimator: &R,
    [numerator, denominator]: [&Weighted<Table>; 2],
    seed: u64,
    observer: &mut dyn Observer,
) -> CoreResult<(AnyModel, bool)>
where
    R: RatioEstimator<Table>,
    R::Model: Save,
{
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let Fitted { model, report } = estimator.fit(numerator, denominator, &mut rng, observer)?;
    let model = AnyModel::from_bytes(model.to_bytes()?)?;
    Ok((model.with_report(report::to_json(&report)), report.stopped))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message<T>(result: Result<T>) -> String {
        let failure = result.err().expect("wrong options");
        assert_eq!(failure.status, hepml_status::InvalidOptions);
        failure.message
    }

    fn trees(json: &str) -> Result<TreesConfig> {
        Options::new(hepml_learner::Trees.defaults(), Some(json))?.read()
    }

    #[test]
    fn given_options_replace_defaults_and_nothing_else() {
        assert_eq!(trees("{}").unwrap(), TreesConfig::default());
        let expected = TreesConfig::new().trees(7).max_depth(2).loss(RatioLoss::PMse(1.5));
        assert_eq!(trees(r#"{"trees": 7, "max_depth": 2, "loss": {"PMse": 1.5}}"#).unwrap(), expected);

        let options = mlp_options(None, 2000).unwrap();
        assert_eq!(options.config(), NetworkConfig::new(MlpConfig::new(1)));
        let json = r#"{"hidden": {"widths": [3]}, "table": {"functions": {"1": "Ln"}}, "validation": 0.2,
            "training": {"epochs": 4, "optimiser": {"AdamW": {"beta1": 0.5}}, "schedule": "Constant"}}"#;
        let options = mlp_options(Some(json), 2000).unwrap();
        let training = options.training.as_ref().map(serde_json::to_value).unwrap().unwrap();
        let recipe = serde_json::to_value(ratio_training(2000)).unwrap();
        assert_eq!(training["optimiser"]["AdamW"]["beta1"], 0.5);
        assert_eq!(training["optimiser"]["AdamW"]["decay"], recipe["optimiser"]["AdamW"]["decay"]);
        assert_eq!((&training["epochs"], &training["schedule"]), (&json!(4), &json!("Constant")));
        assert_eq!(training["rate"], recipe["rate"]);
        let hidden = serde_json::to_value(&options.hidden).unwrap();
        assert_eq!((&hidden["widths"], &hidden["activation"]), (&json!([3]), &json!("Relu")));
        // Another optimiser takes the place of the recipe's.
        let sgd = r#"{"training": {"optimiser": {"Sgd": {"momentum": 0.5, "nesterov": false, "decay": 0}}}}"#;
        let sgd = serde_json::to_value(mlp_options(Some(sgd), 2000).unwrap().training).unwrap();
        assert_eq!(sgd["optimiser"], json!({"Sgd": {"momentum": 0.5, "nesterov": false, "decay": 0.0}}));
    }

    #[test]
    fn wrong_options_are_named() {
        let with = |json: &str| message(mlp_options(Some(json), 10));
        assert!(message(trees("{")).contains("options: no JSON"));
        assert!(message(trees("[1]")).contains("not a JSON object"));
        assert!(message(trees(r#"{"tree": 1}"#)).contains("tree: unknown field `tree`"));
        assert!(message(trees(r#"{"lambda": 2, "trees": -1}"#)).starts_with("options: trees: "));
        assert!(message(trees(r#"{"trees": null}"#)).starts_with("options: trees: "));
        assert!(
            with(r#"{"hidden": {"widths": [3], "activation": 7}}"#)
                .starts_with("options: hidden.activation: ")
        );
        assert!(with(r#"{"hidden": {"width": [3]}}"#).contains("hidden.width: unknown field `width`"));
        assert!(with(r#"{"training": {"epoch": 3}}"#).contains("training.epoch: unknown field `epoch`"));
        let adam = r#"{"training": {"optimiser": {"AdamW": {"beta": 3}}}}"#;
        assert!(with(adam).contains("training.optimiser.AdamW.beta: unknown field `beta`"));
        assert!(with(r#"{"loss": "Bcee"}"#).contains("loss: unknown variant `Bcee`"));
    }
}
