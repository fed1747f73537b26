//! Inputs and outputs that were changed between two runs: what cannot be continued is refused before anything is
//! touched, and what can be is.

use std::fs;

use crate::jobs::{self, Job};
use crate::place::{Place, Way};
use crate::run::Disturbance;
use crate::shim::{Mode, Plan};

const OUTPUTS: [&str; 3] = ["out", "late", "bad"];

/// The job in the middle of its way.
fn midway<'j>(job: &'j Job, way: Way) -> Place<'j> {
    Place::midway(job, way, |tree| {
        let long = |name: &str| tree.files.get(name).is_none_or(|bytes| bytes.len() > 300);
        ["out", "late", "bad"].into_iter().all(long)
    })
}

/// The job behind its first checkpoint.
fn begun(job: &Job) -> Place<'_> {
    for at in 1..100 {
        let mut place = Place::new(job, Way::Named, 2);
        place.run(Disturbance::Shim(&Plan { mode: Mode::Kill, at })).expect("it is killed");
        if place.tree().files.keys().any(|name| name.starts_with("state/checkpoint-")) {
            return place;
        }
    }
    panic!("{}: there is no first checkpoint", job.name);
}

fn find<'j>(jobs: &'j [Job], name: &str) -> &'j Job {
    jobs.iter().find(|job| job.name == name).expect("it is there")
}

/// The next run is refused with exit code 2, says this, and does not touch these files. Checkpoints may be made, and
/// other outputs go on, until the run comes to what was changed.
#[track_caller]
fn refused(place: &mut Place, says: &str, untouched: &[&str]) {
    let state =
        |place: &Place| untouched.iter().map(|name| fs::read(place.path(name)).ok()).collect::<Vec<_>>();
    let before = state(place);
    let ended = place.run(Disturbance::None).expect("it is refused");
    assert!(
        ended.code == 2 && ended.stderr.contains(says),
        "expected {says:?}: {} {}",
        ended.code,
        ended.stderr
    );
    assert!(before == state(place), "something was touched: {}", ended.stderr);
}

#[test]
fn changed_inputs_are_refused() {
    let jobs = jobs::all(150);
    let job = find(&jobs, "tumbling");
    let mut tried = 0;
    let mut check = |change: &dyn Fn(&mut Vec<u8>), says: &str| {
        let mut place = midway(job, Way::Named);
        let path = place.path("b.ndjson");
        let was = fs::read(&path).expect("it is there");
        let mut bytes = was.clone();
        change(&mut bytes);
        fs::write(&path, &bytes).expect("it can be written");
        refused(&mut place, says, &OUTPUTS);
        // Put back as it was, it goes on.
        fs::write(&path, &was).expect("it can be written");
        place.finish().expect("it comes to what it should");
        tried += 1;
    };
    for at in [0, 1, 100, 400] {
        check(&|bytes| bytes[at] ^= 1, "have changed");
    }
    check(&|bytes| bytes.truncate(100), "has only 100 bytes");
    check(&|bytes| bytes.clear(), "has only 0 bytes");
    // As long as before: a run that had read all of it would miss the last byte before it looked at the others.
    check(&|bytes| bytes.rotate_left(1), "have changed");
    check(&|bytes| bytes.splice(0..0, b"\n".iter().copied()).for_each(drop), "have changed");
    // The same events in another form are another stream.
    let mut place = midway(job, Way::Named);
    let (path, was) = (place.path("b.ndjson"), fs::read(place.path("b.ndjson")).expect("it is there"));
    let other = find(&jobs, "gzip").files[0].1.clone();
    fs::write(&path, other).expect("it can be written");
    refused(&mut place, "", &OUTPUTS);
    fs::write(&path, was).expect("it can be written");
    place.finish().expect("it comes to what it should");
    println!("tamper, inputs: {} changes refused", tried + 1);
}

#[test]
fn inputs_that_are_the_same_go_on() {
    let jobs = jobs::all(150);
    let job = find(&jobs, "tumbling");
    // A copy with another inode, and one that was compressed meanwhile.
    for compress in [false, true] {
        let mut place = midway(job, Way::Named);
        let (path, aside) = (place.path("b.ndjson"), place.path("copy"));
        fs::copy(&path, &aside).expect("it can be copied");
        fs::rename(&aside, &path).expect("it can be renamed");
        if compress {
            fs::write(&path, jobs::gzip(&fs::read(&path).expect("it is there"))).expect("it can be written");
        }
        place.finish().unwrap_or_else(|why| panic!("compressed {compress}: {why}"));
    }
    // Two that have changed names with each other are found by what they hold. Late and bad records name their source.
    let job = job.clone().without_aside();
    let mut place = midway(&job, Way::Named);
    let (a, b, c) = (place.path("a.ndjson"), place.path("b.ndjson"), place.path("x"));
    for (from, to) in [(&a, &c), (&b, &a), (&c, &b)] {
        fs::rename(from, to).expect("it can be renamed");
    }
    place.complete().expect("it goes on");
    assert!(fs::read(place.path("out")).expect("it is there") == job.wanted.rows);
    // One that was renamed before anything of it was read.
    let renamed = |arg: &'static str| if arg == "a.ndjson" { "z.ndjson" } else { arg };
    let later = Job { args: job.args.iter().map(|arg| renamed(arg)).collect(), ..job.clone() };
    let mut place = begun(&job);
    place.job = &later;
    fs::rename(place.path("a.ndjson"), place.path("z.ndjson")).expect("it can be renamed");
    place.complete().expect("it goes on");
    assert!(fs::read(place.path("out")).expect("it is there") == job.wanted.rows);
    println!("tamper, same inputs: copied, compressed, renamed ones go on");
}

#[test]
fn changed_outputs_are_refused() {
    let jobs = jobs::all(150);
    let mut tried = 0;
    for way in [Way::Named, Way::Append, Way::ReadWrite] {
        for name in ["out", "late", "bad"] {
            let mut check = |change: &dyn Fn(&mut Vec<u8>), says: &str| {
                let mut place = midway(find(&jobs, "tumbling"), way);
                let path = place.path(name);
                let was = fs::read(&path).expect("it is there");
                let mut bytes = was.clone();
                change(&mut bytes);
                fs::write(&path, &bytes).expect("it can be written");
                refused(&mut place, says, &[name]);
                fs::write(&path, &was).expect("it can be written");
                place.finish().expect("it comes to what it should");
                tried += 1;
            };
            check(&|bytes| bytes[50] ^= 1, "");
            check(&|bytes| bytes.clear(), " has 0 bytes where windrow had written");
            check(&|bytes| bytes.truncate(20), " has 20 bytes where windrow had written");
            check(&|bytes| bytes.extend_from_slice(b"by others\n"), "");
        }
    }
    println!("tamper, outputs: {tried} changes refused");
}

#[test]
fn a_job_that_is_done_stays_done() {
    let jobs = jobs::all(150);
    let job = find(&jobs, "tumbling");
    let mut place = Place::new(job, Way::Named, 2);
    place.complete().expect("it runs");
    let rerun = |place: &mut Place| place.run(Disturbance::None).expect("it ends");
    assert_eq!(rerun(&mut place).code, 0);
    place.finish().expect("nothing was written again");
    // It has grown: all windows are closed.
    let path = place.path("c.ndjson");
    let was = fs::read(&path).expect("it is there");
    fs::write(&path, [&was[..], b"{\"ts\":1700000500,\"id\":\"new\",\"k\":\"k1\"}\n"].concat())
        .expect("it can be written");
    refused(&mut place, "--at-eof hold", &OUTPUTS);
    fs::write(&path, &was).expect("it can be written");
    fs::write(place.path("out"), b"").expect("it can be written");
    refused(&mut place, "has 0 bytes where windrow had written", &OUTPUTS);
    println!("tamper, done jobs: stay done");
}
