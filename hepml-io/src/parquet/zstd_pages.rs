//! Pages of a column chunk that is compressed by Zstandard.
//!
//! awkward compresses so unless told otherwise, and the `parquet` crate does it by a C library only. This reads the headers
//! of the pages (Thrift's compact protocol, as `parquet.thrift` of the Parquet format defines them), decompresses by
//! ruzstd, and leaves everything else to the `parquet` crate.

use std::io::{Read, Take};

use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

use crate::input::{Compression, Input};

/// No page may be larger than this: writers make pages of about 1 MB.
const LARGEST_PAGE: usize = 1 << 28;

pub(super) struct ZstdPages {
    /// What is left of the column chunk.
    chunk: Take<Box<dyn Read + Send>>,
    /// The values that the chunk's metadata promise and that are still to come.
    left: u64,
    next: Option<Header>,
}

impl ZstdPages {
    pub(super) fn new(chunk: Take<Box<dyn Read + Send>>, values: u64) -> Self {
        Self { chunk, left: values, next: None }
    }

    /// The next page's header, which stays the next one; `None` after the last page.
    fn header(&mut self) -> Result<Option<Header>> {
        // An index page is not data; writers put none here, but the format allows it.
        while self.next.is_none() && self.left > 0 {
            let header = Header::read(&mut self.chunk)?;
            if header.kind == Kind::Index {
                self.take(header.compressed)?;
            } else {
                self.next = Some(header);
            }
        }
        Ok(self.next)
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read =
            self.chunk.by_ref().take(length as u64).read_to_end(&mut bytes).map_err(ParquetError::from)?;
        if read < length {
            return Err(ParquetError::EOF(format!("a page of {length} bytes was expected, {read} are left")));
        }
        Ok(bytes)
    }
}

fn decompress(bytes: Vec<u8>, length: usize) -> Result<Vec<u8>> {
    if length == 0 {
        return Ok(Vec::new());
    }
    let fail = |error: &dyn std::fmt::Display| {
        ParquetError::General(format!("a Zstandard page is corrupt: {error}"))
    };
    let input = Input::new(std::io::Cursor::new(bytes)).map_err(|error| fail(&error))?;
    if input.compression() != Compression::Zstd {
        return Err(fail(&"it has no Zstandard frame"));
    }
    let mut content = Vec::new();
    let read = input.take(length as u64 + 1).read_to_end(&mut content).map_err(|error| fail(&error))?;
    if read == length {
        Ok(content)
    } else {
        Err(fail(&format!("{length} bytes were expected, found {read}")))
    }
}

impl PageReader for ZstdPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(header) = self.header()? else { return Ok(None) };
        self.next = None;
        let body = self.take(header.compressed)?;
        let length = header.uncompressed;
        Ok(Some(match header.kind {
            Kind::Dictionary => Page::DictionaryPage {
                buf: decompress(body, length)?.into(),
                num_values: header.values,
                encoding: header.encoding,
                is_sorted: false,
            },
            Kind::Data { definition, repetition } => {
                self.left = self.left.saturating_sub(header.values.into());
                Page::DataPage {
                    buf: decompress(body, length)?.into(),
                    num_values: header.values,
                    encoding: header.encoding,
                    def_level_encoding: definition,
                    rep_level_encoding: repetition,
                    statistics: None,
                }
            }
            Kind::DataV2 { nulls, rows, definition, repetition, compressed } => {
                self.left = self.left.saturating_sub(header.values.into());
                // The levels come first and are never compressed.
                let levels = definition as usize + repetition as usize;
                if levels > body.len() || levels > length {
                    return Err(ParquetError::General(format!(
                        "levels of {levels} bytes in a page of {length}"
                    )));
                }
                let buf = if compressed {
                    let values = decompress(body[levels..].to_vec(), length - levels)?;
                    [&body[..levels], &values].concat()
                } else {
                    body
                };
                Page::DataPageV2 {
                    buf: buf.into(),
                    num_values: header.values,
                    encoding: header.encoding,
                    num_nulls: nulls,
                    num_rows: rows,
                    def_levels_byte_len: definition,
                    rep_levels_byte_len: repetition,
                    is_compressed: false,
                    statistics: None,
                }
            }
            Kind::Index => unreachable!("skipped by `header`"),
        }))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        Ok(self.header()?.map(|header| match header.kind {
            Kind::Dictionary | Kind::Index => {
                PageMetadata { num_rows: None, num_levels: None, is_dict: true }
            }
            Kind::Data { .. } => {
                PageMetadata { num_rows: None, num_levels: Some(header.values as usize), is_dict: false }
            }
            Kind::DataV2 { rows, .. } => {
                let (rows, levels) = (rows as usize, header.values as usize);
                PageMetadata { num_rows: Some(rows), num_levels: Some(levels), is_dict: false }
            }
        }))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        if let Some(header) = self.header()? {
            self.next = None;
            self.take(header.compressed)?;
            if !matches!(header.kind, Kind::Dictionary) {
                self.left = self.left.saturating_sub(header.values.into());
            }
        }
        Ok(())
    }
}

impl Iterator for ZstdPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

#[derive(Debug, Clone, Copy)]
struct Header {
    kind: Kind,
    compressed: usize,
    uncompressed: usize,
    values: u32,
    encoding: Encoding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data { definition: Encoding, repetition: Encoding },
    DataV2 { nulls: u32, rows: u32, definition: u32, repetition: u32, compressed: bool },
    Dictionary,
    Index,
}

impl Header {
    /// Reads `PageHeader`: 1 type, 2 uncompressed size, 3 compressed size, 5/6/7/8 the header of a data, index, dictionary
    /// or version-2 data page.
    fn read(reader: &mut dyn Read) -> Result<Self> {
        let mut thrift = Thrift { reader, depth: 0 };
        let (mut kind, mut compressed, mut uncompressed) = (None, None, None);
        // Of the page's own header: fields 1 to 7, as numbers.
        let mut own = [None; 8];
        let mut last = 0;
        while let Some((field, wire)) = thrift.field(&mut last)? {
            match field {
                1 => kind = Some(thrift.number(wire)?),
                2 => uncompressed = Some(thrift.number(wire)?),
                3 => compressed = Some(thrift.number(wire)?),
                5..=8 if wire == STRUCT => {
                    let mut last = 0;
                    while let Some((field, wire)) = thrift.field(&mut last)? {
                        match (usize::try_from(field), wire) {
                            (Ok(field @ 1..=7), TRUE..=I64) => own[field] = Some(thrift.number(wire)?),
                            _ => thrift.skip(wire)?,
                        }
                    }
                }
                _ => thrift.skip(wire)?,
            }
        }
        let own = |field: usize| {
            let number = own[field].and_then(|number| u32::try_from(number).ok());
            number.ok_or_else(|| corrupt("has a page header without its numbers"))
        };
        let size = |size: Option<i64>| {
            let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= LARGEST_PAGE);
            size.ok_or_else(|| corrupt("has a page without a credible size"))
        };
        let (compressed, uncompressed) = (size(compressed)?, size(uncompressed)?);
        let (kind, values, encoding) = match kind {
            Some(0) => {
                let kind = Kind::Data { definition: encoding(own(3)?)?, repetition: encoding(own(4)?)? };
                (kind, own(1)?, encoding(own(2)?)?)
            }
            Some(1) => (Kind::Index, 0, Encoding::PLAIN),
            Some(2) => (Kind::Dictionary, own(1)?, encoding(own(2)?)?),
            Some(3) => {
                let kind = Kind::DataV2 {
                    nulls: own(2)?,
                    rows: own(3)?,
                    definition: own(5)?,
                    repetition: own(6)?,
                    // True unless said otherwise.
                    compressed: own(7).unwrap_or(1) != 0,
                };
                (kind, own(1)?, encoding(own(4)?)?)
            }
            _ => return Err(corrupt("has a page of an unknown type")),
        };
        Ok(Self { kind, compressed, uncompressed, values, encoding })
    }
}

fn corrupt(what: &str) -> ParquetError {
    ParquetError::General(format!("the column chunk {what}"))
}

#[expect(deprecated, reason = "old files have bit-packed levels")]
fn encoding(number: u32) -> Result<Encoding> {
    Ok(match number {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        4 => Encoding::BIT_PACKED,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        _ => return Err(corrupt("has an unknown encoding")),
    })
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// Thrift's compact protocol, as far as page headers need it.
struct Thrift<'a> {
    reader: &'a mut dyn Read,
    depth: usize,
}

impl Thrift<'_> {
    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.reader
            .read_exact(&mut byte)
            .map_err(|_| ParquetError::EOF("within the header of a page".into()))?;
        Ok(byte[0])
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(corrupt("has a number of more than 64 bits"))
    }

    fn zigzag(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The id and the wire type of the next field of a struct; `None` at its end.
    fn field(&mut self, last: &mut i64) -> Result<Option<(i64, u8)>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Ok(None);
        }
        let id = if byte >> 4 == 0 { self.zigzag()? } else { last.saturating_add((byte >> 4).into()) };
        *last = id;
        Ok(Some((id, byte & 0x0f)))
    }

    fn number(&mut self, wire: u8) -> Result<i64> {
        match wire {
            TRUE => Ok(1),
            FALSE => Ok(0),
            BYTE => Ok(self.byte()?.into()),
            4..=I64 => self.zigzag(),
            _ => Err(corrupt("has a header field that is no number")),
        }
    }

    fn skip_bytes(&mut self, count: u64) -> Result<()> {
        let skipped = std::io::copy(&mut (&mut *self.reader).take(count), &mut std::io::sink())?;
        if skipped == count { Ok(()) } else { Err(ParquetError::EOF("within the header of a page".into())) }
    }

    fn skip(&mut self, wire: u8) -> Result<()> {
        self.depth += 1;
        if self.depth > 16 {
            return Err(corrupt("has a header of too many levels"));
        }
        match wire {
            TRUE..=I64 => drop(self.number(wire)?),
            DOUBLE => self.skip_bytes(8)?,
            BINARY => {
                let length = self.varint()?;
                self.skip_bytes(length)?;
            }
            LIST | SET => {
                let byte = self.byte()?;
                let count = if byte >> 4 == 15 { self.varint()? } else { (byte >> 4).into() };
                for _ in 0..count {
                    self.skip_element(byte & 0x0f)?;
                }
            }
            MAP => {
                let count = self.varint()?;
                let types = if count > 0 { self.byte()? } else { 0 };
                for _ in 0..count {
                    self.skip_element(types >> 4)?;
                    self.skip_element(types & 0x0f)?;
                }
            }
            STRUCT => {
                let mut last = 0;
                while let Some((_, wire)) = self.field(&mut last)? {
                    self.skip(wire)?;
                }
            }
            _ => return Err(corrupt("has a header field of an unknown type")),
        }
        self.depth -= 1;
        Ok(())
    }

    /// Within lists and maps a truth value takes a byte.
    fn skip_element(&mut self, wire: u8) -> Result<()> {
        if matches!(wire, TRUE | FALSE) { self.byte().map(drop) } else { self.skip(wire) }
    }
}
