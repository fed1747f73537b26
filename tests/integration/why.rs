//! `windrow why`, through the binary: the answer against what the job itself does.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

struct Inputs(TempDir);

impl Inputs {
    fn new(files: &[(&str, &str)]) -> Inputs {
        let dir = tempfile::tempdir().expect("there is room");
        files.iter().for_each(|(name, text)| fs::write(dir.path().join(name), text).expect("there is room"));
        Inputs(dir)
    }

    fn why(&self, line: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
        command.current_dir(self.0.path()).arg("why").args(line.split(' ')).output().expect("it runs")
    }

    #[track_caller]
    fn text(&self, line: &str) -> String {
        let output = self.why(line);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).expect("it is text")
    }

    #[track_caller]
    fn object(&self, line: &str) -> Value {
        serde_json::from_str(&self.text(&format!("--to json {line}"))).expect("it is an object")
    }
}

const JOB: &str = "-- -w 10s -d 5s -t ts -i id --where v<9 --bad skip a.ndjson";

fn events() -> Inputs {
    Inputs::new(&[(
        "a.ndjson",
        "{\"ts\":100,\"id\":1,\"v\":1}\n\n{\"ts\":112,\"id\":2,\"v\":1}\n{\"ts\":108,\"id\":1,\"v\":1}\n\
         {\"ts\":118,\"id\":3,\"v\":9}\n{\"ts\":109,\"id\":4,\"v\":1}\n{\"ts\":\"x\"}\n{\"ts\":119,\"id\":5,\"v\":1}\n",
    )])
}

#[test]
fn each_fate_has_its_reason() {
    let inputs = events();
    assert_eq!(
        inputs.text(&format!("a.ndjson:3 {JOB}")),
        "a.ndjson:3\n  record      {\"ts\":112,\"id\":2,\"v\":1}\n  time        112 (1970-01-01T00:01:52Z)\n  watermark   95 \
         (1970-01-01T00:01:35Z) before it: a.ndjson:1 has the largest time of the input so far, 100 \
         (1970-01-01T00:01:40Z), and --delay is 5s\n  fate        accepted: it counts in [110 (1970-01-01T00:01:50Z), 120 \
         (1970-01-01T00:02:00Z))\n"
    );
    let check = |line: u32, fate: &str, why: &str| {
        let answer = inputs.object(&format!("a.ndjson:{line} {JOB}"));
        let said = answer["why"].to_string();
        assert!(answer["fate"] == fate && said.contains(why), "{line}: {answer}");
        answer
    };
    check(1, "accepted", "it counts in [100 (1970-01-01T00:01:40Z), 110 (1970-01-01T00:01:50Z))");
    let duplicate = check(4, "duplicate", "a.ndjson:1 has the same id");
    assert_eq!(duplicate["first"]["line"], 1);
    check(5, "filtered", "--where");
    let late = check(6, "late", "the last of its windows closed at 110");
    // The watermark is 113 then, three seconds past the end: any more than that would have done.
    assert_eq!((&late["watermark"], &late["watermark_set_by"]["line"]), (&"113".into(), &5.into()));
    assert_eq!(late["delay_wanted"], "8s1ms");
    let held = inputs.object(&format!("a.ndjson:6 {}", JOB.replace("-d 5s", "-d 8s1ms")));
    assert_eq!(held["fate"], "accepted");
    check(7, "bad", "");
    // Of a log that is rotated one file is looked at, and not what it had been before.
    let followed = inputs
        .text(&format!("a.ndjson:3 {} -F", JOB.replace(" a.ndjson", "")).replace(" -F", " -F a.ndjson"));
    assert!(followed.contains("  note        the job follows a.ndjson: "), "{followed}");
}

/// The answer is what the job counts, record by record.
#[test]
fn the_answers_add_up_to_the_ledger() {
    let mut text = ["ts,id,k\n".to_owned(), "ts,id,k\n".to_owned()];
    for n in 0..120u32 {
        let time = 1000 + n * 3 - (n * 7919 % 97);
        text[n as usize % 2] += &format!("{time},{},k{}\n", n - n % 5 / 4, n % 3);
    }
    let inputs = Inputs::new(&[("a.csv", &text[0]), ("b.csv", &text[1])]);
    let job = "-w 30s/10s -d 9s -t ts -i id -b k --where k<>'k2' a.csv b.csv";
    let mut ledger = std::collections::BTreeMap::new();
    let mut partially = 0;
    for input in ["a.csv", "b.csv"] {
        for line in 2..=61 {
            let answer = inputs.object(&format!("{input}:{line} -- {job}"));
            *ledger.entry(answer["fate"].as_str().expect("a word").to_owned()).or_insert(0) += 1;
            partially += u32::from(answer["missed"].as_array().is_some_and(|missed| !missed.is_empty()));
        }
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
    let output = command.current_dir(inputs.0.path()).args(job.split(' ')).arg("--stats=json").output();
    let stats: Value = serde_json::from_slice(&output.expect("it runs").stderr).expect("it is an object");
    for fate in ["accepted", "late", "duplicate", "filtered", "bad"] {
        assert_eq!(stats[fate], ledger.get(fate).copied().unwrap_or(0), "{fate}: {ledger:?}");
    }
    assert_eq!(stats["partially_late"], partially);
    assert!(ledger["late"] > 0 && ledger["duplicate"] > 0 && ledger["filtered"] > 0, "{ledger:?}");
}

/// Of several kinds each window is said with the name of its kind.
#[test]
fn windows_of_several_kinds_have_names() {
    let inputs =
        Inputs::new(&[("a", "{\"ts\":5}\n{\"ts\":31}\n{\"ts\":9}\n{\"ts\":27}\n{\"ts\":99}\n{\"ts\":30}\n")]);
    let windows = "-w 10s -w 1m -w session:20s";
    let ask = |line: u32, job: &str| {
        let answer = inputs.object(&format!("a:{line} -- {job} -t ts --late late a"));
        let why: Vec<String> = serde_json::from_value(answer["why"].clone()).expect("they are sentences");
        (why.join("|").replace(" (1970-01-01T00:00:", "(").replace(" (1970-01-01T00:01:", "(1:"), answer)
    };
    let (why, answer) = ask(1, &format!("{windows} -d 0s"));
    let session = "the session of its key that covers";
    assert_eq!(
        why,
        format!(
            "accepted: it counts in [0(00Z), 10(10Z)) 10s, [0(00Z), 60(1:00Z)) 1m, and in {session} [5(05Z), 25(25Z)) \
             session:20s"
        )
    );
    assert_eq!(
        answer["windows"][2],
        serde_json::json!({ "window": "session:20s", "start": "5", "end": "25" })
    );
    let (why, answer) = ask(3, &format!("{windows} -d 0s"));
    assert_eq!(
        why,
        format!(
            "accepted: it counts in [0(00Z), 60(1:00Z)) 1m|partially late: [0(00Z), 10(10Z)) 10s, and {session} \
             [9(09Z), 29(29Z)) session:20s had closed"
        )
    );
    assert_eq!(answer["missed"][0]["window"], "10s");
    let (why, _) = ask(4, &format!("{windows} -d 0s --allowed-lateness 5s"));
    assert_eq!(
        why,
        format!(
            "accepted: it counts in [0(00Z), 60(1:00Z)) 1m|revising: --allowed-lateness 5s lets it in, and what had fired \
             is written again: of [20(20Z), 30(30Z)) 10s, and of {session} [27(27Z), 47(47Z)) session:20s"
        )
    );
    let (why, _) = ask(1, "-w session:5s -w session:20s");
    let both =
        "in the sessions of its key that cover [5(05Z), 10(10Z)) session:5s, [5(05Z), 25(25Z)) session:20s";
    assert!(why.ends_with(both), "{why}");
    // Late for sessions is late for each of them: by the watermark, as for one.
    let (why, answer) = ask(6, "-w session:5s -w session:20s -d 0s");
    assert_eq!(why, "late: its time lies before the watermark|a --delay of 1m9s would have let it in");
    assert_eq!(answer["fate"], "late");
    let (why, _) = ask(6, "-w session:5s -w session:20s -d 1m9s");
    assert!(why.starts_with("accepted: "), "{why}");
}

#[test]
fn a_question_that_makes_no_sense() {
    let inputs = events();
    for (line, message) in [
        (format!("a.ndjson {JOB}"), "a record is named by its input and line"),
        (format!("b.ndjson:1 {JOB}"), "b.ndjson is none of the job's inputs, which are a.ndjson"),
        (format!("a.ndjson:2 {JOB}"), "line 2 is the header or blank"),
        (format!("a.ndjson:99 {JOB}"), "there is no record on line 99; the input has 8 lines"),
        ("a:1 -- -w 1m".to_owned(), "standard input can be read once"),
    ] {
        let output = inputs.why(&line);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(message), "{line}: {said}");
    }
}
