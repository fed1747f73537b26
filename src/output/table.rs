//! `--to table`: aligned columns for people, written when the run ends, since only then their widths are known.

use super::cells::CELL_END;

/// The rows of an aligned table, as they come.
#[derive(Default)]
pub struct Table {
    cells: Vec<u8>,
    widths: Vec<usize>,
    /// Per column, whether every cell reads as a number: such columns stand to the right.
    numeric: Vec<bool>,
}

impl Table {
    /// A table with these column names.
    pub fn new(columns: &[String]) -> Table {
        let mut table =
            Table { widths: vec![0; columns.len()], numeric: vec![true; columns.len()], ..Table::default() };
        let mut header = Vec::new();
        for name in columns {
            header.extend(name.bytes().filter(|&byte| byte >= b' '));
            header.push(CELL_END);
        }
        table.measure(&header, false);
        table.cells = header;
        table
    }

    /// Adds a row: cells, each ended by [`CELL_END`].
    pub fn row(&mut self, cells: &[u8]) {
        self.measure(cells, true);
        self.cells.extend_from_slice(cells);
    }

    fn measure(&mut self, cells: &[u8], typed: bool) {
        let columns = self.widths.iter_mut().zip(&mut self.numeric);
        for ((width, numeric), cell) in columns.zip(cells.split(|&byte| byte == CELL_END)) {
            *width = (*width).max(width_of(cell));
            let is_number =
                || cell.iter().all(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
            if typed && *numeric && !is_number() {
                *numeric = false;
            }
        }
    }

    /// Writes the table.
    pub fn write(&self, out: &mut Vec<u8>) {
        let columns = self.widths.len().max(1);
        let cells = self.cells.split_inclusive(|&byte| byte == CELL_END);
        for (n, cell) in cells.enumerate() {
            let cell = &cell[..cell.len() - 1];
            let column = n % columns;
            let last = column == columns - 1;
            let padding = self.widths[column] - width_of(cell);
            if self.numeric[column] {
                out.resize(out.len() + padding, b' ');
            }
            out.extend_from_slice(cell);
            if last {
                out.push(b'\n');
            } else if self.numeric[column] {
                out.extend_from_slice(b"  ");
            } else {
                out.resize(out.len() + padding + 2, b' ');
            }
        }
    }
}

/// How many columns a text takes up, about: its characters.
fn width_of(cell: &[u8]) -> usize {
    cell.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right() {
        let mut table = Table::new(&["page".into(), "n".into()]);
        table.row(b"/\xc3\xa4\x1f5\x1f");
        table.row(b"/start\x1f-12.5\x1f");
        let mut out = Vec::new();
        table.write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "page        n\n/ä          5\n/start  -12.5\n");
    }
}
