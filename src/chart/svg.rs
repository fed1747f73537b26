//! A chart as SVG: one file that needs nothing from elsewhere, drawn by classes that a page may give other colours.
//!
//! All that comes from outside goes through [`escaped`].

use std::fmt::Write;

use super::layout::{EDGE, FONT, LEAD, LINE, Layout, Plot, TITLE_FONT, cut, heading};
use super::plot;
use super::{Chart, Kind, Panel, svg_bars};
use crate::error::printable;

pub use super::layout::Size;

/// How many colours there are; further lines have them again, in dashes.
const COLOURS: usize = 8;

/// Colours on a light ground, after Okabe and Ito ("Color Universal Design", 2008), darker where white would swallow
/// them: told apart by nearly all who see colours differently.
pub const LIGHT: &str = "\
svg{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\
.bg{fill:#fff}.t{fill:#1b1f24}.h{font-size:17px;font-weight:600}.b{font-weight:600}.m{fill:#5c6670}\
.g{stroke:#e4e8ec}.a{stroke:#8a949e}.l{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\
.p{fill:none;stroke-width:5;stroke-linecap:round}.e{fill:none;stroke-width:1;opacity:.7}.k{fill:none;stroke-width:4}\
.d1{stroke-dasharray:7 4}.d2{stroke-dasharray:2 4}.d3{stroke-dasharray:9 3 2 3}\
.s0{stroke:#0072b2}.s1{stroke:#d55e00}.s2{stroke:#009e73}.s3{stroke:#c0609a}\
.s4{stroke:#b58900}.s5{stroke:#3aa6dd}.s6{stroke:#6b6b6b}.s7{stroke:#7a4b1e}.r{fill:#0072b2;stroke:none}";

/// The same on a dark ground.
pub const DARK: &str = "\
.bg{fill:#14181d}.t{fill:#e6e9ec}.m{fill:#9aa5b0}.g{stroke:#2a3138}.a{stroke:#6b7681}\
.s0{stroke:#4aa8e8}.s1{stroke:#ff8b3d}.s2{stroke:#2fc79a}.s3{stroke:#e39ac6}\
.s4{stroke:#e0b93a}.s5{stroke:#8fd3f7}.s6{stroke:#b4b4b4}.s7{stroke:#c48a55}.r{fill:#4aa8e8}";

/// The chart as a file.
pub fn picture(chart: &Chart, size: Size) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", element(chart, size, LIGHT))
}

/// The `svg` element, with this style.
pub fn element(chart: &Chart, size: Size, style: &str) -> String {
    let layout = if chart.kind == Kind::Bars { None } else { Layout::of(chart, size) };
    let Some(layout) = layout else { return svg_bars::element(chart, size, style) };
    let mut text = open(chart, layout.width, layout.height, style);
    captions(&mut text, chart, layout.width);
    for (panel, plot) in chart.panels.iter().zip(&layout.plots) {
        if chart.panels.len() > 1 {
            words(
                &mut text,
                "t b",
                layout.left,
                plot.top - 9.0,
                "start",
                &cut(&panel.measure, layout.width / 2.0),
            );
        }
        grid(&mut text, &layout, plot);
        lines(&mut text, chart, panel, &layout, plot);
        labels(&mut text, panel, &layout, plot);
    }
    if let Some(last) = layout.plots.last() {
        let y = last.bottom + 5.0 + FONT + 3.0;
        layout
            .ticks
            .iter()
            .for_each(|tick| words(&mut text, "m", layout.x(tick.at), y, "middle", &tick.text));
    }
    notes(&mut text, chart, layout.notes, layout.width);
    text + "</svg>\n"
}

/// The start of the element, its ground and its style.
pub fn open(chart: &Chart, width: f64, height: f64, style: &str) -> String {
    let (width, height) = (pixels(width), pixels(height));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\n<style>{style}</style>\n\
         <rect class=\"bg\" width=\"{width}\" height=\"{height}\"/>\n",
        escaped(&chart.captions().0)
    )
}

/// The title and what stands below it.
pub fn captions(text: &mut String, chart: &Chart, width: f64) {
    let (title, below) = chart.captions();
    let room = width - 2.0 * EDGE;
    words(text, "t h", EDGE, EDGE + TITLE_FONT - 3.0, "start", &cut(&title, room * FONT / TITLE_FONT));
    words(text, "m", EDGE, heading(chart) - 14.0, "start", &cut(&below, room));
}

/// What is said below the chart.
pub fn notes(text: &mut String, chart: &Chart, first: f64, width: f64) {
    for (n, note) in chart.notes.iter().enumerate() {
        words(text, "m", EDGE, first + n as f64 * LINE, "start", &cut(note, width - 2.0 * EDGE));
    }
}

/// A line of text, of which nothing is markup.
pub fn words(text: &mut String, class: &str, x: f64, y: f64, anchor: &str, words: &str) {
    if !words.is_empty() {
        let anchor = if anchor == "start" { String::new() } else { format!(" text-anchor=\"{anchor}\"") };
        let (x, y, words) = (pixels(x), pixels(y), escaped(words));
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\"{anchor}>{words}</text>");
    }
}

/// The ticks of both axes and their lines.
fn grid(text: &mut String, layout: &Layout, plot: &Plot) {
    let (left, right) = (pixels(layout.left), pixels(layout.right));
    let high = plot.bottom - plot.top;
    let mut grid = String::new();
    for tick in &plot.scale.ticks {
        let y = plot.bottom - plot.scale.at(tick.value) * high;
        let _ = write!(grid, "M{left} {}H{right}", pixels(y));
        words(text, "m", layout.left - 8.0, y + 4.0, "end", &tick.text);
    }
    let _ = writeln!(text, "<path class=\"g\" d=\"{grid}\"/>");
    let base = if plot.scale.holds_zero() { plot.bottom - plot.scale.at(0.0) * high } else { plot.bottom };
    let mut axis = format!("M{left} {}H{right}", pixels(base));
    for tick in &layout.ticks {
        let _ = write!(axis, "M{} {}v5", pixels(layout.x(tick.at)), pixels(plot.bottom));
    }
    let _ = writeln!(text, "<path class=\"a\" d=\"{axis}\"/>");
}

/// The classes that a line is told apart by.
pub fn class(line: usize) -> String {
    match line / COLOURS {
        0 => format!("s{line}"),
        dash => format!("s{} d{}", line % COLOURS, (dash - 1) % 3 + 1),
    }
}

/// The lines, the largest last and so above the others.
fn lines(text: &mut String, chart: &Chart, panel: &Panel, layout: &Layout, plot: &Plot) {
    for (line, series) in panel.series.iter().enumerate().rev() {
        let (mut lines, mut points) = (String::new(), String::new());
        for run in plot::runs(chart, series, layout.axis, layout.columns()) {
            let mut command = 'M';
            let path = if run.len() > 1 { &mut lines } else { &mut points };
            for point in &run {
                let (x, y) = layout.place(plot, point);
                let _ = write!(path, "{command}{} {}", pixels(x), pixels(y));
                command = 'L';
            }
            if run.len() == 1 {
                // A line without length has round ends all the same.
                path.push_str("h0");
            }
        }
        let class = class(line);
        let _ = write!(text, "<g class=\"{class}\"><title>{}</title>", escaped(&series.label));
        for (kind, path) in [("l", lines), ("p", points)] {
            if !path.is_empty() {
                let _ = write!(text, "<path class=\"{kind}\" d=\"{path}\"/>");
            }
        }
        text.push_str("</g>\n");
    }
}

/// The names of lines at their right ends, each behind a stroke in the line's colour, to which a thin one leads.
fn labels(text: &mut String, panel: &Panel, layout: &Layout, plot: &Plot) {
    let (bend, stroke) = (layout.right + 6.0, layout.right + 12.0);
    for label in &plot.labels {
        let (x, y) = label.end;
        // A line that ends at the edge is left by its thickness.
        let x = if x < layout.right - 1.0 { x } else { x + 1.0 };
        let (start, turn) =
            (format!("{} {}", pixels(x), pixels(y)), format!("{} {}", pixels(bend), pixels(label.y)));
        let class = class(label.line);
        let _ = writeln!(
            text,
            "<g class=\"{class}\"><path class=\"e\" d=\"M{start}L{turn}H{}\"/><path class=\"k\" \
             d=\"M{} {}h8\"/></g>",
            pixels(stroke),
            pixels(stroke),
            pixels(label.y)
        );
        let full = escaped(&panel.series[label.line].label);
        let (x, y, name) = (pixels(layout.right + LEAD), pixels(label.y + 4.0), escaped(&label.text));
        let _ = writeln!(text, "<text class=\"t\" x=\"{x}\" y=\"{y}\"><title>{full}</title>{name}</text>");
    }
}

/// A text from outside as text of XML and HTML, in an element or an attribute: markup escaped, and all that drives a
/// terminal, reorders text or is no character of XML too.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// A length with one decimal at most.
pub fn pixels(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup() {
        let check = |text: &str, want: &str| assert_eq!(escaped(text), want);
        check("<script>alert('1')</script>", "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;");
        check("a&b\"", "a&amp;b&quot;");
        check("\u{0}\u{1b}\u{202e}\u{ffff}é", "\\u{0}\\u{1b}\\u{202e}\u{fffd}é");
    }

    #[test]
    fn lengths() {
        for (value, want) in [(1.0, "1"), (1.25, "1.2"), (-0.01, "0"), (12.96, "13"), (0.5, "0.5")] {
            assert_eq!(pixels(value), want);
        }
    }
}
