//! Models that can be written and read back.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// A model that can be written.
///
/// What is written is read back bit for bit by the same type's [`Load`]. Models of these crates write one `ModelFile`
/// (feature `models`), which Python opens as safetensors.
pub trait Save {
    /// Writes the model.
    ///
    /// # Errors
    /// [`Error::Io`]; a model that the format cannot hold.
    fn save(&self, writer: &mut dyn Write) -> Result<()>;

    /// The bytes that [`save`](Self::save) writes.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.save(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes a file, in place of what is there; a model that cannot be saved leaves that untouched.
    ///
    /// # Errors
    /// As [`save`](Self::save), naming the file.
    fn save_file(&self, path: &Path) -> Result<()> {
        fs::write(path, self.to_bytes()?).map_err(|error| at_path(path, &error))
    }
}

/// A model that can be read.
pub trait Load: Sized {
    /// Reads one model, and from `reader` only its bytes: several models may follow one another.
    ///
    /// # Errors
    /// [`Error::Io`]; bytes that are not this model, naming what is wrong.
    fn load(reader: &mut dyn Read) -> Result<Self>;

    /// Reads a model from all of `bytes`.
    ///
    /// # Errors
    /// As [`load`](Self::load); bytes left over.
    fn from_bytes(mut bytes: &[u8]) -> Result<Self> {
        let model = Self::load(&mut bytes)?;
        if bytes.is_empty() { Ok(model) } else { Err(left_over()) }
    }

    /// Reads a model from a whole file.
    ///
    /// # Errors
    /// As [`load`](Self::load), naming the file where it cannot be opened; bytes left over.
    fn load_file(path: &Path) -> Result<Self> {
        let mut reader = BufReader::new(File::open(path).map_err(|error| at_path(path, &error))?);
        let model = Self::load(&mut reader)?;
        match reader.read(&mut [0])? {
            0 => Ok(model),
            _ => Err(left_over()),
        }
    }
}

impl<M: Save + ?Sized> Save for &M {
    fn save(&self, writer: &mut dyn Write) -> Result<()> {
        (**self).save(writer)
    }
}

impl<M: Save + ?Sized> Save for Box<M> {
    fn save(&self, writer: &mut dyn Write) -> Result<()> {
        (**self).save(writer)
    }
}

fn left_over() -> Error {
    Error::Model("there are bytes after its end".to_owned())
}

fn at_path(path: &Path, error: &io::Error) -> Error {
    Error::Io(io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Byte(u8);

    impl Save for Byte {
        fn save(&self, writer: &mut dyn Write) -> Result<()> {
            Ok(writer.write_all(&[self.0])?)
        }
    }

    impl Load for Byte {
        fn load(reader: &mut dyn Read) -> Result<Self> {
            let mut byte = [0];
            reader.read_exact(&mut byte)?;
            Ok(Self(byte[0]))
        }
    }

    #[test]
    fn models_follow_one_another_in_a_stream_but_not_in_a_file() {
        let boxed: Box<dyn Save> = Box::new(Byte(1));
        let mut stream = Vec::new();
        boxed.save(&mut stream).unwrap();
        Save::save(&&Byte(2), &mut stream).unwrap();
        let mut reader = &stream[..];
        assert_eq!(Byte::load(&mut reader).unwrap(), Byte(1));
        assert_eq!(Byte::load(&mut reader).unwrap(), Byte(2));
        assert!(matches!(Byte::load(&mut reader), Err(Error::Io(_))));
        assert!(matches!(Byte::from_bytes(&stream), Err(Error::Model(_))));
    }

    #[test]
    fn files() {
        let folder = std::env::temp_dir().join(format!("hepml-save-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("byte");
        Byte(7).save_file(&path).unwrap();
        assert_eq!(Byte::load_file(&path).unwrap(), Byte(7));
        fs::write(&path, [7, 8]).unwrap();
        assert!(matches!(Byte::load_file(&path), Err(Error::Model(_))));
        let error = Byte::load_file(&folder.join("missing")).unwrap_err().to_string();
        assert!(error.contains("missing"), "{error}");
        assert!(Byte(7).save_file(&folder).unwrap_err().to_string().contains("hepml-save"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
