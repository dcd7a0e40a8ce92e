//! A session that began and is not a client yet: if nobody takes it, it ends.

use std::sync::Arc;

use crate::{engine::Peer, router::Route, session::abandon};

/// Made on a thread of the engine's, taken on the application's.
pub(crate) struct Arrival(Option<(Arc<dyn Peer>, Option<Route>)>);

impl Arrival {
    pub(crate) fn new(peer: Arc<dyn Peer>, route: Option<Route>) -> Self {
        Self(Some((peer, route)))
    }

    /// `None` if it was taken before.
    pub(super) fn take(mut self) -> Option<(Arc<dyn Peer>, Option<Route>)> {
        self.0.take()
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if let Some((peer, _)) = &self.0 {
            abandon(&**peer);
        }
    }
}
