//! A folder for the files of one channel, which goes when the channel does.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder that is removed with all that is in it, by each end when it is dropped: whichever of them lives longer leaves
/// nothing behind, also when the other was killed.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder of that name in `parent`, which the library makes when it needs it.
    pub(crate) fn of(parent: impl AsRef<Path>, name: &str) -> Self {
        Self(parent.as_ref().join(name))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is gone if the other end was here first.
        _ = fs::remove_dir_all(&self.0);
    }
}
