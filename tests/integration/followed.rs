//! Files that are followed by their names while they grow and are rotated, and inputs that fall silent. Through the
//! binary.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A log that somebody writes to and rotates, and all that was ever written to it.
struct Log {
    dir: TempDir,
    /// A line before each file's first record, if the log is CSV.
    header: &'static str,
    all: String,
    events: u64,
    rotated: u32,
    random: u64,
}

impl Log {
    fn new(header: &'static str, seed: u64) -> Log {
        let dir = tempfile::tempdir().expect("there is room");
        Log { dir, header, all: String::new(), events: 0, rotated: 0, random: seed }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The next random number below `limit` (SplitMix64).
    fn random(&mut self, limit: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    /// Appends as bytes come, also in the middle of a record.
    fn append(&mut self, events: u64) {
        let path = self.path("app.log");
        let mut text = String::new();
        if fs::metadata(&path).map_or(0, |status| status.len()) == 0 {
            text.push_str(self.header);
        }
        let before = text.len();
        for _ in 0..events {
            self.events += 1;
            // A second apart, up to three seconds of disorder.
            let time = 1_700_000_000 + self.events - self.random(4).min(self.events);
            let key = self.random(3);
            match self.header {
                "" => writeln!(text, "{{\"ts\":{time},\"k\":\"k{key}\",\"n\":{}}}", self.events),
                _ => writeln!(text, "{time},k{key},{}", self.events),
            }
            .expect("text takes all");
        }
        self.all.push_str(&text[before..]);
        let cut = self.random(text.len() as u64 + 1) as usize;
        let mut file = OpenOptions::new().append(true).create(true).open(path).expect("a file");
        file.write_all(&text.as_bytes()[..cut]).expect("there is room");
        file.write_all(&text.as_bytes()[cut..]).expect("there is room");
    }

    /// Rotates by rename, or by copy and truncate; what was rotated before may be compressed.
    fn rotate(&mut self) {
        let path = self.path("app.log");
        if fs::metadata(&path).map_or(0, |status| status.len()) == 0 {
            return;
        }
        self.rotated += 1;
        let name = self.path(&format!("app.log.{:04}", self.rotated));
        if self.random(2) == 0 {
            fs::rename(&path, name).expect("it is there");
        } else {
            fs::copy(&path, name).expect("there is room");
            let file = OpenOptions::new().write(true).open(&path).expect("it is there");
            file.set_len(0).expect("it can be emptied");
        }
        let earlier = self.path(&format!("app.log.{:04}", self.rotated - 1));
        if self.random(3) == 0 && earlier.exists() {
            assert!(Command::new("gzip").arg(earlier).status().expect("there is gzip").success());
        }
    }

    /// Writes and rotates for a while.
    fn live(&mut self, steps: u32) {
        for _ in 0..steps {
            let events = 1 + self.random(12);
            self.append(events);
            thread::sleep(Duration::from_millis(self.random(8)));
            if self.random(6) == 0 {
                self.rotate();
            }
        }
    }

    /// What a run writes that gets all of it at once.
    fn undisturbed(&self) -> Vec<u8> {
        let all = self.path(if self.header.is_empty() { "all.ndjson" } else { "all.csv" });
        fs::write(&all, format!("{}{}", self.header, self.all)).expect("there is room");
        let output = windrow(self.dir.path(), "-w 10s -d 3s all.*").output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    fn follow(&self, more: &str) -> Command {
        let from = if self.header.is_empty() { "ndjson" } else { "csv" };
        windrow(self.dir.path(), &format!("-w 10s -d 3s -F app.log --from {from} {more}"))
    }
}

/// Starts a run that follows a log. What is rotated away before it looks is none of its business, so the first one is
/// waited for until it has.
fn start(log: &mut Log, more: &str) -> Child {
    let is_first = log.events == 0;
    if is_first {
        log.append(5);
    }
    let run = log.follow(more).spawn().expect("it runs");
    let reads = || {
        let open = fs::read_dir(format!("/proc/{}/fd", run.id())).expect("it runs");
        open.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|path| path.ends_with("app.log")))
    };
    let started = Instant::now();
    while is_first && !reads() {
        assert!(started.elapsed() < Duration::from_secs(60), "it reads nothing");
        thread::sleep(Duration::from_millis(1));
    }
    run
}

/// A job, by the shell.
fn windrow(dir: &Path, rest: &str) -> Command {
    let mut command = Command::new("sh");
    let job = "-b k -a 'count(*),sum(n),last(n)' -t ts -q --to csv";
    command.arg("-c").arg(format!("exec \"$0\" {job} {rest}")).arg(env!("CARGO_BIN_EXE_windrow"));
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn succeeded(output: Output) -> Vec<u8> {
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    output.stdout
}

/// Compares rows, and shows the first that differs.
#[track_caller]
fn same_rows(found: &[u8], wanted: &[u8]) {
    let (found, wanted) = (String::from_utf8_lossy(found), String::from_utf8_lossy(wanted));
    let differs = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
    assert_eq!(differs, None, "found {} rows, wanted {}", found.lines().count(), wanted.lines().count());
    assert_eq!(found.len(), wanted.len());
}

#[test]
fn nothing_is_lost_in_rotation() {
    for (seed, header) in [(1, ""), (2, "ts,k,n\n"), (3, "")] {
        let mut log = Log::new(header, seed);
        let run = start(&mut log, "--stop-after 2500ms");
        log.live(250);
        assert!(log.rotated > 10);
        let output = run.wait_with_output().expect("it ends");
        same_rows(&succeeded(output), &log.undisturbed());
    }
}

/// Killed at any moment, and gone on with after further rotations.
#[test]
fn a_restart_finds_its_place_across_rotations() {
    for (seed, header) in [(11, ""), (12, "ts,k,n\n")] {
        let mut log = Log::new(header, seed);
        let state = "-s st --checkpoint-interval 5ms -o out";
        for _ in 0..12 {
            let mut run = start(&mut log, state);
            let steps = 5 + log.random(30) as u32;
            log.live(steps);
            run.kill().expect("it runs");
            let output = run.wait_with_output().expect("it ends");
            assert!(output.stderr.is_empty(), "{output:?}");
            let steps = log.random(12) as u32;
            log.live(steps);
        }
        assert!(log.rotated > 10);
        let last = log.follow(&format!("{state} --stop-after 2500ms")).output().expect("it runs");
        succeeded(last);
        let out = fs::read(log.path("out")).expect("it was written");
        same_rows(&out, &log.undisturbed());
    }
}

/// Event time by the day, a rotation every minute of it, a kill every hour: WINDROW_SOAK says how many hours.
#[test]
fn days_go_by() {
    let hours = std::env::var("WINDROW_SOAK").map_or(1, |hours| hours.parse().expect("a number of hours"));
    let mut log = Log::new("", 31);
    let state = "-s st --checkpoint-interval 50ms -o out";
    let mut held = Vec::new();
    let mut kills = 0;
    for _ in 0..hours {
        let mut run = start(&mut log, state);
        for _ in 0..60 {
            log.append(60);
            log.rotate();
            thread::sleep(Duration::from_millis(log.random(8)));
        }
        // It is behind by what it takes to look again.
        thread::sleep(Duration::from_millis(50));
        held.push(holds(run.id()));
        run.kill().expect("it runs");
        kills += 1;
        let output = run.wait_with_output().expect("it ends");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
    succeeded(log.follow(&format!("{state} --stop-after 2500ms")).output().expect("it runs"));
    same_rows(&fs::read(log.path("out")).expect("it was written"), &log.undisturbed());
    let (memory, descriptors): (Vec<u64>, Vec<usize>) = held.into_iter().unzip();
    let most = |values: &[u64]| values.iter().copied().max().unwrap_or_default();
    assert!(most(&memory) < memory[0] + 16 * 1024, "resident KiB by the hour: {memory:?}");
    assert!(descriptors.iter().all(|&open| open < 24), "descriptors by the hour: {descriptors:?}");
    println!(
        "soak: {hours} hours of event time, {} records, {} rotations, {kills} kills, 0 differences; at most {} KiB \
         resident, {} descriptors",
        log.events,
        log.rotated,
        most(&memory),
        descriptors.iter().max().expect("an hour has gone by")
    );
}

/// Resident memory of a process in KiB, and how many descriptors it has open.
fn holds(process: u32) -> (u64, usize) {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    let resident = line.trim().trim_end_matches(" kB").parse().expect("a number");
    (resident, fs::read_dir(format!("/proc/{process}/fd")).expect("it runs").count())
}

#[test]
fn a_place_that_is_gone_is_refused() {
    let mut log = Log::new("", 21);
    log.append(50);
    let state = "-s st -o out";
    let stop = format!("{state} --stop-after 100ms --at-eof hold");
    succeeded(log.follow(&stop).output().expect("it runs"));
    fs::remove_file(log.path("app.log")).expect("it is there");
    log.append(50);
    let output = log.follow(&stop).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("neither this file nor one that was rotated away from it"), "{message}");
    // A job that has come past a rotation is one that follows.
    let mut log = Log::new("", 22);
    log.append(10);
    let run = log.follow(&stop.replace("100ms", "600ms")).spawn().expect("it runs");
    thread::sleep(Duration::from_millis(200));
    fs::rename(log.path("app.log"), log.path("app.log.1")).expect("it is there");
    log.append(10);
    succeeded(run.wait_with_output().expect("it ends"));
    let output =
        windrow(log.dir.path(), "-w 10s -d 3s app.log -s st -o out --at-eof hold").output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("go on with --follow"), "{output:?}");
}

/// A run whose rows are read as they come.
struct Live {
    run: Child,
    rows: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Live {
    fn new(mut command: Command) -> Live {
        let mut run = command.spawn().expect("it runs");
        let rows = BufReader::new(run.stdout.take().expect("it is a pipe")).lines();
        Live { run, rows }
    }

    fn row(&mut self) -> String {
        self.rows.next().expect("there is a row").expect("it is text")
    }
}

/// The last window closes although nothing comes behind it.
#[test]
fn silence_closes_windows() {
    let log = Log::new("", 0);
    let mut command = windrow(log.dir.path(), "- --from ndjson --idle-timeout 200ms -d 0s -w 1s");
    command.stdin(Stdio::piped());
    let mut live = Live::new(command);
    let mut stdin = live.run.stdin.take().expect("it is a pipe");
    let started = Instant::now();
    stdin
        .write_all(b"{\"ts\":1700000000.0,\"k\":\"a\",\"n\":1}\n{\"ts\":1700000000.5,\"k\":\"a\",\"n\":2}\n")
        .expect("it reads");
    assert_eq!(live.row(), "window_start,window_end,k,count,sum_n,last_n");
    assert_eq!(live.row(), "1700000000,1700000001,a,2,3,2");
    // Half a second of the window was left.
    assert!(started.elapsed() > Duration::from_millis(450), "{:?}", started.elapsed());
    // Who speaks again does not reach into it.
    stdin
        .write_all(b"{\"ts\":1700000000.9,\"k\":\"a\",\"n\":4}\n{\"ts\":1700000007,\"k\":\"a\",\"n\":8}\n")
        .expect("it reads");
    drop(stdin);
    assert_eq!(live.row(), "1700000007,1700000008,a,1,8,8");
    assert!(live.rows.next().is_none());
}

/// A silent input does not hold the others up.
#[test]
fn the_silent_one_is_not_waited_for() {
    let log = Log::new("", 0);
    for name in ["a", "b"] {
        assert!(Command::new("mkfifo").arg(log.path(name)).status().expect("there is mkfifo").success());
    }
    let mut live = Live::new(windrow(log.dir.path(), "a b --from ndjson --idle-timeout 200ms -d 0s -w 1s"));
    let open = |name: &str| OpenOptions::new().write(true).open(log.path(name)).expect("it is there");
    let (mut a, mut b) = (open("a"), open("b"));
    b.write_all(b"{\"ts\":1700000000,\"k\":\"b\",\"n\":1}\n").expect("it reads");
    for second in 0..3 {
        writeln!(a, "{{\"ts\":{},\"k\":\"a\",\"n\":1}}", 1_700_000_000 + second).expect("it reads");
    }
    live.row();
    assert_eq!(live.row(), "1700000000,1700000001,a,1,1,1");
    assert_eq!(live.row(), "1700000000,1700000001,b,1,1,1");
    // It counts again, from the watermark on.
    writeln!(b, "{{\"ts\":1700000000,\"k\":\"b\",\"n\":1}}\n{{\"ts\":1700000005,\"k\":\"b\",\"n\":1}}")
        .expect("it reads");
    drop(b);
    drop(a);
    let rest: Vec<String> = live.rows.map(|row| row.expect("it is text")).collect();
    assert!(rest.contains(&"1700000005,1700000006,b,1,1,1".to_owned()), "{rest:?}");
    assert!(!rest.iter().any(|row| row.starts_with("1700000000,")), "{rest:?}");
}

/// What a clock has decided is decided again by the run that goes on, though its input comes all at once.
#[test]
fn silence_is_repeated() {
    let log = Log::new("", 0);
    let job = "- --from ndjson --idle-timeout 150ms -d 0s -w 1s -s st -o out --late late";
    let events = [
        "{\"ts\":1700000000,\"k\":\"a\",\"n\":1}\n",
        // The window has closed by then.
        "{\"ts\":1700000000.5,\"k\":\"a\",\"n\":2}\n{\"ts\":1700000003,\"k\":\"a\",\"n\":4}\n",
    ];
    let mut command = windrow(log.dir.path(), job);
    let mut run = command.stdin(Stdio::piped()).spawn().expect("it runs");
    let mut stdin = run.stdin.take().expect("it is a pipe");
    stdin.write_all(events[0].as_bytes()).expect("it reads");
    let rows = |wanted: usize| {
        let started = Instant::now();
        while fs::read_to_string(log.path("out")).map_or(0, |out| out.lines().count()) < wanted {
            assert!(started.elapsed() < Duration::from_secs(30));
            thread::sleep(Duration::from_millis(5));
        }
    };
    rows(2);
    stdin.write_all(events[1].as_bytes()).expect("it reads");
    rows(3);
    run.kill().expect("it runs");
    run.wait().expect("it ends");
    let written = fs::read(log.path("out")).expect("it is there");
    let late = fs::read(log.path("late")).expect("it is there");
    let mut command = windrow(log.dir.path(), job);
    let mut run = command.stdin(Stdio::piped()).spawn().expect("it runs");
    run.stdin.take().expect("it is a pipe").write_all(events.concat().as_bytes()).expect("it reads");
    succeeded(run.wait_with_output().expect("it ends"));
    assert_eq!(fs::read(log.path("out")).expect("it is there"), written);
    assert_eq!(fs::read(log.path("late")).expect("it is there"), late);
    assert!(String::from_utf8_lossy(&late).contains("1700000000.5"));
}

/// Rotation by logrotate itself, in its two ways, with its shifting numbers and with dates, compressed at once and later,
/// while somebody writes, and with a kill every now and then.
#[test]
fn logrotate_rotates() {
    let ways = [
        "create\ncompress",
        "create\ncompress\ndelaycompress\ndateext\ndateformat -%Y%m%d-%s",
        "copytruncate",
        "copytruncate\ncompress\ndelaycompress",
        "nocreate\ncompress\ndelaycompress",
    ];
    for (n, way) in (0..).zip(ways) {
        let mut log = Log::new("", 51 + n);
        let conf = log.path("rotate.conf");
        let pattern = log.path("app.log").display().to_string();
        fs::write(&conf, format!("{pattern} {{\nrotate 1000\nmissingok\n{way}\n}}\n"))
            .expect("there is room");
        // It refuses what others may write to.
        fs::set_permissions(&conf, Permissions::from_mode(0o644)).expect("it is ours");
        let state = "-s st --checkpoint-interval 20ms -o out";
        let mut run = start(&mut log, state);
        // Dated names are by the second.
        let is_dated = way.contains("dateformat");
        for round in 0..if is_dated { 5 } else { 9 } {
            for _ in 0..3 {
                log.append(20);
                thread::sleep(Duration::from_millis(log.random(30)));
            }
            // Between two records, and then a moment in which nobody writes: what is written while a file is copied and
            // emptied is lost by logrotate.
            let rotated =
                Command::new("logrotate").arg("-f").arg("-s").arg(log.path("status")).arg(&conf).output();
            let rotated = rotated.expect("logrotate is installed");
            assert!(rotated.status.success(), "{way}: {rotated:?}");
            if is_dated {
                thread::sleep(Duration::from_millis(1010));
            }
            if round % 4 == 3 {
                run.kill().expect("it runs");
                let output = run.wait_with_output().expect("it ends");
                assert!(output.stderr.is_empty(), "{way}: {output:?}");
                run = start(&mut log, state);
            }
        }
        run.kill().expect("it runs");
        run.wait().expect("it ends");
        log.append(20);
        succeeded(log.follow(&format!("{state} --stop-after 1500ms")).output().expect("it runs"));
        let files = fs::read_dir(log.dir.path()).expect("it is there").count();
        assert!(files > 8, "{way}: {files} files");
        same_rows(&fs::read(log.path("out")).expect("it was written"), &log.undisturbed());
    }
}

/// Files join while a pattern is followed, go, and are rotated; and the run is killed now and then. Each has a key of its
/// own and no record is late, so the rows are those of a run over all of them.
#[test]
fn files_join_and_go() {
    let log = Log::new("", 0);
    let mut random = Log::new("", 61);
    let job = "-F 'logs/*.log' --idle-timeout 100ms -d 1d -w 10s -s st --checkpoint-interval 20ms -o out";
    let (mut events, mut all) = (0u64, String::new());
    let mut begun: Vec<Option<Instant>> = vec![None; 10];
    fs::create_dir(log.path("logs")).expect("there is room");
    let mut run = windrow(log.dir.path(), job).spawn().expect("it runs");
    for step in 0..40 {
        let name = random.random(2 + step / 6);
        let path = log.path(&format!("logs/{name}.log"));
        let mut file = OpenOptions::new().append(true).create(true).open(&path).expect("a file");
        for _ in 0..1 + random.random(5) {
            events += 1;
            let line = format!("{{\"ts\":{},\"k\":\"{name}\",\"n\":{events}}}\n", 1_700_000_000 + events);
            file.write_all(line.as_bytes()).expect("there is room");
            all.push_str(&line);
        }
        thread::sleep(Duration::from_millis(100 + random.random(200)));
        // A file that is not noticed before it goes was never there.
        let is_known =
            begun[name as usize].get_or_insert_with(Instant::now).elapsed() > Duration::from_secs(3);
        match random.random(6) {
            _ if !is_known => {}
            0 | 1 => {
                fs::rename(&path, log.path(&format!("logs/{name}.log.{}", 1000 + step))).expect("it is there")
            }
            // Once it has been read: nobody is to write to it between.
            2 if step % 2 == 0 => {
                thread::sleep(Duration::from_millis(1500));
                fs::remove_file(&path).expect("it is there");
            }
            _ => {}
        }
        if step % 9 == 8 {
            run.kill().expect("it runs");
            let output = run.wait_with_output().expect("it ends");
            assert!(output.stderr.is_empty(), "{output:?}");
            run = windrow(log.dir.path(), job).spawn().expect("it runs");
        }
    }
    // The last ones have joined by then.
    thread::sleep(Duration::from_millis(2500));
    run.kill().expect("it runs");
    run.wait().expect("it ends");
    let last = windrow(log.dir.path(), &format!("{job} --stop-after 2500ms --stats=json"))
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&last.stderr);
    assert!(
        last.status.success() && stderr.contains(&format!("\"read\":{events},")),
        "{events} events: {stderr}"
    );
    fs::write(log.path("all.ndjson"), all).expect("there is room");
    let wanted = windrow(log.dir.path(), "-d 1d -w 10s all.ndjson").output().expect("it runs");
    same_rows(&fs::read(log.path("out")).expect("it was written"), &succeeded(wanted));
}

/// What a pattern does where nothing is kept, and where there is nothing yet.
#[test]
fn patterns_without_a_state_directory() {
    let log = Log::new("", 0);
    let run =
        |more: &str| windrow(log.dir.path(), &format!("-F '*.log' -w 1s -d 0s --stop-after 1500ms {more}"));
    let nothing = run("").output().expect("it runs");
    assert!(nothing.stdout.is_empty() && succeeded(nothing).is_empty());
    let command = run("").spawn().expect("it runs");
    thread::sleep(Duration::from_millis(300));
    let event = |second: u64| format!("{{\"ts\":{},\"k\":\"a\",\"n\":1}}\n", 1_700_000_000 + second);
    fs::write(log.path("a.log"), event(0) + &event(1)).expect("there is room");
    let rows = succeeded(command.wait_with_output().expect("it ends"));
    assert_eq!(String::from_utf8_lossy(&rows).lines().count(), 3);
    // One that joins is named.
    let job = "-F '*.log' -w 1s -d 0s --stop-after 2500ms -b k -t ts";
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("exec \"$0\" {job}")).arg(env!("CARGO_BIN_EXE_windrow"));
    let command = command.current_dir(log.dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let command = command.spawn().expect("it runs");
    thread::sleep(Duration::from_millis(300));
    fs::write(log.path("b.log"), event(5)).expect("there is room");
    let output = command.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("b.log has come to be there, and is not followed: that needs --state-dir"),
        "{stderr}"
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
}

/// Whatever a clock decides, and whenever a run is killed: each record counts once, and rows that are there stay.
#[test]
fn silence_loses_nothing() {
    for seed in 41..49 {
        silence(seed);
    }
}

fn silence(seed: u64) {
    let log = Log::new("", 0);
    let mut random = Log::new("", seed);
    let job = "-F a b --from ndjson --idle-timeout 30ms --emit-every 7s -d 1s -w 2s -s st --checkpoint-interval 15ms -o out \
               --late late";
    let (mut events, mut time) = (0, 1_700_000_000_000);
    let mut feed = |random: &mut Log, events: &mut u64| {
        // Faster than the clock, and slower.
        time += random.random(900);
        let name = if random.random(3) == 0 { "b" } else { "a" };
        let mut file = OpenOptions::new().append(true).create(true).open(log.path(name)).expect("a file");
        for _ in 0..random.random(5) {
            *events += 1;
            let line = format!("{{\"ts\":{},\"k\":\"{name}\",\"n\":1}}\n", time - random.random(1500));
            file.write_all(line.as_bytes()).expect("there is room");
        }
    };
    let mut written = Vec::new();
    for round in 0..9 {
        let last = round == 8;
        // What has come while nobody read.
        feed(&mut random, &mut events);
        let more = if last { "--stop-after 1s --stats=json" } else { "" };
        let mut run = windrow(log.dir.path(), &format!("{job} -j {} {more}", 1 + random.random(3)))
            .spawn()
            .expect("it runs");
        thread::sleep(Duration::from_millis(20));
        for _ in 0..random.random(4) {
            thread::sleep(Duration::from_millis(random.random(100)));
            feed(&mut random, &mut events);
        }
        thread::sleep(Duration::from_millis(random.random(80)));
        if !last {
            run.kill().expect("it runs");
        }
        let output = run.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        if last {
            assert!(stderr.contains(&format!("\"read\":{events},")), "{seed}: {events} events: {stderr}");
        } else {
            assert!(stderr.is_empty(), "{seed}, {round}: {stderr}");
        }
        let out = fs::read(log.path("out")).unwrap_or_default();
        // What was written last may have been in doubt, and is written again.
        assert!(out.starts_with(&written) || written.starts_with(&out), "{seed}, {round}");
        written = if out.len() > written.len() || last { out } else { written };
    }
    let rows = String::from_utf8(written).expect("it is text");
    let finals = rows.lines().filter(|row| row.contains(",final,"));
    let counted: u64 = finals.map(|row| field(row, 3)).sum();
    let late = fs::read_to_string(log.path("late")).unwrap_or_default().lines().count() as u64;
    assert_eq!(counted + late, events, "{seed}");
}

fn field(row: &str, column: usize) -> u64 {
    row.split(',').nth(column).and_then(|field| field.parse().ok()).unwrap_or_else(|| panic!("{row}"))
}
