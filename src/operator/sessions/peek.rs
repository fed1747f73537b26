//! A look at the open sessions.

use super::{OpenSession, SessionStore};
use crate::operator::keys::Keys;
use crate::window::Window;

impl SessionStore {
    /// The open sessions as they would fire now, in no order.
    pub fn peek(&self, keys: &Keys) -> impl Iterator<Item = OpenSession<'_>> {
        let open = (0u32..).zip(&self.sessions).filter(|(_, session)| session.open);
        open.map(move |(slot, session)| OpenSession {
            window: Window { end: session.end, start: session.start },
            key: session.key,
            head: keys.head(session.key),
            states: &self.states,
            slot,
        })
    }
}
