//! What a call through the shared library costs a C++ program, against the same call from Rust, in turns:
//! `cargo test --release -p hepml-capi --test overhead -- --ignored --nocapture` on an idle machine.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
#![cfg(unix)]

mod toolchain;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use hepml::core::rand::{RngExt, SeedableRng};
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::core::{FourMomentum, Load, Observables, ParticleSets, Save, Weighted};
use hepml::nn::{LearnerConfig, Model, PfnConfig, StackConfig, TrainingConfig};
use hepml::ot::{Divergence, EmdConfig, EnergyFlow, Workspace};

use toolchain::{Linkage, build, skip};

const JETS: usize = 1000;
const PARTICLES: usize = 50;
const EMDS: usize = 2000;
const ROUNDS: usize = 41;
/// A call may cost this much more than the call from Rust that starts with the same columns.
const EMD_LIMIT: f64 = 1.02;
const PFN_LIMIT: f64 = 1.03;

type Jet = [Vec<f64>; 3];

fn jets() -> Vec<Jet> {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let mut column =
        |low: f64, high: f64| (0..PARTICLES).map(|_| low + (high - low) * rng.random::<f64>()).collect();
    (0..JETS).map(|_| [column(1.0, 10.0), column(-0.5, 0.5), column(-0.5, 0.5)]).collect()
}

fn sets(jets: &[Jet]) -> ParticleSets {
    let event = |[pt, y, phi]: &Jet| -> Vec<FourMomentum> {
        let momentum = |i: usize| FourMomentum::from_pt_y_phi_m(pt[i], y[i], phi[i], 0.0).expect("finite");
        (0..PARTICLES).map(momentum).collect()
    };
    ParticleSets::from_events(jets.iter().map(event).collect::<Vec<_>>()).expect("finite")
}

/// The jets as the C++ program reads them.
fn file(jets: &[Jet]) -> Vec<u8> {
    let numbers =
        jets.iter().flat_map(|jet| std::iter::once(PARTICLES as f64).chain(jet.iter().flatten().copied()));
    std::iter::once(JETS as f64).chain(numbers).flat_map(f64::to_ne_bytes).collect()
}

/// The program in C++, which does a round when it is told to.
struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Program {
    /// Seconds and the sum of the results.
    fn round(&mut self, what: &str) -> (f64, f64) {
        writeln!(self.input, "{what}").expect("the program reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the program answers");
        let (seconds, sum) =
            line.trim().split_once(' ').unwrap_or_else(|| panic!("the program says {line:?}"));
        (seconds.parse().expect("a number"), sum.parse().expect("a number"))
    }
}

/// The median ratio of rounds that are next to each other, of which each side begins every other time.
#[allow(clippy::print_stdout)]
fn compare(
    what: &str,
    calls: usize,
    mut rust: impl FnMut() -> (f64, f64),
    mut c: impl FnMut() -> (f64, f64),
) -> f64 {
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    for round in 0..ROUNDS {
        let ((rust_seconds, rust_sum), (c_seconds, c_sum)) = if round % 2 == 0 {
            let first = rust();
            (first, c())
        } else {
            let first = c();
            (rust(), first)
        };
        assert_eq!(rust_sum, c_sum, "{what}: both sides compute the same");
        pairs.push((rust_seconds, c_seconds));
    }
    let median = |number: &dyn Fn(&(f64, f64)) -> f64| {
        let mut numbers: Vec<_> = pairs.iter().map(number).collect();
        numbers.sort_by(f64::total_cmp);
        numbers[ROUNDS / 2]
    };
    let micro = 1e6 / calls as f64;
    let (rust, c, ratio) = (median(&|pair| pair.0), median(&|pair| pair.1), median(&|pair| pair.1 / pair.0));
    println!(
        "{what}: Rust {:.2} us, C++ {:.2} us, ratio {ratio:.4} (medians of {ROUNDS} rounds)",
        rust * micro,
        c * micro
    );
    ratio
}

#[test]
#[ignore = "compares times, which needs an idle machine and --release"]
fn calls_through_c_cost_next_to_nothing() {
    let Some(compiler) = toolchain::cpp() else { return skip("the overhead: there is no C++ compiler") };
    let folder = toolchain::folder("overhead");
    let (jets, rng) = (jets(), &mut ChaCha8Rng::seed_from_u64(2));
    std::fs::write(folder.join("jets"), file(&jets)).unwrap();
    let batch = sets(&jets);
    let labels: Vec<usize> = (0..JETS).map(|jet| jet % 2).collect();
    let network =
        PfnConfig::new(2).phi(StackConfig::new([100, 100, 256])).f(StackConfig::new([256, 100, 100, 100]));
    let learner = LearnerConfig::classifier(network).training(TrainingConfig::new().epochs(1));
    let fitted = learner.fit_classes(&Weighted::unit(batch.clone()), &labels, rng, &mut ()).unwrap();
    fitted.model.save_file(&folder.join("pfn.model")).unwrap();
    let model = Model::<PfnConfig>::load_file(&folder.join("pfn.model")).unwrap();

    let program = folder.join("overhead");
    let errors = |errors: String| panic!("{errors}");
    build(&compiler, &["overhead.cpp"], &["-O2"], Linkage::Shared, &program).unwrap_or_else(errors);
    let arguments = [folder.join("jets"), folder.join("pfn.model")];
    let mut child =
        Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let program = std::cell::RefCell::new(Program { child, input, output });

    let flow = |[pt, y, phi]: &Jet| {
        let points: Vec<_> = y.iter().zip(phi).map(|(y, phi)| [*y, *phi]).collect();
        EnergyFlow::new(pt.clone(), points).unwrap()
    };
    let flows: Vec<EnergyFlow> = jets.iter().map(flow).collect();
    let emd = EmdConfig::new().radius(1.0).beta(1.0).normalise(false).periodic_phi(true).build().unwrap();
    let emd = &emd;
    let round = move |value: &mut dyn FnMut(usize, usize) -> f64| {
        let start = Instant::now();
        let sum = (0..EMDS).fold(0.0, |sum, call| sum + value(call % JETS, (call + 1) % JETS));
        (start.elapsed().as_secs_f64(), sum)
    };
    let mut workspace = Workspace::new();
    let from_columns =
        || round(&mut |i, j| emd.value_in(&mut workspace, &flow(&jets[i]), &flow(&jets[j])).unwrap());
    let mut workspace = Workspace::new();
    let from_flows = || round(&mut |i, j| emd.value_in(&mut workspace, &flows[i], &flows[j]).unwrap());
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let rust_pfn = || {
        let start = Instant::now();
        let values = one_thread.install(|| model.observe(&batch)).unwrap();
        (start.elapsed().as_secs_f64(), values.iter().fold(0.0, |sum, value| sum + value))
    };
    let c_emd = || program.borrow_mut().round(&format!("emd {EMDS}"));
    let emds = compare("EMD of 50 particles, from columns", EMDS, from_columns, c_emd);
    // What a user saves who asks for the same events again, with the flows of hepml_flows_new too; no cost of the boundary.
    compare("EMD of 50 particles, Rust with flows built before", EMDS, from_flows, c_emd);
    let pfns = compare("PFN on 1000 jets", 1, rust_pfn, || program.borrow_mut().round("pfn"));
    let Program { mut child, input, .. } = program.into_inner();
    drop(input);
    assert!(child.wait().unwrap().success());
    assert!(emds < EMD_LIMIT && pfns < PFN_LIMIT, "the ratios are {emds} and {pfns}");
}
