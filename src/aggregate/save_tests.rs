//! Every aggregate saved and loaded: at any moment, from bytes of long ago, and from damaged ones.
//!
//! `testdata/state/v1` has a file of saved states for each aggregate, which all later versions must read.
//! `WINDROW_BLESS=1` writes those that are missing; one that is there is never written again.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use fastrand::Rng;

use super::model_tests::{feed, in_order, in_pairs, make, random_event, random_params, result};
use super::{Accumulators, Definition, TABLE, Takes};
use crate::checkpoint::codec::Damage;

const SLOTS: u32 = 3;

/// The results of slots `0..len`.
fn results(states: &dyn Accumulators, len: u32) -> Vec<String> {
    (0..len).map(|slot| result(states, slot)).collect()
}

/// The states, saved and loaded.
fn reloaded(
    definition: &Definition,
    params: &str,
    states: &dyn Accumulators,
    len: u32,
) -> Box<dyn Accumulators> {
    let bytes = states.save(len);
    assert_eq!(states.save(len), bytes, "saving twice gives the same bytes");
    let mut loaded = make(definition, params, 0);
    assert_eq!(loaded.load(&bytes), Ok(len), "{}({params})", definition.name);
    assert_eq!(loaded.save(len), bytes, "a loaded {}({params}) gives the same bytes", definition.name);
    loaded
}

/// Merges all slots of one of two states into slots of the other.
fn merge([a, b]: &mut [Box<dyn Accumulators>; 2], into_a: bool, pairs: &[(u32, u32)]) {
    match into_a {
        true => a.merge(&**b, pairs),
        false => b.merge(&**a, pairs),
    }
}

/// Random operations on two states, and the same on two that are saved and loaded now and then.
#[test]
fn saving_and_loading_changes_no_result() {
    let seed = fastrand::u64(..);
    let mut random = Rng::with_seed(seed);
    for definition in TABLE {
        for _ in 0..60 {
            let params = random_params(definition, &mut random);
            let two = || [(); 2].map(|()| make(definition, &params, SLOTS as usize));
            let (mut kept, mut saved) = (two(), two());
            let beyond = random.bool();
            for record in 0..random.usize(1..60) {
                let (which, slot, other) = (random.usize(0..2), random.u32(0..SLOTS), random.u32(0..SLOTS));
                match random.u8(0..14) {
                    0..=8 => {
                        let event = random_event(definition, record, beyond, &mut random);
                        feed(&mut *kept[which], slot, &event, definition.takes);
                        feed(&mut *saved[which], slot, &event, definition.takes);
                    }
                    9 => {
                        kept[which].absorb(slot, other);
                        saved[which].absorb(slot, other);
                    }
                    10 => {
                        merge(&mut kept, which == 0, &[(slot, other), (other, slot)]);
                        merge(&mut saved, which == 0, &[(slot, other), (other, slot)]);
                    }
                    11 => {
                        kept[which].clear(slot);
                        saved[which].clear(slot);
                    }
                    _ => saved[which] = reloaded(definition, &params, &*saved[which], SLOTS),
                }
            }
            for (kept, saved) in kept.iter().zip(&saved) {
                let name = definition.name;
                assert_eq!(
                    results(&**kept, SLOTS),
                    results(&**saved, SLOTS),
                    "{name}({params}), seed {seed}"
                );
            }
        }
    }
}

/// A pane may have had more slots than it has now.
#[test]
fn only_the_slots_asked_for_are_saved() {
    for definition in TABLE {
        let params = random_params(definition, &mut Rng::with_seed(1));
        let states = make(definition, &params, 5);
        assert_eq!(make(definition, &params, 0).load(&states.save(2)), Ok(2), "{}", definition.name);
        assert_eq!(make(definition, &params, 0).load(&states.save(0)), Ok(0), "{}", definition.name);
    }
}

/// Cut bytes are refused. Changed ones are too, or stand for other states that behave like any.
#[test]
fn damaged_bytes_do_no_harm() {
    let seed = fastrand::u64(..);
    let mut random = Rng::with_seed(seed);
    for definition in TABLE {
        for round in 0..8 {
            let params = random_params(definition, &mut random);
            let mut states = make(definition, &params, SLOTS as usize);
            for record in 0..random.usize(0..if round == 0 { 1500 } else { 30 }) {
                let event = random_event(definition, record, round % 2 == 0, &mut random);
                feed(&mut *states, random.u32(0..SLOTS), &event, definition.takes);
            }
            let bytes = states.save(SLOTS);
            let cuts = (0..bytes.len()).step_by(bytes.len().div_ceil(500));
            for len in cuts.chain([bytes.len() - 1]) {
                let loaded = make(definition, &params, 0).load(&bytes[..len]);
                assert_eq!(loaded, Err(Damage::Content), "{} cut at {len}, seed {seed}", definition.name);
            }
            for _ in 0..300 {
                let mut damaged = bytes.clone();
                let at = random.usize(0..damaged.len());
                damaged[at] ^= random.u8(1..);
                survive(definition, &params, &damaged, &mut random);
            }
        }
    }
}

/// Uses what the bytes stand for, if anything, in all ways.
fn survive(definition: &Definition, params: &str, bytes: &[u8], random: &mut Rng) {
    let mut loaded = make(definition, params, 0);
    let Ok(len) = loaded.load(bytes) else { return };
    assert_eq!(
        loaded.save(len),
        bytes,
        "{}({params}): only one form of a state is accepted",
        definition.name
    );
    results(&*loaded, len);
    let mut other = make(definition, params, len as usize);
    let pairs: Vec<(u32, u32)> = (0..len).map(|slot| (slot, slot)).collect();
    other.merge(&*loaded, &pairs);
    other.merge(&*loaded, &pairs);
    for slot in 0..len {
        feed(&mut *loaded, slot, &random_event(definition, 0, true, random), definition.takes);
        loaded.absorb(slot, 0);
    }
    results(&*loaded, len);
    results(&*other, len);
}

fn golden_path(name: &str) -> PathBuf {
    let file = format!("aggregate-{}.bin", name.replace(' ', "-"));
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/state/v1").join(file)
}

/// Checks the file of an aggregate, whose first slots have these values (as `check` takes them) and
/// results, and whose last ones have those CSV fields.
#[track_caller]
pub fn check_golden(name: &str, params: &str, json: &[(&str, &str)], csv: &[(&str, &str)]) {
    let definition = TABLE.iter().find(|definition| definition.name == name).expect("it is in the table");
    let rows = || json.iter().map(|row| (row, false)).chain(csv.iter().map(|row| (row, true)));
    let len = rows().count() as u32;
    let mut states = make(definition, params, len as usize);
    for (slot, ((values, _), csv)) in rows().enumerate() {
        let events = match definition.takes {
            Takes::AnyBy => in_pairs(values, csv),
            _ => in_order(values, csv),
        };
        events.iter().for_each(|event| feed(&mut *states, slot as u32, event, definition.takes));
    }
    let (path, want) = (golden_path(name), states.save(len));
    if std::env::var("WINDROW_BLESS").is_ok_and(|value| value == "1") && !path.exists() {
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("a directory can be made");
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        file.and_then(|mut file| file.write_all(&want)).expect("it can be written");
    }
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut loaded = make(definition, params, 0);
    assert_eq!(loaded.load(&bytes), Ok(len), "{name}");
    let wanted: Vec<&str> = rows().map(|((_, want), _)| *want).collect();
    assert_eq!(results(&*loaded, len), wanted, "{name}");
    // What is written now is still what was written then.
    assert!(want == bytes && loaded.save(len) == bytes, "{name} is written in another form");
}

#[test]
fn every_aggregate_has_saved_states_of_long_ago() {
    let directory = golden_path("x").parent().expect("it is in a directory").to_owned();
    let paths =
        fs::read_dir(directory).expect("there are some").map(|entry| entry.expect("it is listed").path());
    let is_ours = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("aggregate-"))
    };
    let found: BTreeSet<PathBuf> = paths.filter(is_ours).collect();
    assert_eq!(found, TABLE.iter().map(|definition| golden_path(definition.name)).collect());
}
