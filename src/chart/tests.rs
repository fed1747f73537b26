//! Pictures of charts of all kinds, checked as pictures: they parse, nothing overlaps, nothing lies outside.

use super::cells::{Cell, Span};
use super::clock::Clock;
use super::collect::Collector;
use super::layout::{self, Layout, Size, text_width};
use super::plot;
use super::terminal::{self, Look};
use super::{Chart, Kind, html, label, svg};

/// A chart of these rows: start, end, key, value.
fn chart(rows: &[(i64, i64, &str, Option<f64>)], top: usize) -> Chart {
    let mut all = Collector::new(vec!["count".to_owned()], false);
    for &(start, end, key, value) in rows {
        let added = all.add(Some(Span { start, end }), key.as_bytes(), || key.to_owned(), &[value]);
        added.expect("no window comes twice");
    }
    let mut chart = all.finish(top, Clock::utc(), "--top draws more");
    chart.by = vec!["key".to_owned()];
    chart
}

const HOUR: i64 = 3_600_000_000;

/// Charts that somebody would draw last.
fn hostile() -> Vec<(&'static str, Chart)> {
    let line = |values: &[f64]| {
        let rows: Vec<_> =
            (0i64..).zip(values).map(|(n, value)| (n * HOUR, (n + 1) * HOUR, "k", Some(*value))).collect();
        chart(&rows, 8)
    };
    let keys: Vec<String> = (0..10_000).map(|n| format!("key {n}")).collect();
    let many: Vec<_> = keys
        .iter()
        .enumerate()
        .flat_map(|(n, key)| (0..3).map(move |at| (at * HOUR, (at + 1) * HOUR, &key[..], Some(n as f64))))
        .collect();
    let long = "x".repeat(10_000);
    let names = [
        "<script>alert(1)</script>",
        "]]>--><!--",
        "\u{0}\u{1b}[31m\u{7f}",
        "\u{202e}desrever",
        "שלום עולם",
        "漢字",
        "\"'&amp;",
        &long,
        "\u{ffff}\u{fffe}",
        "",
    ];
    let named: Vec<_> = names
        .iter()
        .enumerate()
        .flat_map(|(n, key)| {
            (0..4).map(move |at| (at * HOUR, (at + 1) * HOUR, *key, Some((n as i64 + at) as f64)))
        })
        .collect();
    let gaps: Vec<_> = (0..50)
        .filter(|n| n % 7 > 2)
        .map(|n| (n * HOUR, (n + 1) * HOUR, "k", Some((n * n % 17) as f64).filter(|_| n % 11 != 0)))
        .collect();
    let windows: Vec<_> =
        (0..100_000).map(|n| (n * HOUR, (n + 1) * HOUR, "k", Some((n % 97) as f64))).collect();
    let far = crate::time::LIMIT - 1;
    vec![
        ("no rows", chart(&[], 8)),
        ("one row", chart(&[(0, HOUR, "k", Some(3.0))], 8)),
        (
            "one window",
            chart(&[(0, HOUR, "a", Some(3.0)), (0, HOUR, "b", Some(-4.0)), (0, HOUR, "c", None)], 8),
        ),
        ("all null", chart(&[(0, HOUR, "a", None), (HOUR, 2 * HOUR, "a", None)], 8)),
        (
            "not finite",
            chart(&[(0, HOUR, "a", Some(f64::NAN)), (HOUR, 2 * HOUR, "a", Some(f64::INFINITY))], 8),
        ),
        ("negative", line(&[-5.0, -7.0, -1.0])),
        ("constant", line(&[7.0, 7.0, 7.0])),
        ("zero", line(&[0.0, 0.0])),
        ("huge", line(&[1e300, -1e300, 1e-300])),
        ("greatest", line(&[f64::MAX, f64::MIN])),
        ("far from zero", line(&[1e9 + 1.0, 1e9 + 2.0])),
        ("keys", chart(&many, 100)),
        ("names", chart(&named, 100)),
        ("gaps", chart(&gaps, 8)),
        ("windows", chart(&windows, 8)),
        ("ends of time", chart(&[(-far, 1 - far, "k", Some(1.0)), (far - 1, far, "k", Some(2.0))], 8)),
        ("sessions", chart(&[(0, HOUR, "k", Some(1.0)), (2 * HOUR, 9 * HOUR, "k", Some(2.0))], 8)),
        ("growing", chart(&[(0, HOUR, "k", Some(1.0)), (0, 2 * HOUR, "k", Some(2.0))], 8)),
    ]
}

/// Reads a document as XML far enough to know that it is well formed: its elements are closed in order, its attributes
/// quoted and none twice, and its texts hold no markup, no unknown entity and no character that XML forbids.
fn check_xml(text: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        check_text(&rest[..at])?;
        rest = &rest[at + 1..];
        let end = rest.find('>').ok_or("a tag without end")?;
        let (tag, behind) = (&rest[..end], &rest[end + 1..]);
        rest = behind;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
            continue;
        }
        if tag.starts_with('?') {
            continue;
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut seen = Vec::new();
        while !attributes.is_empty() {
            let (attribute, value) = attributes.split_once("=\"").ok_or(format!("<{tag}>"))?;
            let (value, behind) = value.split_once('"').ok_or(format!("<{tag}>"))?;
            check_text(value)?;
            if seen.contains(&attribute) || !attribute.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            {
                return Err(format!("<{tag}>"));
            }
            seen.push(attribute);
            attributes = behind.trim_start();
        }
        if !is_empty {
            open.push(name);
        }
        if open.first() != Some(&"svg") {
            return Err(format!("<{tag}> stands outside"));
        }
    }
    check_text(rest)?;
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} are not closed")) }
}

fn check_text(text: &str) -> Result<(), String> {
    let is_forbidden = |c: char| {
        c.is_control() && c != '\n' || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}')
    };
    if text.contains(is_forbidden) || text.contains('>') && !text.contains("svg{") {
        return Err(format!("{text:?}"));
    }
    let entities = text.split('&').skip(1);
    for entity in entities {
        if !["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|known| entity.starts_with(known)) {
            return Err(format!("&{entity}"));
        }
    }
    Ok(())
}

#[test]
fn the_checker_finds_what_is_wrong() {
    assert_eq!(check_xml("<?xml version=\"1.0\"?>\n<svg a=\"1\"><b/>x&lt;</svg>\n"), Ok(()));
    let wrong = [
        "<svg>",
        "<svg></b>",
        "<svg a=b></svg>",
        "<svg a=\"1\" a=\"2\"/>",
        "<svg>&x;</svg>",
        "<svg>\u{1}</svg>",
    ];
    wrong.iter().for_each(|text| assert!(check_xml(text).is_err(), "{text}"));
    assert!(check_xml("<b></b>").is_err());
}

#[test]
fn pictures_are_well_formed_and_the_same_every_time() {
    for (name, chart) in hostile() {
        for size in [(None, None), (Some(200), Some(200)), (Some(3000), Some(90))] {
            let size = Size { width: size.0, height: size.1 };
            let picture = svg::picture(&chart, size);
            check_xml(&picture).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
            assert!(!picture.contains("NaN") && !picture.contains("inf"), "{name}");
            assert_eq!(picture, svg::picture(&chart, size), "{name}");
        }
    }
}

/// The page is the picture and a script; nothing in its data can end the element.
#[test]
fn pages_hold_their_data() {
    for (name, chart) in hostile() {
        let page = html::page(&chart, Size::default());
        assert_eq!(page, html::page(&chart, Size::default()), "{name}");
        let (_, rest) = page.split_once("<svg").expect("there is a picture");
        let (picture, rest) = rest.split_once("</svg>").expect("it ends");
        check_xml(&format!("<svg{picture}</svg>")).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        assert!(!page.contains("src=") && !page.contains("href=") && !page.contains("url("), "{name}");
        let Some((_, data)) = rest.split_once("id=\"d\">") else {
            assert!(chart.kind == Kind::Bars || chart.is_empty(), "{name}");
            continue;
        };
        let (data, _) = data.split_once("</script>").expect("it ends");
        assert!(!data.contains(['<', '>', '&']), "{name}");
        let data: serde_json::Value = serde_json::from_str(data).expect("it is JSON");
        assert_eq!(data["p"].as_array().map(Vec::len), Some(chart.panels.len()), "{name}");
        assert_eq!(page.matches("<script").count(), 2, "{name}");
    }
}

#[test]
fn all_points_lie_inside_and_no_labels_overlap() {
    for (name, chart) in hostile() {
        if chart.kind == Kind::Bars || chart.is_empty() {
            continue;
        }
        for width in [200, 960, 3000] {
            let layout =
                Layout::of(&chart, Size { width: Some(width), height: None }).expect("it is not empty");
            for (panel, plot) in chart.panels.iter().zip(&layout.plots) {
                for series in &panel.series {
                    for point in plot::runs(&chart, series, layout.axis, layout.columns()).iter().flatten() {
                        let (x, y) = layout.place(plot, point);
                        let inside =
                            layout.left <= x && x <= layout.right && plot.top <= y && y <= plot.bottom;
                        assert!(inside, "{name}: {x} {y} {point:?}");
                    }
                }
                let mut heights: Vec<f64> = plot.labels.iter().map(|label| label.y).collect();
                heights.sort_by(f64::total_cmp);
                assert!(heights.windows(2).all(|pair| pair[1] - pair[0] > layout::APART - 0.01), "{name}");
                assert!(heights.iter().all(|y| 0.0 < *y && *y < layout.height), "{name}");
            }
            let half = |text: &str| text_width(text, layout::FONT) / 2.0;
            for pair in layout.ticks.windows(2) {
                let (a, b) = (layout.x(pair[0].at), layout.x(pair[1].at));
                assert!(a + half(&pair[0].text) < b - half(&pair[1].text), "{name}: {pair:?}");
            }
        }
    }
}

#[test]
fn terminals_get_lines_that_fit_and_nothing_that_drives_them() {
    for (name, chart) in hostile() {
        for columns in [1, 40, 80, 140, 400] {
            for (unicode, colour) in [(true, false), (true, true), (false, false)] {
                let text = terminal::draw(&chart, Look { columns, lines: 24, unicode, colour });
                let mut plain = text.clone();
                if colour {
                    for code in text.split("\x1b[").skip(1) {
                        let (code, _) = code.split_once('m').expect("a sequence ends");
                        assert!(code.chars().all(|c| c.is_ascii_digit() || c == ';'), "{name}: {code}");
                        plain = plain.replace(&format!("\x1b[{code}m"), "");
                    }
                }
                assert!(!plain.contains(|c: char| c.is_control() && c != '\n'), "{name}");
                assert!(unicode || plain.is_ascii(), "{name}: {plain}");
                let widest = plain.lines().map(label::width).max().unwrap_or(0);
                assert!(widest <= columns.max(40), "{name}: {widest} of {columns}\n{plain}");
                assert!(plain.lines().all(|line| !line.ends_with(' ')), "{name}: {plain}");
            }
        }
    }
}

#[test]
fn gaps_are_gaps() {
    let rows = [0, 1, 2, 5, 6, 9].map(|n| (n * HOUR, (n + 1) * HOUR, "k", Some(1.0)));
    let chart = chart(&rows, 1);
    let axis = plot::Axis::of(&chart).expect("it is not empty");
    let runs = plot::runs(&chart, &chart.panels[0].series[0], axis, 1000);
    assert_eq!(runs.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2, 1]);
    // Windows that overlap: one is missing where the next end is farther away than usual.
    let rows = [0, 1, 2, 4, 5].map(|n| (n * HOUR, (n + 4) * HOUR, "k", Some(1.0)));
    let chart = self::chart(&rows, 1);
    let cells = &chart.panels[0].series[0].cells;
    let joined: Vec<bool> = cells.windows(2).map(|pair: &[Cell]| chart.joins(&pair[0], &pair[1])).collect();
    assert_eq!(joined, [true, true, false, true]);
}
