//! Four-momenta, and their coordinates.

use hepml::core::{Error as CoreError, FourMomentum, finite};

use crate::arguments::{Input, Outputs, unknown_value, view, with_room};
use crate::boundary::guard;
use crate::offsets::Offsets;
use crate::status::{Failure, Result, hepml_status};

/// Coordinates of four-momenta: energies, momenta and masses in one unit (GeV), c = 1, the beam along z.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum hepml_coordinates {
    /// Momentum along x, y, z, and energy.
    PxPyPzE = 0,
    /// Transverse momentum, rapidity, azimuth, mass.
    PtYPhiM = 1,
    /// Transverse momentum, pseudorapidity, azimuth, mass.
    PtEtaPhiM = 2,
}

impl hepml_coordinates {
    /// The coordinates of this number, in the argument `name`.
    fn of(name: &str, value: i32) -> Result<Self> {
        match value {
            0 => Ok(Self::PxPyPzE),
            1 => Ok(Self::PtYPhiM),
            2 => Ok(Self::PtEtaPhiM),
            _ => Err(unknown_value(name, value, "a hepml_coordinates (0 to 2)")),
        }
    }

    /// What the columns hold.
    fn columns(self) -> [&'static str; 4] {
        match self {
            Self::PxPyPzE => ["px", "py", "pz", "energy"],
            Self::PtYPhiM => ["pt", "rapidity", "phi", "mass"],
            Self::PtEtaPhiM => ["pt", "eta", "phi", "mass"],
        }
    }

    fn momentum(self, [a, b, c, d]: [f64; 4]) -> Result<FourMomentum, CoreError> {
        match self {
            Self::PxPyPzE => FourMomentum::new(d, a, b, c).validated(),
            Self::PtYPhiM => FourMomentum::from_pt_y_phi_m(a, b, c, d),
            Self::PtEtaPhiM => FourMomentum::from_pt_eta_phi_m(a, b, c, d),
        }
    }

    /// The coordinates of a momentum, if they are finite.
    fn numbers(self, momentum: &FourMomentum) -> Result<[f64; 4], CoreError> {
        let numbers = match self {
            Self::PxPyPzE => [momentum.px, momentum.py, momentum.pz, momentum.e],
            Self::PtYPhiM => momentum.to_pt_y_phi_m(),
            Self::PtEtaPhiM => momentum.to_pt_eta_phi_m(),
        };
        for (column, number) in self.columns().into_iter().zip(numbers) {
            finite(column, number)?;
        }
        Ok(numbers)
    }
}

/// Four-momenta in memory of the caller that is read during the call only: particle i has columns[k][i * stride].
///
/// Numbers are finite; transverse momenta and masses that are given are not negative. Components may be those of any vector:
/// space-like vectors and negative energies are momenta too.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hepml_momenta {
    /// The four coordinates, in the order of the coordinates' name.
    pub columns: [*const f64; 4],
    /// The doubles from one particle to the next: 1 for columns, 4 for rows, sizeof(T) / sizeof(double) inside structs T. At
    /// least 1 unless there are no particles.
    pub stride: usize,
    /// How many particles there are.
    pub count: usize,
    /// Which coordinates these are: a hepml_coordinates.
    pub coordinates: i32,
}

/// Four-momenta that can be read.
pub(crate) struct Momenta {
    columns: [Input<f64>; 4],
    coordinates: hepml_coordinates,
}

impl Momenta {
    /// # Safety
    /// `momenta` may be read if it is aligned and not NULL, and so may what it points to, as long as this is in use.
    pub(crate) unsafe fn new(name: &str, momenta: *const hepml_momenta) -> Result<Self> {
        // SAFETY: as the caller promises.
        let hepml_momenta { columns: [a, b, c, d], stride, count, coordinates } =
            unsafe { view(name, momenta) }?;
        let coordinates = hepml_coordinates::of(&format!("{name}.coordinates"), coordinates)?;
        // SAFETY: as the caller promises.
        let column = |index: usize, pointer| unsafe {
            Input::strided(format_args!("{name}.columns[{index}]"), pointer, stride, count)
        };
        Ok(Self { columns: [column(0, a)?, column(1, b)?, column(2, c)?, column(3, d)?], coordinates })
    }

    pub(crate) fn len(&self) -> usize {
        self.columns[0].len()
    }

    /// The coordinates of a particle, unchecked.
    fn numbers(&self, index: usize) -> [f64; 4] {
        self.columns.map(|column| column.get(index))
    }

    /// What is computed of all momenta.
    pub(crate) fn observed<T>(
        &self,
        compute: impl FnOnce(&[FourMomentum]) -> hepml::ot::Result<T>,
    ) -> Result<T> {
        let momenta = self.to_vec().map_err(|failure| failure.of("momenta"))?;
        compute(&momenta).map_err(|error| Failure::from(error).of("momenta"))
    }

    /// All momenta; an error names the particle.
    fn to_vec(&self) -> Result<Vec<FourMomentum>> {
        let mut momenta = with_room("momenta", self.len())?;
        for index in 0..self.len() {
            let momentum = self.coordinates.momentum(self.numbers(index));
            momenta.push(momentum.map_err(|error| error.at_particle(index))?);
        }
        Ok(momenta)
    }

    /// All momenta; an error names the event and the particle within it.
    pub(crate) fn to_vec_of_events(&self, offsets: &Offsets) -> Result<Vec<FourMomentum>> {
        let mut momenta = with_room("momenta", self.len())?;
        for event in 0..offsets.events() {
            for (particle, index) in offsets.particles(event).enumerate() {
                let momentum = self.coordinates.momentum(self.numbers(index));
                momenta.push(momentum.map_err(|error| error.at_particle(particle).at_event(event))?);
            }
        }
        Ok(momenta)
    }
}

/// The momenta in other coordinates: particle i goes to columns[k][i * stride].
///
/// Azimuths come out in (-pi, pi]; a space-like vector has the mass -sqrt(-m^2) and the rapidity of its direction; momenta that are in
/// these coordinates already are copied. A rapidity or pseudorapidity that is infinite (along the beam) is
/// HEPML_STATUS_NOT_FINITE with the particle, as is a number that overflows. The outputs may be the inputs.
///
/// # Safety
/// `momenta` and what it points to may be read; `columns` may be read for four pointers, each of which may be written to for
/// `capacity` numbers that are `stride` apart.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_momenta_convert(
    momenta: *const hepml_momenta,
    coordinates: i32,
    columns: *const *mut f64,
    stride: usize,
    capacity: usize,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let momenta = unsafe { Momenta::new("momenta", momenta) }?;
        let coordinates = hepml_coordinates::of("coordinates", coordinates)?;
        // SAFETY: as the caller promises.
        let pointers = unsafe { Input::new("columns", columns, 4) }?;
        let mut outputs = with_room("columns", 4)?;
        for (index, pointer) in pointers.iter().enumerate() {
            let name = format!("columns[{index}]");
            // SAFETY: as the caller promises.
            outputs.push(unsafe { Outputs::strided(&name, pointer, stride, capacity, momenta.len()) }?);
        }
        let mut numbers: Vec<[f64; 4]> = with_room("momenta", momenta.len())?;
        for index in 0..momenta.len() {
            let given = momenta.numbers(index);
            let converted = momenta.coordinates.momentum(given).and_then(|momentum| {
                if coordinates == momenta.coordinates { Ok(given) } else { coordinates.numbers(&momentum) }
            });
            numbers.push(converted.map_err(|error| Failure::from(error.at_particle(index)).of("momenta"))?);
        }
        for (index, particle) in numbers.iter().enumerate() {
            for (output, number) in outputs.iter().zip(particle) {
                output.write(index, *number);
            }
        }
        Ok(())
    })
}
