//! Control records in a stream that is cut anywhere.

use biplane_wire::{DecodeError, Record, TransferStep};

use crate::{labels, memory, script::Script, wires};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "Acked",
    "Command falsefalse",
    "Command falsetrue",
    "Command truefalse",
    "Command truetrue",
    "GivenUp",
    "NotCanonical ECN count",
    "NotCanonical ack delay",
    "NotCanonical ack ranges",
    "NotCanonical close text",
    "NotCanonical credit",
    "NotCanonical fragment offset",
    "NotCanonical fragment total",
    "NotCanonical message",
    "NotCanonical padding",
    "NotText close text",
    "NotText transfer name",
    "OutOfRange ack delay",
    "OutOfRange ack ranges",
    "OutOfRange channel",
    "OutOfRange chunk",
    "OutOfRange close code",
    "OutOfRange fragment",
    "OutOfRange fragment offset",
    "OutOfRange key phase",
    "OutOfRange planes",
    "OutOfRange record length",
    "OutOfRange reply outcome",
    "OutOfRange transfer length",
    "OutOfRange transfer name",
    "OutOfRange transfer outcome",
    "OutOfRange transfer side",
    "OutOfRange tunnelled frame",
    "Ping",
    "Planes",
    "Pong",
    "ReceiveId",
    "Reply Answered",
    "Reply Refused",
    "Reply Unanswered",
    "Request falsefalse",
    "Request falsetrue",
    "Request truefalse",
    "Request truetrue",
    "TooLong ack ranges",
    "TooLong close text",
    "TooLong fragment total",
    "TooLong message",
    "TooLong record",
    "TooLong transfer name",
    "Trailing",
    "Truncated",
    "UnknownType",
    "frame ack",
    "frame ack with ECN",
    "frame close Application",
    "frame close Dropped",
    "frame close Limit",
    "frame close TimedOut",
    "frame close Violation",
    "frame credit",
    "frame taken",
    "transfer Accept",
    "transfer Checksum",
    "transfer End false Cancelled",
    "transfer End false Complete",
    "transfer End false Corrupt",
    "transfer End false Refused",
    "transfer End true Cancelled",
    "transfer End true Unreadable",
    "transfer Offer",
    "tunnelled fragment",
    "tunnelled fragment after",
    "tunnelled fragment after clock",
    "tunnelled fragment clock",
    "tunnelled message",
    "tunnelled message after",
    "tunnelled message clock",
    "tunnelled message sequence",
    "tunnelled message sequence after clock",
];

/// Reads all but the first byte of `data` as a stream of records, whole and in pieces of as many
/// bytes as the first one says.
pub fn record(data: &[u8]) {
    stream(data, read);
}

fn read(bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
    let read = memory::bounded(0, || Record::decode(bytes))?;
    Ok(read.map(|(record, len)| {
        labels::note(|| name(&record));
        wires::check_record(&record, &bytes[..len]);
        len
    }))
}

/// Reads all but the first byte of `data` as a stream of what `read` reads off its front, whole and
/// in pieces of as many bytes as the first one says.
pub(crate) fn stream(data: &[u8], read: fn(&[u8]) -> Result<Option<usize>, DecodeError>) {
    let mut script = Script(data);
    let piece = usize::from(script.byte()) + 1;
    let (lengths, error) = whole(script.0, read);
    if let Some(error) = error {
        labels::refused(error);
    }
    assert_eq!(in_pieces(script.0, piece, read), (lengths, error));
}

/// How long each record is, and why the next one is none.
fn whole(
    mut stream: &[u8],
    read: fn(&[u8]) -> Result<Option<usize>, DecodeError>,
) -> (Vec<usize>, Option<DecodeError>) {
    let mut lengths = Vec::new();
    loop {
        match read(stream) {
            Ok(Some(len)) => {
                assert_eq!(read(&stream[..len - 1]), Ok(None));
                lengths.push(len);
                stream = &stream[len..];
            }
            Ok(None) => return (lengths, None),
            Err(error) => return (lengths, Some(error)),
        }
    }
}

/// The same of a stream that comes `piece` bytes at a time.
fn in_pieces(
    stream: &[u8],
    piece: usize,
    read: fn(&[u8]) -> Result<Option<usize>, DecodeError>,
) -> (Vec<usize>, Option<DecodeError>) {
    let (mut lengths, mut buffer) = (Vec::new(), Vec::new());
    for more in stream.chunks(piece) {
        buffer.extend_from_slice(more);
        loop {
            match read(&buffer) {
                Ok(Some(len)) => {
                    lengths.push(len);
                    buffer.drain(..len);
                }
                Ok(None) => break,
                Err(error) => return (lengths, Some(error)),
            }
        }
    }
    (lengths, None)
}

fn name(record: &Record<'_>) -> String {
    match record {
        Record::Frame(frame) => format!("frame {}", wires::name(frame)),
        Record::Tunnelled { frame, .. } => format!("tunnelled {}", wires::name(frame)),
        Record::Command { chunk, .. } | Record::Request { chunk, .. } => {
            format!("{} {}{}", labels::first_word(record), chunk.first, chunk.last)
        }
        Record::Reply { outcome, .. } => format!("Reply {outcome:?}"),
        Record::Transfer { step: TransferStep::End { own, outcome, .. }, .. } => {
            format!("transfer End {own} {outcome:?}")
        }
        Record::Transfer { step, .. } => format!("transfer {}", labels::first_word(step)),
        Record::Acked { .. }
        | Record::Ping { .. }
        | Record::Pong { .. }
        | Record::Planes { .. }
        | Record::ReceiveId { .. }
        | Record::GivenUp { .. } => labels::first_word(record),
    }
}
