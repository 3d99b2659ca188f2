//! A fitted kernel logistic regression.

use std::io::{Read, Write};

use hepml_core::ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use hepml_core::{
    Error as CoreError, Load, LogRatio, ModelFile, Result as CoreResult, Save, Table, check_finite,
};

use super::kernel::{Kernel, KernelEvents};
use crate::error::Result;
use crate::standardisation::Standardisation;

const KIND: &str = "hepml-ratio/falkon";
const VERSION: u32 = 1;

/// z(x) = ln r(x) = sum_m alpha_m exp(-|x - c_m|²/(2 sigma²)) of standardised features: what [`FalkonConfig`](crate::FalkonConfig) fits.
#[derive(Debug, Clone)]
pub struct FalkonRatio {
    standardisation: Standardisation,
    centres: Array2<f64>,
    coefficients: Array1<f64>,
    width: f64,
    kernel: Kernel,
}

impl FalkonRatio {
    pub(super) fn new(
        standardisation: Standardisation,
        centres: Array2<f64>,
        coefficients: Array1<f64>,
        width: f64,
    ) -> Result<Self> {
        let numbers: Vec<f64> = centres.iter().copied().collect();
        let kernel = Kernel::new(&numbers, centres.ncols(), width)?;
        Ok(Self { standardisation, centres, coefficients, width, kernel })
    }

    /// The centres `[M, features]`, standardised; features that were constant have no column.
    pub fn centres(&self) -> ArrayView2<'_, f64> {
        self.centres.view()
    }

    /// The coefficients alpha `[M]`.
    pub fn coefficients(&self) -> ArrayView1<'_, f64> {
        self.coefficients.view()
    }

    /// The width sigma of the kernel, in units of standardised features.
    pub const fn width(&self) -> f64 {
        self.width
    }

    /// The mean of each feature.
    pub fn means(&self) -> ArrayView1<'_, f64> {
        self.standardisation.mean.view()
    }

    /// The standard deviation of each feature, 0 where it was constant: such a feature is not looked at.
    pub fn deviations(&self) -> ArrayView1<'_, f64> {
        self.standardisation.deviation.view()
    }
}

impl LogRatio<Table> for FalkonRatio {
    /// # Errors
    /// Another number of features; a feature that is not finite, naming event and column.
    fn log_ratio(&self, events: &Table) -> CoreResult<Array1<f64>> {
        let features = self.standardisation.mean.len();
        if events.ncols() != features {
            return Err(CoreError::shape("features", features, events.ncols()));
        }
        check_finite("feature", events)?;
        let points = self.standardisation.rows(events);
        let events = KernelEvents::new(&points, self.centres.ncols(), self.width);
        let coefficients = self.coefficients.as_slice().expect("one contiguous axis");
        Ok(self.kernel.apply(&events, coefficients)?.into())
    }
}

impl Save for FalkonRatio {
    fn save(&self, writer: &mut dyn Write) -> CoreResult<()> {
        let mut file = ModelFile::new(KIND, VERSION, &self.width)?;
        file.insert_f64("means", &self.standardisation.mean)?;
        file.insert_f64("deviations", &self.standardisation.deviation)?;
        file.insert_f64("centres", &self.centres)?;
        file.insert_f64("coefficients", &self.coefficients)?;
        file.save(writer)
    }
}

impl Load for FalkonRatio {
    fn load(reader: &mut dyn Read) -> CoreResult<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, VERSION)?;
        let standardisation =
            Standardisation { mean: file.f64("means")?, deviation: file.f64("deviations")? };
        if !standardisation.is_sound() {
            return Err(CoreError::Model(format!("{KIND}: its means and deviations are none")));
        }
        let centres: Array2<f64> = file.f64("centres")?;
        let coefficients: Array1<f64> = file.f64("coefficients")?;
        let used = standardisation.used().len();
        if centres.is_empty() {
            return Err(CoreError::Empty { what: "list of centres of a saved model".into() });
        }
        if centres.ncols() != used {
            return Err(CoreError::shape("features of the centres of a saved model", used, centres.ncols()));
        }
        if centres.nrows() != coefficients.len() {
            return Err(CoreError::shape(
                "coefficients of a saved model",
                centres.nrows(),
                coefficients.len(),
            ));
        }
        let width: f64 = file.header()?;
        if !(width > 0.0 && width.is_finite()) {
            return Err(CoreError::out_of_range(
                "kernel width of a saved model",
                width,
                "positive and finite",
            ));
        }
        Ok(Self::new(standardisation, centres, coefficients, width)?)
    }
}
