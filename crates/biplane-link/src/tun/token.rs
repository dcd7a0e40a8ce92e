//! Names of what the relay waits for.

use rustix::event::epoll::EventData;

/// What has become ready.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Token {
    /// The near side's device.
    NearDevice,
    /// The far side's device.
    FarDevice,
    /// The port's TCP listener, in the host's namespace.
    Listener,
    /// The far side's TCP listener.
    FarListener,
    /// The port's UDP socket, in the host's namespace.
    Socket,
    /// The far side's UDP socket.
    FarSocket,
    /// The keeper's answers.
    Keeper,
    /// Somebody calls from another thread.
    Call,
    /// One of the two sockets of a splice.
    Splice(u64),
    /// The near socket of a flow.
    FlowNear(u64),
    /// The socket by which a flow reaches the target.
    FlowOut(u64),
}

impl From<Token> for EventData {
    /// The kind in the low half of a byte, the number above; numbers count up from 0.
    fn from(token: Token) -> Self {
        let (kind, number) = match token {
            Token::NearDevice => (0, 0),
            Token::FarDevice => (1, 0),
            Token::Listener => (2, 0),
            Token::FarListener => (3, 0),
            Token::Socket => (4, 0),
            Token::FarSocket => (5, 0),
            Token::Keeper => (6, 0),
            Token::Call => (7, 0),
            Token::Splice(number) => (8, number),
            Token::FlowNear(number) => (9, number),
            Token::FlowOut(number) => (10, number),
        };
        Self::new_u64(number << 4 | kind)
    }
}

impl TryFrom<EventData> for Token {
    type Error = ();

    fn try_from(data: EventData) -> Result<Self, ()> {
        let number = data.u64() >> 4;
        Ok(match data.u64() & 0xf {
            0 => Self::NearDevice,
            1 => Self::FarDevice,
            2 => Self::Listener,
            3 => Self::FarListener,
            4 => Self::Socket,
            5 => Self::FarSocket,
            6 => Self::Keeper,
            7 => Self::Call,
            8 => Self::Splice(number),
            9 => Self::FlowNear(number),
            10 => Self::FlowOut(number),
            _ => return Err(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_as_it_went() {
        for token in [Token::NearDevice, Token::Socket, Token::Splice(7), Token::FlowOut(1 << 59)] {
            assert_eq!(Token::try_from(EventData::from(token)), Ok(token));
        }
        assert_eq!(Token::try_from(EventData::new_u64(u64::MAX)), Err(()));
    }
}
