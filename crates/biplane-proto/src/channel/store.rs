//! What a side keeps of its messages until the peer has them: short ones on boards, long ones in
//! buffers, and both are used again.

use core::mem;

use bytes::Bytes;

use super::{
    shelf::{Body, Content, Shelf, is_shelved},
    spares::Spares,
};
use crate::limits;

#[derive(Debug, Default)]
pub(crate) struct Store {
    shelf: Shelf,
    spares: Spares,
}

impl Store {
    /// Takes in a message; what is somebody else's is copied.
    #[inline]
    pub(crate) fn keep(&mut self, content: Content<'_>) -> Body {
        if is_shelved(&content) {
            self.shelf.keep(content)
        } else {
            self.spares.keep(content).into()
        }
    }

    /// The bytes of a message that is kept here.
    pub(crate) fn get<'a>(&'a self, body: &'a Body) -> &'a [u8] {
        self.shelf.get(body)
    }

    /// A message is wanted no more, and its place is free after the next sweep. One that is by itself
    /// is given by its owner.
    pub(crate) fn let_go(&mut self, body: &Body) {
        self.shelf.let_go(body);
    }

    /// Puts a message by itself that is wanted for longer than those beside it.
    pub(crate) fn set_aside(&mut self, body: &mut Body) {
        if let Body::Shelved(_) = body {
            self.shelf.let_go(body);
            *body = self.shelf.take_off(mem::take(body));
        }
    }

    /// Takes in the memory of one that is by itself, if nobody else has it.
    pub(crate) fn give(&mut self, bytes: Bytes) {
        self.spares.give(bytes);
    }

    pub(crate) fn sweep(&mut self) {
        self.shelf.sweep();
    }

    /// Nothing has been sent for a while: what is not needed goes.
    pub(crate) fn rest(&mut self) {
        self.shelf.rest();
        self.spares.rest();
    }

    /// Whether boards stand there for more than twice the bytes that are kept, and one more.
    pub(crate) fn is_sparse(&self, bytes: usize) -> bool {
        self.shelf.boards() * limits::BOARD > 2 * bytes + limits::BOARD
    }

    #[cfg(test)]
    pub(crate) const fn has_spares(&self) -> bool {
        !self.spares.is_empty()
    }

    /// How many boards are in use.
    #[cfg(test)]
    pub(crate) fn boards(&self) -> usize {
        self.shelf.boards()
    }
}
