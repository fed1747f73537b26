//! What a checkpoint holds of windows that have fired and may be written again.
//!
//! Whoever looks at open windows must not take these for such: they are taken out of what the owners have saved.

use std::collections::BTreeSet;

use super::codec::Damage;
use crate::operator::saved::OwnerV1;
use crate::operator::saved_repeats::{ChangedV3, GroupsV3, Known, SessionV3, SessionsV3, WholeV3, WrittenV3};
use crate::parse::key;
use crate::window::Window;

/// Windows that have fired and still take in events, and how many sessions do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fired {
    /// Each with the number of its kind.
    windows: BTreeSet<(usize, Window)>,
    sessions: u64,
}

impl Fired {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.windows.len() as u64 + self.sessions
    }

    /// Takes out of what an owner has of a kind what has fired.
    pub fn take_from(&mut self, kind: usize, owner: &mut OwnerV1, known: Known<'_>) {
        match (owner, known) {
            (OwnerV1::Panes(saved), Known::Panes(repeats)) => {
                let written = repeats.written.iter().map(WrittenV3::window);
                let pending =
                    repeats.pending.iter().map(|window| Window { end: window.end, start: window.start });
                let fired = written.chain(pending).filter(|window| window.end <= saved.fired);
                self.windows.extend(fired.map(|window| (kind, window)));
                saved.panes.retain(|pane| pane.last_end > saved.fired);
            }
            (OwnerV1::Sessions(saved), Known::Sessions(SessionsV3 { fired, sessions })) => {
                for (bounds, session) in saved.bounds.iter_mut().zip(sessions) {
                    let has_fired = |&mut (_, end): &mut (i64, i64)| session.fired && end < *fired;
                    self.sessions += u64::from(bounds.take_if(has_fired).is_some());
                }
            }
            _ => {}
        }
    }
}

/// Checks that this is what an owner of a job with so many key fields may have saved beside what it holds.
///
/// # Errors
///
/// [`Damage::Content`] if it is not.
pub fn check(owner: &OwnerV1, known: Known<'_>, key_fields: usize) -> Result<(), Damage> {
    let groups = |groups: &GroupsV3| -> Result<(), Damage> {
        let is_whole = groups.ends.last().copied().unwrap_or(0) == groups.keys.0.len() as u64;
        let has_times = groups.times.is_empty() || groups.times.len() == groups.ends.len();
        for key in groups.keys() {
            key::is_encoded(key?, key_fields).then_some(()).ok_or(Damage::Content)?;
        }
        (is_whole && has_times).then_some(()).ok_or(Damage::Content)
    };
    match (owner, known) {
        (OwnerV1::Panes(_), Known::Panes(saved)) => {
            let is_window = |window: &ChangedV3| window.start < window.end;
            saved.changed.iter().chain(&saved.pending).try_for_each(|changed| groups(&changed.groups))?;
            saved.written.iter().try_for_each(|written| groups(&written.groups))?;
            saved.pending.iter().all(is_window).then_some(()).ok_or(Damage::Content)
        }
        (OwnerV1::Sessions(saved), Known::Sessions(SessionsV3 { sessions, .. })) => {
            let is_free = |session: &SessionV3| *session == SessionV3::default();
            let fit = saved
                .bounds
                .iter()
                .zip(sessions)
                .all(|(bounds, session)| bounds.is_some() || is_free(session));
            (fit && saved.bounds.len() == sessions.len()).then_some(()).ok_or(Damage::Content)
        }
        (OwnerV1::Whole(_), Known::Whole(WholeV3 { groups: changed, written, .. })) => {
            groups(changed)?;
            written.iter().try_for_each(|written| groups(&written.groups))
        }
        _ => Err(Damage::Content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::written::Blob;
    use crate::operator::saved::{PaneV1, PanesV1, SessionsV1, TableV1};
    use crate::operator::saved_repeats::PanesV3;

    fn table() -> TableV1 {
        TableV1 { keys: Blob(Vec::new()), ends: Vec::new(), columns: Vec::new() }
    }

    /// A written window, of which nothing else is known.
    fn written(start: i64, end: i64) -> WrittenV3 {
        WrittenV3 { start, end, times: Some(1), groups: GroupsV3::default() }
    }

    #[test]
    fn what_has_fired_is_not_open() {
        let pane = |start, last_end| PaneV1 { start, last_end, table: table() };
        let mut owner =
            OwnerV1::Panes(PanesV1 { fired: 20, panes: vec![pane(0, 10), pane(10, 20), pane(20, 30)] });
        let pending = ChangedV3 { start: 0, end: 10, groups: GroupsV3::default() };
        let written = vec![written(0, 10), written(10, 20), written(20, 30)];
        let repeats = PanesV3 { changed: Vec::new(), pending: vec![pending], written };
        let repeats = Known::Panes(&repeats);
        assert_eq!(check(&owner, repeats, 0), Ok(()));
        let mut fired = Fired::default();
        fired.take_from(0, &mut owner, repeats);
        assert_eq!(fired.count(), 2);
        assert!(
            matches!(owner, OwnerV1::Panes(saved) if saved.panes.len() == 1 && saved.panes[0].start == 20)
        );
    }

    #[test]
    fn sessions_that_are_open_again_are_open() {
        let bounds = vec![Some((0, 5)), Some((0, 15)), None, Some((3, 12))];
        let mut owner = OwnerV1::Sessions(SessionsV1 { bounds, table: table() });
        let session = |fired| SessionV3 { changed: false, fired, times: 0 };
        let sessions = [true, true, false, false].map(session).to_vec();
        let repeats = SessionsV3 { fired: 10, sessions };
        let repeats = Known::Sessions(&repeats);
        assert_eq!(check(&owner, repeats, 1), Ok(()));
        let mut fired = Fired::default();
        fired.take_from(0, &mut owner, repeats);
        assert_eq!(fired.count(), 1);
        let left = vec![None, Some((0, 15)), None, Some((3, 12))];
        assert!(matches!(owner, OwnerV1::Sessions(saved) if saved.bounds == left));
    }

    #[test]
    fn what_no_run_has_saved_is_damage() {
        let owner = OwnerV1::Panes(PanesV1 { fired: 0, panes: Vec::new() });
        let with = |start, end, groups| {
            let pending = vec![ChangedV3 { start, end, groups }];
            PanesV3 { pending, ..PanesV3::default() }
        };
        let refused = |repeats: PanesV3| {
            assert_eq!(check(&owner, Known::Panes(&repeats), 1), Err(Damage::Content));
        };
        assert_eq!(check(&owner, Known::Sessions(&SessionsV3::default()), 1), Err(Damage::Content));
        refused(with(5, 5, GroupsV3::default()));
        refused(with(0, 5, GroupsV3 { keys: Blob(vec![1]), ..GroupsV3::default() }));
        refused(with(0, 5, GroupsV3 { keys: Blob(vec![9]), ends: vec![1], times: Vec::new() }));
        refused(with(0, 5, GroupsV3 { times: vec![1], ..GroupsV3::default() }));
        assert_eq!(check(&owner, Known::Panes(&with(0, 5, GroupsV3::default())), 1), Ok(()));
    }
}
