//! Colours that people with any colour vision can tell apart: Okabe and Ito (2008), Wong, Nature Methods 8 (2011) 441.

use plotters::style::RGBColor;

/// Blue.
pub const BLUE: RGBColor = RGBColor(0, 114, 178);
/// Vermillion.
pub const VERMILLION: RGBColor = RGBColor(213, 94, 0);
/// Bluish green.
pub const GREEN: RGBColor = RGBColor(0, 158, 115);
/// Reddish purple.
pub const PURPLE: RGBColor = RGBColor(204, 121, 167);
/// For axes and annotations.
pub const GREY: RGBColor = RGBColor(90, 90, 90);
