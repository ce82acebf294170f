//! What would be measured, and what is not, with the reason.

use std::io::{self, Write};

use crate::plan::case::GROUPS;
use crate::plan::schedule::{Entry, Schedule};
use crate::systems::Absent;

/// Prints the groups, their cases with the systems of each, and the systems that are absent.
///
/// # Errors
///
/// The output cannot be written.
pub(crate) fn print(
    output: &mut dyn Write,
    entries: &[Entry],
    schedule: Schedule,
    absent: &[Absent],
) -> io::Result<()> {
    for (group, about) in GROUPS {
        let of_group: Vec<&Entry> = entries.iter().filter(|entry| entry.case.group() == group).collect();
        if of_group.is_empty() {
            continue;
        }
        writeln!(output, "{group}: {about}")?;
        for of_case in of_group.chunk_by(|a, b| a.case == b.case) {
            let systems: Vec<&str> = of_case.iter().map(|entry| entry.system.as_str()).collect();
            writeln!(output, "  {}", of_case[0].case.title())?;
            for line in wrapped(&systems, 90) {
                writeln!(output, "      {line}")?;
            }
        }
        writeln!(output)?;
    }
    if !absent.is_empty() {
        writeln!(output, "not measured")?;
        for Absent { name, reason } in absent {
            writeln!(output, "  {name:<20} {reason}")?;
        }
        writeln!(output)?;
    }
    let (rows, seconds) = (entries.len(), schedule.planned(entries).as_secs());
    writeln!(output, "{rows} rows, about {}:{:02} minutes", seconds / 60, seconds % 60)
}

/// The words, with commas between them, in lines of at most `width` characters.
fn wrapped(words: &[&str], width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (index, word) in words.iter().enumerate() {
        let comma = if index + 1 < words.len() { "," } else { "" };
        if let Some(line) = lines.last_mut()
            && (line.is_empty() || line.len() + word.len() + 2 <= width)
        {
            let space = if line.is_empty() { "" } else { " " };
            line.push_str(&format!("{space}{word}{comma}"));
        } else {
            lines.push(format!("{word}{comma}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_broken_between_its_words() {
        assert_eq!(wrapped(&["one", "two", "three"], 9), ["one, two,", "three"]);
        assert_eq!(wrapped(&[], 9), [""]);
    }
}
