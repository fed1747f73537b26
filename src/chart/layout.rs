//! Where the parts of a picture stand, in pixels: margins after the texts in them, plots, scales and ticks.
//!
//! Nobody knows which font a reader has, so widths of texts are estimates on the wide side.

use super::calendar::{self, Tick};
use super::label::spread;
use super::plot::{self, Axis, Point};
use super::scale::Scale;
use super::{Chart, Panel, Series};
use crate::error::printable;

/// The size of texts, in pixels.
pub const FONT: f64 = 12.0;
/// The size of the title.
pub const TITLE_FONT: f64 = 17.0;
/// How far lines of text are apart.
pub const LINE: f64 = 16.0;
/// How far labels at the ends of lines are apart at least.
pub const APART: f64 = 15.0;
/// What is left free at the edges.
pub const EDGE: f64 = 16.0;
/// From the plot to the labels: room for what leads there.
pub const LEAD: f64 = 26.0;
/// The width of a picture that nobody has set.
const WIDTH: usize = 960;

/// The size that was asked for, in pixels.
#[derive(Debug, Clone, Copy, Default)]
pub struct Size {
    /// The width.
    pub width: Option<usize>,
    /// The height.
    pub height: Option<usize>,
}

/// Where everything stands.
pub struct Layout {
    /// The width of the picture.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// The left edge of all plots.
    pub left: f64,
    /// Their right edge.
    pub right: f64,
    /// The plots.
    pub plots: Vec<Plot>,
    /// The x axis.
    pub axis: Axis,
    /// The ticks on it, whose texts do not overlap.
    pub ticks: Vec<Tick>,
    /// Where the first note stands.
    pub notes: f64,
}

/// The plot of a panel.
pub struct Plot {
    /// Its upper edge.
    pub top: f64,
    /// Its lower edge.
    pub bottom: f64,
    /// Its y axis.
    pub scale: Scale,
    /// The heights at which labels stand, for series that have an end.
    pub labels: Vec<Label>,
}

/// The label of a series.
pub struct Label {
    /// The number of the series.
    pub line: usize,
    /// Where the line ends.
    pub end: (f64, f64),
    /// The height of the label's middle.
    pub y: f64,
    /// Its text, made to fit.
    pub text: String,
}

impl Layout {
    /// Where the parts of a chart of lines stand; `None` if there is nothing in it.
    pub fn of(chart: &Chart, size: Size) -> Option<Layout> {
        let axis = Axis::of(chart)?;
        let width = size.width.unwrap_or(WIDTH) as f64;
        let most = (width / 4.0).min(190.0);
        let heading = heading(chart);
        let footing = 30.0 + chart.notes.len() as f64 * LINE + EDGE;
        let panels = chart.panels.len().max(1) as f64;
        let caption = if chart.panels.len() > 1 { 26.0 } else { 4.0 };
        let labels = chart.panels.iter().map(|panel| panel.series.len()).max().unwrap_or(0) as f64;
        let usual = if chart.panels.len() > 1 { 180.0 } else { 320.0 };
        let asked = size
            .height
            .map(|height| ((height as f64 - heading - footing) / panels - caption - 10.0).max(60.0));
        let high = asked.unwrap_or(usual).max(labels * APART);
        let ticks = ((high / 50.0) as usize).clamp(2, 8);
        let scales = chart.panels.iter().map(|panel| scale(panel, ticks));
        let scales: Vec<Scale> = scales.collect();
        let texts = scales.iter().flat_map(|scale| &scale.ticks).map(|tick| text_width(&tick.text, FONT));
        let left = EDGE + texts.fold(0.0, f64::max) + 8.0;
        let all = chart.panels.iter().flat_map(|panel| &panel.series);
        let names = all.map(|series| text_width(&cut(&series.label, most), FONT)).fold(0.0, f64::max);
        let right = width - EDGE - if names > 0.0 { LEAD + names } else { 8.0 };
        let right = right.max(left + 40.0);
        let mut y = heading;
        let mut plots = Vec::with_capacity(scales.len());
        for (panel, scale) in chart.panels.iter().zip(scales) {
            let (top, bottom) = (y + caption, y + caption + high);
            let mut plot = Plot { top, bottom, scale, labels: Vec::new() };
            plot.labels = self::labels(chart, panel, &plot, axis, (left, right), most);
            plots.push(plot);
            y = bottom + 10.0;
        }
        let ticks = self::ticks(chart, axis, left, right, width);
        let height = (y - 10.0) + footing;
        let notes = height - EDGE - (chart.notes.len() as f64 - 1.0) * LINE;
        Some(Layout { width, height, left, right, plots, axis, ticks, notes })
    }

    /// How many columns of pixels a plot has.
    pub fn columns(&self) -> usize {
        (self.right - self.left).max(1.0) as usize
    }

    /// Where a point stands.
    pub fn place(&self, plot: &Plot, point: &Point) -> (f64, f64) {
        place((self.left, self.right), plot, point)
    }

    /// Where a time stands.
    pub fn x(&self, time: i64) -> f64 {
        self.left + self.axis.at(time) * (self.right - self.left)
    }
}

fn place((left, right): (f64, f64), plot: &Plot, point: &Point) -> (f64, f64) {
    (left + point.x * (right - left), plot.bottom - plot.scale.at(point.value) * (plot.bottom - plot.top))
}

/// Down to where the first panel begins.
pub fn heading(chart: &Chart) -> f64 {
    let below = if chart.captions().1.is_empty() { 0.0 } else { LINE };
    EDGE + TITLE_FONT + below + 14.0
}

fn scale(panel: &Panel, ticks: usize) -> Scale {
    let (least, greatest) = panel.range().unwrap_or((0.0, 0.0));
    Scale::new(least, greatest, ticks)
}

fn labels(chart: &Chart, panel: &Panel, plot: &Plot, axis: Axis, sides: (f64, f64), most: f64) -> Vec<Label> {
    let end = |series: &Series| plot::end(chart, series, axis).map(|point| place(sides, plot, &point));
    let ends = panel.series.iter().enumerate().filter(|(_, series)| !series.label.is_empty());
    let ends: Vec<_> = ends.filter_map(|(line, series)| Some((line, series, end(series)?))).collect();
    let wanted: Vec<f64> = ends.iter().map(|(.., (_, y))| *y).collect();
    let places = spread(&wanted, APART, plot.top + 4.0, plot.bottom - 4.0 + APART / 2.0);
    let label = |((line, series, end), y): (&(usize, &Series, (f64, f64)), f64)| Label {
        line: *line,
        end: *end,
        y,
        text: cut(&series.label, most),
    };
    ends.iter().zip(places).map(label).collect()
}

fn ticks(chart: &Chart, axis: Axis, left: f64, right: f64, width: f64) -> Vec<Tick> {
    let x = |tick: &Tick| left + axis.at(tick.at) * (right - left);
    let half = |tick: &Tick| text_width(&tick.text, FONT) / 2.0;
    let fits = |ticks: &[Tick]| {
        ticks.windows(2).all(|pair| x(&pair[0]) + half(&pair[0]) + 14.0 <= x(&pair[1]) - half(&pair[1]))
            && ticks.iter().all(|tick| half(tick) <= x(tick) && x(tick) + half(tick) <= width)
    };
    calendar::ticks(axis.from, axis.to, &chart.clock, fits)
}

/// About how wide a text is in a sans-serif font of this size.
pub fn text_width(text: &str, font: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | 'I' => 0.32,
        'f' | 't' | 'r' | ' ' | '(' | ')' | '[' | ']' | '-' | '/' | '\\' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.98,
        'A'..='Z' => 0.74,
        ' '..='~' => 0.62,
        c if super::label::width(c.encode_utf8(&mut [0; 4])) == 2 => 1.05,
        _ => 0.7,
    };
    text.chars().map(em).sum::<f64>() * font
}

/// A text from outside, with what drives a terminal or reorders text escaped, and cut to about so many pixels.
pub fn cut(text: &str, most: f64) -> String {
    let text = printable(text);
    if text_width(&text, FONT) <= most {
        return text;
    }
    let mut short = String::new();
    let mut used = text_width("…", FONT);
    for c in text.chars() {
        used += text_width(c.encode_utf8(&mut [0; 4]), FONT);
        if used > most {
            break;
        }
        short.push(c);
    }
    short + "…"
}
