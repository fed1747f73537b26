//! Power cuts, modelled: a run is logged, and everything that the disk may hold after a cut at any of its calls is set
//! up and continued (see `disk`). Nothing may come out wrong, and nothing may be refused.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashSet};
use std::hash::{Hash, Hasher};

use crate::disk::{self, Disk, LOSSES, Lost, Op, Tree};
use crate::jobs::{self, Job};
use crate::parallel::{Checked, in_parallel};
use crate::place::{Place, WAYS, Way};
use crate::run::Disturbance;
use crate::shim::{Mode, Plan};
use crate::size::{by_size, random};

/// A run that was logged.
pub struct Logged<'j> {
    job: &'j Job,
    way: Way,
    threads: usize,
    phase: usize,
    /// What was there before, and what the reader of a pipe had.
    before: Tree,
    had: usize,
    /// Where in the stream the run begins: it may bring again what was in doubt.
    start: usize,
    /// The calls of the run.
    pub ops: Vec<Op>,
}

/// A state of the disk in which the power may have gone.
struct Cut {
    tree: Tree,
    delivered: usize,
    what: String,
}

/// What became of a job behind a power cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It came to what it should.
    Right,
    /// The run said that it cannot go on.
    Refused(String),
    /// Something else came out.
    Wrong(String),
}

impl Logged<'_> {
    /// The same run with other calls.
    pub fn with(self, ops: Vec<Op>) -> Self {
        Logged { ops, ..self }
    }
}

/// Logs a run of the job: its first one, or one that goes on after a kill.
pub fn logged<'j>(
    job: &'j Job,
    way: Way,
    threads: usize,
    phase: usize,
    resumed: bool,
) -> Checked<Logged<'j>> {
    let mut place = Place::new(job, way, threads);
    place.advance(phase)?;
    if resumed {
        place.run(Disturbance::Shim(&Plan { mode: Mode::Torn, at: 60 }))?;
    }
    let (before, had) = (place.tree(), place.delivered());
    let ended = place.run(Disturbance::Shim(&Plan::LOG))?;
    let ops = disk::parse(&ended.log);
    let brought = ops.iter().map(|op| if let Op::Deliver(len) = op { *len } else { 0 }).sum::<usize>();
    Ok(Logged { job, way, threads, phase, before, had, start: place.delivered() - brought, ops })
}

/// So many different states that a power cut may leave, chosen at random among all that the model has.
fn cuts(logged: &Logged, many: usize, random: &mut fastrand::Rng) -> Vec<Cut> {
    let mut disks = vec![Disk::new(&logged.before, logged.start)];
    for op in &logged.ops {
        let mut disk = disks[disks.len() - 1].clone();
        disk.apply(op);
        disks.push(disk);
    }
    let mut candidates: Vec<(usize, BTreeSet<usize>, Lost)> = Vec::new();
    for (at, disk) in disks.iter().enumerate() {
        for lost in losses(&disk.loose(), random) {
            candidates.extend(LOSSES.iter().map(|how| (at, lost.clone(), *how)));
        }
    }
    random.shuffle(&mut candidates);
    let (mut seen, mut cuts) = (HashSet::new(), Vec::new());
    for (at, lost, how) in candidates {
        let tree = disks[at].crash(&lost, how);
        let mut hasher = DefaultHasher::new();
        (&tree, disks[at].delivered.max(logged.had)).hash(&mut hasher);
        if seen.insert(hasher.finish()) {
            let what = format!("behind call {at}, lost {lost:?} ({how:?})");
            cuts.push(Cut { tree, delivered: disks[at].delivered.max(logged.had), what });
        }
        if cuts.len() == many {
            break;
        }
    }
    cuts
}

/// Which of the changes that may be lost are: none, all, each one, each two, all behind some instant, any at random.
fn losses(loose: &[usize], random: &mut fastrand::Rng) -> Vec<BTreeSet<usize>> {
    let mut losses = vec![BTreeSet::new(), loose.iter().copied().collect()];
    for (n, one) in loose.iter().enumerate() {
        losses.push([*one].into());
        losses.push(loose[n..].iter().copied().collect());
        losses.extend(loose[..n].iter().map(|other| [*one, *other].into()));
        losses.push(loose.iter().copied().filter(|_| random.bool()).collect());
    }
    losses
}

/// Continues a job behind a power cut.
fn resume(logged: &Logged, cut: &Cut) -> Fate {
    let mut place = Place::after_power_cut(
        logged.job,
        logged.way,
        logged.threads,
        logged.phase,
        &cut.tree,
        cut.delivered,
    );
    let describe = |why: &str| {
        let Logged { job, way, threads, phase, .. } = logged;
        format!("{} to {way:?}, {threads} threads, run {}, {}: {why}", job.name, phase + 1, cut.what)
    };
    match place.run(Disturbance::None) {
        Err(why) => Fate::Wrong(describe(&why)),
        Ok(ended) if !place.is_over(&ended) => Fate::Refused(describe(&ended.stderr)),
        Ok(_) => {
            place.pass();
            place.finish().map_or_else(|why| Fate::Wrong(describe(&why)), |()| Fate::Right)
        }
    }
}

/// What becomes of a job behind so many power cuts.
pub fn fates(logged: &Logged, many: usize, random: &mut fastrand::Rng) -> Vec<Fate> {
    in_parallel("power", &cuts(logged, many, random), |cut| Ok(resume(logged, cut)))
}

/// Small jobs: what counts is the order of calls.
pub fn jobs() -> Vec<Job> {
    jobs::all(90)
}

#[test]
fn nothing_is_lost_with_the_power() {
    let mut random = random("power");
    let jobs = jobs();
    let mut runs = Vec::new();
    for (job, way) in jobs.iter().flat_map(|job| WAYS.map(|way| (job, way))) {
        for (phase, resumed) in (0..job.grown.len()).flat_map(|phase| [(phase, false), (phase, true)]) {
            runs.push((job, way, [1, 4][random.usize(0..2)], phase, resumed));
        }
    }
    random.shuffle(&mut runs);
    let floor = by_size(200, 2_000, 50_000);
    // So many runs share the states among them. Some have fewer than their share: those that follow make up for them,
    // and more runs are taken where the last ones were short.
    let sharers = floor.div_ceil(20).min(runs.len());
    let (mut right, mut others) = (0, Vec::new());
    for (n, &(job, way, threads, phase, resumed)) in runs.iter().enumerate() {
        let missing = floor.saturating_sub(right + others.len());
        if n >= sharers && missing == 0 {
            break;
        }
        let each = missing.div_ceil(sharers.saturating_sub(n).max(1)) + by_size(2, 10, 120);
        let logged = logged(job, way, threads, phase, resumed).expect("an undisturbed run");
        for fate in fates(&logged, each, &mut random) {
            match fate {
                Fate::Right => right += 1,
                other => others.push(other),
            }
        }
    }
    let shown: Vec<String> = others.iter().take(8).map(|fate| format!("{fate:?}")).collect();
    let wrong = others.iter().filter(|fate| matches!(fate, Fate::Wrong(_))).count();
    assert!(
        others.is_empty(),
        "power: {right} right, {wrong} wrong, {} refused, among them:\n{}",
        others.len() - wrong,
        shown.join("\n")
    );
    assert!(right >= floor, "{right} states");
    println!("power: {right} states of the disk, 0 wrong, 0 refused");
}
