//! Words of a command line: names, options with a value, and options without.

use super::Fault;
use std::collections::BTreeMap;
use std::str::FromStr;

/// What was said behind a verb.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    /// Words that are no options.
    pub(crate) words: Vec<String>,
    options: BTreeMap<String, String>,
}

impl Arguments {
    /// Reads words. Options are known by these names: those with a value, and those without.
    pub(crate) fn read(
        given: &[String],
        with_value: &[&'static str],
        without: &[&'static str],
    ) -> Result<Self, Fault> {
        let mut arguments = Self::default();
        let mut given = given.iter();
        while let Some(word) = given.next() {
            if !word.starts_with("--") {
                if word.starts_with('-') && word.len() > 1 {
                    return Err(Fault::usage(format!("unknown option {word}")));
                }
                arguments.words.push(word.clone());
                continue;
            }
            let (name, value) =
                word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
            let value = match value {
                None if without.contains(&name) => String::new(),
                Some(_) if without.contains(&name) => {
                    return Err(Fault::usage(format!("{name} takes no value")));
                }
                _ if !with_value.contains(&name) => {
                    return Err(Fault::usage(format!("unknown option {name}")));
                }
                Some(value) => value.to_owned(),
                None => given.next().cloned().ok_or_else(|| Fault::usage(format!("{name} needs a value")))?,
            };
            if arguments.options.insert(name.to_owned(), value).is_some() {
                return Err(Fault::usage(format!("{name} is given twice")));
            }
        }
        Ok(arguments)
    }

    /// Was it given?
    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// The value of an option, read as something.
    pub(crate) fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, Fault> {
        let read =
            |text: &str| text.parse().map_err(|_| Fault::usage(format!("{name} {text:?} cannot be read")));
        self.text(name).map(read).transpose()
    }

    /// The one word that there has to be.
    #[cfg(all(feature = "explorer", not(fuzzing)))]
    pub(crate) fn only_word(&self, what: &str) -> Result<&str, Fault> {
        match self.words.as_slice() {
            [word] => Ok(word),
            [] => Err(Fault::usage(format!("{what} is missing"))),
            [_, more, ..] => Err(Fault::usage(format!("{more:?} is too much: one {what} at a time"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, Fault> {
        let given: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Arguments::read(&given, &["--seed", "--json"], &["--all"])
    }

    #[test]
    fn names_and_options_stand_in_any_order() {
        let read = read("one --seed 7 two --json=a=b --all").unwrap();
        assert_eq!(read.words, ["one", "two"]);
        assert_eq!((read.value("--seed").unwrap(), read.text("--json")), (Some(7u64), Some("a=b")));
        assert!(read.has("--all"));
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for line in ["--sead 7", "-s", "--seed", "--all=1", "--seed 1 --seed 2"] {
            assert!(matches!(read(line), Err(Fault::Usage(_))), "{line}");
        }
        assert!(matches!(read("--seed x").unwrap().value::<u64>("--seed"), Err(Fault::Usage(_))));
    }
}
