//! A look at the open window that closes next.

use super::PaneStore;
use crate::operator::keys::Keys;
use crate::operator::table::Table;
use crate::window::Window;

impl PaneStore {
    /// Shows the groups of the open window that closes next, among those that have any, and when the first window closes
    /// that the newest pane with groups belongs to. Changes nothing.
    pub fn peek(&mut self, keys: &mut Keys, show: &mut dyn FnMut(Window, i64, &Table, &mut Keys)) {
        let Some(window) = self.next_window() else { return };
        let reaches = self.newest_end().unwrap_or(window.end);
        let inside = self.panes.range(window.start..window.end);
        match (&self.running, &inside.collect::<Vec<_>>()[..]) {
            (None, [(_, only)]) => show(window, reaches, &only.table, keys),
            (running, inside) => {
                let mut merged = Table::passing(&self.calls);
                match running {
                    Some(running) => running.merge_open(window, &self.panes, &mut merged, keys),
                    None => inside.iter().for_each(|(_, open)| merged.merge(&open.table, keys)),
                }
                show(window, reaches, &merged, keys);
            }
        }
    }

    /// The window that closes next and has groups: the first one of the first pane, since others of its windows close
    /// later, and so do all that begin behind it.
    fn next_window(&mut self) -> Option<Window> {
        let PaneStore { panes, running, finder, fired, .. } = self;
        panes.iter().find_map(|(&start, open)| {
            let late = running.as_ref().and_then(|running| running.amendment(start));
            if open.table.keys.is_empty() && late.is_none() {
                return None;
            }
            finder.windows(start, *fired, open.last_end).next()
        })
    }

    fn newest_end(&mut self) -> Option<i64> {
        let (&start, open) = self.panes.iter().rfind(|(_, open)| !open.table.keys.is_empty())?;
        self.finder.windows(start, self.fired, open.last_end).next().map(|window| window.end)
    }
}
