//! Where writers write to: a file, compressed if its name says so, or any writer.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// A buffered, possibly compressed stream of bytes; [`finish`](Self::finish) ends it.
pub(crate) enum Output {
    Plain(BufWriter<Box<dyn Write + Send>>),
    #[cfg(feature = "gzip")]
    Gzip(Box<BufWriter<flate2::write::GzEncoder<Box<dyn Write + Send>>>>),
}

impl Output {
    /// Creates a file, gzipped if its name ends in `.gz`.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let unsupported = |reason: &str| {
            Err(Error::Unsupported { format: "compression", reason: reason.to_owned() }.in_file(&name))
        };
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        let gzip = extension.eq_ignore_ascii_case("gz");
        if gzip && !cfg!(feature = "gzip") {
            return unsupported("this build cannot compress; enable the feature `gzip` of hepml-io");
        }
        if extension.eq_ignore_ascii_case("zst") {
            return unsupported("Zstandard can be read but not written; write .gz");
        }
        let file = File::create(path).map_err(|error| Error::from(error).in_file(&name))?;
        #[cfg(feature = "gzip")]
        if gzip {
            let file: Box<dyn Write + Send> = Box::new(file);
            let encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
            return Ok(Self::Gzip(Box::new(BufWriter::with_capacity(1 << 16, encoder))));
        }
        Ok(Self::new(file))
    }

    /// Wraps any writer.
    pub(crate) fn new(writer: impl Write + Send + 'static) -> Self {
        Self::Plain(BufWriter::with_capacity(1 << 16, Box::new(writer)))
    }

    /// Writes what is buffered and ends the compressed stream.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut writer) => writer.flush(),
            #[cfg(feature = "gzip")]
            Self::Gzip(writer) => {
                let encoder = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
                encoder.finish()?.flush()
            }
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            #[cfg(feature = "gzip")]
            Self::Gzip(_) => "Gzip",
        })
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(writer) => writer.write(bytes),
            #[cfg(feature = "gzip")]
            Self::Gzip(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(writer) => writer.flush(),
            #[cfg(feature = "gzip")]
            Self::Gzip(writer) => writer.flush(),
        }
    }
}
