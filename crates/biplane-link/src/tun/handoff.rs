//! What relay and keeper say to each other, over a pair of local sockets.
//!
//! Every message is one datagram of a few bytes; descriptors ride along. Both ends are the same
//! executable, so there is no version to agree on.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    cmsg_space,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
    },
};

/// The most descriptors that ride with one message.
const DESCRIPTORS: usize = 4;
/// The longest message.
const LONGEST: usize = 8;

/// What the relay asks of the keeper.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ask {
    /// The two namespaces. Always the first.
    Namespaces {
        /// The longest IP packets that leave the near side and the far one, in bytes.
        mtus: [u16; 2],
    },
    /// A TCP socket on the near side.
    Tcp,
    /// A UDP socket on the near side.
    Udp,
}

/// What of a keeper's work may fail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Leaving the host's network namespace.
    Namespace,
    /// Opening a TUN device.
    Device,
    /// Taking its interface into service.
    Interface,
    /// Making a socket.
    Socket,
}

/// A step that failed, and why.
#[derive(Debug)]
pub(super) struct Failure {
    /// Which.
    pub(super) step: Step,
    /// What the system said.
    pub(super) error: io::Error,
}

impl Step {
    const ALL: [Self; 4] = [Self::Namespace, Self::Device, Self::Interface, Self::Socket];

    /// The failure of this step.
    pub(super) fn failed(self, error: impl Into<io::Error>) -> Failure {
        Failure { step: self, error: error.into() }
    }
}

/// Two ends that are connected.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Sends a question.
pub(super) fn ask(to: impl AsFd, ask: Ask) -> io::Result<()> {
    match ask {
        Ask::Namespaces { mtus: [near, far] } => {
            let ([a, b], [c, d]) = (near.to_be_bytes(), far.to_be_bytes());
            send(to, &[b'n', a, b, c, d], &[])
        }
        Ask::Tcp => send(to, b"t", &[]),
        Ask::Udp => send(to, b"u", &[]),
    }
}

/// Waits for a question; `None` when there will be no more.
pub(super) fn next_ask(from: impl AsFd) -> io::Result<Option<Ask>> {
    let (message, _) = receive(from, RecvFlags::empty())?;
    match *message.as_slice() {
        [] => Ok(None),
        [b'n', a, b, c, d] => {
            let mtus = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
            Ok(Some(Ask::Namespaces { mtus }))
        }
        [b't'] => Ok(Some(Ask::Tcp)),
        [b'u'] => Ok(Some(Ask::Udp)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Sends an answer.
pub(super) fn answer(to: impl AsFd, answer: &Result<Vec<OwnedFd>, Failure>) -> io::Result<()> {
    match answer {
        Ok(made) => send(to, b"+", &made.iter().map(AsFd::as_fd).collect::<Vec<_>>()),
        Err(Failure { step, error }) => {
            let step = Step::ALL.iter().position(|one| one == step).unwrap_or_default();
            let code = error.raw_os_error().unwrap_or_default().to_be_bytes();
            let mut message = vec![b'-', u8::try_from(step).unwrap_or_default()];
            message.extend(code);
            send(to, &message, &[])
        }
    }
}

/// The answer to a question that was sent. Waits for it, unless `flags` are
/// [`RecvFlags::DONTWAIT`].
pub(super) fn next_answer(
    from: impl AsFd,
    flags: RecvFlags,
) -> io::Result<Result<Vec<OwnedFd>, Failure>> {
    let (message, descriptors) = receive(from, flags)?;
    match *message.as_slice() {
        [b'+'] => Ok(Ok(descriptors)),
        [b'-', step, a, b, c, d] => {
            let step = Step::ALL.get(usize::from(step)).ok_or(io::ErrorKind::InvalidData)?;
            let code = i32::from_be_bytes([a, b, c, d]);
            Ok(Err(step.failed(io::Error::from_raw_os_error(code))))
        }
        [] => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn send(to: impl AsFd, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(to, &[IoSlice::new(message)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn receive(from: impl AsFd, flags: RecvFlags) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut message = [0; LONGEST];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [IoSliceMut::new(&mut message)];
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(&from, &mut slices, &mut control, flags | RecvFlags::CMSG_CLOEXEC)
    })?;
    let mut descriptors = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = part {
            descriptors.extend(some);
        }
    }
    Ok((message.iter().take(received.bytes).copied().collect(), descriptors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_come_through() {
        let (relay, keeper) = pair().unwrap();
        for question in [Ask::Namespaces { mtus: [1_400, 1_500] }, Ask::Tcp, Ask::Udp] {
            ask(&relay, question).unwrap();
            assert_eq!(next_ask(&keeper).unwrap(), Some(question));
        }
        answer(&keeper, &Ok(vec![pair().unwrap().0])).unwrap();
        assert_eq!(next_answer(&relay, RecvFlags::empty()).unwrap().unwrap().len(), 1);
        let refused = Step::Device.failed(rustix::io::Errno::PERM);
        answer(&keeper, &Err(refused)).unwrap();
        let told = next_answer(&relay, RecvFlags::empty()).unwrap().unwrap_err();
        assert_eq!((told.step, told.error.raw_os_error()), (Step::Device, Some(1)));
    }

    #[test]
    fn the_end_of_one_side_is_the_end_of_the_others_questions() {
        let (relay, keeper) = pair().unwrap();
        drop(relay);
        assert_eq!(next_ask(&keeper).unwrap(), None);
        let (relay, keeper) = pair().unwrap();
        drop(keeper);
        assert_eq!(
            next_answer(&relay, RecvFlags::empty()).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }
}
