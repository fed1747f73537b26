//! Every call that changes a file is disturbed once, in each way, over all jobs, outputs and numbers of threads; then
//! the resumed run is killed too.

use std::collections::BTreeMap;
use std::path::Path;

use crate::jobs::{self, Job};
use crate::parallel::{Checked, in_parallel};
use crate::place::{Place, WAYS, Way};
use crate::run::{Disturbance, Ended};
use crate::shim::{self, Fired, MODES, Mode, Plan};
use crate::size::{by_size, random};

/// A job as it is run.
#[derive(Clone, Copy)]
pub struct Setting<'j> {
    job: &'j Job,
    way: Way,
    /// With how many threads.
    pub threads: usize,
    /// Which of its runs is disturbed.
    phase: usize,
    /// Whether that run is one that begins anew, over what a run before has left.
    replay: bool,
    /// How many calls that run makes, undisturbed.
    calls: usize,
}

/// A setting with a fault.
struct Point<'j> {
    setting: Setting<'j>,
    plan: Plan,
    /// A kill of the resumed run, at this call or before.
    then: Option<Plan>,
}

impl Point<'_> {
    fn describe(&self) -> String {
        let Setting { job, way, threads, phase, replay, .. } = &self.setting;
        let then = self.then.map_or(String::new(), |plan| format!(", then {:?} at {}", plan.mode, plan.at));
        let Plan { mode, at } = self.plan;
        let replay = if *replay { " anew" } else { "" };
        format!(
            "{} to {way:?}, {threads} threads, run {}{replay}: {mode:?} at {at}{then}",
            job.name,
            phase + 1
        )
    }
}

/// Jobs small enough to disturb all they do.
pub fn jobs() -> Vec<Job> {
    jobs::all(110)
}

pub fn settings(jobs: &[Job]) -> Vec<Setting<'_>> {
    let mut settings = Vec::new();
    for job in jobs {
        for (way, threads) in WAYS.iter().flat_map(|way| [(*way, 1), (*way, 4)]) {
            let phases = 0..job.grown.len();
            settings.extend(phases.map(|phase| Setting {
                job,
                way,
                threads,
                phase,
                replay: false,
                calls: 0,
            }));
        }
        let (way, phase) = (Way::Named, job.grown.len() - 1);
        settings.push(Setting { job, way, threads: 4, phase, replay: true, calls: 0 });
    }
    settings
}

impl<'j> Setting<'j> {
    /// The place in which the run that is disturbed comes next.
    pub fn place(&self) -> Checked<Place<'j>> {
        let mut place = Place::new(self.job, self.way, self.threads);
        place.advance(self.phase)?;
        if self.replay {
            place.run(Disturbance::Shim(&Plan { mode: Mode::Kill, at: 90 }))?;
            place.replay = true;
        }
        Ok(place)
    }
}

/// The same with the calls counted, and all of them checked to be seen.
fn counted<'j>(setting: &Setting<'j>) -> Checked<Setting<'j>> {
    let mut place = setting.place()?;
    let ended = place.run(Disturbance::Shim(&Plan::LOG))?;
    Ok(Setting { calls: shim::calls(&ended.log), ..*setting })
}

/// As many points as asked for, spread evenly over settings, modes and calls.
fn points<'j>(
    settings: &[Setting<'j>],
    many: usize,
    double: bool,
    random: &mut fastrand::Rng,
) -> Vec<Point<'j>> {
    let modes = if double { &MODES[..2] } else { &MODES[..] };
    let mut rows: Vec<(Setting, Mode)> = Vec::new();
    for setting in settings {
        rows.extend(modes.iter().map(|mode| (*setting, *mode)));
    }
    random.shuffle(&mut rows);
    let each = many.div_ceil(rows.len());
    rows.truncate(many.div_ceil(each));
    let mut points = Vec::new();
    for (setting, mode) in rows {
        // Evenly over the calls, beginning somewhere.
        let stride = setting.calls as f64 / each as f64;
        let first = random.f64() * stride;
        for n in 0..each {
            let at = 1 + (first + stride * n as f64) as usize;
            let kill = Plan { mode: modes[random.usize(0..2)], at: random.usize(1..=setting.calls) };
            points.push(Point { setting, plan: Plan { mode, at }, then: double.then_some(kill) });
        }
    }
    points
}

/// Runs a job until a fault has hit it, which may take an earlier call: how many there are depends on timing.
fn disturb(place: &mut Place, plan: Plan) -> Checked<(Ended, Fired)> {
    let mut plan = plan;
    loop {
        let ended = place.run(Disturbance::Shim(&plan))?;
        match ended.fired.clone() {
            Some(fired) => return Ok((ended, fired)),
            None if plan.at == 1 => return Err("no call was disturbed".to_owned()),
            None => plan.at /= 2,
        }
    }
}

fn try_point(point: &Point<'_>) -> Checked<Vec<Fired>> {
    let all = || -> Checked<Vec<Fired>> {
        let mut place = point.setting.place()?;
        let (ended, fired) = disturb_from_start(&mut place, point)?;
        place.replay = false;
        check_end(point.plan.mode, &ended, &fired)?;
        let mut hits = vec![fired];
        if let Some(plan) = point.then {
            let (ended, fired) = disturb(&mut place, plan)?;
            check_end(plan.mode, &ended, &fired)?;
            hits.push(fired);
        }
        place.finish()?;
        Ok(hits)
    };
    all().map_err(|why| format!("{}: {why}", point.describe()))
}

/// The same for the first fault, which is to hit a run that begins: one that it missed is begun again.
fn disturb_from_start<'j>(place: &mut Place<'j>, point: &Point<'j>) -> Checked<(Ended, Fired)> {
    let mut plan = point.plan;
    loop {
        let ended = place.run(Disturbance::Shim(&plan))?;
        match ended.fired.clone() {
            Some(fired) => return Ok((ended, fired)),
            None if plan.at == 1 => return Err("no call was disturbed".to_owned()),
            None => {
                plan.at = plan.at * 2 / 3;
                *place = point.setting.place()?;
            }
        }
    }
}

/// Whether a run ended as it should when this had happened to it.
fn check_end(mode: Mode, ended: &Ended, fired: &Fired) -> Checked {
    let wrong = |why: &str| {
        Err(format!(
            "{} {} (call {}): {why}; exit code {}: {}",
            fired.call, fired.name, fired.number, ended.code, ended.stderr
        ))
    };
    match mode {
        Mode::Kill | Mode::Torn if ended.is_killed() => Ok(()),
        Mode::Kill | Mode::Torn => wrong("it was not killed"),
        Mode::Short if ended.code == 0 => Ok(()),
        Mode::Short => wrong("the rest was not written"),
        Mode::Eintr if ended.code == 0 => Ok(()),
        _ if ended.code != 1 => wrong("the failure was not told by the exit code"),
        _ if !names(&ended.stderr, &fired.name) => wrong("the file was not named"),
        Mode::Eintr => Ok(()),
        _ if !fired.call.contains("sync") => Ok(()),
        _ => match after_sync(&ended.log, fired) {
            Some(line) => wrong(&format!("after the failed sync came: {line}")),
            None => Ok(()),
        },
    }
}

/// Whether a message names a file.
fn names(stderr: &str, name: &str) -> bool {
    let last = Path::new(name).file_name().map_or(name, |name| name.to_str().expect("names are plain"));
    let last = match last {
        "stdout" => "standard output",
        // The file that is named is the one whose directory could not be synced.
        "." => "",
        last => last,
    };
    stderr.lines().any(|line| line.starts_with("windrow: ") && line.contains(last))
}

/// The first call behind a failed sync that must not be there: another sync of the same file, or a checkpoint.
fn after_sync<'l>(log: &'l str, fired: &Fired) -> Option<&'l str> {
    let mut behind = log.lines().filter(|line| !line.starts_with("page ")).skip(fired.number - 1);
    behind.find(|line| {
        let mut words = line.split(' ');
        let (call, name) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        call == "rename" || (call.contains("sync") && name == fired.name)
    })
}

/// What was hit, by call.
fn tally(hits: impl Iterator<Item = Fired>) -> (usize, String) {
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    hits.for_each(|fired| *calls.entry(fired.call).or_default() += 1);
    let text: Vec<String> = calls.iter().map(|(call, many)| format!("{many} {call}")).collect();
    (calls.values().sum(), text.join(", "))
}

#[test]
fn each_call_fails_once() {
    let mut random = random("sweep");
    let jobs = jobs();
    let settings = in_parallel("sweep", &settings(&jobs), counted);
    let floor = by_size(150, 700, 12_000);
    let points = points(&settings, floor, false, &mut random);
    let hits = in_parallel("sweep", &points, try_point);
    let (many, calls) = tally(hits.into_iter().flatten());
    assert!(many >= floor, "{many} points");
    println!("sweep: {many} faults ({calls}), 0 differences");
}

#[test]
fn the_resumed_run_is_killed_too() {
    let mut random = random("sweep, pairs");
    let jobs = jobs();
    let settings = in_parallel("sweep, pairs", &settings(&jobs), counted);
    let floor = by_size(50, 250, 4_000);
    let points = points(&settings, floor, true, &mut random);
    let hits = in_parallel("sweep, pairs", &points, try_point);
    let pairs = hits.iter().filter(|hits| hits.len() == 2).count();
    assert!(pairs >= floor, "{pairs} pairs");
    println!("sweep, pairs: {pairs} pairs of kills, 0 differences");
}
