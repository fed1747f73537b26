//! What a chart keeps of windows: one value each, or what a line through many of them shows.
//!
//! Many windows in one column of the picture are kept as M4 has it (Jugel and others, VLDB 2014): the first, the
//! least, the greatest and the last value. A line drawn through these four covers the same pixels as one through all
//! of them. It must not average: a spike of one window stays as high as it was.

/// The bounds of a window, `[start, end)`, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its start.
    pub start: i64,
    /// Its end, exclusive.
    pub end: i64,
}

/// One window, or several neighbouring ones, of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The first window, by its end.
    pub from: Span,
    /// The last window.
    pub to: Span,
    /// The value of the first window. None of the values is NaN or infinite.
    pub first: f64,
    /// The least value.
    pub least: f64,
    /// The greatest value.
    pub greatest: f64,
    /// The value of the last window.
    pub last: f64,
    /// How many windows they are.
    pub windows: u32,
}

impl Cell {
    /// One window.
    pub fn new(span: Span, value: f64) -> Cell {
        Cell { from: span, to: span, first: value, least: value, greatest: value, last: value, windows: 1 }
    }

    /// Takes in other windows of the key, earlier or later ones.
    pub fn merge(&mut self, other: &Cell) {
        if other.from.end < self.from.end {
            (self.from, self.first) = (other.from, other.first);
        }
        if other.to.end >= self.to.end {
            (self.to, self.last) = (other.to, other.last);
        }
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.windows = self.windows.saturating_add(other.windows);
    }
}

/// The cells in columns of their own: neighbours with the same column become one. They are in order of their ends.
pub fn in_columns<C: PartialEq>(cells: &[Cell], column: impl Fn(&Cell) -> C) -> Vec<Cell> {
    let mut merged: Vec<Cell> = Vec::new();
    for cell in cells {
        match merged.last_mut() {
            Some(last) if column(last) == column(cell) => last.merge(cell),
            _ => merged.push(*cell),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(end: i64, value: f64) -> Cell {
        Cell::new(Span { start: end - 10, end }, value)
    }

    #[test]
    fn four_values_are_kept_in_any_order() {
        let mut cells = [cell(10, 5.0), cell(20, 9.0), cell(30, -1.0), cell(40, 4.0)];
        let want = (5.0, -1.0, 9.0, 4.0, 4);
        for _ in 0..24 {
            let mut merged = cells[0];
            cells[1..].iter().for_each(|other| merged.merge(other));
            let Cell { first, least, greatest, last, windows, .. } = merged;
            assert_eq!((first, least, greatest, last, windows), want);
            assert_eq!((merged.from.end, merged.to.end), (10, 40));
            fastrand::shuffle(&mut cells);
        }
    }

    #[test]
    fn columns() {
        let cells: Vec<Cell> = (1i32..=9).map(|n| cell(i64::from(n) * 10, f64::from(n))).collect();
        let found = in_columns(&cells, |cell| cell.from.end / 40);
        let found: Vec<_> = found.iter().map(|cell| (cell.first, cell.last)).collect();
        assert_eq!(found, [(1.0, 3.0), (4.0, 7.0), (8.0, 9.0)]);
    }
}
