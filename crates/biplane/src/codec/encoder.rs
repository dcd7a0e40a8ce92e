//! Values to bytes, through postcard, into a buffer of the thread's own.

use core::cell::Cell;

use biplane_wire::limits;
use postcard::ser_flavors::Flavor;
use serde::Serialize;

use super::bounded::Bounded;

thread_local! {
    /// Every message is written here first.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Why a value has no bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EncodeError {
    /// They are more than the limit.
    TooLong,
    /// The value refuses, or is of a form that postcard does not know or our decoder refuses.
    Unencodable,
}

/// Gives `take` the bytes of `value`, `limit` at most. Stops as soon as there are more.
pub(crate) fn encode_to<T: Serialize + ?Sized, R>(
    value: &T,
    limit: usize,
    take: impl FnOnce(&[u8]) -> R,
) -> Result<R, EncodeError> {
    // Taken out while it is in use: `value` may send something itself when it is asked for its form.
    let mut out = SCRATCH.take();
    out.clear();
    let mut serializer = Bounded::new(Limited { out, limit });
    let written = value.serialize(&mut serializer);
    let (out, is_long_enough) = serializer.finish();
    let outcome = match written {
        Ok(()) if is_long_enough => Ok(take(&out)),
        Err(postcard::Error::SerializeBufferFull) => Err(EncodeError::TooLong),
        Ok(()) | Err(_) => Err(EncodeError::Unencodable),
    };
    if out.capacity() <= limits::ENCODE_BUFFER {
        SCRATCH.set(out);
    }
    outcome
}

/// A buffer that takes `limit` bytes and no more.
pub(super) struct Limited {
    pub(super) out: Vec<u8>,
    pub(super) limit: usize,
}

impl Flavor for Limited {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if bytes.len() > self.limit.saturating_sub(self.out.len()) {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.out)
    }
}
