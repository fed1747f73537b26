//! Bars as SVG: one for each key, where there is one window or none. Also the picture of a result without rows.

use std::fmt::Write;

use super::layout::{EDGE, FONT, LINE, Size, cut, heading, text_width};
use super::scale::full;
use super::svg::{captions, escaped, notes, open, pixels, words};
use super::{Chart, Kind, Panel};

/// From one bar to the next, and how high a bar is.
const ROW: f64 = 24.0;
const BAR: f64 = 16.0;
/// Above the bars of a panel, if there are several.
const CAPTION: f64 = 28.0;
/// The width of a picture that nobody has set.
const WIDTH: usize = 720;

/// The `svg` element, with this style.
pub fn element(chart: &Chart, size: Size, style: &str) -> String {
    let width = size.width.unwrap_or(WIDTH) as f64;
    let caption = if chart.panels.len() > 1 { CAPTION } else { 0.0 };
    let is_drawn = chart.kind == Kind::Bars && !chart.is_empty();
    let panels = if is_drawn { &chart.panels[..] } else { &[] };
    let bars = panels.iter().map(|panel| caption + panel.series.len() as f64 * ROW).sum::<f64>();
    let body = if is_drawn { bars } else { 3.0 * LINE };
    let below = chart.notes.len() as f64 * LINE;
    let height = heading(chart) + body + below + 1.5 * EDGE;
    let height = size.height.map_or(height, |asked| height.max(asked as f64));
    let mut text = open(chart, width, height, style);
    captions(&mut text, chart, width);
    let mut y = heading(chart);
    if !is_drawn {
        words(&mut text, "t", EDGE, y + LINE, "start", "nothing to draw: there are no rows with numbers");
    }
    for panel in panels {
        if chart.panels.len() > 1 {
            words(&mut text, "t b", EDGE, y + CAPTION - 12.0, "start", &cut(&panel.measure, width / 2.0));
            y += CAPTION;
        }
        self::bars(&mut text, panel, y, width);
        y += panel.series.len() as f64 * ROW;
    }
    notes(&mut text, chart, y + body - bars + LINE, width);
    text + "</svg>\n"
}

fn bars(text: &mut String, panel: &Panel, top: f64, width: f64) {
    let values: Vec<Option<f64>> =
        panel.series.iter().map(|series| series.cells.last().map(|cell| cell.last)).collect();
    let labels: Vec<String> = panel.series.iter().map(|series| cut(&series.label, width / 3.0)).collect();
    let texts: Vec<String> = values.iter().map(|value| value.map_or("none".to_owned(), full)).collect();
    let widest = |texts: &[String]| texts.iter().map(|text| text_width(text, FONT)).fold(0.0, f64::max);
    let left = EDGE + widest(&labels) + 10.0;
    let right = (width - EDGE - widest(&texts) - 8.0).max(left + 20.0);
    let (low, high) = panel.range().unwrap_or((0.0, 0.0));
    let (low, high) = (low.min(0.0), high.max(0.0));
    let x = |value: f64| match high / 2.0 - low / 2.0 {
        0.0 => left,
        whole => left + (value / 2.0 - low / 2.0) / whole * (right - left),
    };
    for (n, (value, label)) in values.iter().zip(&labels).enumerate() {
        let y = top + n as f64 * ROW;
        let (from, to) = (x(value.unwrap_or(0.0).min(0.0)), x(value.unwrap_or(0.0).max(0.0)));
        let title = escaped(&panel.series[n].label);
        words(text, "t", left - 10.0, y + BAR - 4.0, "end", label);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "<rect class=\"r\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{BAR}\"><title>{title}</title></rect>",
            pixels(from),
            pixels(y),
            pixels(to - from)
        );
        words(text, "t", to + 6.0, y + BAR - 4.0, "start", &texts[n]);
    }
    let zero = pixels(x(0.0));
    let bottom = pixels(panel.series.len() as f64 * ROW - (ROW - BAR) + 4.0);
    let _ = writeln!(text, "<path class=\"a\" d=\"M{zero} {}v{bottom}\"/>", pixels(top - 2.0));
}
