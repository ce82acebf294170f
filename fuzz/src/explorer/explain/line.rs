//! Pieces of text at columns of a line, painted or plain.

use std::fmt::Write as _;

/// What a piece of a line looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Faint,
    Strong,
    Stale,
    Fault,
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Faint => "\x1b[2m",
            Self::Strong => "\x1b[1m",
            Self::Stale => "\x1b[1;33m",
            Self::Fault => "\x1b[1;31m",
        }
    }
}

/// A line in the making.
pub(super) struct Line {
    pub(super) text: String,
    /// Columns that are used.
    pub(super) len: usize,
    has_colours: bool,
}

impl Line {
    pub(super) fn new(has_colours: bool) -> Self {
        Self { text: String::new(), len: 0, has_colours }
    }

    pub(super) fn go_to(&mut self, column: usize) {
        let blanks = column.saturating_sub(self.len);
        self.text.extend(std::iter::repeat_n(' ', blanks));
        self.len += blanks;
    }

    pub(super) fn put(&mut self, piece: &str, paint: Paint) {
        self.len += piece.chars().count();
        if self.has_colours && paint != Paint::Plain {
            let _ = write!(self.text, "{}{piece}\x1b[0m", paint.code());
        } else {
            self.text.push_str(piece);
        }
    }
}

/// A text in parts of so many columns, broken at blanks where there are any. Parts but the first have two columns less.
pub(super) fn wrapped(text: &str, room: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    let mut is_first = true;
    std::iter::from_fn(move || {
        let text = rest?;
        let room = if std::mem::take(&mut is_first) { room } else { room - 2 };
        let Some((limit, _)) = text.char_indices().nth(room) else {
            rest = None;
            return Some(text);
        };
        let (part, more) = match text[..limit].rfind(' ') {
            Some(blank) => (&text[..blank], &text[blank + 1..]),
            None => text.split_at(limit),
        };
        rest = Some(more);
        Some(part)
    })
}

/// The end of a path, if it is long.
pub(super) fn tail(path: &str, room: usize) -> String {
    let count = path.chars().count();
    if count <= room {
        return path.to_owned();
    }
    let rest: String = path.chars().skip(count - (room - 2)).collect();
    format!("..{rest}")
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn a_long_text_is_broken_at_blanks_and_loses_nothing() {
        let parts: Vec<_> = wrapped("one two three four", 9).collect();
        assert_eq!(parts, ["one two", "three", "four"]);
        assert_eq!(wrapped("abcdefghij", 4).collect::<Vec<_>>(), ["abcd", "ef", "gh", "ij"]);
        assert_eq!(wrapped("", 4).collect::<Vec<_>>(), [""]);
    }
}
