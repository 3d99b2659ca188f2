//! Jet images and convolutional networks: what is in the pixels, what changes nothing, what is refused, gradients, learning.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::sync::Arc;

use hepml_core::ndarray::arr2;
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::testing::check_gradient;
use hepml_core::{Error, FourMomentum, Load, Observables, ParticleSets, Save, Weighted};
use hepml_nn::{
    Architecture, CnnConfig, ConvBlock, Encoder, Function, Gradients, ImageEncoder, ImagePooling, JetEncoder,
    LearnerConfig, Matrix, Model, Network, Padding, Parameters, ParticleInput, Pass, StackConfig, Tape,
    TrainingConfig,
};
use proptest::prelude::*;

fn particle(pt: f64, y: f64, phi: f64) -> FourMomentum {
    FourMomentum::from_pt_y_phi_m(pt, y, phi, 0.0).unwrap()
}

fn sets(jets: &[Vec<[f64; 3]>]) -> ParticleSets {
    let jet = |jet: &Vec<[f64; 3]>| jet.iter().map(|&[pt, y, phi]| particle(pt, y, phi)).collect::<Vec<_>>();
    ParticleSets::from_events(jets.iter().map(jet)).unwrap()
}

fn image(encoder: &ImageEncoder, jet: &[[f64; 3]]) -> Vec<f64> {
    encoder.encode::<f64>(&sets(&[jet.to_vec()])).unwrap().row(0).to_vec()
}

/// A few roundings of coordinates and fractions of order 1.
const ROUNDING: f64 = 1e-13;
/// What such roundings do not carry across the edge of a pixel.
const MARGIN: f64 = 1e-9;
const PIXELS: usize = 9;
const HALF_WIDTH: f64 = 0.5;

fn encoder(upright: bool) -> ImageEncoder {
    ImageEncoder::new(PIXELS, HALF_WIDTH).upright(upright)
}

/// Whether all particles are so far from edges of pixels, and the jet from being the same on two sides, that rounding
/// changes no image.
fn is_clear(jet: &[[f64; 3]], upright: bool) -> bool {
    let inputs = vec![ParticleInput::PtFraction, ParticleInput::Rapidity, ParticleInput::Azimuth];
    let placed = JetEncoder::new(inputs).upright(upright).encode::<f64>(&sets(&[jet.to_vec()])).unwrap();
    let rows: Vec<&[f64]> = (0..jet.len()).map(|i| placed.rows.row(i)).collect();
    let edges_are_far = rows.iter().flat_map(|row| &row[1..]).all(|x| {
        let place = (x / HALF_WIDTH + 1.0) * 0.5 * PIXELS as f64;
        (place - place.round()).abs() > MARGIN
    });
    let sides_differ = (1..3).all(|k| {
        let balance: f64 = rows.iter().map(|row| row[0] * row[k].signum()).sum();
        balance.abs() > MARGIN && rows.iter().all(|row| row[k].abs() > MARGIN)
    });
    let moment = |a: usize, b: usize| rows.iter().map(|row| row[0] * row[a] * row[b]).sum::<f64>();
    let is_long = (moment(1, 1) - moment(2, 2)).hypot(2.0 * moment(1, 2)) > 1e-3;
    edges_are_far && (!upright || (sides_differ && is_long))
}

fn jet() -> impl Strategy<Value = Vec<[f64; 3]>> {
    let particle = (0.1..100.0_f64, -0.5..0.5_f64, -0.5..0.5_f64).prop_map(|(pt, y, phi)| [pt, y, phi]);
    prop::collection::vec(particle, 1..12)
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |m: f64, (a, b)| m.max((a - b).abs()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn pixels_sum_to_what_is_inside(jet in jet(), upright: bool) {
        let sum: f64 = image(&encoder(upright), &jet).iter().sum();
        let outside = encoder(upright).outside(&sets(std::slice::from_ref(&jet))).unwrap()[0];
        prop_assert!((sum + outside - 1.0).abs() < ROUNDING);
        prop_assert!(outside >= 0.0);
        // In GeV.
        let pt: f64 = jet.iter().map(|p| p[0]).sum();
        let sum: f64 = image(&encoder(upright).fractions(false), &jet).iter().sum();
        prop_assert!((sum / pt + outside - 1.0).abs() < ROUNDING);
    }

    #[test]
    fn where_the_jet_goes_changes_nothing(jet in jet(), along in -3.0..3.0_f64, around in -7.0..7.0_f64, scale in 0.1..10.0_f64) {
        prop_assume!(is_clear(&jet, false));
        let moved: Vec<_> = jet.iter().rev().map(|&[pt, y, phi]| [scale * pt, y + along, phi + around]).collect();
        let difference = largest_difference(&image(&encoder(false), &jet), &image(&encoder(false), &moved));
        prop_assert!(difference < ROUNDING, "{difference:e}");
    }

    #[test]
    fn upright_images_know_no_direction(jet in jet(), angle in 0.0..7.0_f64, mirrored: bool) {
        prop_assume!(is_clear(&jet, true));
        let (sine, cosine) = angle.sin_cos();
        let turned: Vec<_> = jet
            .iter()
            .map(|&[pt, y, phi]| {
                let y = if mirrored { -y } else { y };
                [pt, cosine * y - sine * phi, sine * y + cosine * phi]
            })
            .collect();
        let difference = largest_difference(&image(&encoder(true), &jet), &image(&encoder(true), &turned));
        prop_assert!(difference < ROUNDING, "{difference:e}");
    }

    #[test]
    fn collinear_splittings_change_nothing(jet in jet(), share in 0.0..1.0_f64) {
        prop_assume!(is_clear(&jet, false));
        let [pt, y, phi] = jet[0];
        let mut split = jet.clone();
        split[0][0] = share * pt;
        split.push([(1.0 - share) * pt, y, phi]);
        let difference = largest_difference(&image(&encoder(false), &jet), &image(&encoder(false), &split));
        prop_assert!(difference < ROUNDING, "{difference:e}");
    }
}

#[test]
fn edges_belong_to_the_later_pixel() {
    // Powers of two, so that nothing is rounded: 4 pixels from -1 to 1. The axis is at the first particle.
    let encoder = ImageEncoder::new(4, 1.0);
    let at = |y: f64| {
        let jet = [[2.0_f64.powi(60), 0.0, 0.0], [1.0, y, 0.0]];
        let image = image(&encoder.clone().fractions(false), &jet);
        let outside = encoder.outside(&sets(&[jet.to_vec()])).unwrap()[0];
        assert!(
            image[..8].iter().chain(&image[12..]).all(|x| *x == 0.0),
            "phi = 0 is the beginning of row 2"
        );
        (image[8..12].iter().position(|x| (*x - 1.0).abs() < 1e-9), outside > 0.0)
    };
    // 0 is where the hard particle is: it begins column 2.
    assert_eq!(at(-0.75), (Some(0), false));
    assert_eq!(at(-0.25), (Some(1), false));
    assert_eq!(at(0.75), (Some(3), false));
    assert_eq!(at(1.25), (None, true));
    assert_eq!(at(-1.25), (None, true));
    let single = image(&encoder, &[[3.0, 1.7, 2.9]]);
    assert_eq!(single.iter().position(|x| *x == 1.0), Some(2 * 4 + 2));
    assert_eq!(single.iter().sum::<f64>(), 1.0);
    // Pairs about the axis, on edges exactly: -1, -0.5, 0, 0.5 are inside, +1 is not.
    for (half, expected) in [(0.5, vec![1, 3]), (1.0, vec![0])] {
        let pair = [FourMomentum::new(1.0, 1.0, 0.0, 0.0), FourMomentum::new(1.0, 1.0, 0.0, 0.0)];
        let boosted = |p: FourMomentum, y: f64| FourMomentum::new(p.e * y.cosh(), p.px, 0.0, p.px * y.sinh());
        let jets = ParticleSets::from_events([[boosted(pair[0], -half), boosted(pair[1], half)]]).unwrap();
        let placed = JetEncoder::new(vec![ParticleInput::Rapidity]).encode::<f64>(&jets).unwrap();
        assert_eq!([placed.rows.row(0)[0], placed.rows.row(1)[0]], [-half, half], "exact by symmetry");
        let image = encoder.encode::<f64>(&jets).unwrap();
        let filled: Vec<_> = (0..16).filter(|i| image.row(0)[*i] > 0.0).map(|i| i - 8).collect();
        assert_eq!(filled, expected);
    }
}

#[test]
fn events_without_particles_are_empty_images() {
    let jets = sets(&[vec![], vec![[5.0, 0.2, 0.1]]]);
    let encoder = ImageEncoder::new(3, 0.5);
    let images = encoder.encode::<f32>(&jets).unwrap();
    assert!(images.row(0).iter().all(|x| *x == 0.0));
    assert_eq!(images.row(1), [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(encoder.outside(&jets).unwrap(), [0.0, 0.0]);
    assert_eq!(encoder.encode::<f32>(&sets(&[])).unwrap().shape(), (0, 9));
}

#[test]
fn charged_particles_are_apart() {
    let momenta = vec![particle(3.0, 0.0, 0.0), particle(1.0, 0.0, 0.0), particle(4.0, 0.0, 0.0)];
    let with = |name: &str, values: [f64; 3]| {
        let features = arr2(&values.map(|x| [x]));
        ParticleSets::new(momenta.clone(), features, vec![name.to_owned()], vec![0, 3]).unwrap()
    };
    let encoder = ImageEncoder::new(1, 0.5).charged(true);
    for jets in [with("charge", [1.0, 0.0, -1.0]), with("pdg_id", [211.0, 22.0, -2212.0])] {
        assert_eq!(encoder.encode::<f64>(&jets).unwrap().row(0), [0.875, 0.125]);
    }
    let error = encoder.encode::<f64>(&with("colour", [0.0; 3])).unwrap_err().to_string();
    assert!(error.contains("charge") && error.contains("colour"), "{error}");
    let error = encoder.encode::<f64>(&with("pdg_id", [211.0, 0.5, 22.0])).unwrap_err().to_string();
    assert!(error.contains("event 0") && error.contains("particle 1"), "{error}");
}

#[test]
fn what_has_no_image_is_refused() {
    let jets = sets(&[vec![[1.0, 0.0, 0.0]], vec![[1.0, 0.0, 0.0], [1.0, 0.0, std::f64::consts::PI]]]);
    let error = ImageEncoder::default().encode::<f32>(&jets).unwrap_err().to_string();
    assert!(error.contains("event 1") && error.contains("axis"), "{error}");
    let weights = Weighted::new(jets.clone(), vec![1.0, 1.0]).unwrap();
    assert!(ImageEncoder::default().fitted(&weights).unwrap_err().to_string().contains("event 1"));
    assert!(ImageEncoder::default().outside(&jets).unwrap_err().to_string().contains("event 1"));
    for bad in [ImageEncoder::new(0, 1.0), ImageEncoder::new(usize::MAX, 1.0)] {
        assert!(bad.encode::<f32>(&jets).unwrap_err().to_string().contains("image"));
    }
    for half_width in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = ImageEncoder::new(4, half_width).encode::<f32>(&jets).unwrap_err().to_string();
        assert!(error.contains("half width"), "{error}");
    }
    let none = Weighted::unit(sets(&[]));
    assert!(matches!(ImageEncoder::default().fitted(&none), Err(hepml_nn::Error::Core(Error::Empty { .. }))));
    // Larger than f32 can hold.
    let huge = sets(&[vec![[1e39, 0.0, 0.0]]]);
    let error = ImageEncoder::new(1, 1.0).fractions(false).encode::<f32>(&huge).unwrap_err().to_string();
    assert!(error.contains("event 0") && error.contains("f32"), "{error}");
}

#[test]
fn channels_are_scaled_to_a_root_mean_square_of_one() {
    let jets = sets(&[
        vec![[3.0, 0.0, 0.0], [1.0, 0.3, 0.2]],
        vec![[2.0, 0.1, 0.0], [1.0, -0.3, 0.2]],
        vec![[1.0, 0.0, 0.0], [1.0, 3.0, 0.0]],
    ]);
    let events = Weighted::new(jets.clone(), vec![2.0, -1.0, 0.0]).unwrap();
    let encoder = ImageEncoder::new(5, 0.5).standardise(true).fitted(&events).unwrap();
    let images = encoder.encode::<f64>(&jets).unwrap();
    let square = |event: usize| images.row(event).iter().map(|x| x * x).sum::<f64>() / 25.0;
    assert!(((2.0 * square(0) + square(1)) / 3.0 - 1.0).abs() < ROUNDING);
    assert_eq!(encoder.notes(), Vec::<String>::new());
    // Half of the third jet's pt is on either side, outside.
    let encoder = ImageEncoder::new(5, 0.5).fitted(&Weighted::unit(jets)).unwrap();
    assert_eq!(encoder.notes().len(), 1);
    assert!(encoder.notes()[0].contains("33.3 %"), "{:?}", encoder.notes());
    let json = serde_json::to_string(&encoder).unwrap();
    assert_eq!(serde_json::from_str::<ImageEncoder>(&json).unwrap(), encoder);
}

fn small() -> CnnConfig {
    CnnConfig::new(2)
        .image(ImageEncoder::new(8, 0.6).standardise(true))
        .blocks(vec![
            ConvBlock::new(3, 3).activation(Function::Silu).pooling(ImagePooling::Mean(2)),
            ConvBlock::new(4, 2).padding(Padding::Circular).activation(Function::Tanh).dropout(0.1),
            ConvBlock::new(2, 3).padding(Padding::Valid).pooling(ImagePooling::Max(2)),
        ])
        .head(StackConfig::new([5]).activation(Function::Silu))
}

#[test]
fn the_size_of_the_default() {
    let config = CnnConfig::new(2);
    let encoder = config.fit_encoder(&Weighted::unit(sets(&[vec![[1.0, 0.0, 0.0]]]))).unwrap();
    let mut parameters = Parameters::<f32>::new();
    config.build(&encoder, &mut parameters, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
    assert_eq!(parameters.size(), 160 + 4640 + 9248 + 513 * 64 + 130);
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<CnnConfig>(&json).unwrap(), config);
}

#[test]
fn networks_that_cannot_be_built_say_why() {
    let encoder = ImageEncoder::new(4, 1.0);
    let build = |blocks: Vec<ConvBlock>, head: StackConfig, outputs| {
        let config = CnnConfig::new(outputs).blocks(blocks).head(head);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        config.build::<f32>(&encoder, &mut Parameters::new(), &mut rng).map(|_| ())
    };
    let head = || StackConfig::new([4]);
    build(vec![], head(), 1).unwrap();
    assert!(build(vec![ConvBlock::new(0, 3)], head(), 1).is_err());
    assert!(build(vec![ConvBlock::new(2, 0)], head(), 1).is_err());
    assert!(build(vec![ConvBlock::new(2, 5).padding(Padding::Valid)], head(), 1).is_err());
    assert!(build(vec![ConvBlock::new(2, 3).pooling(ImagePooling::Max(5))], head(), 1).is_err());
    assert!(build(vec![ConvBlock::new(2, 3).dropout(1.0)], head(), 1).is_err());
    assert!(build(vec![], head(), 0).is_err());
}

#[test]
fn gradients_of_the_network_are_those_of_its_values() {
    let config = small();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let encoder = ImageEncoder::new(8, 0.6);
    let mut parameters = Parameters::<f64>::new();
    let network = config.build(&encoder, &mut parameters, &mut rng).unwrap();
    let pixels: Vec<f64> = (0..2 * 64).map(|_| rng.random::<f64>() - 0.3).collect();
    let evaluate = |pixels: &[f64], parameters: &Arc<Parameters<f64>>, gradients: &mut Gradients<f64>| {
        let mut tape = Tape::new();
        tape.begin(parameters);
        let x = tape.input(Matrix::from_rows(2, 64, pixels).unwrap().view());
        let y = network.forward(&mut Pass::evaluation(&mut tape), &x).unwrap();
        let y = tape.apply(Function::Sin, y).unwrap();
        let sum = tape.sum(y).unwrap();
        tape.backward(sum, gradients).unwrap();
        let by_x: Vec<f64> = tape.gradient(x).unwrap().unwrap().to_array().into_iter().collect();
        (tape.value(sum).unwrap().scalar().unwrap(), by_x)
    };
    let shared = Arc::new(parameters.clone());
    let mut gradients = Gradients::zeros(&shared);
    let (_, by_x) = evaluate(&pixels, &shared, &mut gradients);
    let value = |x: &[f64]| Ok::<f64, Error>(evaluate(x, &shared, &mut Gradients::zeros(&shared)).0);
    check_gradient(value, &by_x, &pixels, 1e-3, 1e-7).unwrap();
    for id in parameters.ids() {
        let (rows, columns) = parameters.value(id).unwrap().shape();
        let flat: Vec<f64> = parameters.value(id).unwrap().to_array().into_iter().collect();
        let exact: Vec<f64> = gradients.value(&shared, id).unwrap().to_array().into_iter().collect();
        let value = |w: &[f64]| {
            let mut moved = parameters.clone();
            moved.set(id, &Matrix::from_rows(rows, columns, w).unwrap()).unwrap();
            let moved = Arc::new(moved);
            Ok::<f64, Error>(evaluate(&pixels, &moved, &mut Gradients::zeros(&moved)).0)
        };
        check_gradient(value, &exact, &flat, 1e-3, 1e-7).unwrap();
    }
}

#[test]
fn one_prong_is_told_from_two() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut jets = Vec::new();
    let mut labels = Vec::new();
    for i in 0..600 {
        let (prongs, angle) = (1 + i % 2, rng.random_range(0.0..3.0_f64));
        let mut jet = Vec::new();
        for k in 0..8 {
            let side = if k % 2 == 0 { 0.2 } else { -0.2 } * f64::from(u8::from(prongs == 2));
            let mut blur = || rng.random_range(-0.15..0.15_f64);
            jet.push([1.0 + blur(), side * angle.cos() + blur(), side * angle.sin() + blur()]);
        }
        jets.push(jet);
        labels.push(prongs - 1);
    }
    let events = Weighted::unit(sets(&jets));
    let config = small().image(ImageEncoder::new(8, 0.6).upright(true).standardise(true));
    let learner = LearnerConfig::classifier(config).training(TrainingConfig::new().epochs(12).rate(1e-2));
    let fitted = learner.fit_classes(&events, &labels, &mut rng, &mut ()).unwrap();
    let probabilities = fitted.model.observe(events.events()).unwrap();
    let right = (0..600).filter(|&i| (probabilities[[i, 1]] > 0.5) == (labels[i] == 1)).count();
    assert!(right > 540, "{right}");

    let bytes = fitted.model.to_bytes().unwrap();
    let loaded = Model::<CnnConfig, f32>::from_bytes(&bytes).unwrap();
    assert_eq!(loaded.observe(events.events()).unwrap(), probabilities);
}
