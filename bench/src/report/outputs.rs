//! The files that a run leaves. All are made before anything is measured, so that an hour's figures are not lost to a
//! wrong path.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::args::Arguments;
use crate::plan::schedule;
use crate::report::record::{self, Record};
use crate::report::{hgrm, html};

/// The files, as far as the user wants them.
#[derive(Debug)]
pub(crate) struct Outputs {
    json: Option<File>,
    html: Option<File>,
    /// A folder that is there.
    hgrm: Option<PathBuf>,
}

impl Outputs {
    /// Makes them.
    ///
    /// # Errors
    ///
    /// One cannot be made, by its name.
    pub(crate) fn create(arguments: &Arguments) -> io::Result<Self> {
        if let Some(folder) = &arguments.hgrm {
            create_folder(folder)?;
        }
        Ok(Self {
            json: arguments.json.as_deref().map(create).transpose()?,
            html: arguments.html.as_deref().map(create).transpose()?,
            hgrm: arguments.hgrm.clone(),
        })
    }

    /// Writes them.
    ///
    /// # Errors
    ///
    /// One cannot be written.
    pub(crate) fn write(self, record: &Record, measured: &[schedule::Row]) -> io::Result<()> {
        if let Some(file) = self.json {
            record::write(file, record)?;
        }
        if let Some(mut file) = self.html {
            file.write_all(html::page(record).as_bytes())?;
        }
        self.hgrm.map_or(Ok(()), |folder| hgrm::write(&folder, measured))
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

/// Makes a folder, if there is none.
///
/// # Errors
///
/// It cannot be made, by its name.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path).map_err(|error| named(path, &error))
}

/// The text in small letters and digits, everything else a line between them: a file's name.
pub(crate) fn slug(text: &str) -> String {
    let spaced: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join("-")
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
