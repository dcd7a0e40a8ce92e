//! Section "Set-up": hello, parameters, answers, description.

use super::bytes::{Bytes, hex, text};

/// What stands behind the head of a block, if that is all there is.
fn block(input: &[u8], most: usize) -> Option<Bytes> {
    let mut bytes = Bytes::new(input);
    let magic = bytes.take(4)?;
    let len = usize::try_from(bytes.number(2)?).ok()?;
    (magic == b"BPLN" && len <= most && len == bytes.left()).then_some(bytes)
}

pub(super) fn hello(input: &[u8]) -> Option<String> {
    let mut bytes = block(input, 8 * 1024)?;
    let purpose = bytes.byte_to(2)?;
    let (lowest, highest) = (bytes.number(1)?, bytes.number(1)?);
    if lowest > highest {
        return None;
    }
    let digest = hex(&bytes.take(32)?);
    let count = bytes.number(1)?;
    let aeads: Vec<String> = bytes
        .take(count)?
        .into_iter()
        .filter(|id| *id == 1 || *id == 2)
        .map(|id| id.to_string())
        .collect();
    let aeads = aeads.join(" ");
    let parameters = parameters(&mut bytes)?;
    Some(format!(
        "hello, purpose {purpose}, versions {lowest} to {highest}, digest {digest}, AEADs [{aeads}], {parameters}"
    ))
}

/// Section "Parameters": the table, row by row.
fn parameters(bytes: &mut Bytes) -> Option<String> {
    let mut receive_id = None;
    let mut numbers = [1_200, 20, 60, 3_000, 10_000, 0, 1_048_576];
    let (mut port, mut session, mut credentials) = (None, None, Vec::new());
    let mut resume = String::new();
    let mut last = 0;
    while !bytes.is_empty() {
        let id = bytes.varint()?;
        if id <= last {
            return None;
        }
        last = id;
        let len = bytes.varint_to(8 * 1024)?;
        let value = bytes.take(len)?;
        match id {
            0x01 => receive_id = Some(exactly(&value, 4).map(|value| hex(&value))?),
            0x02 => numbers[0] = number(&value, 1_200, 65_507)?,
            0x03 => numbers[1] = number(&value, 0, 1_000)?,
            0x04 => numbers[2] = number(&value, 0, 1_000)?,
            0x05 => numbers[3] = number(&value, 1_000, 25_000)?,
            0x06 => numbers[4] = number(&value, 3_000, 600_000)?,
            0x07 => numbers[5] = number(&value, 0, u64::MAX)?,
            0x08 => numbers[6] = number(&value, 0, 0xffff_ffff)?,
            0x09 => port = Some(number(&value, 1, 65_535)?),
            0x0a => session = Some(exactly(&value, 16).map(|value| hex(&value))?),
            0x0b => resume += &format!(", resume {}", hex(&exactly(&value, 36)?)),
            0x0c => resume += &format!(", control next {}", hex(&exactly(&value, 4)?)),
            0x10 if value.is_empty() || value.len() > 4_096 => return None,
            0x10 => credentials = value,
            _ => {}
        }
    }
    let receive_id = receive_id?;
    let credentials = hex(&credentials);
    Some(format!(
        "receive id {receive_id}, {numbers:?}, port {port:?}, session {session:?}, credentials {credentials}{resume}"
    ))
}

/// A varint that is the whole value.
fn number(value: &[u8], low: u64, high: u64) -> Option<u64> {
    let mut bytes = Bytes::new(value);
    let number = bytes.varint().filter(|number| (low..=high).contains(number))?;
    bytes.is_empty().then_some(number)
}

fn exactly(value: &[u8], len: usize) -> Option<Vec<u8>> {
    (value.len() == len).then(|| value.to_vec())
}

pub(super) fn answer(input: &[u8]) -> Option<String> {
    let mut bytes = block(input, 16 * 1024 + 1)?;
    match bytes.number(1)? {
        0 => {
            let (version, aead) = (bytes.number(1)?, bytes.byte_to(2).filter(|id| *id > 0)?);
            Some(format!("welcome, version {version}, AEAD {aead}, {}", parameters(&mut bytes)?))
        }
        1 => Some(format!("another protocol, {}", description(&bytes.rest())?)),
        2 => {
            let code = bytes.number(2)?;
            let retry = bytes.varint_to(0xffff_ffff)?;
            let text = text(bytes.rest(), 256)?;
            Some(format!("refusal, code {code}, retry after {retry}, {text:?}"))
        }
        3 => {
            let (lowest, highest) = (bytes.number(1)?, bytes.number(1)?);
            let told = format!("versions {lowest} to {highest}");
            (lowest <= highest && bytes.is_empty()).then_some(told)
        }
        _ => None,
    }
}

/// Section "Description and digest".
pub(super) fn description(input: &[u8]) -> Option<String> {
    if input.len() > 16 * 1024 {
        return None;
    }
    let mut bytes = Bytes::new(input);
    let mut told = format!("application {:?}", name(&mut bytes)?);
    told += &format!(", version {}", bytes.number(4)?);
    let mut channels: Vec<String> = Vec::new();
    for _ in 0..bytes.varint_to(64)? {
        let name = name(&mut bytes)?;
        let (kind, notify) = (bytes.byte_to(4)?, bytes.byte_to(1)?);
        let longest = bytes.varint_to(16 * 1024 * 1024)?;
        told += &format!(", channel {name:?} kind {kind} notify {notify} longest {longest}");
        channels.push(name);
    }
    let mut requests: Vec<String> = Vec::new();
    for _ in 0..bytes.varint_to(256)? {
        let name = name(&mut bytes)?;
        told += &format!(", request {name:?}");
        requests.push(name);
    }
    (bytes.is_empty() && is_in_order(&channels) && is_in_order(&requests)).then_some(told)
}

fn name(bytes: &mut Bytes) -> Option<String> {
    let len = bytes.number(1).filter(|len| (1..=64).contains(len))?;
    String::from_utf8(bytes.take(len)?).ok()
}

/// Each before the next, so none twice.
fn is_in_order(names: &[String]) -> bool {
    names.windows(2).all(|pair| pair[0].as_bytes() < pair[1].as_bytes())
}
