//! A look at the open sessions.

use super::{FiredSession, SessionStore};
use crate::operator::keys::Keys;
use crate::window::Window;

impl SessionStore {
    /// The open sessions as they would fire now, in no order.
    pub fn peek(&self, keys: &Keys) -> impl Iterator<Item = FiredSession<'_>> {
        let open = (0u32..).zip(&self.sessions).filter(|(_, session)| session.open);
        open.map(move |(slot, session)| FiredSession {
            window: Window { end: session.end, start: session.start },
            key: session.key,
            head: keys.head(session.key),
            states: &self.states,
            slot,
        })
    }
}
