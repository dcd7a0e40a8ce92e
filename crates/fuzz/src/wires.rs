//! What frames and records must be like, wherever they come from.

use biplane_wire::{Bulk, DecodeError, Frame, Frames, Record, limits};

/// Reads `plaintext` to its end or to its first error, which is returned, and asserts that each
/// frame writes back to the bytes it was read from.
pub(crate) fn check_frames<'a>(
    plaintext: &'a [u8],
    mut see: impl FnMut(Frame<'a>),
) -> Option<DecodeError> {
    let mut rest = plaintext;
    let mut frames = Frames::new(plaintext);
    while let Some(frame) = frames.next() {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                assert_eq!(frames.next(), None, "frames after {error}");
                return Some(error);
            }
        };
        rest = check_frame(&frame, rest);
        see(frame);
    }
    assert_eq!(rest, b"", "frames ended before their bytes");
    None
}

/// Asserts that `frame` is what `bytes` begin with; returns what follows.
fn check_frame<'a>(frame: &Frame<'a>, bytes: &'a [u8]) -> &'a [u8] {
    if *frame == Frame::Padding {
        assert!(bytes.iter().all(|byte| *byte == 0));
        return b"";
    }
    check_values(frame);
    let mut again = Vec::new();
    frame.encode(&mut again);
    bytes.strip_prefix(&again[..]).expect("a frame writes back to the bytes it was read from")
}

/// Asserts what the documentation of each frame's fields promises.
fn check_values(frame: &Frame<'_>) {
    match frame {
        Frame::Close(close) => assert!(close.text.len() <= limits::TEXT),
        Frame::Fragment(fragment) => {
            let len = fragment.payload.len() as u64;
            assert!(len < u64::from(fragment.total));
            assert!(len > 0 || fragment.offset == fragment.total, "it is withdrawn");
            assert!(u64::from(fragment.offset) + len <= u64::from(fragment.total));
            assert!(u64::from(fragment.total) <= limits::MESSAGE as u64);
        }
        Frame::Credit { channel, .. } => assert!(channel.index() < limits::CHANNELS),
        Frame::Message(message) => assert!(message.channel.index() < limits::CHANNELS),
        Frame::Padding
        | Frame::Ping
        | Frame::Ack(_)
        | Frame::PathChallenge(_)
        | Frame::PathResponse(_)
        | Frame::Taken(_) => {}
    }
}

/// Asserts that what has been read of `bytes` as `record` writes back to them.
pub(crate) fn check_record(record: &Record<'_>, bytes: &[u8]) {
    let mut again = Vec::new();
    record.encode(&mut again);
    assert_eq!(again, bytes);
    assert!(bytes.len() <= Record::HEAD + limits::RECORD);
}

/// The same of a record of an attached connection.
pub(crate) fn check_bulk(record: &Bulk<'_>, bytes: &[u8]) {
    let mut again = Vec::new();
    record.encode(&mut again);
    assert_eq!(again, bytes);
    assert!(bytes.len() <= Record::HEAD + limits::RECORD);
}

/// The name of a frame's kind, with its options.
pub(crate) fn name(frame: &Frame<'_>) -> String {
    let flags = |options: [(&'static str, bool); 4]| -> String {
        options.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
    };
    match frame {
        Frame::Padding => "padding".into(),
        Frame::Ping => "ping".into(),
        Frame::Ack(ack) if ack.ecn.is_some() => "ack with ECN".into(),
        Frame::Ack(_) => "ack".into(),
        Frame::PathChallenge(_) => "challenge".into(),
        Frame::PathResponse(_) => "response".into(),
        Frame::Close(close) => format!("close {:?}", close.code),
        Frame::Credit { .. } => "credit".into(),
        Frame::Taken(_) => "taken".into(),
        Frame::Message(message) => {
            let options = [
                (" length", message.delimited),
                (" sequence", message.sequence.is_some()),
                (" after", message.after.is_some()),
                (" clock", message.clock.is_some()),
            ];
            format!("message{}", flags(options))
        }
        Frame::Fragment(fragment) => {
            let options = [
                (" length", fragment.delimited),
                ("", true),
                (" after", fragment.after.is_some()),
                (" clock", fragment.clock.is_some()),
            ];
            format!("fragment{}", flags(options))
        }
    }
}
