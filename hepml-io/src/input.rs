//! Opening a file or any reader, compressed or not.
//!
//! # Conventions
//! The content decides, not the name: gzip (1f 8b), Zstandard (28 b5 2f fd, or a skippable frame) and anything else, which
//! is taken as it is. Gzip files of several members and Zstandard files of several frames are read as one stream; their
//! checksums are verified. A Zstandard frame may ask for a window of at most 128 MiB (as the `zstd` tool allows without
//! `--long=28` or more), so that a lying header cannot claim memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::error::{Error, Result};

/// How a stream was compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// Gzip (feature `gzip`).
    Gzip,
    /// Zstandard (feature `zstd`).
    Zstd,
}

/// A decompressed stream of bytes that can be looked into before it is read.
///
/// ```
/// use std::io::Read;
///
/// let mut input = hepml_io::Input::new(&b"HepMC::Version 3.02.06\n"[..])?;
/// assert_eq!(input.peek(5)?, b"HepMC");
/// let mut text = String::new();
/// input.read_to_string(&mut text)?;
/// assert_eq!(text, "HepMC::Version 3.02.06\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Input {
    inner: Box<dyn BufRead + Send>,
    /// Bytes taken from `inner` by `peek`; those before `position` are consumed.
    lookahead: Vec<u8>,
    position: usize,
    compression: Compression,
    path: Option<String>,
}

impl Input {
    /// Opens a file, decompressing it if its content says so.
    ///
    /// # Errors
    /// A file that cannot be read, or compression whose feature is not enabled; the error names the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let name = path.as_ref().display().to_string();
        let opened = File::open(path.as_ref()).map_err(Error::from).and_then(Self::new);
        match opened {
            Ok(input) => Ok(Self { path: Some(name), ..input }),
            Err(error) => Err(error.in_file(&name)),
        }
    }

    /// Takes any reader, decompressing it if its content says so.
    ///
    /// # Errors
    /// Reading fails; [`Error::Unsupported`] for compression whose feature is not enabled.
    pub fn new(reader: impl Read + Send + 'static) -> Result<Self> {
        let mut raw = Self::plain(Box::new(BufReader::with_capacity(1 << 16, reader)));
        let magic = raw.peek(4)?;
        let compression = match magic {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Compression::Zstd,
            _ => Compression::None,
        };
        match compression {
            Compression::None => Ok(raw),
            Compression::Gzip => gunzip(raw),
            Compression::Zstd => unzstd(raw),
        }
        .map(|input| Self { compression, ..input })
    }

    fn plain(inner: Box<dyn BufRead + Send>) -> Self {
        Self { inner, lookahead: Vec::new(), position: 0, compression: Compression::None, path: None }
    }

    /// How the stream is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The file, as it was named; `None` for a reader.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The next `count` bytes (fewer at the end) without consuming them.
    ///
    /// # Errors
    /// Reading or decompressing fails.
    pub fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        self.lookahead.drain(..self.position);
        self.position = 0;
        if let Some(missing) = count.checked_sub(self.lookahead.len()) {
            self.inner.by_ref().take(missing as u64).read_to_end(&mut self.lookahead)?;
        }
        Ok(&self.lookahead[..count.min(self.lookahead.len())])
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("path", &self.path)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let count = available.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position < self.lookahead.len() {
            Ok(&self.lookahead[self.position..])
        } else {
            self.inner.fill_buf()
        }
    }

    fn consume(&mut self, count: usize) {
        if self.position < self.lookahead.len() {
            self.position += count;
        } else {
            self.inner.consume(count);
        }
    }
}

#[cfg(feature = "gzip")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature this is an error")]
fn gunzip(raw: Input) -> Result<Input> {
    let decoder = flate2::bufread::MultiGzDecoder::new(raw);
    Ok(Input::plain(Box::new(BufReader::with_capacity(1 << 16, decoder))))
}

#[cfg(not(feature = "gzip"))]
fn gunzip(_: Input) -> Result<Input> {
    let reason = "this build cannot decompress it; enable the feature `gzip` of hepml-io".to_owned();
    Err(Error::Unsupported { format: "gzip", reason })
}

#[cfg(feature = "zstd")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature this is an error")]
fn unzstd(raw: Input) -> Result<Input> {
    let decoder = zstd_frames::ZstdFrames::new(raw);
    Ok(Input::plain(Box::new(BufReader::with_capacity(1 << 16, decoder))))
}

#[cfg(not(feature = "zstd"))]
fn unzstd(_: Input) -> Result<Input> {
    let reason = "this build cannot decompress it; enable the feature `zstd` of hepml-io".to_owned();
    Err(Error::Unsupported { format: "Zstandard", reason })
}

/// Zstandard frames, one after another: ruzstd itself decodes one frame.
#[cfg(feature = "zstd")]
mod zstd_frames {
    use std::error::Error as StdError;
    use std::io::{self, BufRead, Read};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
    use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

    use super::Input;

    /// The window the `zstd` tool accepts by default.
    const LARGEST_WINDOW: u64 = 1 << 27;

    pub(super) struct ZstdFrames {
        source: Input,
        decoder: FrameDecoder,
        /// Whether a frame has begun and is not yet used up.
        in_frame: bool,
        /// Whether the decoder panicked, after which nothing it holds can be relied on.
        broken: bool,
    }

    impl ZstdFrames {
        pub(super) fn new(source: Input) -> Self {
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(LARGEST_WINDOW);
            Self { source, decoder, in_frame: false, broken: false }
        }

        /// Runs the decoder on the source.
        ///
        /// ruzstd 0.9 panics on some corrupt tables (fuzz/corpus/input/corrupt_zstd_table), as an index is out of bounds;
        /// for the caller that is an error like any other corruption.
        fn decode<T>(
            &mut self,
            step: impl FnOnce(&mut FrameDecoder, &mut Input) -> Result<T, FrameDecoderError>,
        ) -> io::Result<Result<T, FrameDecoderError>> {
            let corrupt = || io::Error::new(io::ErrorKind::InvalidData, "the Zstandard frame is corrupt");
            if self.broken {
                return Err(corrupt());
            }
            let (decoder, source) = (&mut self.decoder, &mut self.source);
            catch_unwind(AssertUnwindSafe(|| step(decoder, source))).map_err(|_| {
                self.broken = true;
                corrupt()
            })
        }

        /// Begins the next frame, skipping skippable ones; `false` at the end of the source.
        fn next_frame(&mut self) -> io::Result<bool> {
            loop {
                if self.source.fill_buf()?.is_empty() {
                    return Ok(false);
                }
                match self.decode(|decoder, source| decoder.init(source))? {
                    Ok(()) => return Ok(true),
                    Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                        length,
                        ..
                    })) => {
                        let length = u64::from(length);
                        if io::copy(&mut self.source.by_ref().take(length), &mut io::sink())? < length {
                            return Err(io::Error::new(
                                io::ErrorKind::UnexpectedEof,
                                "the file ends within a skippable Zstandard frame",
                            ));
                        }
                    }
                    Err(error) => return Err(to_io(error)),
                }
            }
        }
    }

    impl Read for ZstdFrames {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if buffer.is_empty() {
                return Ok(0);
            }
            loop {
                if !self.in_frame {
                    if !self.next_frame()? {
                        return Ok(0);
                    }
                    self.in_frame = true;
                }
                while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                    self.decode(|decoder, source| {
                        decoder.decode_blocks(source, BlockDecodingStrategy::UptoBlocks(1))
                    })?
                    .map_err(to_io)?;
                }
                let count = self.decoder.read(buffer)?;
                if count > 0 {
                    return Ok(count);
                }
                let stored = self.decoder.get_checksum_from_data();
                if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the checksum of a Zstandard frame does not match its content",
                    ));
                }
                self.in_frame = false;
            }
        }
    }

    /// The decoder's error as an `io::Error` whose kind tells a truncated stream from a corrupt one.
    fn to_io(error: FrameDecoderError) -> io::Error {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
        let mut kind = io::ErrorKind::InvalidData;
        while let Some(current) = cause {
            if let Some(found) = current.downcast_ref::<io::Error>() {
                kind = found.kind();
            }
            cause = current.source();
        }
        io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Input::new(io::Cursor::new(bytes)).map_err(io::Error::other)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn peeking_consumes_nothing() {
        let mut input = Input::new(&b"abcdefgh"[..]).unwrap();
        assert_eq!(input.peek(3).unwrap(), b"abc");
        let mut two = [0; 2];
        input.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"ab");
        assert_eq!(input.peek(4).unwrap(), b"cdef");
        assert_eq!(input.peek(1).unwrap(), b"c");
        assert_eq!(input.peek(100).unwrap(), b"cdefgh");
        let mut rest = Vec::new();
        input.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"cdefgh");
        assert!(input.peek(1).unwrap().is_empty());
    }

    #[test]
    fn short_and_empty_inputs_are_plain() {
        for text in [&b""[..], b"\x1f", b"\x28\xb5\x2f", b"abc"] {
            assert_eq!(read(text.to_vec()).unwrap(), text);
        }
    }

    #[cfg(feature = "gzip")]
    mod gzip {
        use std::io::Write;

        use super::*;

        fn member(text: &[u8]) -> Vec<u8> {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }

        #[test]
        fn members_are_read_as_one_stream() {
            let bytes = [member(b"first "), member(b""), member(b"second")].concat();
            assert_eq!(read(bytes.clone()).unwrap(), b"first second");
            assert_eq!(Input::new(io::Cursor::new(bytes)).unwrap().compression(), Compression::Gzip);
        }

        #[test]
        fn truncation_and_corruption_are_errors() {
            let whole = member(&[b'x'; 1000]);
            for length in 2..whole.len() {
                let error = read(whole[..length].to_vec()).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "at {length}: {error}");
            }
            let mut corrupt = whole;
            let crc = corrupt.len() - 8;
            corrupt[crc] ^= 1;
            assert!(read(corrupt).is_err());
        }
    }

    #[cfg(feature = "zstd")]
    mod zstd {
        use ruzstd::encoding::{CompressionLevel, compress_to_vec};

        use super::*;

        fn frame(text: &[u8]) -> Vec<u8> {
            compress_to_vec(text, CompressionLevel::Fastest)
        }

        #[test]
        fn frames_are_read_as_one_stream_and_skippable_ones_are_skipped() {
            let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
            let bytes = [
                skippable.clone(),
                frame(b"first "),
                frame(b""),
                skippable.clone(),
                frame(b"second"),
                skippable,
            ];
            let bytes = bytes.concat();
            assert_eq!(read(bytes.clone()).unwrap(), b"first second");
            assert_eq!(Input::new(io::Cursor::new(bytes)).unwrap().compression(), Compression::Zstd);
        }

        #[test]
        fn truncation_is_an_error() {
            let text: Vec<u8> = (0..2000u32).flat_map(|i| (i * i).to_le_bytes()).collect();
            let whole = frame(&text);
            assert_eq!(read(whole.clone()).unwrap(), text);
            for length in 4..whole.len() {
                let error = read(whole[..length].to_vec()).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "at {length}: {error}");
            }
            let skippable = [0x50, 0x2a, 0x4d, 0x18, 255, 255, 255, 255, 0].to_vec();
            assert_eq!(read(skippable).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }

        #[test]
        fn corruption_fails_the_checksum() {
            // A raw block of 3 bytes in a frame with a checksum (descriptor 0x24: single segment, checksum; size 3).
            let text = b"abc";
            let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0x24, 3, 0x19, 0, 0];
            bytes.extend(text);
            bytes.extend([0, 0, 0, 0]);
            let error = read(bytes).unwrap_err();
            assert!(error.to_string().contains("checksum"), "{error}");
        }

        #[test]
        fn a_window_beyond_the_limit_is_refused() {
            // Window descriptor 0x90: exponent 18, that is 256 MiB.
            let error = read(vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x90, 1, 0, 0]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
            // A single segment that claims 2^40 bytes.
            let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
            bytes.extend((1u64 << 40).to_le_bytes());
            bytes.extend([1, 0, 0]);
            assert_eq!(read(bytes).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
