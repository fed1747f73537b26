//! A look at the open sessions.

use super::SessionStore;
use crate::window::Window;

impl SessionStore {
    /// The open sessions as they would fire now, in no order: the window of each, the number of its key, and its slot.
    pub fn peek(&self) -> impl Iterator<Item = (Window, u32, u32)> {
        let open = (0u32..).zip(&self.sessions).filter(|(_, session)| session.open);
        open.map(|(slot, session)| (Window { end: session.end, start: session.start }, session.key, slot))
    }
}
