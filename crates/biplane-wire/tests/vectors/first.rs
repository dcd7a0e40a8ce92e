//! The real codec, and what it reads in the same words as the second decoder.

use biplane_wire::{
    Ack, AckRange, Aead, Answer, Bulk, Chunk, Description, Frame, Frames, Header, Hello,
    Parameters, Record, Resume, SequenceNumber, Taken, TransferStep,
};

use crate::{Form, REFUSED, Reading, UNFINISHED};

/// What `input` says.
pub(crate) fn read(form: Form, input: &[u8]) -> Reading {
    let one = |item: Option<String>| vec![item.unwrap_or_else(|| REFUSED.to_owned())];
    match form {
        Form::Packet => one(Header::decode(input).ok().map(|(header, rest)| packet(&header, rest))),
        Form::Frames => Frames::new(input)
            .map(|read| read.map_or_else(|_| REFUSED.to_owned(), |read| frame(&read)))
            .collect(),
        Form::Records => records(input),
        Form::Bulk => bulk(input),
        Form::Hello => one(Hello::decode(input).ok().map(|read| hello(&read))),
        Form::Answer => one(Answer::decode(input).ok().map(|read| answer(&read))),
        Form::Description => one(Description::decode(input).ok().map(|read| description(&read))),
    }
}

/// What was read of `input`, written.
pub(crate) fn write_again(form: Form, input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match form {
        Form::Packet => {
            let (header, rest) = Header::decode(input).unwrap();
            out.extend(header.encode());
            out.extend_from_slice(rest);
        }
        Form::Frames => Frames::new(input).for_each(|read| read.unwrap().encode(&mut out)),
        Form::Records => {
            let mut rest = input;
            while let Some((record, len)) = Record::decode(rest).unwrap() {
                record.encode(&mut out);
                rest = &rest[len..];
            }
        }
        Form::Bulk => {
            let mut rest = input;
            while let Some((record, len)) = Bulk::decode(rest).unwrap() {
                record.encode(&mut out);
                rest = &rest[len..];
            }
        }
        Form::Hello => out = Hello::decode(input).unwrap().encode(),
        Form::Answer => out = Answer::decode(input).unwrap().encode(),
        Form::Description => out = Description::decode(input).unwrap().encode(),
    }
    out
}

fn packet(header: &Header, sealed: &[u8]) -> String {
    let Header { kind, phase, receive_id, number } = header;
    let kind = format!("{kind:?}").to_lowercase();
    let (phase, id, sealed) = (phase.index(), receive_id.0, sealed.len());
    format!("{kind}, phase {phase}, receive id {id}, number {}, {sealed} sealed", number.0)
}

fn frame(frame: &Frame<'_>) -> String {
    match frame {
        Frame::Padding => "padding".to_owned(),
        Frame::Ping => "ping".to_owned(),
        Frame::Ack(read) => ack(read),
        Frame::PathChallenge(data) => format!("challenge, {}", hex(data)),
        Frame::PathResponse(data) => format!("response, {}", hex(data)),
        Frame::Close(close) => format!("close {}, {:?}", close.code as u8, close.text),
        Frame::Credit { channel, granted } => {
            format!("credit, channel {}, {granted} granted", channel.index())
        }
        Frame::Taken(read) => taken(read),
        Frame::Message(message) => {
            let sequence = message.sequence.map(|number| format!(", sequence {number}"));
            let sequence = sequence.unwrap_or_default();
            let bits = bits(message.delimited, message.after, message.clock);
            let kind = 0x10 + bits + 2 * u8::from(message.sequence.is_some());
            let (channel, payload) = (message.channel.index(), hex(message.payload));
            let extras = extras(message.after, message.clock);
            format!("message {kind:x}, channel {channel}{sequence}{extras}, {payload}")
        }
        Frame::Fragment(piece) => {
            let kind = 0x20 + bits(piece.delimited, piece.after, piece.clock);
            let (channel, payload) = (piece.channel.index(), hex(piece.payload));
            let place = format!("sequence {}, {} of {}", piece.sequence, piece.offset, piece.total);
            let extras = extras(piece.after, piece.clock);
            format!("fragment {kind:x}, channel {channel}, {place}{extras}, {payload}")
        }
    }
}

fn bits(delimited: bool, after: Option<u16>, clock: Option<u32>) -> u8 {
    u8::from(delimited) + 4 * u8::from(after.is_some()) + 8 * u8::from(clock.is_some())
}

fn extras(after: Option<u16>, clock: Option<u32>) -> String {
    let after = after.map(|after| format!(", after {after}")).unwrap_or_default();
    after + &clock.map(|clock| format!(", clock {clock}")).unwrap_or_default()
}

fn ack(ack: &Ack<'_>) -> String {
    let Ack { largest, delay, arrival, ranges, ecn } = ack;
    let ranges = in_words(ranges.below(FAR));
    let told = format!("largest {}, delay {delay}, arrival {arrival}, {ranges}", largest.0);
    match ecn {
        Some(counts) => {
            format!("ECN ack, {told}, counts {} {} {}", counts.ect0, counts.ect1, counts.ce)
        }
        None => format!("ack, {told}"),
    }
}

fn taken(taken: &Taken<'_>) -> String {
    let (channel, largest) = (taken.channel.index(), taken.largest);
    // The largest number that ends in these bits and is still far from zero.
    let expected = SequenceNumber(FAR | u64::from(largest));
    let ranges = in_words(taken.numbers(expected));
    format!("taken, channel {channel}, largest {largest}, {ranges}")
}

/// No ranges of one frame reach down from here to zero.
const FAR: u64 = 1 << 50;

fn in_words(ranges: impl Iterator<Item = Option<AckRange>>) -> String {
    let mut told = Vec::new();
    let mut below = None;
    for range in ranges {
        let AckRange { low, high } = range.unwrap();
        told.extend(below.map(|below: u64| format!("{} missing", below - high - 1)));
        told.push(format!("{} there", high - low + 1));
        below = Some(low);
    }
    told.join(" ")
}

fn records(mut input: &[u8]) -> Reading {
    let mut found = Reading::new();
    while !input.is_empty() {
        match Record::decode(input) {
            Ok(Some((read, len))) => {
                found.push(record(&read));
                input = &input[len..];
            }
            Ok(None) => {
                found.push(UNFINISHED.to_owned());
                break;
            }
            Err(_) => {
                found.push(REFUSED.to_owned());
                break;
            }
        }
    }
    found
}

fn record(record: &Record<'_>) -> String {
    match record {
        Record::Frame(read) => frame(read),
        Record::Acked { next } => format!("acked, next {next}"),
        Record::Ping { token } => format!("control ping, token {token}"),
        Record::Pong { token } => format!("control pong, token {token}"),
        Record::Planes { bits } => format!("planes, {bits}"),
        Record::ReceiveId { phase, id } => format!("receive id, phase {}, {}", phase.index(), id.0),
        Record::GivenUp { next } => format!("given up, next {next}"),
        Record::Command { number, chunk, channel, bytes } => {
            let (chunk, channel) = (pieces(*chunk), channel.index());
            format!("command, {number}, {chunk}, channel {channel}, {}", hex(bytes))
        }
        Record::Request { number, chunk, id, kind, bytes } => {
            let chunk = pieces(*chunk);
            format!("request, {number}, {chunk}, id {}, kind {kind}, {}", id.0, hex(bytes))
        }
        Record::Reply { number, chunk, id, outcome, bytes } => {
            let (chunk, outcome) = (pieces(*chunk), *outcome as u8);
            format!("reply {outcome}, {number}, {chunk}, id {}, {}", id.0, hex(bytes))
        }
        Record::Tunnelled { number, frame: read } => {
            format!("tunnelled {number}: {}", frame(read))
        }
        Record::Transfer { number, step } => format!("{}, {number}", transfer(step)),
    }
}

fn transfer(step: &TransferStep<'_>) -> String {
    match step {
        TransferStep::Offer { id, length, name } => format!("offer {}, {length}, {name:?}", id.0),
        TransferStep::Accept { id } => format!("accept {}", id.0),
        TransferStep::Checksum { id, sha256 } => format!("checksum {}, {}", id.0, hex(sha256)),
        TransferStep::End { id, own, outcome } => {
            format!("end {}, side {}, outcome {}", id.0, u8::from(*own), *outcome as u8)
        }
    }
}

fn bulk(mut input: &[u8]) -> Reading {
    let mut found = Reading::new();
    while !input.is_empty() {
        match Bulk::decode(input) {
            Ok(Some((read, len))) => {
                found.push(match read {
                    Bulk::Chunk { id, offset, bytes } => {
                        format!("bytes of {}, from {offset}, {}", id.0, hex(bytes))
                    }
                    Bulk::Have { id, received, limit } => {
                        format!("have of {}, {received}, limit {limit}", id.0)
                    }
                    Bulk::Here => "here".to_owned(),
                });
                input = &input[len..];
            }
            Ok(None) => {
                found.push(UNFINISHED.to_owned());
                break;
            }
            Err(_) => {
                found.push(REFUSED.to_owned());
                break;
            }
        }
    }
    found
}

fn pieces(chunk: Chunk) -> String {
    format!("chunk {}", u8::from(chunk.first) + 2 * u8::from(chunk.last))
}

fn hello(hello: &Hello) -> String {
    let Hello { purpose, lowest_version, highest_version, digest, aeads, parameters } = hello;
    let aeads: Vec<String> = aeads.iter().map(|aead| id(*aead).to_string()).collect();
    let versions = format!("versions {lowest_version} to {highest_version}");
    let (purpose, digest, aeads) = (*purpose as u8, hex(digest), aeads.join(" "));
    let parameters = parameters_in_words(parameters);
    format!("hello, purpose {purpose}, {versions}, digest {digest}, AEADs [{aeads}], {parameters}")
}

const fn id(aead: Aead) -> u8 {
    match aead {
        Aead::Aes128Gcm => 1,
        Aead::ChaCha20Poly1305 => 2,
    }
}

fn parameters_in_words(parameters: &Parameters) -> String {
    let numbers = [
        u64::from(parameters.max_datagram),
        parameters.reliable_ack_delay_ms.into(),
        parameters.unreliable_ack_delay_ms.into(),
        parameters.keep_alive_ms.into(),
        parameters.idle_timeout_ms.into(),
        parameters.initial_credit,
        parameters.control_window.into(),
    ];
    let receive_id = hex(&parameters.receive_id.0.to_be_bytes());
    let session = parameters.session.map(|session| hex(&session));
    let (port, credentials) = (parameters.udp_port, hex(&parameters.credentials));
    let mut resume = String::new();
    if let Some(Resume { count, proof }) = &parameters.resume {
        resume += &format!(", resume {}", hex(&[&count.to_be_bytes()[..], proof].concat()));
    }
    if let Some(next) = parameters.control_next {
        resume += &format!(", control next {}", hex(&next.to_be_bytes()));
    }
    format!(
        "receive id {receive_id}, {numbers:?}, port {port:?}, session {session:?}, credentials {credentials}{resume}"
    )
}

fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Welcome(welcome) => {
            let (version, aead) = (welcome.version, id(welcome.aead));
            format!(
                "welcome, version {version}, AEAD {aead}, {}",
                parameters_in_words(&welcome.parameters)
            )
        }
        Answer::Mismatch(read) => format!("another protocol, {}", description(read)),
        Answer::Refused { code, retry_after_ms, text } => {
            format!("refusal, code {code}, retry after {retry_after_ms}, {text:?}")
        }
        Answer::Unsupported { lowest_version, highest_version } => {
            format!("versions {lowest_version} to {highest_version}")
        }
    }
}

fn description(description: &Description) -> String {
    let Description { application, version, channels, requests } = description;
    let mut told = format!("application {application:?}, version {version}");
    for channel in channels {
        let (name, kind) = (&channel.name, channel.kind as u8);
        let (notify, longest) = (u8::from(channel.notify), channel.max_message);
        told += &format!(", channel {name:?} kind {kind} notify {notify} longest {longest}");
    }
    for name in requests {
        told += &format!(", request {name:?}");
    }
    told
}

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("[{digits}]")
}
