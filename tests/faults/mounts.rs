//! Real power cuts: the job runs on a file system in an image, which is shut down without a chance to write anything,
//! mounted again, and the job continued. Needs root, and a kernel that mounts images; elsewhere it says so.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::jobs::{self, Job};
use crate::parallel::Checked;
use crate::place::{Place, WAYS, scratch};
use crate::run::Disturbance;
use crate::shim::compiled;
use crate::size::{by_size, random};

/// A file system in an image.
struct Mounted {
    image: PathBuf,
    at: PathBuf,
}

impl Mounted {
    /// Makes and mounts one; the error is why that cannot be done here.
    fn new(kind: &str, dir: &Path) -> Checked<Mounted> {
        let mounted = Mounted { image: dir.join(format!("{kind}.image")), at: dir.join(kind) };
        std::fs::create_dir(&mounted.at).expect("a directory");
        // XFS refuses to be smaller.
        let image = std::fs::File::create(&mounted.image).and_then(|image| image.set_len(320 << 20));
        image.expect("a file");
        let quiet = if kind == "xfs" { "-q" } else { "-qF" };
        done(Command::new(format!("mkfs.{kind}")).arg(quiet).arg(&mounted.image))?;
        mounted.mount()?;
        Ok(mounted)
    }

    fn mount(&self) -> Checked {
        done(Command::new("mount").args(["-o", "loop"]).args([&self.image, &self.at]))
    }

    fn unmount(&self) -> Checked {
        // Who was killed may not be quite gone.
        let started = Instant::now();
        loop {
            match done(Command::new("umount").arg(&self.at)) {
                Err(why) if why.contains("busy") && started.elapsed() < Duration::from_secs(20) => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                result => return result,
            }
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // It is not mounted if something went wrong.
        let _ = self.unmount();
    }
}

fn done(command: &mut Command) -> Checked {
    let output = command.output().map_err(|cause| format!("{command:?}: {cause}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// Cuts the power of one run, and continues it. Returns whether it fell into the run.
fn cycle(mounted: &Mounted, cutter: &Path, job: &Job, random: &mut fastrand::Rng) -> Checked<bool> {
    let (way, threads) = (WAYS[random.usize(0..WAYS.len())], [1, 4][random.usize(0..2)]);
    let mut place = Place::within(&mounted.at, job, way, threads);
    let started = Instant::now();
    place.complete()?;
    let took = started.elapsed();
    place = Place::within(&mounted.at, job, way, threads);
    done(Command::new("sync").arg("-f").arg(&mounted.at))?;
    let cut = || done(Command::new(cutter).arg(&mounted.at)).expect("the power can be cut");
    let after = took.mul_f64(random.f64()) + Duration::from_micros(500);
    let ended = place.run(Disturbance::PowerCut(after, &cut))?;
    mounted.unmount()?;
    mounted.mount()?;
    place.power_is_back();
    place
        .finish()
        .map_err(|why| format!("{} to {way:?}, {threads} threads, after {after:?}: {why}", job.name))?;
    Ok(ended.code != 0)
}

#[test]
fn real_power_cuts_lose_nothing() {
    let mut random = random("mounts");
    let jobs = jobs::all(300);
    let dir = scratch();
    let cutter = compiled("powercut.c", "powercut", &[]);
    let floor = by_size(1, 6, 60);
    for kind in ["xfs", "ext4"] {
        let mounted = match Mounted::new(kind, dir.path()) {
            Ok(mounted) => mounted,
            Err(why) => {
                println!("mounts, {kind}: skipped: {why}");
                continue;
            }
        };
        let (mut midway, mut cycles) = (0, 0);
        while midway < floor {
            let job = &jobs[random.usize(0..jobs.len())];
            let is_midway = cycle(&mounted, &cutter, job, &mut random);
            midway += usize::from(is_midway.unwrap_or_else(|why| panic!("mounts, {kind}: {why}")));
            cycles += 1;
            assert!(cycles < 10 * floor + 10, "{midway} of {cycles} cuts fell into a run");
        }
        println!("mounts, {kind}: {cycles} power cuts, {midway} of them midway, 0 differences");
    }
}
