//! How far events of a source come behind the largest time before them, and what a delay costs.
//!
//! An event is too late for its window at worst if it is further behind than the delay: the watermark, which is the
//! largest time less the delay, may then have closed it. So a delay loses no more than the events beyond it.

use super::histogram::Histogram;
use super::place::Place;
use crate::operator::jump::JumpRule;
use crate::time::duration::DAY;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// The upper bounds of the steps in which it is shown how far events come behind; one more step is beyond them all.
pub const STEPS: [i64; 11] =
    [SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY, 3650 * DAY];

/// The limits of `--max-jump` that are tried, the largest first.
pub const JUMPS: [i64; 4] = [365 * DAY, 30 * DAY, DAY, HOUR];

/// How far events come behind.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// The largest time so far.
    largest: Option<i64>,
    /// How far each event is behind it, 0 if it is not.
    behind: Histogram,
    /// How many events are not behind.
    pub in_order: u64,
    /// How many of the others are, by [`STEPS`].
    pub steps: [u64; STEPS.len() + 1],
}

impl Order {
    /// Takes the next event of the source.
    #[inline]
    fn event(&mut self, time: i64) {
        let behind = self.largest.map_or(0, |largest| largest.saturating_sub(time));
        if behind <= 0 {
            self.largest = Some(time);
            self.in_order += 1;
            return;
        }
        self.behind.add(behind as u64, 1);
        self.steps[STEPS.partition_point(|step| *step < behind)] += 1;
    }

    /// Adds another source's.
    fn merge(&mut self, other: &Order) {
        self.behind.merge(&other.behind);
        self.in_order += other.in_order;
        self.steps.iter_mut().zip(other.steps).for_each(|(step, other)| *step += other);
    }

    /// How many events there are.
    pub fn events(&self) -> u64 {
        self.in_order + self.behind.total()
    }

    /// How many are behind.
    pub fn out_of_order(&self) -> u64 {
        self.behind.total()
    }

    /// How far the last one comes behind, in microseconds.
    pub fn behind_max(&self) -> i64 {
        signed(self.behind.max())
    }

    /// What is told of it.
    pub fn summary(&self) -> Summary {
        Summary {
            events: self.events(),
            behind: self.out_of_order(),
            behind_max: self.behind_max(),
            steps: self.steps,
            delays: SHARES.map(|share| self.delay(share)),
        }
    }

    /// The delay in microseconds that loses at most this share of the events (in millionths): the least one, or up
    /// to 1.6 % above it.
    pub fn delay(&self, share_millionths: u64) -> i64 {
        let lost = u128::from(self.events()) * u128::from(share_millionths) / 1_000_000;
        signed(self.behind.bound(lost as u64))
    }
}

/// What is told of an order.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// How many events there are.
    pub events: u64,
    /// How many are behind.
    pub behind: u64,
    /// By how much at most, in microseconds.
    pub behind_max: i64,
    /// How many are, by [`STEPS`].
    pub steps: [u64; STEPS.len() + 1],
    /// The delays in microseconds that lose at most a share of the events, by [`SHARES`].
    pub delays: [i64; SHARES.len()],
}

/// Shares of the events that may be lost, in millionths.
pub const SHARES: [u64; 4] = [0, 100, 1000, 10_000];

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

/// What a limit of `--max-jump` would make of a source.
#[derive(Debug, Clone)]
pub struct Guarded {
    rule: JumpRule,
    /// The event that is set aside, if one is.
    aside: Option<(i64, Place)>,
    /// The order of the events that are believed.
    pub order: Order,
    /// How many are not believed.
    pub lone: u64,
    /// The first of those.
    pub first: Option<(i64, Place)>,
}

impl Guarded {
    fn event(&mut self, time: i64, place: Place) {
        let verdict = self.rule.event(time);
        if let (Some(believed), Some((time, place))) = (verdict.earlier, self.aside.take()) {
            self.settle(believed, time, place);
        }
        match verdict.aside {
            true => self.aside = Some((time, place)),
            false => self.order.event(time),
        }
    }

    fn settle(&mut self, believed: bool, time: i64, place: Place) {
        match believed {
            true => self.order.event(time),
            false => {
                self.lone += 1;
                self.first.get_or_insert((time, place));
            }
        }
    }
}

/// The order of one source, as it is and with each of the limits.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// Of all events.
    pub order: Order,
    /// By [`JUMPS`]; `None` for a limit that no event has exceeded, where it makes no difference.
    pub guarded: [Option<Box<Guarded>>; JUMPS.len()],
}

impl Watch {
    /// Takes the next event; its place is asked for where it may have to be shown.
    #[inline]
    pub fn event(&mut self, time: i64, place: impl FnOnce() -> Place) {
        let jump = self.order.largest.map_or(0, |largest| time.saturating_sub(largest));
        if jump > JUMPS[JUMPS.len() - 1] || self.guarded[JUMPS.len() - 1].is_some() {
            self.guard(time, jump, place());
        }
        self.order.event(time);
    }

    #[inline(never)]
    fn guard(&mut self, time: i64, jump: i64, place: Place) {
        for (limit, guarded) in JUMPS.iter().zip(&mut self.guarded) {
            if guarded.is_none() && jump > *limit {
                let rule = JumpRule::resumed(*limit, self.order.largest);
                let order = self.order.clone();
                *guarded = Some(Box::new(Guarded { rule, aside: None, order, lone: 0, first: None }));
            }
            if let Some(guarded) = guarded {
                guarded.event(time, place);
            }
        }
    }

    /// The source has ended: what is set aside is not believed any more.
    pub fn end(&mut self) {
        for guarded in self.guarded.iter_mut().flatten() {
            if let Some((time, place)) = guarded.aside.take() {
                guarded.settle(false, time, place);
            }
        }
    }

    /// Adds another source's, both ended.
    pub fn merge(&mut self, other: &Watch) {
        for (mine, others) in self.guarded.iter_mut().zip(&other.guarded) {
            match (&mut *mine, others) {
                (None, None) => continue,
                // Where a limit makes no difference, the order is that of all events.
                (None, Some(others)) => {
                    let mut guarded = others.clone();
                    guarded.order.merge(&self.order);
                    *mine = Some(guarded);
                }
                (Some(mine), others) => {
                    mine.order.merge(others.as_ref().map_or(&other.order, |others| &others.order));
                    if let Some(others) = others {
                        mine.lone += others.lone;
                        mine.first = mine.first.or(others.first);
                    }
                }
            }
        }
        self.order.merge(&other.order);
    }

    /// The limit that sets few events aside and spares the others most of the delay, if there is one; the largest.
    pub fn jump(&self) -> Option<(i64, &Guarded)> {
        let events = self.order.events();
        let helps = |guarded: &Guarded| {
            let few = guarded.lone <= 3.max(events / 1000) && guarded.lone * 5 <= events;
            few && guarded.lone > 0 && guarded.order.behind_max().saturating_mul(4) < self.order.behind_max()
        };
        let mut found = JUMPS.iter().zip(&self.guarded).filter_map(|(limit, guarded)| {
            let guarded = guarded.as_deref().filter(|guarded| helps(guarded))?;
            Some((*limit, guarded))
        });
        found.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(times: impl IntoIterator<Item = i64>) -> Watch {
        let mut watch = Watch::default();
        for (line, time) in (1..).zip(times) {
            watch.event(time * SECOND, || Place { source: 0, line });
        }
        watch.end();
        watch
    }

    #[test]
    fn delays_that_lose_a_known_share() {
        // Every hundredth event is 30 s behind, every thousandth 5 minutes.
        let late = |n: i64| if n % 1000 == 999 { 300 } else { 30 * i64::from(n % 100 == 99) };
        let Watch { order, .. } = watch((0..10_000).map(|n| n - late(n)));
        assert_eq!((order.events(), order.out_of_order()), (10_000, 100));
        // The event before is a second behind it.
        assert_eq!(order.behind_max(), 299 * SECOND);
        assert_eq!(order.delay(0), 299 * SECOND);
        let delay = order.delay(1000);
        assert!((29 * SECOND..30 * SECOND).contains(&delay), "{delay}");
        assert_eq!(order.delay(10_000), 0);
        assert_eq!(order.steps[2..4], [90, 10]);
    }

    #[test]
    fn one_event_far_ahead() {
        let mut times: Vec<i64> = (0..1000).collect();
        times[500] += 800 * 86_400;
        let watch = watch(times);
        let (limit, guarded) = watch.jump().expect("it stands out");
        assert_eq!((limit, guarded.lone, guarded.order.behind_max()), (365 * DAY, 1, 0));
        assert_eq!(guarded.first.map(|(_, place)| place.line), Some(501));
        assert_eq!(guarded.order.events(), 999);
    }

    #[test]
    fn a_pause_and_a_shuffled_feed_are_no_outliers() {
        assert!(watch((0..1000).chain(900_000..901_000)).jump().is_none());
        let mut random = fastrand::Rng::with_seed(5);
        assert!(watch((0..1000).map(|_| random.i64(0..600_000))).jump().is_none());
        assert!(watch([1, 2_000_000_000]).jump().is_none());
    }

    #[test]
    fn sources_add_up() {
        let mut ahead: Vec<i64> = (0..1000).collect();
        ahead[10] += 400 * 86_400;
        let (one, two) = (watch(ahead), watch((0..500).rev()));
        for (mut first, second) in [(one.clone(), &two), (two.clone(), &one)] {
            first.merge(second);
            assert_eq!(first.order.events(), 1500);
            let (_, guarded) = first.jump().expect("it stands out");
            assert_eq!((guarded.lone, guarded.order.events()), (1, 1499));
            assert_eq!(guarded.order.behind_max(), 499 * SECOND);
        }
    }
}
