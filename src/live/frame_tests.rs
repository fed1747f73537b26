//! Scenes in, lines out.

use super::*;
use crate::job::Task;

fn frame(options: &str) -> Frame {
    let argv: Vec<_> = format!("windrow --to live {options}").split_whitespace().map(Into::into).collect();
    match crate::cli::job(&argv).expect("a good job").task {
        Task::Aggregate(task) => Frame::of(&task),
        Task::Order => unreachable!("it has windows"),
    }
}

fn row(cells: &[&str], past: &[f64]) -> SceneRow {
    let past = past.iter().map(|&number| if number < 0.0 { Past::Nothing } else { Past::Number(number) });
    let past = past.collect();
    SceneRow { cells: cells.iter().map(|cell| (*cell).to_owned()).collect(), past }
}

fn minute() -> Option<Window> {
    Some(Window { start: 60 * SECOND, end: 120 * SECOND })
}

fn status() -> Status {
    Status {
        read: 1_234_567,
        rate: 4321.9,
        watermark: Some(63 * SECOND + 5),
        now: 70 * SECOND,
        late: 12,
        ..Status::default()
    }
}

fn look(columns: usize, lines: usize) -> Look {
    Look { columns, lines, ..Look::default() }
}

#[track_caller]
fn check(frame: &mut Frame, scene: &Scene, look: Look, want: &[&str]) {
    let lines = frame.lines(scene, &status(), look);
    assert_eq!(lines, want, "{}", lines.join("\n"));
    assert!(lines.iter().all(|line| width(line) <= look.columns) && lines.len() < look.lines.max(1));
}

/// A view of three pages.
fn pages() -> Scene {
    Scene {
        window: minute(),
        rows: vec![
            row(&["s", "e", "/a", "30", "1.5"], &[10.0, -1.0, 20.0, 30.0]),
            row(&["s", "e", "/long/er", "4", ""], &[4.0]),
            row(&["s", "e", "", "0", "20"], &[0.0, 0.0]),
        ],
        rows_in_all: 3,
        ..Scene::default()
    }
}

#[test]
fn a_table_with_its_past() {
    let mut frame = frame("-w 1m -b page -a count(*),avg(x)");
    let want = [
        "1,234,567 events, 4,321/s   watermark 1970-01-01T00:01:03Z, 6s behind the clock",
        "late 12",
        "1970-01-01T00:01:00Z to 00:02:00Z closes next   by count, largest first",
        "page      count  avg_x  last windows",
        "/a           30    1.5              ▃·▆█",
        "/long/er      4                        █",
        "              0     20                ▁▁",
    ];
    check(&mut frame, &pages(), look(80, 24), &want);
    // Columns stay as wide as they were, until the terminal changes.
    let scene = Scene { rows: vec![row(&["s", "e", "/a", "1", "2"], &[1.0])], rows_in_all: 1, ..pages() };
    assert_eq!(frame.lines(&scene, &status(), look(80, 24))[4], "/a            1      2                 █");
    assert_eq!(frame.lines(&scene, &status(), look(80, 25))[3], "page  count  avg_x  last windows");
}

#[test]
fn what_does_not_fit_is_left_out() {
    let mut frame = frame("-w 1m -b page -a count(*),avg(x)");
    let want = [
        "1,234,567 events, 4,321/s",
        "watermark 1970-01-01T00:01:03Z, 6s beh…",
        "late 12",
        "1970-01-01T00:01:00Z to 00:02:00Z clos…",
        "by count, largest first",
        "page  count  avg_x  last windows",
        "and 1,000,003 more",
    ];
    check(&mut frame, &Scene { rows_in_all: 1_000_003, ..pages() }, look(39, 8), &want);
    let found = frame.lines(&Scene { rows_in_all: 1_000_003, ..pages() }, &status(), look(39, 9));
    assert_eq!(
        found[5..],
        ["page  count  avg_x  last windows", "/a       30    1.5              ▃·▆█", "and 1,000,002 more"]
    );
    // Less of the past than of what is shown: it goes first, then the last columns.
    let found = frame.lines(&pages(), &status(), look(24, 30));
    assert_eq!(found[found.len() - 4..found.len() - 2], ["page      count  avg_x", "/a           30    1.5"]);
    let found = frame.lines(&pages(), &status(), look(16, 30));
    assert_eq!(found[found.len() - 4..found.len() - 2], ["page      count", "/a           30"]);
    for (columns, lines) in [(0, 0), (1, 1), (5, 3), (20, 5), (400, 2)] {
        let found = frame.lines(&pages(), &status(), look(columns, lines));
        assert!(found.len() <= lines.saturating_sub(1), "{columns} {lines}");
        assert!(found.iter().all(|line| width(line) <= columns), "{columns}: {found:?}");
    }
}

#[test]
fn wide_and_hostile_texts_stay_in_their_columns() {
    let mut frame = frame("-w none -b page");
    let scene = Scene {
        rows: vec![
            row(&["漢字✅", "9"], &[9.0]),
            row(&["a\u{1b}[2J\u{202e}b", "8"], &[8.0]),
            row(&[&"x".repeat(100), "7"], &[7.0]),
        ],
        rows_in_all: 3,
        ..Scene::default()
    };
    let found = frame.lines(&scene, &status(), look(40, 24));
    let want = [
        "all events so far   by count, largest first".to_owned(),
        format!("page{}  count", " ".repeat(29)),
        format!("漢字✅{}      9", " ".repeat(27)),
        format!("a\\u{{1b}}[2J\\u{{202e}}b{}      8", " ".repeat(14)),
        format!("{}…      7", "x".repeat(32)),
    ];
    assert_eq!(found[found.len() - 4..], want[1..], "{}", found.join("\n"));
    let ascii = Look { unicode: false, ..look(40, 24) };
    let found = frame.lines(&scene, &status(), ascii);
    assert!(found.iter().all(|line| line.is_ascii()), "{}", found.join("\n"));
}

#[test]
fn what_is_shown_is_said() {
    let words = |options: &str, scene: &Scene| frame(options).scene_words(scene).join("; ");
    let scene = Scene { window: minute(), reaches: Some(240 * SECOND), ..Scene::default() };
    assert_eq!(words("-w 1m", &Scene::default()).split("; ").next(), Some("no window is open"),);
    assert_eq!(
        words("-w 1m", &scene),
        "1970-01-01T00:01:00Z to 00:02:00Z closes next; newer ones are open up to 00:04:00Z; by count, largest first"
    );
    let last = Scene { window: minute(), is_final: true, ..Scene::default() };
    assert_eq!(
        words("-w 1m@Asia/Tokyo", &last),
        "1970-01-01T09:01:00+09:00 to 09:02:00+09:00 has closed, with the input; by count, largest first"
    );
    assert_eq!(words("-w session:1m", &Scene::default()), "open sessions; by count, largest first");
    assert_eq!(words("-w none", &Scene { is_final: true, ..last }), "all events; by count, largest first");
}

#[test]
fn what_is_waited_for_is_said() {
    let status = Status { waits: Some("waiting for b.log; the next window closes".to_owned()), ..status() };
    let scene = Scene { window: minute(), ..Scene::default() };
    let found = frame("-w 1m").lines(&scene, &status, look(30, 24));
    assert!(found.ends_with(
        &["waiting for b.log", "the next window closes", "count  last windows"].map(str::to_owned)
    ));
}

#[test]
fn colours_take_no_room() {
    let coloured = Look { colour: true, ..look(80, 24) };
    let mut frame = frame("-w 1m -b page -a count(*),avg(x)");
    let lines = frame.lines(&pages(), &status(), coloured);
    let plain: Vec<String> = lines.iter().map(|line| crate::live::screen::plain(line)).collect();
    assert_eq!(plain, frame.lines(&pages(), &status(), look(80, 24)));
    assert_ne!(plain, lines);
}

#[test]
fn lags_are_told_roughly() {
    let check = |seconds: i64, want| assert_eq!(rough(seconds * SECOND + 1), want);
    check(0, "0s");
    check(59, "59s");
    check(3_599, "59m59s");
    check(3_725, "1h2m");
    check(90_061, "1d1h");
    check(400 * 86_400 + 7_000, "400d");
}

#[test]
fn numbers_of_many_places_are_rounded() {
    let check = |cell: &str, want: Option<&str>| assert_eq!(rounded(cell).as_deref(), want, "{cell}");
    check("223.55555555555554", Some("223.556"));
    check("-1.99996", Some("-2"));
    check("0.000123456", Some("0.000123"));
    check("-0.0004999", Some("-0.0005"));
    check("12345678901234567890.1234", None);
    check("0.125", None);
    check("12", None);
    check("1.2.3.4444", None);
    check("/p/1.2345x", None);
    check("1.2345e300", None);
}

#[test]
fn numbers_that_do_not_fit_are_not_cut_off() {
    let check = |cell: &str, wide, want: &str| assert_eq!(in_short(cell, wide), want, "{cell}");
    check("1234567890123456700000", 14, "1.234568e21");
    check("-123456789012345670000", 8, "-1.23e20");
    check("7.2144000000000002e304", 14, "7.214400e304");
    check("123456", 3, "1e5");
    check("123456", 2, "##");
}
