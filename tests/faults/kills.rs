//! SIGKILL and SIGTERM at random times, again and again, each time with another number of threads, until the job is
//! done in spite of it.

use std::fs::{self, DirEntry};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::jobs::{self, Job};
use crate::parallel::{Checked, in_parallel};
use crate::place::{Place, WAYS, Way};
use crate::run::Disturbance;
use crate::size::{by_size, random};

/// A job that is killed several times.
struct Story<'j> {
    job: &'j Job,
    way: Way,
    threads: usize,
    seed: u64,
    kills: usize,
}

/// What happened in a story.
#[derive(Default)]
struct Told {
    /// Runs that a kill ended.
    killed: usize,
    /// Those among them that had begun a state directory and were not done.
    midway: usize,
    /// Those among these that left a checkpoint to go on from.
    kept: usize,
    /// Runs that were told to stop, and did.
    stopped: usize,
    /// Runs that were over before.
    spared: usize,
}

fn tell(story: &Story) -> Checked<Told> {
    let mut random = fastrand::Rng::with_seed(story.seed);
    let mut place = Place::new(story.job, story.way, story.threads);
    let mut told = Told::default();
    let mut all = || -> Checked {
        let mut took = undisturbed(story)?;
        for phase in 0..place.phases() {
            place.advance(phase)?;
            let kills = story.kills / place.phases();
            for _ in 0..kills {
                let after = took.mul_f64(random.f64());
                place.threads = [1, 2, 4][random.usize(0..3)];
                let stop = random.u8(0..5) == 0;
                let ended =
                    place.run(if stop { Disturbance::Stop(after) } else { Disturbance::Kill(after) })?;
                match ended.code {
                    _ if place.is_over(&ended) => {
                        // It is done; what is left is the next one.
                        told.spared += 1;
                        took = took.mul_f64(0.8);
                        break;
                    }
                    _ if ended.is_killed() => {
                        told.killed += 1;
                        told.midway += usize::from(place.path("state/LOCK").exists());
                        told.kept += usize::from(has_checkpoint(&place.path("state")));
                        // Under load everything takes longer.
                        took = took.mul_f64(1.1);
                    }
                    _ if stop && ended.is_stopped() => told.stopped += 1,
                    code => return Err(format!("exit code {code}: {}", ended.stderr)),
                }
            }
        }
        place.finish()
    };
    all().map_err(|why| {
        let Story { job, way, threads, seed, .. } = story;
        format!("{} to {way:?}, {threads} threads, seed {seed}: {why}", job.name)
    })?;
    Ok(told)
}

/// Whether a state directory holds a checkpoint.
fn has_checkpoint(state: &Path) -> bool {
    let is_one = |entry: DirEntry| entry.file_name().to_string_lossy().starts_with("checkpoint-");
    fs::read_dir(state).is_ok_and(|entries| entries.flatten().any(is_one))
}

/// How long a run takes.
fn undisturbed(story: &Story) -> Checked<Duration> {
    let mut place = Place::new(story.job, story.way, story.threads);
    let started = Instant::now();
    place.complete()?;
    Ok(started.elapsed())
}

fn story<'j>(job: &'j Job, random: &mut fastrand::Rng) -> Story<'j> {
    let (way, threads) = (WAYS[random.usize(0..WAYS.len())], [1, 2, 4][random.usize(0..3)]);
    Story { job, way, threads, seed: random.u64(..), kills: random.usize(4..=10) }
}

#[test]
fn kills_at_any_time_change_nothing() {
    let mut random = random("kills");
    let jobs = jobs::all(700);
    let floor = by_size(100, 1_000, 20_000);
    let mut told: Vec<Told> = Vec::new();
    let midway = |told: &[Told]| told.iter().map(|told| told.midway).sum::<usize>();
    // Some fall before the run has begun, or behind its end.
    for _ in 0..100 {
        let missing = floor.saturating_sub(midway(&told));
        if missing == 0 {
            break;
        }
        let stories: Vec<_> =
            jobs.iter().cycle().take((missing / 4).max(10)).map(|job| story(job, &mut random)).collect();
        told.extend(in_parallel("kills", &stories, tell));
    }
    let sum = |count: fn(&Told) -> usize| told.iter().map(count).sum::<usize>();
    let stopped = sum(|told| told.stopped);
    let (killed, midway, spared) = (sum(|told| told.killed), midway(&told), sum(|told| told.spared));
    let kept = sum(|told| told.kept);
    assert!(midway >= floor, "{midway} of {killed} kills fell into a run; {spared} came too late");
    assert!(kept >= floor / 3, "{kept} of {midway} kills left a checkpoint to go on from");
    println!(
        "kills: {killed} kills, {midway} of them midway, {kept} with a checkpoint to go on from, {stopped} stops, {spared} too late; {} jobs done, 0 differences",
        told.len()
    );
}
