//! The files that a run leaves. All are made before anything is measured, so that an hour's figures are not lost to a
//! wrong path.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::args::Arguments;
use crate::report::html;
use crate::report::record::{self, Record};

/// The files, as far as the user wants them.
#[derive(Debug)]
pub(crate) struct Outputs {
    json: Option<File>,
    html: Option<File>,
}

impl Outputs {
    /// Makes them.
    ///
    /// # Errors
    ///
    /// One cannot be made, by its name.
    pub(crate) fn create(arguments: &Arguments) -> io::Result<Self> {
        Ok(Self {
            json: arguments.json.as_deref().map(create).transpose()?,
            html: arguments.html.as_deref().map(create).transpose()?,
        })
    }

    /// Writes them.
    ///
    /// # Errors
    ///
    /// One cannot be written.
    pub(crate) fn write(self, record: &Record) -> io::Result<()> {
        if let Some(file) = self.json {
            record::write(file, record)?;
        }
        if let Some(mut file) = self.html {
            file.write_all(html::page(record).as_bytes())?;
        }
        Ok(())
    }
}

/// Makes a file.
///
/// # Errors
///
/// It cannot be made, by its name.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    File::create(path).map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
