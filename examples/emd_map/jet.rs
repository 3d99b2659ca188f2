//! Jets, turned so that they can be compared by their shape.

use std::error::Error;
use std::path::Path;

use hepml::core::EventSet;
use hepml::io::NpzFile;
use hepml::ot::EnergyFlow;

/// A jet of a class.
pub(crate) struct Jet {
    pub(crate) flow: EnergyFlow,
    pub(crate) is_top: bool,
    /// The invariant mass in GeV.
    pub(crate) mass: f64,
}

/// The first `number` jets of each class, in the order of the file.
pub(crate) fn read(path: &Path, number: usize) -> Result<Vec<Jet>, Box<dyn Error>> {
    let mut reader = NpzFile::open(path)?.particles()?;
    let (mut jets, mut counts) = (Vec::new(), [0; 2]);
    while counts != [number; 2] {
        let Some(batch) = reader.next_batch(256)? else {
            let [qcd, top] = counts;
            return Err(format!(
                "{number} jets of each kind are needed, but there are {top} top and {qcd} QCD"
            )
            .into());
        };
        let labels = batch.labels().ok_or("the file has no labels (array y)")?;
        for (set, label) in batch.sets().events().zip(labels) {
            let is_top = *label == 1.0;
            if counts[usize::from(is_top)] < number {
                counts[usize::from(is_top)] += 1;
                let flow = upright(&EnergyFlow::about_axis(set)?)?;
                jets.push(Jet { flow, is_top, mass: set.total_momentum().mass() });
            }
        }
    }
    Ok(jets)
}

/// The jet with its principal axis upright and most energy in the upper right quadrant.
///
/// How a jet is turned about its axis says nothing about what it came from, but a distance sees it.
fn upright(jet: &EnergyFlow) -> hepml::ot::Result<EnergyFlow> {
    let mean = |f: &dyn Fn([f64; 2]) -> f64| -> f64 {
        jet.points().iter().zip(jet.energies()).map(|(point, energy)| energy * f(*point)).sum()
    };
    let (yy, pp, yp) = (mean(&|[y, _]| y * y), mean(&|[_, phi]| phi * phi), mean(&|[y, phi]| y * phi));
    // The angle of the larger principal axis to the axis of azimuths.
    let (sin, cos) = (0.5 * (2.0 * yp).atan2(pp - yy)).sin_cos();
    let turned = |[y, phi]: [f64; 2]| [cos * y - sin * phi, sin * y + cos * phi];
    let side = |axis: usize| mean(&|point| if turned(point)[axis] < 0.0 { -1.0 } else { 1.0 }).signum();
    let signs = [side(0), side(1)];
    let points: Vec<[f64; 2]> = jet
        .points()
        .iter()
        .map(|point| turned(*point))
        .map(|[y, phi]| [signs[0] * y, signs[1] * phi])
        .collect();
    EnergyFlow::new(jet.energies(), points)
}
