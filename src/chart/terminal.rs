//! A chart for a terminal: lines of text, as wide as asked for.
//!
//! Colours are ANSI sequences of its own making; what comes from outside never is one.

use super::calendar;
use super::canvas::{Canvas, Ink, letter};
use super::label::{fitted, shown, spread, width};
use super::plot::{self, Axis, Point};
use super::scale::{Scale, full};
use super::{Chart, Kind, Panel};

/// What a terminal can show, and how large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Characters in a line.
    pub columns: usize,
    /// Lines of the screen.
    pub lines: usize,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
    /// Whether colours are wanted.
    pub colour: bool,
}

impl Default for Look {
    fn default() -> Look {
        Look { columns: 80, lines: 24, unicode: true, colour: false }
    }
}

/// The least and the greatest width that is drawn for.
pub const COLUMNS: std::ops::RangeInclusive<usize> = 40..=400;
/// What is told apart on dark and on light grounds, and by most who do not see all colours: of the 256 of terminals.
const COLOURS: [u8; 8] = [33, 208, 36, 170, 178, 44, 245, 131];
const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// The chart as text, each line ended.
pub fn draw(chart: &Chart, look: Look) -> String {
    let look = Look { columns: look.columns.clamp(*COLUMNS.start(), *COLUMNS.end()), ..look };
    let mut page = Page { look, text: String::new() };
    let (title, below) = chart.captions();
    page.caption(&title, BOLD);
    if !below.is_empty() {
        page.caption(&below, DIM);
    }
    match Axis::of(chart) {
        None => page.caption("(nothing to draw: there are no rows with numbers)", ""),
        Some(_) if chart.kind == Kind::Bars => page.bars(chart),
        Some(axis) => page.lines(chart, axis),
    }
    chart.notes.iter().for_each(|note| page.caption(note, DIM));
    page.text
}

struct Page {
    look: Look,
    text: String,
}

impl Page {
    /// A label that fits, in characters that the terminal has.
    fn shown(&self, text: &str, columns: usize) -> String {
        shown(text, columns, self.look.unicode)
    }

    /// A text of its own, in as many lines as it needs, up to three.
    fn caption(&mut self, text: &str, style: &str) {
        let columns = self.look.columns;
        let text = self.shown(text, 3 * columns);
        let mut line = String::new();
        for word in text.split_inclusive(' ') {
            if !line.is_empty() && width(&line) + width(word.trim_end()) > columns {
                self.styled(line.trim_end(), style);
                self.text.push('\n');
                line.clear();
            }
            line += word;
        }
        let rest = fitted(line.trim_end(), columns);
        self.styled(&rest, style);
        self.text.push('\n');
    }

    fn styled(&mut self, text: &str, style: &str) {
        match self.look.colour && !style.is_empty() && !text.is_empty() {
            true => self.text += &format!("{style}{text}{PLAIN}"),
            false => self.text += text,
        }
    }

    fn ink(&self) -> Ink {
        if self.look.unicode { Ink::Braille } else { Ink::Ascii }
    }

    /// How many lines a panel is high.
    fn height(&self, chart: &Chart) -> usize {
        let panels = chart.panels.len().max(1);
        // Captions, the axis and its labels, notes and the prompt stand there too.
        let room = self.look.lines.saturating_sub(6 + chart.notes.len()) / panels;
        let labels = chart.panels.iter().map(|panel| panel.series.len()).max().unwrap_or(0);
        room.saturating_sub(usize::from(panels > 1)).clamp(if panels > 1 { 7 } else { 10 }, 24).max(labels)
    }

    fn lines(&mut self, chart: &Chart, axis: Axis) {
        let height = self.height(chart);
        let scales: Vec<Scale> = chart.panels.iter().map(|panel| scale(panel, height)).collect();
        let texts = scales.iter().flat_map(|scale| &scale.ticks).map(|tick| width(&tick.text));
        let left = texts.max().unwrap_or(0);
        let labels = chart.panels.iter().flat_map(|panel| &panel.series);
        let letters = if self.marks(chart) { 2 } else { 0 };
        let right = labels.map(|series| width(&self.shown(&series.label, 24)) + letters).max().unwrap_or(0);
        let right = right.min(self.look.columns / 3);
        // An axis with a blank behind its texts, and a blank before labels.
        let plot = self.look.columns.saturating_sub(left + 2 + right + usize::from(right > 0)).max(10);
        for (panel, scale) in chart.panels.iter().zip(&scales) {
            if chart.panels.len() > 1 {
                let name = self.shown(&panel.measure, self.look.columns);
                self.styled(&name, BOLD);
                self.text.push('\n');
            }
            let canvas = self.canvas(chart, panel, scale, axis, (plot, height));
            self.panel(chart, panel, (scale, &canvas), axis, (left, height));
        }
        self.time_axis(chart, axis, left, plot);
    }

    /// Whether lines need letters to be told apart.
    fn marks(&self, chart: &Chart) -> bool {
        let lines = chart.panels.iter().map(|panel| panel.series.len()).max().unwrap_or(0);
        lines > 1 && (!self.look.colour || !self.look.unicode || lines > COLOURS.len())
    }

    fn canvas(
        &self,
        chart: &Chart,
        panel: &Panel,
        scale: &Scale,
        axis: Axis,
        (columns, rows): (usize, usize),
    ) -> Canvas {
        let mut canvas = Canvas::new(columns, rows, self.ink());
        let (across, high) = canvas.dots();
        let dot = |point: &Point| {
            let x = (point.x * (across - 1) as f64).round() as usize;
            let y = ((1.0 - scale.at(point.value)) * (high - 1) as f64).round() as usize;
            (x, y)
        };
        // The largest comes last, above the others.
        for (line, series) in panel.series.iter().enumerate().rev() {
            for run in plot::runs(chart, series, axis, across) {
                let dots: Vec<_> = run.iter().map(dot).collect();
                match &dots[..] {
                    [(x, y)] => canvas.dot(*x, *y, line),
                    dots => dots.windows(2).for_each(|pair| canvas.line(pair[0], pair[1], line)),
                }
            }
        }
        if self.marks(chart) && self.ink() == Ink::Braille {
            canvas.put_letters(panel.series.len());
        }
        canvas
    }

    /// The rows of a panel: the y axis, the drawing, and each line's label at the height of its end.
    fn panel(
        &mut self,
        chart: &Chart,
        panel: &Panel,
        (scale, canvas): (&Scale, &Canvas),
        axis: Axis,
        (left, height): (usize, usize),
    ) {
        let mut ticks = vec![None; height];
        for tick in &scale.ticks {
            ticks[row_of(scale, tick.value, height)] = Some(&tick.text[..]);
        }
        let mut labels = vec![None; height];
        let ends: Vec<(usize, f64)> = (panel.series.iter().enumerate())
            .filter_map(|(line, series)| {
                let end = plot::end(chart, series, axis)?;
                Some((line, row_of(scale, end.value, height) as f64))
            })
            .collect();
        let wanted: Vec<f64> = ends.iter().map(|(_, row)| *row).collect();
        for (spot, (line, _)) in spread(&wanted, 1.0, 0.0, (height - 1) as f64).iter().zip(&ends) {
            labels[((spot + 1e-6) as usize).min(height - 1)] = Some(*line);
        }
        let (bar, tick_mark) = if self.look.unicode { ("│", "┤") } else { ("|", "+") };
        for row in 0..height {
            let text = ticks[row].unwrap_or("");
            let mark = if ticks[row].is_some() { tick_mark } else { bar };
            self.styled(&format!("{text:>left$} {mark}"), DIM);
            let drawn = canvas.row(row).collect::<Vec<_>>();
            self.drawn(&drawn, labels[row].is_some());
            if let Some(line) = labels[row] {
                self.label(chart, panel, line);
            }
            self.text.push('\n');
        }
    }

    /// A row of a drawing, in runs of one colour; blanks at its end only where something follows.
    fn drawn(&mut self, row: &[(char, Option<usize>)], follows: bool) {
        let len = match follows {
            true => row.len(),
            false => row.iter().rposition(|(c, _)| *c != ' ').map_or(0, |last| last + 1),
        };
        for run in row[..len].chunk_by(|a, b| a.1 == b.1) {
            let text: String = run.iter().map(|(c, _)| *c).collect();
            self.styled(&text, &run[0].1.map_or_else(String::new, colour));
        }
    }

    fn label(&mut self, chart: &Chart, panel: &Panel, line: usize) {
        let label = &panel.series[line].label;
        let most = (self.look.columns / 3).min(24);
        let text = match self.marks(chart) {
            true => format!("{} {}", letter(line), self.shown(label, most.saturating_sub(2)))
                .trim_end()
                .to_owned(),
            false => self.shown(label, most),
        };
        if !text.is_empty() {
            self.text.push(' ');
            self.styled(&text, &colour(line));
        }
    }

    /// The axis below the last panel, with its ticks.
    fn time_axis(&mut self, chart: &Chart, axis: Axis, left: usize, plot: usize) {
        let column = |at: i64| (axis.at(at) * (plot - 1) as f64).round() as usize;
        // Where a label starts, seen from the first column of the plot, with the tick in its middle.
        let start = |tick: &calendar::Tick| {
            let len = tick.text.len();
            column(tick.at).saturating_sub(len / 2).min(plot.saturating_sub(len))
        };
        let fits = |ticks: &[calendar::Tick]| {
            ticks.windows(2).all(|pair| start(&pair[0]) + pair[0].text.len() + 2 <= start(&pair[1]))
                && ticks.iter().all(|tick| tick.text.len() <= plot)
        };
        let ticks = calendar::ticks(axis.from, axis.to, &chart.clock, fits);
        let (corner, dash, mark) = if self.look.unicode { ('└', '─', '┬') } else { ('+', '-', '+') };
        let mut rule = vec![dash; plot];
        let mut texts = String::new();
        for tick in &ticks {
            rule[column(tick.at)] = mark;
            texts += &" ".repeat(start(tick).saturating_sub(texts.len()));
            texts += &tick.text;
        }
        let rule: String = rule.into_iter().collect();
        self.styled(&format!("{:left$} {corner}{rule}", ""), DIM);
        self.text.push('\n');
        if !texts.is_empty() {
            self.styled(&format!("{:left$}  {texts}", ""), DIM);
            self.text.push('\n');
        }
    }

    /// A bar for each key.
    fn bars(&mut self, chart: &Chart) {
        for (n, panel) in chart.panels.iter().enumerate() {
            if chart.panels.len() > 1 {
                let gap = if n > 0 { "\n" } else { "" };
                let name = self.shown(&panel.measure, self.look.columns);
                self.text += gap;
                self.styled(&name, BOLD);
                self.text.push('\n');
            }
            self.bar_panel(panel);
        }
    }

    fn bar_panel(&mut self, panel: &Panel) {
        let values: Vec<Option<f64>> =
            panel.series.iter().map(|series| series.cells.last().map(|cell| cell.last)).collect();
        let labels: Vec<String> =
            panel.series.iter().map(|series| self.shown(&series.label, self.look.columns / 3)).collect();
        let texts: Vec<String> = values.iter().map(|value| value.map_or("none".to_owned(), full)).collect();
        let left = labels.iter().map(|label| width(label)).max().unwrap_or(0);
        let right = texts.iter().map(String::len).max().unwrap_or(0);
        let plot = self.look.columns.saturating_sub(left + 1 + usize::from(left > 0) + right).max(8);
        let (low, high) = panel.range().unwrap_or((0.0, 0.0));
        let (low, high) = (low.min(0.0), high.max(0.0));
        // Eighths of a character, from the least value or zero on.
        let place = |value: f64| match high / 2.0 - low / 2.0 {
            0.0 => 0,
            whole => (((value / 2.0 - low / 2.0) / whole) * (plot * 8) as f64).round() as usize,
        };
        for ((label, value), text) in labels.iter().zip(&values).zip(&texts) {
            let pad = " ".repeat(left - width(label));
            let gap = if left > 0 { " " } else { "" };
            self.text += &format!("{label}{pad}{gap}");
            let value = value.unwrap_or(0.0);
            let (from, to) = (place(value.min(0.0)), place(value.max(0.0)));
            let bar = self.bar(from, to);
            let used = bar.chars().count();
            self.styled(&bar, &colour(0));
            // Beside the end of the bar, where it is looked for; below zero there may be no room.
            let shift = if value < 0.0 { place(0.0).div_ceil(8).saturating_sub(used) } else { 0 };
            self.text += &format!("{} {text}\n", " ".repeat(shift));
        }
    }

    /// A bar between two places, in eighths of characters.
    fn bar(&self, from: usize, to: usize) -> String {
        let blanks = " ".repeat(from / 8);
        let whole = (to / 8).saturating_sub(from / 8);
        if !self.look.unicode {
            return blanks + &"#".repeat(whole.max(usize::from(to > from)));
        }
        const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
        let mut bar = blanks + &"█".repeat(whole);
        bar += EIGHTHS[if to > from { to % 8 } else { 0 }];
        bar
    }
}

/// The ANSI sequence of a line's colour.
fn colour(line: usize) -> String {
    format!("\x1b[38;5;{}m", COLOURS[line % COLOURS.len()])
}

/// A scale whose ticks stand in rows of their own, with a row between them.
fn scale(panel: &Panel, height: usize) -> Scale {
    let (least, greatest) = panel.range().unwrap_or((0.0, 0.0));
    let wanted = (height / 3).clamp(2, 6);
    let scales = (1..=wanted).rev().map(|ticks| Scale::new(least, greatest, ticks));
    let has_room = |scale: &Scale| {
        let rows: Vec<usize> = scale.ticks.iter().map(|tick| row_of(scale, tick.value, height)).collect();
        rows.windows(2).all(|pair| pair[0] > pair[1] + 1)
    };
    scales.into_iter().find(has_room).unwrap_or_else(|| Scale::new(least, greatest, 2))
}

/// The row of characters in which a value stands, from the top.
fn row_of(scale: &Scale, value: f64, height: usize) -> usize {
    let dots = (height * 4 - 1) as f64;
    (((1.0 - scale.at(value)) * dots).round() as usize / 4).min(height - 1)
}
