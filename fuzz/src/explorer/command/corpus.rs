//! Runs that failed once, kept in files: a token a line, and what was wrong in a comment above it.

use crate::command::at;
use crate::explorer::explore::{self, Found};
use crate::explorer::protocols::Entry;
use crate::explorer::token::Token;
use crate::explorer::world::Failure;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

/// The folder that is used where none is named.
const USUAL: &str = "fuzz-corpus";

/// A folder of tokens. It need not exist.
pub(super) struct Corpus {
    folder: PathBuf,
}

/// What became of the runs of a corpus.
#[derive(Default)]
pub(super) struct Replayed {
    /// Runs that were as they should be.
    pub(super) passed: usize,
    /// Lines that mean nothing any more, and why.
    pub(super) stale: Vec<(String, &'static str)>,
    /// Runs that still fail.
    pub(super) failed: Vec<Found>,
}

impl Corpus {
    pub(super) fn at(folder: Option<&str>) -> Self {
        Self { folder: PathBuf::from(folder.unwrap_or(USUAL)) }
    }

    /// The lines of all files, with no line twice.
    fn lines(&self) -> io::Result<Vec<String>> {
        let files = match fs::read_dir(&self.folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at(&self.folder, &error)),
        };
        let mut paths = files.map(|file| file.map(|file| file.path())).collect::<io::Result<Vec<_>>>()?;
        paths.retain(|path| path.is_file());
        paths.sort();
        let mut lines: Vec<String> = Vec::new();
        for path in paths {
            let text = fs::read_to_string(&path).map_err(|error| at(&path, &error))?;
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                if !lines.iter().any(|known| known == line) {
                    lines.push(line.to_owned());
                }
            }
        }
        Ok(lines)
    }

    /// Runs again what belongs to the chosen entries, and names what belongs to none of them all.
    pub(super) fn replay(&self, all: &[Entry], chosen: &[Entry]) -> io::Result<Replayed> {
        let mut replayed = Replayed::default();
        for line in self.lines()? {
            let Ok(token) = line.parse::<Token>() else {
                replayed.stale.push((line, "not a token"));
                continue;
            };
            let of_token = |entry: &&Entry| entry.scenario.name() == token.scenario;
            let Some(entry) = chosen.iter().find(of_token) else {
                if !all.iter().any(|entry| of_token(&entry)) {
                    replayed.stale.push((line, "there is no such scenario"));
                }
                continue;
            };
            let again = explore::replay(&entry.scenario, &token, false);
            match again.found {
                // Whoever is to run alone in another run may not be in a call at all.
                Some(Found { failure: Failure::Wedged { .. }, .. }) | None if !again.is_known => {
                    replayed.stale.push((line, "the scenario or what it runs has changed since"));
                }
                Some(found) => replayed.failed.push(Found { token, ..found }),
                None => replayed.passed += 1,
            }
        }
        Ok(replayed)
    }

    /// Keeps a run, unless it is kept already. The answer is the file.
    pub(super) fn keep(&self, found: &Found) -> io::Result<PathBuf> {
        let path = self.folder.join(format!("{}.tokens", found.token.scenario.replace('/', "-")));
        let line = found.token.to_string();
        if self.lines()?.contains(&line) {
            return Ok(path);
        }
        fs::create_dir_all(&self.folder).map_err(|error| at(&self.folder, &error))?;
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let mut file = file.map_err(|error| at(&path, &error))?;
        let wrong = super::in_a_line(&found.failure);
        file.write_all(format!("# {wrong}\n{line}\n").as_bytes()).map_err(|error| at(&path, &error))?;
        Ok(path)
    }
}
