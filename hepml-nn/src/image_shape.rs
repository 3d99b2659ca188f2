//! Images in rows of a matrix.

use std::fmt::{Display, Formatter};

use hepml_core::serde::{Deserialize, Serialize};

use crate::error::Result;

/// How an image lies in a row of a matrix: channel after channel, each row of pixels after row of pixels.
///
/// The pixel (channel c, row y, column x) is number `(c height + y) width + x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
pub struct ImageShape {
    /// The number of channels.
    pub channels: usize,
    /// The rows of pixels of a channel.
    pub height: usize,
    /// The pixels of a row.
    pub width: usize,
}

impl ImageShape {
    /// A shape.
    pub fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width }
    }

    /// The pixels of one channel.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// The numbers of an image: the columns of the matrix.
    pub fn columns(&self) -> usize {
        self.channels * self.pixels()
    }

    /// The shape, if it has pixels, and not more than there can be numbers.
    pub(crate) fn checked(self) -> Result<Self> {
        let Self { channels, height, width } = self;
        for (what, count) in
            [("channels of an image", channels), ("height of an image", height), ("width of an image", width)]
        {
            if count == 0 {
                return Err(hepml_core::Error::out_of_range(what, 0.0, "at least 1").into());
            }
        }
        match height.checked_mul(width).and_then(|pixels| pixels.checked_mul(channels)) {
            Some(columns) if u32::try_from(columns).is_ok() => Ok(self),
            _ => Err(hepml_core::Error::out_of_range(
                "numbers of an image",
                channels as f64 * height as f64 * width as f64,
                "fewer than 2^32",
            )
            .into()),
        }
    }
}

impl Display for ImageShape {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} x {} x {}", self.channels, self.height, self.width)
    }
}
