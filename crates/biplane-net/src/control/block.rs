//! Reads hello and answer, which tell their own length.

use std::io;

use biplane_wire::DecodeError;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of one read.
const CHUNK: usize = 2 * 1024;

/// What came before the stream of records.
#[derive(Debug)]
pub(crate) struct Block {
    /// The whole block.
    pub(crate) bytes: Vec<u8>,
    /// What came in the same breath and is the beginning of the records.
    pub(crate) rest: Vec<u8>,
}

/// Why there is no block.
#[derive(Debug)]
pub(crate) enum BlockError {
    Io(io::Error),
    Decode(DecodeError),
}

/// Reads one block; `len_of` tells its length as soon as its head is there, or that it is none.
/// Nothing is kept for a length that is only claimed.
pub(crate) async fn read_block(
    stream: &mut (impl AsyncRead + Unpin),
    len_of: fn(&[u8]) -> Result<Option<usize>, DecodeError>,
) -> Result<Block, BlockError> {
    let mut bytes = Vec::with_capacity(CHUNK);
    loop {
        let read = stream.read_buf(&mut bytes).await.map_err(BlockError::Io)?;
        if read == 0 {
            return Err(BlockError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        let len = len_of(&bytes).map_err(BlockError::Decode)?;
        if let Some(len) = len.filter(|len| bytes.len() >= *len) {
            let rest = bytes.split_off(len);
            return Ok(Block { bytes, rest });
        }
    }
}

#[cfg(test)]
mod tests {
    use biplane_proto::Accepting;
    use biplane_wire::Answer;

    use super::*;

    fn read(mut bytes: &[u8]) -> Result<Block, BlockError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(read_block(&mut bytes, Answer::len_of))
    }

    #[test]
    fn what_follows_a_block_is_kept() {
        let mut bytes = Accepting::refusal(7, None, "no");
        let len = bytes.len();
        bytes.extend(b"records");
        let block = read(&bytes).unwrap();
        assert_eq!((block.bytes.len(), &block.rest[..]), (len, &b"records"[..]));
    }

    #[test]
    fn half_a_block_and_no_block_are_told_apart() {
        let bytes = Accepting::refusal(7, None, "no");
        let half = read(&bytes[..bytes.len() - 1]);
        assert!(matches!(half, Err(BlockError::Io(_))));
        let http = read(b"GET / HTTP/1.1\r\n\r\n");
        assert!(matches!(http, Err(BlockError::Decode(DecodeError::NotBiplane))));
    }
}
