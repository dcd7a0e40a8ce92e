//! What both sides tell of themselves, as (id, length, value).

use core::time::Duration;

use crate::{
    DecodeError, ReceiveId,
    codec::{Reader, put_varint, varint_len},
    limits,
};

/// What a side tells of itself in its hello or welcome.
///
/// On the wire each stands as `| id varint | length varint | value |`, ids ascending. Unknown ids
/// are skipped; a parameter that is left out has the default that is named here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parameters {
    /// `01`: the receive id it wants to see in packets. Always present.
    pub receive_id: ReceiveId,
    /// `02`: the largest datagram it accepts, in bytes: 1,200 to 65,507. Default: 1,200.
    pub max_datagram: u32,
    /// `03`: how long it holds an ack of packets with reliable frames, in milliseconds, at most
    /// 1,000. Default: 20.
    pub reliable_ack_delay_ms: u32,
    /// `04`: the same for packets with `sequenced` and `unreliable` messages alone. Default: 60.
    pub unreliable_ack_delay_ms: u32,
    /// `05`: after how much quiet on a plane it says that it is there, in milliseconds: 1,000 to
    /// 25,000. Default: 3,000.
    pub keep_alive_ms: u32,
    /// `06`: after how much silence of the peer on TCP it gives the connection up, in
    /// milliseconds: 3,000 to 600,000. Default: 10,000.
    pub idle_timeout_ms: u32,
    /// `07`: credit of every reliable channel at the start, in bytes. Default: 0.
    pub initial_credit: u64,
    /// `08`: bytes of unacknowledged numbered control records it takes. Default: 1 MiB.
    pub control_window: u32,
    /// `09`: the UDP port, where it is not the one of TCP; 1 to 65,535. Server alone.
    pub udp_port: Option<u16>,
    /// `0a`: the name of the session: in the welcome of a join, and in the hello of a resume or an
    /// attach.
    pub session: Option<[u8; 16]>,
    /// `0b`: that the client may resume, or attach. Client alone, in the hello of either.
    pub resume: Option<Resume>,
    /// `0c`: the low half of the control number expected next: in hello and welcome of a resume.
    pub control_next: Option<u32>,
    /// `10`: whatever the application's admission wants to see. Client alone.
    pub credentials: Vec<u8>,
}

/// What shows that a client is the one whose session it names.
///
/// ```text
/// | count 4 | proof 32 |
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Resume {
    /// How often the client has claimed the session for this purpose, this time included.
    pub count: u32,
    /// Over the TLS connection that carries it: on another it is worth nothing.
    pub proof: [u8; 32],
}

/// An ack may leave at once.
const ACK_DELAYS: (Duration, Duration) = (Duration::ZERO, limits::ACK_DELAY_MAX);

mod id {
    pub(super) const RECEIVE_ID: u64 = 0x01;
    pub(super) const MAX_DATAGRAM: u64 = 0x02;
    pub(super) const RELIABLE_ACK_DELAY: u64 = 0x03;
    pub(super) const UNRELIABLE_ACK_DELAY: u64 = 0x04;
    pub(super) const KEEP_ALIVE: u64 = 0x05;
    pub(super) const IDLE_TIMEOUT: u64 = 0x06;
    pub(super) const INITIAL_CREDIT: u64 = 0x07;
    pub(super) const CONTROL_WINDOW: u64 = 0x08;
    pub(super) const UDP_PORT: u64 = 0x09;
    pub(super) const SESSION: u64 = 0x0a;
    pub(super) const RESUME: u64 = 0x0b;
    pub(super) const CONTROL_NEXT: u64 = 0x0c;
    pub(super) const CREDENTIALS: u64 = 0x10;
}

impl Parameters {
    /// Those of a side that wants `receive_id` and leaves the rest at its default.
    #[must_use]
    pub const fn new(receive_id: ReceiveId) -> Self {
        Self {
            receive_id,
            max_datagram: 1_200,
            reliable_ack_delay_ms: 20,
            unreliable_ack_delay_ms: 60,
            keep_alive_ms: 3_000,
            idle_timeout_ms: 10_000,
            initial_credit: 0,
            control_window: 1 << 20,
            udp_port: None,
            session: None,
            resume: None,
            control_next: None,
            credentials: Vec::new(),
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put(out, id::RECEIVE_ID, &self.receive_id.0.to_be_bytes());
        put_number(out, id::MAX_DATAGRAM, u64::from(self.max_datagram));
        put_number(out, id::RELIABLE_ACK_DELAY, u64::from(self.reliable_ack_delay_ms));
        put_number(out, id::UNRELIABLE_ACK_DELAY, u64::from(self.unreliable_ack_delay_ms));
        put_number(out, id::KEEP_ALIVE, u64::from(self.keep_alive_ms));
        put_number(out, id::IDLE_TIMEOUT, u64::from(self.idle_timeout_ms));
        put_number(out, id::INITIAL_CREDIT, self.initial_credit);
        put_number(out, id::CONTROL_WINDOW, u64::from(self.control_window));
        if let Some(port) = self.udp_port {
            put_number(out, id::UDP_PORT, u64::from(port));
        }
        if let Some(session) = &self.session {
            put(out, id::SESSION, session);
        }
        if let Some(Resume { count, proof }) = &self.resume {
            put(out, id::RESUME, &[&count.to_be_bytes()[..], proof].concat());
        }
        if let Some(next) = self.control_next {
            put(out, id::CONTROL_NEXT, &next.to_be_bytes());
        }
        if !self.credentials.is_empty() {
            put(out, id::CREDENTIALS, &self.credentials);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut found = Self::new(ReceiveId(0));
        let mut last = 0;
        let mut named = false;
        while !reader.is_empty() {
            let id = reader.varint("parameter id")?;
            if id <= last {
                return Err(DecodeError::NotCanonical { field: "parameters" });
            }
            last = id;
            named |= id == id::RECEIVE_ID;
            let len = reader.count("parameter", limits::HELLO)?;
            let mut value = Reader(reader.bytes(len)?);
            found.read_one(id, &mut value)?;
            value.finish()?;
        }
        if named { Ok(found) } else { Err(DecodeError::OutOfRange { field: "receive id" }) }
    }

    fn read_one(&mut self, id: u64, value: &mut Reader<'_>) -> Result<(), DecodeError> {
        match id {
            id::RECEIVE_ID => self.receive_id = ReceiveId(value.u32()?),
            id::MAX_DATAGRAM => {
                self.max_datagram = within(
                    value,
                    "datagram",
                    (limits::DATAGRAM_MIN as u64, limits::DATAGRAM_MAX as u64),
                )?
            }
            id::RELIABLE_ACK_DELAY => {
                self.reliable_ack_delay_ms = milliseconds(value, "ack delay", ACK_DELAYS)?;
            }
            id::UNRELIABLE_ACK_DELAY => {
                self.unreliable_ack_delay_ms = milliseconds(value, "ack delay", ACK_DELAYS)?;
            }
            id::KEEP_ALIVE => {
                self.keep_alive_ms = milliseconds(value, "keep-alive", limits::KEEP_ALIVE_RANGE)?
            }
            id::IDLE_TIMEOUT => {
                self.idle_timeout_ms =
                    milliseconds(value, "idle timeout", limits::IDLE_TIMEOUT_RANGE)?;
            }
            id::INITIAL_CREDIT => self.initial_credit = value.varint("credit")?,
            id::CONTROL_WINDOW => self.control_window = value.varint_u32("control window")?,
            id::UDP_PORT => {
                let port = within(value, "UDP port", (1, u64::from(u16::MAX)))?;
                self.udp_port = u16::try_from(port).ok();
            }
            id::SESSION => self.session = Some(value.array()?),
            id::RESUME => {
                self.resume = Some(Resume { count: value.u32()?, proof: value.array()? });
            }
            id::CONTROL_NEXT => self.control_next = Some(value.u32()?),
            id::CREDENTIALS => self.credentials = read_credentials(value)?,
            _ => drop(value.rest()),
        }
        Ok(())
    }
}

fn read_credentials(value: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let bytes = value.rest();
    if bytes.is_empty() || bytes.len() > limits::CREDENTIALS {
        return Err(DecodeError::TooLong { field: "credentials", limit: limits::CREDENTIALS });
    }
    Ok(bytes.to_vec())
}

/// The least and the most of a time in milliseconds.
fn milliseconds(
    value: &mut Reader<'_>,
    field: &'static str,
    (low, high): (Duration, Duration),
) -> Result<u32, DecodeError> {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    within(value, field, (ms(low), ms(high)))
}

fn within(
    value: &mut Reader<'_>,
    field: &'static str,
    (low, high): (u64, u64),
) -> Result<u32, DecodeError> {
    let number = value.varint_u32(field)?;
    if (low..=high).contains(&u64::from(number)) {
        Ok(number)
    } else {
        Err(DecodeError::OutOfRange { field })
    }
}

fn put(out: &mut Vec<u8>, id: u64, value: &[u8]) {
    put_varint(out, id);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn put_number(out: &mut Vec<u8>, id: u64, value: u64) {
    put_varint(out, id);
    put_varint(out, varint_len(value) as u64);
    put_varint(out, value);
}
