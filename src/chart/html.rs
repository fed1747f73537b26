//! A chart as a page: the SVG, light or dark as the reader has it, and a script that shows values under the pointer.
//!
//! It needs nothing from elsewhere, and says the same without script. The script gets its data as JSON in which
//! nothing can end the element, and puts texts on the page as texts only.

use serde_json::json;

use super::cells::Cell;
use super::layout::Layout;
use super::plot;
use super::scale::full;
use super::svg::{self, DARK, LIGHT, Size, escaped};
use super::{Chart, Kind};
use crate::error::printable;

const SCRIPT: &str = include_str!("hover.js");
const STYLE: &str = "\
html{color-scheme:light dark;background:#fff}body{margin:0}#c{position:relative;width:max-content;max-width:100%;\
margin:0 auto}svg{display:block;max-width:100%;height:auto}#h{position:absolute;top:0;left:0;display:none;\
pointer-events:none;white-space:pre;font:12px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;\
background:#fffffff0;color:#1b1f24;border:1px solid #c5ccd3;border-radius:4px;padding:5px 9px;max-width:60%;\
overflow:hidden;font-variant-numeric:tabular-nums}#h i{display:inline-block;width:10px;height:3px;\
margin:0 7px 3px 0;vertical-align:middle}";
const DARK_STYLE: &str =
    "html{background:#14181d}#h{background:#1d232af0;color:#e6e9ec;border-color:#3a434c}";

/// The page.
pub fn page(chart: &Chart, size: Size) -> String {
    let title = escaped(&chart.captions().0);
    let style = format!("{LIGHT}@media(prefers-color-scheme:dark){{{DARK}}}");
    let picture = svg::element(chart, size, &style);
    let data = match chart.kind {
        Kind::Bars => None,
        _ => Layout::of(chart, size).map(|layout| data(chart, &layout)),
    };
    let script = data.map_or_else(String::new, |data| {
        format!("<script type=\"application/json\" id=\"d\">{data}</script>\n<script>\n{SCRIPT}</script>\n")
    });
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}@media(prefers-color-scheme:dark){{{DARK_STYLE}}}</style>\n</head>\n<body>\n<div id=\"c\">\n\
         {picture}<div id=\"h\"></div>\n</div>\n{script}</body>\n</html>\n"
    )
}

/// What the script knows: the times by columns of pixels, and each plot's lines with their points.
fn data(chart: &Chart, layout: &Layout) -> String {
    let mut times: Vec<(i64, String)> = Vec::new();
    let column = |cell: &Cell| layout.x(chart.x(cell.from)).round() as i64;
    let mut panels = Vec::new();
    for (panel, plot) in chart.panels.iter().zip(&layout.plots) {
        let mut lines = Vec::new();
        for (line, series) in panel.series.iter().enumerate() {
            let cells = plot::cells(chart, series, layout.axis, layout.columns());
            let points: Vec<_> = cells
                .iter()
                .map(|cell| {
                    let point = plot::Point { x: 0.0, value: cell.last };
                    json!([column(cell), layout.place(plot, &point).1.round(), value(cell)])
                })
                .collect();
            times.extend(cells.iter().map(|cell| (column(cell), chart.clock.moment(chart.x(cell.from)))));
            lines.push(json!({ "s": svg::class(line), "n": printable(&series.label), "p": points }));
        }
        panels.push(json!({ "n": printable(&panel.measure), "t": plot.top, "b": plot.bottom, "l": lines }));
    }
    times.sort_unstable();
    times.dedup_by_key(|(column, _)| *column);
    let data = json!({ "w": layout.width, "x": times, "p": panels });
    // No text can end the element or begin a comment in it.
    data.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// What a cell's value reads like.
fn value(cell: &Cell) -> String {
    match cell.windows {
        1 => full(cell.last),
        windows => format!("{} to {} ({windows} windows)", full(cell.least), full(cell.greatest)),
    }
}
