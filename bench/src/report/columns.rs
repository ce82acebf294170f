//! Columns of text that are as wide as their cells, and of which the least missed are left out where there is no room.

use std::io::{self, Write};

/// A head and a cell for each row.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub head: String,
    pub cells: Vec<String>,
    pub is_left: bool,
    /// How much it is missed, if it may be left out.
    missed: Option<u32>,
}

impl Column {
    /// One that stays, and stands to the right.
    pub(crate) fn new(head: &str, cells: Vec<String>) -> Self {
        Self { head: head.to_owned(), cells, is_left: false, missed: None }
    }

    /// Stands to the left.
    pub(crate) fn left(self) -> Self {
        Self { is_left: true, ..self }
    }

    /// May be left out, before those that are missed more.
    pub(crate) fn missed(self, much: u32) -> Self {
        Self { missed: Some(much), ..self }
    }

    fn width(&self) -> usize {
        self.cells.iter().chain([&self.head]).map(|text| text.chars().count()).max().unwrap_or(0)
    }

    fn padded(&self, text: &str) -> String {
        let width = self.width();
        if self.is_left { format!("{text:<width$}") } else { format!("{text:>width$}") }
    }
}

/// Prints the columns in lines of at most `width` characters, as far as some may be left out, and says which were.
///
/// # Errors
///
/// The output cannot be written.
pub(crate) fn print_columns(
    output: &mut dyn Write,
    mut columns: Vec<Column>,
    width: usize,
) -> io::Result<Vec<String>> {
    let mut left_out = Vec::new();
    while columns.iter().map(|column| column.width() + 2).sum::<usize>() > width {
        let places = columns.iter().enumerate().filter_map(|(index, column)| Some((column.missed?, index)));
        let Some((_, least)) = places.min() else { break };
        left_out.push(columns.remove(least).head.trim().to_owned());
    }
    let rows = columns.first().map_or(0, |column| column.cells.len());
    let mut print = |text: &dyn Fn(&Column) -> String| {
        let cells: Vec<String> = columns.iter().map(|column| column.padded(&text(column))).collect();
        writeln!(output, "  {}", cells.join("  ").trim_end())
    };
    if rows > 0 {
        print(&|column| column.head.clone())?;
    }
    for row in 0..rows {
        print(&|column| column.cells[row].clone())?;
    }
    Ok(left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_missed_column_is_left_out_first() {
        let column = |head: &str| Column::new(head, vec!["12345".to_owned()]);
        let columns = vec![column("a"), column("b").missed(2), column("c").missed(1)];
        let mut output = Vec::new();
        assert_eq!(print_columns(&mut output, columns, 14).unwrap(), ["c"]);
        assert_eq!(String::from_utf8(output).unwrap(), "      a      b\n  12345  12345\n");
    }
}
