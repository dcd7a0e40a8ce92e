//! A file that is written at the end. It is opened before the work, so that a wrong name costs
//! nothing, and stays as it was until what it shall hold is there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, anyhow};

/// A file that can be written.
#[derive(Debug)]
pub(crate) struct Reserved {
    /// Which flag named it.
    flag: &'static str,
    path: PathBuf,
    file: File,
    /// It was not there before, and goes again if nothing is written.
    is_new: bool,
}

impl Reserved {
    /// Opens the file that `flag` names.
    pub(crate) fn open(flag: &'static str, path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        let made = options.write(true).create_new(true).open(path);
        let (file, is_new) = match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                (options.create_new(false).open(path), false)
            }
            made => (made, true),
        };
        let file = file.map_err(|error| anyhow!("{flag} {}: {error}", path.display()))?;
        Ok(Self { flag, path: path.to_owned(), file, is_new })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all of it, in place of what was there.
    pub(crate) fn write(mut self, text: &str) -> Result<()> {
        self.replace(text)
            .map_err(|error| anyhow!("{} {}: {error}", self.flag, self.path.display()))?;
        self.is_new = false;
        Ok(())
    }

    fn replace(&mut self, text: &str) -> io::Result<()> {
        // A device or a pipe has no length.
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.is_new {
            // Whoever took it away meanwhile did the same.
            fs::remove_file(&self.path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stays_as_it_was_until_it_is_written_and_one_that_was_not_there_goes_again() {
        let path = std::env::temp_dir().join(format!("biplane-reserved-{}", std::process::id()));
        let read = || fs::read_to_string(&path).ok();
        drop(Reserved::open("--save", &path).unwrap());
        assert_eq!(read(), None);
        Reserved::open("--save", &path).unwrap().write("what is long").unwrap();
        drop(Reserved::open("--save", &path).unwrap());
        assert_eq!(read().as_deref(), Some("what is long"));
        Reserved::open("--save", &path).unwrap().write("short").unwrap();
        assert_eq!(read().as_deref(), Some("short"));
        fs::remove_file(&path).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_file_can_be_written_too_and_a_folder_cannot() {
        Reserved::open("--save", Path::new("/dev/null")).unwrap().write("away").unwrap();
        let error = Reserved::open("--save", Path::new("/")).unwrap_err().to_string();
        assert!(error.starts_with("--save /: "), "{error}");
    }
}
