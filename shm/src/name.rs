//! Names of regions: who may see them, what they may be, and where they lie.
//!
//! ```text
//!   "quotes"                    /dev/shm/ringway-1000-quotes        my own (user 1000), the default
//!   Name::of_user("quotes", 7)  /dev/shm/ringway-7-quotes           user 7's
//!   Name::machine("quotes")     /dev/shm/ringway-machine-quotes     the machine's
//! ```
//!
//! A prefix keeps users from meeting each other's names by accident; it is no lock, since anyone may create files
//! there. Whose a region is, the kernel says: an opener refuses one that belongs to somebody else unless told otherwise.

use core::fmt;
use std::path::{Path, PathBuf};

/// Where POSIX names lie on Linux.
pub(crate) const DIRECTORY: &str = "/dev/shm";

/// First part of the file name of every named region.
const PREFIX: &str = "ringway-";

/// Longest name, in bytes.
pub const NAME_LEN_MAX: usize = 200;

/// Whose namespace a name lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Namespace {
    /// One user's, by user id.
    User(u32),
    /// The one that all users share.
    Machine,
}

/// A checked name of a region.
///
/// 1 to [`NAME_LEN_MAX`] ASCII letters, digits, `.`, `_` and `-`, the first a letter or digit.
///
/// # Examples
///
/// ```
/// use ringway_shm::{Name, NameError};
///
/// assert_eq!(Name::new("quotes")?.text(), "quotes");
/// assert_eq!(Name::new("no/slash"), Err(NameError::Character { at: 2, found: '/' }));
/// # Ok::<(), NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    namespace: Namespace,
    text: String,
}

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// The name is empty.
    Empty,
    /// The name is longer than [`NAME_LEN_MAX`] bytes.
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A character that a name cannot have, or cannot begin with.
    Character {
        /// Its byte offset.
        at: usize,
        /// The character.
        found: char,
    },
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a name has at least one character"),
            Self::TooLong { len } => write!(f, "a name of {len} bytes, the longest has {NAME_LEN_MAX}"),
            Self::Character { at, found } => write!(f, "{found:?} cannot stand at byte {at} of a name"),
        }
    }
}

impl core::error::Error for NameError {}

impl Name {
    /// A name in the calling user's own namespace.
    ///
    /// # Errors
    ///
    /// [`NameError`] when the text is no name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        Self::of_user(text, rustix::process::geteuid().as_raw())
    }

    /// A name in another user's namespace.
    ///
    /// # Errors
    ///
    /// [`NameError`] when the text is no name.
    pub fn of_user(text: &str, user: u32) -> Result<Self, NameError> {
        check(text)?;
        Ok(Self { namespace: Namespace::User(user), text: text.to_owned() })
    }

    /// A name in the namespace that all users of the machine share.
    ///
    /// # Errors
    ///
    /// [`NameError`] when the text is no name.
    pub fn machine(text: &str) -> Result<Self, NameError> {
        check(text)?;
        Ok(Self { namespace: Namespace::Machine, text: text.to_owned() })
    }

    /// The name as the user wrote it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whose it is.
    #[must_use]
    pub fn namespace(&self) -> Namespace {
        self.namespace
    }

    /// The POSIX name, as `shm_open` takes it, without the leading slash.
    #[must_use]
    pub fn posix(&self) -> String {
        match self.namespace {
            Namespace::User(user) => format!("{PREFIX}{user}-{}", self.text),
            Namespace::Machine => format!("{PREFIX}machine-{}", self.text),
        }
    }

    /// Where the region lies in the file system.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new(DIRECTORY).join(self.posix())
    }

    /// The name that a file name of the directory stands for, if it is one of ours.
    pub(crate) fn from_posix(file_name: &str) -> Option<Self> {
        let (owner, text) = file_name.strip_prefix(PREFIX)?.split_once('-')?;
        let name = match owner {
            "machine" => Self::machine(text),
            user => Self::of_user(text, user.parse().ok()?),
        };
        // "007" parses as a user but is not how a user's name is written.
        name.ok().filter(|name| name.posix() == file_name)
    }
}

/// Is the text a name?
fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > NAME_LEN_MAX {
        return Err(NameError::TooLong { len: text.len() });
    }
    for (at, found) in text.char_indices() {
        let fits = found.is_ascii_alphanumeric() || (at > 0 && matches!(found, '.' | '_' | '-'));
        if !fits {
            return Err(NameError::Character { at, found });
        }
    }
    Ok(())
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<&str> for Name {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl TryFrom<&String> for Name {
    type Error = NameError;

    fn try_from(text: &String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl TryFrom<&Name> for Name {
    type Error = NameError;

    fn try_from(name: &Name) -> Result<Self, NameError> {
        Ok(name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_file_names_are_one_to_one() {
        for name in
            [Name::of_user("a-b.c_d", 0), Name::of_user("9", 4_294_967_294), Name::machine("machine-x")]
        {
            let name = name.unwrap();
            assert_eq!(Name::from_posix(&name.posix()), Some(name));
        }
        for stranger in
            ["", "ringway-", "ringway-7", "ringway-7-", "ringway-007-a", "ringway-x-a", "other-7-a"]
        {
            assert_eq!(Name::from_posix(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn what_is_no_name_is_said() {
        assert_eq!(Name::new(""), Err(NameError::Empty));
        assert_eq!(Name::new(&"x".repeat(201)), Err(NameError::TooLong { len: 201 }));
        assert_eq!(Name::new(".hidden"), Err(NameError::Character { at: 0, found: '.' }));
        assert_eq!(Name::new("a\0b"), Err(NameError::Character { at: 1, found: '\0' }));
        assert_eq!(Name::new("größe"), Err(NameError::Character { at: 2, found: 'ö' }));
        assert!(Name::new(&"x".repeat(200)).is_ok());
    }
}
