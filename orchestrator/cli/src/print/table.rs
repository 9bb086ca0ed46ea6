//! Tables as plain columns: readable without lines, easy to cut and to copy.

use comfy_table::{CellAlignment, Table, presets};
use std::fmt::Write;

/// Rows under a heading.
#[derive(Debug)]
pub struct Columns {
    table: Table,
}

impl Columns {
    /// With these headings; a heading that ends in `#` marks a column of numbers and loses the mark.
    pub fn new(headings: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(headings.iter().map(|heading| heading.trim_end_matches('#').to_uppercase()));
        for (at, heading) in headings.iter().enumerate() {
            if let Some(column) = table.column_mut(at) {
                column.set_padding((0, 2));
                if heading.ends_with('#') {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        Self { table }
    }

    /// Adds a row; as many cells as headings.
    pub fn row<I, T>(&mut self, cells: I)
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        self.table.add_row(cells.into_iter().map(Into::into).collect::<Vec<String>>());
    }

    /// Whether no row was added.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The table, each line indented, with a line break at its end; nothing for a table without rows.
    pub fn text(&self, indent: usize) -> String {
        if self.is_empty() {
            return String::new();
        }
        let mut text = String::new();
        for line in self.table.lines() {
            let _ = writeln!(text, "{:indent$}{}", "", line.trim_end());
        }
        text
    }
}

/// `1,234,567`.
pub fn grouped(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 node`, `2 nodes`.
pub fn counted(number: impl Into<u64>, word: &str) -> String {
    let number = number.into();
    format!("{} {word}{}", grouped(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_stand_right() {
        let mut columns = Columns::new(&["wave", "nodes#"]);
        columns.row(["canary", "7"]);
        columns.row(["all", "1,234"]);
        assert_eq!(columns.text(2), "  WAVE    NODES\n  canary      7\n  all     1,234\n");
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0_u32), "0");
        assert_eq!(grouped(999_u32), "999");
        assert_eq!(grouped(1_000_u32), "1,000");
        assert_eq!(grouped(1_234_567_u32), "1,234,567");
        assert_eq!(counted(1_u32, "node"), "1 node");
    }
}
