//! A look against what would fire if the input ended there, over random jobs; and whether looking leaves no trace.

use std::ops::ControlFlow;

use fastrand::Rng;

use super::{layout, rules, shards};
use crate::input::Format;
use crate::job::{Aggregation, Job, Task};
use crate::live::{Board, Scene};
use crate::operator::Owner;
use crate::operator::peek::Best;
use crate::operator::sequence::{Pause, Sequencer};
use crate::operator::step::Step;
use crate::output::fired::Fired;
use crate::output::plan::RowPlan;
use crate::parse::project::{ChunkToParse, Layout, Parser, Projection};
use crate::window::{Window, Windows};

const WINDOWS: [&str; 7] = ["10s", "10s/3s", "20s/1s", "7s/7s+2s", "cumulate:20s/5s", "session:4s", "none"];
const RANKS: [&[&str]; 6] = [
    &[],
    &["--order-by", "sum_x / count", "--having", "count > 1"],
    &["--order-by", "min_x ASC"],
    &["--order-by", "k", "--top", "3"],
    &["--order-by", "count", "--top", "2", "--ties"],
    &["--order-by", "1 / (count - 1)"],
];

fn job(random: &mut Rng) -> Job {
    let mut argv =
        vec!["windrow", "--to", "live", "-t", "t", "-j", "2", "-a", "count(*), sum(x), min(x)", "-w"];
    argv.push(WINDOWS[random.usize(..WINDOWS.len())]);
    argv.extend(["-d", ["0s", "7s", "15s"][random.usize(..3)]]);
    argv.extend(RANKS[random.usize(..RANKS.len())]);
    if random.u8(..) < 200 {
        argv.extend(["-b", "k"]);
    } else if argv.contains(&"k") {
        argv.extend(["-b", "'none' AS k"]);
    }
    let argv: Vec<_> = argv.into_iter().map(Into::into).collect();
    crate::cli::job(&argv).expect("a good job")
}

fn task(job: &Job) -> &Aggregation {
    match &job.task {
        Task::Aggregate(task) => task,
        Task::Order => unreachable!("it has windows"),
    }
}

/// Some events, at about this time.
fn events(random: &mut Rng, now: i64, keys: u32) -> Vec<u8> {
    let mut text = String::new();
    for _ in 0..random.usize(1..40) {
        let (time, key) = (1_600_000_000 + now + random.i64(-12..4), random.u32(..keys));
        let x = if random.bool() { random.i8(-3..9).to_string() } else { "null".to_owned() };
        text += &format!("{{\"t\":{time},\"k\":{key},\"x\":{x}}}\n");
    }
    text.into_bytes()
}

/// Applies a step; what each owner fires.
fn apply(owners: &mut [Box<dyn Owner>], step: &Step) -> Vec<Vec<Fired>> {
    let fire = |owner: &mut Box<dyn Owner>| {
        let mut slices = Vec::new();
        // A row that cannot be decided about breaks off.
        let _ = owner.apply(step, &mut |slice| {
            slices.push(slice);
            ControlFlow::Continue(())
        });
        slices
    };
    owners.iter_mut().map(fire).collect()
}

fn texts(fired: &[Vec<Fired>]) -> Vec<Vec<u8>> {
    let all = |slice: &Fired| [&slice.keys[..], &slice.ranks, &slice.text].concat();
    fired.iter().map(|slices| slices.iter().flat_map(all).collect()).collect()
}

/// Whether a row could not be decided about: the owners are of no use any more.
fn has_failed(fired: &[Vec<Fired>]) -> bool {
    fired.iter().flatten().any(|slice| slice.failure.is_some())
}

/// The next window to close, if windows are of all keys, and the cells of the rows that would fire: of that window alone,
/// or of all.
fn expected(task: &Aggregation, plan: &RowPlan, fired: &[Vec<Fired>]) -> (Option<Window>, Vec<String>, u64) {
    let slices = || fired.iter().flatten();
    let next = slices().flat_map(|slice| &slice.windows).map(|(place, _)| place.window).min();
    let next = next.filter(|_| matches!(task.windows, Windows::Panes(_)));
    let mut best = Best::default();
    for slice in slices() {
        for (place, rows) in (0..slice.windows.len()).map(|n| slice.window(n)) {
            if next.is_none_or(|next| next == place.window) {
                rows.for_each(|row| best.take_row(plan, slice, (place.window, row)));
            }
        }
    }
    if let Some(top) = task.top.as_ref().filter(|top| top.rows_max < usize::MAX) {
        best.cut(plan, top.rows_max, top.ties);
    }
    let cells = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    (next, best.rows().iter().map(|row| cells(&row.text)).collect(), best.seen())
}

fn cells(scene: &Scene) -> Vec<String> {
    let row = |cells: &Vec<String>| cells.iter().map(|cell| format!("{cell}\u{1f}")).collect();
    scene.rows.iter().map(|row_of| row(&row_of.cells)).collect()
}

struct Run<'p> {
    sequencer: Sequencer,
    parser: Parser<'p>,
    layout: Layout,
    owners: [Vec<Box<dyn Owner>>; 2],
}

impl Run<'_> {
    /// What has come is applied by owners who are looked at, and by others; both fire the same.
    fn advance(&mut self) -> (Vec<Vec<Fired>>, bool) {
        let mut step = Step::default();
        let pause = self.sequencer.advance(&mut step);
        self.sequencer.take_used();
        let [fired, others] = self.owners.each_mut().map(|owners| apply(owners, &step));
        assert_eq!(texts(&fired), texts(&others), "looking leaves no trace");
        (fired, matches!(pause, Pause::Ended))
    }
}

#[test]
fn a_look_shows_what_would_fire() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let mut rows_seen = 0;
    'jobs: for _ in 0..300 {
        let job = job(&mut random);
        let (task, plan) = (task(&job), RowPlan::new(task(&job), false));
        let time_field = job.time_field.clone().expect("it is named");
        let projection = Projection::new(&job, &time_field, 1);
        let layout = layout("x", Format::Ndjson, Vec::new(), None, &projection.fields).expect("NDJSON fits");
        let mut run = Run {
            sequencer: Sequencer::new(rules(&job)),
            parser: Parser::new(&projection),
            layout,
            owners: [(); 2].map(|()| shards::owners(&job, 1)),
        };
        let mut board = Board::of(task).expect("it is looked at");
        let keys = if random.u8(..) < 40 { 1000 } else { 6 };
        let (mut now, mut offset) = (0, 0);
        for _ in 0..random.usize(1..30) {
            now += random.i64(0..6);
            let bytes = events(&mut random, now, keys);
            let (form, len) = (run.sequencer.source_form(0), bytes.len() as u64);
            let chunk = ChunkToParse { source: 0, bytes, offset, layout: &run.layout, form };
            let mut batch = run.parser.parse(chunk);
            batch.len = len;
            offset += len;
            run.sequencer.push(batch, None);
            let (fired, _) = run.advance();
            // The run would end here.
            if has_failed(&fired) {
                continue 'jobs;
            }
            if random.bool() {
                board.end(&plan, run.owners[0].iter_mut().map(|owner| owner.peek()).collect());
            }
        }
        let peeks = run.owners[0].iter_mut().map(|owner| owner.peek()).collect();
        let scene = board.end(&plan, peeks).expect("it has been looked at");
        run.sequencer.end(0, Ok(()));
        let (fired, ended) = run.advance();
        assert!(ended);
        // Behind a row that cannot be decided about others have not become rows.
        if has_failed(&fired) {
            continue;
        }
        let (window, rows, all) = expected(task, &plan, &fired);
        assert_eq!((scene.window, cells(&scene), scene.rows_in_all), (window, rows, all));
        rows_seen += scene.rows.len();
        // The last view is of the first window that holds what came last.
        board.begin(true);
        for slice in fired.iter().flatten() {
            board.rows(&plan, slice, 0..slice.rows.len());
        }
        let last = board.end(&plan, Vec::new()).expect("the last one");
        assert!(last.is_final && (last.rows_in_all > 0 || scene.rows_in_all == 0 || task.having.is_some()));
        if let (Some(shown), Some(last)) = (scene.window, last.window) {
            assert!(last >= shown, "{shown:?} {last:?}");
            assert!(scene.reaches.is_none_or(|reaches| last.end == reaches || task.having.is_some()));
        }
    }
    assert!(rows_seen > 1000, "the jobs have rows: {rows_seen}");
}
