//! A drawing made of characters: Braille patterns with two by four dots each, or plain ASCII with one mark each.

/// Which characters are drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Braille patterns, for terminals that show UTF-8.
    Braille,
    /// ASCII: each line in a letter of its own.
    Ascii,
}

/// The drawing.
pub struct Canvas {
    columns: usize,
    rows: usize,
    ink: Ink,
    cells: Vec<Place>,
}

/// One character.
#[derive(Clone, Copy, Default)]
struct Place {
    /// The dots of a Braille pattern.
    dots: u8,
    /// The line drawn here last, counted from 1; 0: none.
    line: u16,
    /// A letter that stands here instead.
    letter: Option<char>,
}

/// The bits of a Braille pattern's dots, by column and row.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

impl Canvas {
    /// An empty drawing of so many characters.
    pub fn new(columns: usize, rows: usize, ink: Ink) -> Canvas {
        Canvas { columns, rows, ink, cells: vec![Place::default(); columns * rows] }
    }

    /// How many dots it is wide and high.
    pub fn dots(&self) -> (usize, usize) {
        match self.ink {
            Ink::Braille => (self.columns * 2, self.rows * 4),
            Ink::Ascii => (self.columns, self.rows * 4),
        }
    }

    /// Draws a straight line between two dots, both included. Dots beyond the edge are left out.
    pub fn line(&mut self, (x0, y0): (usize, usize), (x1, y1): (usize, usize), line: usize) {
        let steps = x0.abs_diff(x1).max(y0.abs_diff(y1)).max(1);
        let between = |a: usize, b: usize, n: usize| {
            let (a, b) = (a as f64, b as f64);
            (a + (b - a) * n as f64 / steps as f64).round() as usize
        };
        for n in 0..=steps {
            self.dot(between(x0, x1, n), between(y0, y1, n), line);
        }
    }

    /// Draws a dot.
    pub fn dot(&mut self, x: usize, y: usize, line: usize) {
        let ((column, in_column), (row, in_row)) = match self.ink {
            Ink::Braille => ((x / 2, x % 2), (y / 4, y % 4)),
            Ink::Ascii => ((x, 0), (y / 4, 0)),
        };
        if column < self.columns && row < self.rows {
            let place = &mut self.cells[row * self.columns + column];
            place.dots |= DOTS[in_column][in_row];
            place.line = line as u16 + 1;
        }
    }

    /// Puts a letter on each line, now and then, by which lines are told apart where they have no colour.
    pub fn put_letters(&mut self, lines: usize) {
        let apart = (2 * lines + 6).max(12);
        for line in 0..lines {
            // Those of different lines stand in different columns.
            for column in (2 + 2 * line..self.columns).step_by(apart) {
                let mut rows = (0..self.rows).map(|row| row * self.columns + column);
                if let Some(at) = rows.find(|at| usize::from(self.cells[*at].line) == line + 1) {
                    self.cells[at].letter = Some(letter(line));
                }
            }
        }
    }

    /// The characters of a row, each with the line that it belongs to.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (char, Option<usize>)> {
        self.cells[row * self.columns..][..self.columns].iter().map(|place| {
            let line = usize::from(place.line).checked_sub(1);
            let drawn = match (place.letter, line, self.ink) {
                (Some(letter), ..) => letter,
                (None, None, _) => ' ',
                (None, Some(_), Ink::Braille) => {
                    char::from_u32(0x2800 + u32::from(place.dots)).unwrap_or('*')
                }
                (None, Some(line), Ink::Ascii) => letter(line),
            };
            (drawn, line)
        })
    }
}

/// The letter of a line, counted from 0: A to Z, a to z, and again.
pub fn letter(line: usize) -> char {
    let all = || ('A'..='Z').chain('a'..='z');
    all().nth(line % 52).unwrap_or('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(canvas: &Canvas) -> Vec<String> {
        (0..canvas.rows).map(|row| canvas.row(row).map(|(c, _)| c).collect()).collect()
    }

    #[test]
    fn lines() {
        let mut canvas = Canvas::new(3, 2, Ink::Braille);
        canvas.line((0, 7), (5, 0), 0);
        assert_eq!(text(&canvas), [" ⢀⠎", "⡰⠁ "]);
        let mut canvas = Canvas::new(4, 2, Ink::Ascii);
        canvas.line((0, 7), (3, 0), 1);
        canvas.dot(9, 9, 0);
        assert_eq!(text(&canvas), ["  BB", "BB  "]);
    }

    #[test]
    fn letters_stand_on_their_lines() {
        let mut canvas = Canvas::new(20, 2, Ink::Braille);
        canvas.line((0, 0), (39, 0), 0);
        canvas.line((0, 7), (39, 7), 1);
        canvas.put_letters(2);
        let rows = text(&canvas);
        assert!(rows[0].contains('A') && !rows[0].contains('B'), "{rows:?}");
        assert!(rows[1].contains('B') && !rows[1].contains('A'), "{rows:?}");
    }
}
