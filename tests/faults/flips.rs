//! Every bit and every length of what a state directory holds: damage is refused, or passed over for the checkpoint
//! before, and never taken for what was written.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use windrow::output::ledger::Ledger;
use windrow::pipeline::{Ready, prepare};

use crate::jobs::{self, Job};
use crate::parallel::in_parallel;
use crate::place::{Place, Way};
use crate::run::Disturbance;
use crate::size::{by_size, random};

/// A state directory that a kill has left, with two checkpoints.
struct Left<'j> {
    place: Place<'j>,
    /// The newest first.
    checkpoints: [PathBuf; 2],
}

fn left<'j>(job: &'j Job, way: Way) -> Left<'j> {
    let place = Place::midway(job, way, |_| true);
    let names = place.tree().files.into_keys().filter(|name| name.starts_with("state/checkpoint-"));
    let mut checkpoints: Vec<_> = names.map(|name| place.path(&name)).collect();
    checkpoints.reverse();
    Left { checkpoints: checkpoints.try_into().expect("two of them"), place }
}

/// What becomes of a job over a state directory, as far as can be told before it runs.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It goes on from this checkpoint, with so many warnings.
    Runs { epoch: u64, warnings: usize },
    /// It is refused as damaged.
    Refused,
}

/// Prepares the job as its command would, within this process.
fn verdict(place: &Place) -> Verdict {
    let mut job = windrow::cli::job(&place.arguments()).expect("the job is right");
    for (source, (name, _)) in job.sources.iter_mut().zip(&place.job.files) {
        source.name = (*name).to_owned();
    }
    loop {
        let prepared = catch_unwind(AssertUnwindSafe(|| prepare(job.clone())));
        return match prepared.expect("damage is no reason to panic") {
            Ok(Ready::Run(prepared, warnings)) => {
                let kept = prepared.kept.expect("it has a state directory");
                Verdict::Runs { epoch: kept.checkpoint.epoch, warnings: warnings.len() }
            }
            Ok(Ready::Done(..)) => panic!("the job was not done"),
            Err(error) if error.exit_code() == 1 => Verdict::Refused,
            // A program that another test has just started holds the lock of the turn before, until it runs.
            Err(error) if error.to_string().contains("another run (process ") => continue,
            Err(error) => panic!("refused for another reason: {error}"),
        };
    }
}

fn epoch(path: &Path) -> u64 {
    let name = path.file_name().and_then(|name| name.to_str()).expect("names are plain");
    name.strip_prefix("checkpoint-").and_then(|number| number.parse().ok()).expect("it has a number")
}

/// Bytes with one bit changed, or cut off, or with something behind them: `step` says how many are left out.
fn damaged(bytes: &[u8], step: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
    let flipped = (0..bytes.len() * 8).step_by(step).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    });
    let cut = (0..bytes.len()).step_by(step).map(|len| bytes[..len].to_vec());
    let zeroed = (0..bytes.len())
        .step_by(step * 64)
        .filter(|&at| bytes[at..].iter().any(|&byte| byte != 0))
        .map(|at| {
            let mut zeroed = bytes.to_vec();
            zeroed[at..].fill(0);
            zeroed
        });
    flipped.chain(cut).chain(zeroed).chain([[bytes, b"x"].concat()])
}

#[test]
fn damaged_checkpoints_are_passed_over() {
    let jobs = jobs::all(90);
    let mut tried = 0;
    let step = by_size(61, 9, 1);
    for name in ["order", "tumbling", "session"] {
        let job = jobs.iter().find(|job| job.name == name).expect("it is there");
        let Left { mut place, checkpoints: [newest, before] } = left(job, Way::Named);
        let was = fs::read(&newest).expect("it is there");
        assert_eq!(verdict(&place), Verdict::Runs { epoch: epoch(&newest), warnings: 0 });
        for bytes in damaged(&was, step) {
            fs::write(&newest, &bytes).expect("it can be written");
            assert_eq!(
                verdict(&place),
                Verdict::Runs { epoch: epoch(&before), warnings: 1 },
                "{name}: point {tried}"
            );
            tried += 1;
        }
        // With both damaged nothing is taken for a beginning.
        let older = fs::read(&before).expect("it is there");
        for bytes in damaged(&older, step * 16) {
            fs::write(&before, &bytes).expect("it can be written");
            assert_eq!(verdict(&place), Verdict::Refused, "{name}, both: point {tried}");
            tried += 1;
        }
        // The whole of it, once: the job goes on from the one before.
        fs::write(&before, &older).expect("it can be written");
        let ended = place.run(Disturbance::None).expect("it goes on");
        assert!(
            ended.code == 0 && ended.stderr.contains("the checkpoint before it is used"),
            "{}",
            ended.stderr
        );
        place.finish().expect("it comes to what it should");
    }
    assert!(tried > by_size(1_000, 7_000, 60_000), "{tried} points");
    println!("flips, checkpoints: {tried} damaged ones, 0 of them used");
}

/// The same through the program, at some points: what it comes to then.
#[test]
fn damaged_checkpoints_change_nothing() {
    let mut random = random("flips");
    let jobs = jobs::all(90);
    let many = by_size(20, 100, 1_000);
    let mut points = Vec::new();
    for name in ["tumbling", "hopping", "session", "order", "held"] {
        let job = jobs.iter().find(|job| job.name == name).expect("it is there");
        let Left { place, checkpoints: [newest, _] } = left(job, Way::Append);
        let (name, tree) = (newest.strip_prefix(place.path("")).expect("it is below"), place.tree());
        for _ in 0..many / 5 {
            let mut tree = tree.clone();
            let bytes = tree.files.get_mut(name.to_str().expect("names are plain")).expect("it is there");
            let at = random.usize(0..bytes.len());
            bytes[at] ^= 1 << random.u8(0..8);
            points.push((job, at, tree));
        }
    }
    in_parallel("flips", &points, |(job, at, tree)| {
        let mut place = Place::after_power_cut(job, Way::Append, 2, 0, tree, 0);
        let ended = place.run(Disturbance::None)?;
        if ended.code != 0 || !ended.stderr.contains("the checkpoint before it is used") {
            return Err(format!("{}: byte {at}: {} {}", job.name, ended.code, ended.stderr));
        }
        place.pass();
        place.finish().map_err(|why| format!("{}: byte {at}: {why}", job.name))
    });
    println!("flips, through the program: {} damaged checkpoints, 0 differences", points.len());
}

/// Files of ids: what they hold is believed only if it is whole. What stands behind the last checkpoint does not count.
#[test]
fn damaged_ids_are_not_believed() {
    let mut random = random("flips, ids");
    let jobs = jobs::all(300);
    let many = by_size(40, 200, 2_000);
    let mut points = Vec::new();
    for name in ["tumbling", "none", "held"] {
        let job = jobs.iter().find(|job| job.name == name).expect("it is there");
        let whole = Place::midway(job, Way::Append, |tree| {
            tree.files.iter().any(|(name, bytes)| is_ids(name) && !bytes.is_empty())
        })
        .tree();
        let ids = whole.files.iter().filter(|(name, bytes)| is_ids(name) && !bytes.is_empty());
        let names: Vec<_> = ids.map(|(name, _)| name.clone()).collect();
        for n in 0..many / 3 {
            let mut tree = whole.clone();
            let name = &names[random.usize(0..names.len())];
            let bytes = tree.files.get_mut(name).expect("it is there");
            let at = random.usize(0..bytes.len());
            match n % 4 {
                0 => bytes.truncate(at),
                1 => bytes[at..].fill(0),
                _ => bytes[at] ^= 1 << random.u8(0..8),
            }
            points.push((job, format!("{}: {name}, byte {at} ({})", job.name, n % 4), tree));
        }
    }
    let fates = in_parallel("flips, ids", &points, |(job, what, tree)| {
        let mut place = Place::after_power_cut(job, Way::Append, 2, 0, tree, 0);
        let ended = place.run(Disturbance::None)?;
        match ended.code {
            0 => {}
            // Both checkpoints need what was damaged.
            1 if ended.stderr.contains("--replay") => return Ok((0, 0, 1)),
            code => return Err(format!("{what}: {code} {}", ended.stderr)),
        }
        place.pass();
        place.finish().map_err(|why| format!("{what}: {why}"))?;
        let before = ended.stderr.contains("the checkpoint before it is used");
        Ok((usize::from(!before), usize::from(before), 0))
    });
    let sum = |part: fn(&(usize, usize, usize)) -> usize| fates.iter().map(part).sum::<usize>();
    let (right, before, refused) = (sum(|fate| fate.0), sum(|fate| fate.1), sum(|fate| fate.2));
    assert!(before + refused >= many / 10, "{right} right, {before} from the one before, {refused} refused");
    println!(
        "flips, ids: {} damaged files: {refused} refused, {before} passed over, {right} where nothing counts; \
         0 differences",
        points.len()
    );
}

fn is_ids(name: &str) -> bool {
    name.starts_with("state/ids")
}

#[test]
fn damaged_pages_for_deliveries_are_refused() {
    let jobs = jobs::all(90);
    let job = jobs.iter().find(|job| job.name == "tumbling").expect("it is there");
    let Left { place, .. } = left(job, Way::Pipe);
    let path = place.path("state/delivery");
    let was = fs::read(&path).expect("it is there");
    let identity = u64::from_le_bytes(was[36..44].try_into().expect("eight bytes"));
    let now =
        || catch_unwind(|| Ledger::open(&path, identity).map(|ledger| ledger.now()).ok()).expect("no panic");
    let wanted = now().expect("it is whole");
    let (mut refused, mut same) = (0, 0);
    for bytes in damaged(&was, by_size(7, 1, 1)) {
        fs::write(&path, &bytes).expect("it can be written");
        match now() {
            None => refused += 1,
            // What is not in force does not count.
            Some(found) if found == wanted => same += 1,
            Some(found) => panic!("{found:?} instead of {wanted:?}"),
        }
    }
    assert!(refused > by_size(500, 4_000, 4_000), "{refused} refused, {same} the same");
    println!("flips, deliveries: {refused} damaged pages refused, {same} damaged where nothing stands");
}
