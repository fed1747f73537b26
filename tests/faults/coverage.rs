//! The shim sees every call that changes a file: what it counts is compared with what strace sees of the same run.

use std::collections::BTreeMap;

use crate::place::Place;
use crate::run::Disturbance;
use crate::shim;
use crate::sweep::{jobs, settings};

/// The shim is told of every call that changes a file of ours, or the sweep would pass over some.
#[test]
fn the_shim_sees_all_calls() {
    let jobs = jobs();
    let (mut seen, mut settings_seen) = (0, 0);
    for setting in settings(&jobs).iter().filter(|setting| setting.threads == 4) {
        let mut place = setting.place().expect("it runs");
        seen += compare_with_strace(&mut place);
        settings_seen += 1;
    }
    assert!(seen > 2_000, "{seen} calls");
    println!("sweep, coverage: {seen} calls in {settings_seen} runs, all of them counted");
}

/// The calls that change files. Of those that open some, the ones that create or empty.
const CALLS: &str = "write,pwrite64,writev,pwritev,pwritev2,open,openat,openat2,creat,rename,renameat,renameat2,fsync,\
     fdatasync,sync,syncfs,sync_file_range,ftruncate,truncate,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink,\
     symlinkat,mknod,mknodat,copy_file_range,fallocate,sendfile,splice,tee,vmsplice,msync,chmod,fchmod,fchmodat,chown,\
     fchown,fchownat,lchown,utimensat,setxattr,fsetxattr,io_uring_setup";

fn compare_with_strace(place: &mut Place) -> usize {
    let trace = crate::place::scratch();
    let trace = trace.path().join("trace");
    let ended = place.run(Disturbance::Traced(&trace, CALLS)).expect("it runs");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let text = std::fs::read_to_string(&trace).expect("strace is there, and wrote a trace");
    let root = place.path("").display().to_string();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for call in whole_lines(&text).iter().filter_map(|line| changes(line, root.trim_end_matches('/'))) {
        *seen.entry(call).or_default() += 1;
    }
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for call in ended.log.lines().filter_map(|line| line.split(' ').next()).filter(|call| *call != "page") {
        *counted.entry(call.to_owned()).or_default() += 1;
    }
    assert_eq!(seen, counted, "what strace sees (left), and what the shim counts, of {}", place.job.name);
    shim::calls(&ended.log)
}

/// The lines of a trace without process ids; those that another thread came between are put together.
fn whole_lines(trace: &str) -> Vec<String> {
    let (mut begun, mut lines) = (BTreeMap::new(), Vec::new());
    for line in trace.lines() {
        let (process, line) = line.split_once(' ').expect("each line begins with a process id");
        let line = line.trim_start();
        if let Some(start) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(process, start);
        } else if let Some((_, rest)) = line.split_once(" resumed>") {
            lines.push(format!("{}{rest}", begun.remove(process).expect("it was begun")));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// The call of a line of a trace if it succeeded and changed something of ours, by the name that the shim has for it.
fn changes(line: &str, root: &str) -> Option<String> {
    let (call, rest) = line.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let below =
        |path: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    // What stands in angle brackets behind a descriptor.
    let behind = |text: &str| {
        text.split_once('<').and_then(|(_, path)| path.rsplit_once('>')).map(|(path, _)| path.to_owned())
    };
    if result.starts_with("-1") {
        return None;
    }
    let first = arguments.split(", ").next().unwrap_or(arguments);
    match call {
        "open" | "openat" | "openat2" | "creat" => {
            let creates = call == "creat" || arguments.contains("O_CREAT") || arguments.contains("O_TRUNC");
            (creates && behind(result).is_some_and(|path| below(&path))).then(|| "open".to_owned())
        }
        "msync" => Some("msync".to_owned()),
        _ if first.starts_with(|c: char| c.is_ascii_digit()) => {
            let path = behind(first)?;
            // Another pipe would be one too many.
            (below(&path) || path.starts_with("pipe:")).then(|| call.to_owned())
        }
        _ => {
            let path = arguments.split('"').nth(1)?;
            (below(path) || !path.starts_with('/')).then(|| call.to_owned())
        }
    }
}
