//! How much the suites do: little within `cargo test`, more for `.ci/slow`, all of it in the long form.

/// The extent of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// Seconds: `cargo test`.
    Quick,
    /// A minute or so: `WINDROW_FAULTS=short`.
    Short,
    /// As long as it takes: `WINDROW_FAULTS=long`, or `WINDROW_LONG=1`.
    Long,
}

fn size() -> Size {
    let long = std::env::var_os("WINDROW_LONG").is_some_and(|value| !value.is_empty());
    match std::env::var("WINDROW_FAULTS").as_deref() {
        Ok("long") => Size::Long,
        Ok("short") => Size::Short,
        Err(_) if long => Size::Long,
        Ok("quick") | Err(_) => Size::Quick,
        Ok(other) => panic!("WINDROW_FAULTS={other}: it is quick, short or long"),
    }
}

/// One of three numbers, by the extent.
pub fn by_size(quick: usize, short: usize, long: usize) -> usize {
    match size() {
        Size::Quick => quick,
        Size::Short => short,
        Size::Long => long,
    }
}

/// The seed of a suite's random choices: `WINDROW_SEED`, or a new one. It is printed, to run the same again.
pub fn random(suite: &str) -> fastrand::Rng {
    let given = std::env::var("WINDROW_SEED").ok();
    let seed =
        given.map_or_else(|| fastrand::u64(..), |text| text.parse().expect("WINDROW_SEED is a number"));
    println!("{suite}: seed {seed}");
    fastrand::Rng::with_seed(seed)
}
