//! A run in one line: which scenario, within which bounds, and the choices.
//!
//! ```text
//!   spsc-slots~weak,kills=1~4.1-0.3-17.2~9c01f3aa
//!   scenario   bounds       choices      check
//!
//!   4.1    four times the first option, then option 1 (the second)
//!   4.1x3  that three times
//!   @2     after the choices, process 2 runs alone
//!   check  a hash of the numbers of options at each choice: the run is known again by it
//! ```

use crate::explorer::world::Bounds;
use core::fmt;
use core::str::FromStr;

/// A run that can be run again.
///
/// # Examples
///
/// ```
/// use ringway_fuzz::Token;
///
/// let token: Token = "queue~weak,kills=1~4.1-0.3~9c01f3aa".parse()?;
/// assert_eq!(token.to_string(), "queue~weak,kills=1~4.1-0.3~9c01f3aa");
/// # Ok::<(), ringway_fuzz::TokenError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The scenario's name.
    pub scenario: String,
    /// The bounds.
    pub bounds: Bounds,
    /// Which option was taken at each choice; after them the first.
    pub(crate) choices: Vec<u16>,
    /// Who runs alone after them.
    pub(crate) alone: Option<u8>,
    /// By which the run is known again.
    pub(crate) check: u32,
}

/// A line that is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenError {
    /// What cannot be read.
    pub what: String,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a token: {}", self.what)
    }
}

impl core::error::Error for TokenError {}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}~", self.scenario, self.bounds)?;
        let (mut firsts, mut pairs) = (0usize, Vec::new());
        for &choice in &self.choices {
            if choice == 0 {
                firsts += 1;
            } else {
                pairs.push((core::mem::take(&mut firsts), choice));
            }
        }
        let mut is_first = true;
        for same in pairs.chunk_by(|one, other| one == other) {
            let (dash, (before, choice)) = (if is_first { "" } else { "-" }, same[0]);
            write!(f, "{dash}{before}.{choice}")?;
            if same.len() > 1 {
                write!(f, "x{}", same.len())?;
            }
            is_first = false;
        }
        // Said only where somebody runs alone after it.
        if let Some(process) = self.alone {
            write!(f, "{}{firsts}@{process}", if is_first { "" } else { "-" })?;
        }
        write!(f, "~{:08x}", self.check)
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(line: &str) -> Result<Self, TokenError> {
        let wrong = |what: &str| TokenError { what: what.to_owned() };
        let parts: Vec<&str> = line.trim().split('~').collect();
        let [scenario, bounds, choices, check] = parts[..] else {
            return Err(wrong("it has four parts with ~ between them, as NAME~weak~4.1~9c01f3aa"));
        };
        let mut token = Self {
            scenario: scenario.to_owned(),
            bounds: bounds.parse()?,
            choices: Vec::new(),
            alone: None,
            check: u32::from_str_radix(check, 16).map_err(|_| wrong(check))?,
        };
        for pair in choices.split('-').filter(|pair| !pair.is_empty()) {
            let (pair, times) = pair.split_once('x').unwrap_or((pair, "1"));
            let times: usize = times.parse().map_err(|_| wrong(pair))?;
            let (firsts, last, is_alone) = match (pair.split_once('.'), pair.split_once('@')) {
                (Some((firsts, last)), _) => (firsts, last, false),
                (None, Some((firsts, last))) => (firsts, last, true),
                _ => return Err(wrong(pair)),
            };
            let firsts: usize = firsts.parse().map_err(|_| wrong(pair))?;
            // No run is that long.
            if firsts.saturating_mul(times) > 1_000_000 || token.choices.len() > 1_000_000 {
                return Err(wrong(pair));
            }
            let last: u16 = last.parse().map_err(|_| wrong(pair))?;
            for _ in 0..times {
                token.choices.resize(token.choices.len() + firsts, 0);
                if is_alone {
                    token.alone = Some(u8::try_from(last).map_err(|_| wrong(pair))?);
                } else {
                    token.choices.push(last);
                }
            }
        }
        Ok(token)
    }
}

/// The numbers of [`Bounds`], by name.
type Numbers = [(&'static str, fn(&mut Bounds) -> &mut u8); 9];

const NUMBERS: Numbers = [
    ("kills", |bounds| &mut bounds.kills),
    ("restarts", |bounds| &mut bounds.restarts),
    ("stalls", |bounds| &mut bounds.stalls),
    ("spurious", |bounds| &mut bounds.spurious),
    ("faults", |bounds| &mut bounds.faults),
    ("early", |bounds| &mut bounds.early),
    ("scribbles", |bounds| &mut bounds.scribbles),
    ("window", |bounds| &mut bounds.window),
    ("without", |bounds| &mut bounds.without),
];

impl fmt::Display for Bounds {
    /// `weak` or `strong`, and what differs from that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.weak { "weak" } else { "strong" })?;
        let (mut ours, mut usual) = (*self, Self::WEAK);
        for (name, number) in NUMBERS {
            let ours = *number(&mut ours);
            if ours != *number(&mut usual) {
                write!(f, ",{name}={ours}")?;
            }
        }
        if self.lingers {
            f.write_str(",lingers")?;
        }
        if self.steps != Self::WEAK.steps {
            write!(f, ",steps={}", self.steps)?;
        }
        Ok(())
    }
}

impl FromStr for Bounds {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let wrong = |what: &str| TokenError { what: format!("{what:?} is no bound") };
        let no_number =
            |what: &str, max: u32| TokenError { what: format!("{what:?} has no number up to {max}") };
        let mut bounds = Self::WEAK;
        for word in text.split(',') {
            match (word, word.split_once('=')) {
                ("weak", _) => bounds.weak = true,
                ("strong", _) => bounds.weak = false,
                ("lingers", _) => bounds.lingers = true,
                (_, Some(("steps", value))) => {
                    bounds.steps = value.parse().map_err(|_| no_number(word, u32::MAX))?;
                }
                (_, Some((name, value))) => {
                    let known = NUMBERS.iter().find(|(known, _)| *known == name);
                    let (_, number) = known.ok_or_else(|| wrong(word))?;
                    *number(&mut bounds) = value.parse().map_err(|_| no_number(word, u8::MAX.into()))?;
                }
                _ => return Err(wrong(word)),
            }
        }
        Ok(bounds)
    }
}
