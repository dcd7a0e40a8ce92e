//! Whether two sides can speak, and with what parameters; for a join, a resume, and an attach.
//!
//! The client makes a [`Dialing`], writes its hello, and gives it the answer. The server makes an
//! [`Accepting`] from the hello, asks its application, and welcomes or refuses. Each ends with an
//! equal [`Agreement`], whose context goes into the TLS exporter.

use biplane_wire::{
    Aead, Answer, DecodeError, Description, Difference, Header, Hello, Parameters, Purpose, Resume,
    Welcome,
};
use ring::digest::{Context, SHA256};

use crate::JoinError;

/// What the two sides of a session agreed on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Agreement {
    /// SHA-256 over hello and welcome: the context of the TLS exporter.
    pub context: [u8; 32],
    /// What seals their datagrams.
    pub aead: Aead,
    /// What this side said of itself.
    pub local: Parameters,
    /// What the peer said of itself.
    pub peer: Parameters,
}

/// A client between its hello and the answer.
#[derive(Clone, Debug)]
pub struct Dialing {
    description: Description,
    hello: Hello,
    bytes: Vec<u8>,
}

/// A server between a hello and its answer.
#[derive(Clone, Debug)]
pub struct Accepting {
    hello: Hello,
    bytes: Vec<u8>,
}

/// What a client says that wants another control connection for its session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResumeClaim {
    /// The name that the server gave the session.
    pub session: [u8; 16],
    pub(crate) resume: Resume,
}

/// What a client says that wants to attach a second connection to its session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AttachClaim {
    /// The name that the server gave the session.
    pub session: [u8; 16],
    pub(crate) claim: Resume,
}

/// Why a hello was not accepted, and the bytes that tell the client so, if it is worth telling.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HelloError {
    /// It does not read; nothing is answered.
    Garbled(DecodeError),
    /// It speaks other versions alone.
    Unsupported {
        /// The answer to write before closing.
        answer: Vec<u8>,
    },
    /// It speaks another protocol. The client sends its description back: see
    /// [`HelloError::differences`].
    Mismatch {
        /// The answer to write before reading the client's description.
        answer: Vec<u8>,
    },
    /// It wants to go on with a session of another protocol: no session that there is here.
    NoSession {
        /// The answer to write before closing.
        answer: Vec<u8>,
    },
}

/// SHA-256 of a description's canonical bytes: what hellos compare.
#[must_use]
pub fn digest(description: &Description) -> [u8; 32] {
    sha256(&[&description.encode()])
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

impl Dialing {
    /// A client that speaks `description`, offers `aeads`, dearest first, and says `parameters` of
    /// itself, its credentials among them.
    #[must_use]
    pub fn new(description: Description, aeads: Vec<Aead>, parameters: Parameters) -> Self {
        Self::with(Purpose::Join, description, aeads, parameters)
    }

    /// One that has a session, and says the `parameters` of
    /// [`Session::begin_resume`](crate::Session::begin_resume) of itself.
    #[must_use]
    pub fn resume(description: Description, aeads: Vec<Aead>, parameters: Parameters) -> Self {
        Self::with(Purpose::Resume, description, aeads, parameters)
    }

    /// One that has a session and wants a connection for the bytes of its transfers, and says the
    /// `parameters` of [`Session::begin_attach`](crate::Session::begin_attach) of itself.
    #[must_use]
    pub fn attach(description: Description, aeads: Vec<Aead>, parameters: Parameters) -> Self {
        Self::with(Purpose::Attach, description, aeads, parameters)
    }

    fn with(
        purpose: Purpose,
        description: Description,
        aeads: Vec<Aead>,
        parameters: Parameters,
    ) -> Self {
        let hello = Hello {
            purpose,
            lowest_version: Header::VERSION,
            highest_version: Header::VERSION,
            digest: digest(&description),
            aeads,
            parameters,
        };
        let bytes = hello.encode();
        Self { description, hello, bytes }
    }

    /// The hello to write.
    #[must_use]
    pub fn hello(&self) -> &[u8] {
        &self.bytes
    }

    /// What this side writes back when the answer was [`JoinError::Mismatch`], so that the server
    /// can tell the difference too.
    #[must_use]
    pub fn description(&self) -> Vec<u8> {
        Answer::Mismatch(self.description.clone()).encode()
    }

    /// Takes the whole answer.
    ///
    /// # Errors
    ///
    /// [`JoinError`] unless it is a welcome to what was offered.
    pub fn handle_answer(&self, answer: &[u8]) -> Result<Agreement, JoinError> {
        match Answer::decode(answer).map_err(JoinError::Garbled)? {
            Answer::Welcome(welcome) => self.welcomed(answer, welcome),
            Answer::Mismatch(there) => Err(JoinError::Mismatch {
                differences: self.description.differences(&there),
                there: Box::new(there),
            }),
            Answer::Refused { code, retry_after_ms, text } => Err(JoinError::Refused {
                code,
                retry_after: (retry_after_ms > 0)
                    .then(|| core::time::Duration::from_millis(u64::from(retry_after_ms))),
                text: text.into(),
            }),
            Answer::Unsupported { lowest_version, highest_version } => {
                Err(JoinError::Unsupported { lowest: lowest_version, highest: highest_version })
            }
        }
    }

    fn welcomed(&self, answer: &[u8], welcome: Welcome) -> Result<Agreement, JoinError> {
        let offered = (self.hello.lowest_version..=self.hello.highest_version)
            .contains(&welcome.version)
            && self.hello.aeads.contains(&welcome.aead);
        if !offered {
            return Err(JoinError::Garbled(DecodeError::OutOfRange { field: "welcome" }));
        }
        Ok(Agreement {
            context: sha256(&[&self.bytes, answer]),
            aead: welcome.aead,
            local: self.hello.parameters.clone(),
            peer: welcome.parameters,
        })
    }
}

impl Accepting {
    /// The code of [`Accepting::resume_refusal`]: the session is gone for good.
    pub const NO_SUCH_SESSION: u16 = 410;

    /// Takes a whole hello, on a server that speaks `description` with digest `expected`.
    ///
    /// # Errors
    ///
    /// [`HelloError`] if the two cannot speak; it holds what to answer.
    pub fn new(
        description: &Description,
        expected: &[u8; 32],
        bytes: Vec<u8>,
    ) -> Result<Self, HelloError> {
        let hello = Hello::decode(&bytes).map_err(HelloError::Garbled)?;
        let spoken = (hello.lowest_version..=hello.highest_version).contains(&Header::VERSION);
        if !spoken {
            let answer = Answer::Unsupported {
                lowest_version: Header::VERSION,
                highest_version: Header::VERSION,
            };
            return Err(HelloError::Unsupported { answer: answer.encode() });
        }
        if hello.digest != *expected {
            return Err(match hello.purpose {
                Purpose::Join => {
                    let answer = Answer::Mismatch(description.clone()).encode();
                    HelloError::Mismatch { answer }
                }
                Purpose::Resume | Purpose::Attach => {
                    HelloError::NoSession { answer: Self::resume_refusal() }
                }
            });
        }
        let (field, claims) = match hello.purpose {
            Purpose::Join => ("join", true),
            Purpose::Resume => ("resume", claim_of(&hello.parameters).is_some()),
            Purpose::Attach => ("attach", attach_claim_of(&hello.parameters).is_some()),
        };
        if !claims {
            return Err(HelloError::Garbled(DecodeError::OutOfRange { field }));
        }
        Ok(Self { hello, bytes })
    }

    /// Which session the client wants to resume; `None` if it wants something else.
    #[must_use]
    pub fn claim(&self) -> Option<ResumeClaim> {
        (self.hello.purpose == Purpose::Resume).then(|| claim_of(&self.hello.parameters)).flatten()
    }

    /// Which session the client wants to attach a connection to; `None` if it wants something else.
    #[must_use]
    pub fn attach_claim(&self) -> Option<AttachClaim> {
        let attaches = self.hello.purpose == Purpose::Attach;
        attaches.then(|| attach_claim_of(&self.hello.parameters)).flatten()
    }

    /// What the client brought for the application's admission.
    #[must_use]
    pub fn credentials(&self) -> &[u8] {
        &self.hello.parameters.credentials
    }

    /// Welcomes the client: the bytes to write, and what was agreed on. Of the algorithms that both
    /// sides have, the first of `aeads` is taken, this side's dearest first.
    ///
    /// # Errors
    ///
    /// The refusal to write if there is no algorithm in common.
    pub fn welcome(
        self,
        aeads: &[Aead],
        parameters: Parameters,
    ) -> Result<(Vec<u8>, Agreement), Vec<u8>> {
        let Some(aead) = aeads.iter().copied().find(|aead| self.hello.aeads.contains(aead)) else {
            return Err(Self::refusal(0, None, "no AEAD in common"));
        };
        let local = parameters.clone();
        let answer = Answer::Welcome(Welcome { version: Header::VERSION, aead, parameters });
        let answer = answer.encode();
        let context = sha256(&[&self.bytes, &answer]);
        Ok((answer, Agreement { context, aead, local, peer: self.hello.parameters }))
    }

    /// The bytes that refuse a resume or an attach, whatever is wrong with it.
    #[must_use]
    pub fn resume_refusal() -> Vec<u8> {
        Self::refusal(Self::NO_SUCH_SESSION, None, "no such session")
    }

    /// The bytes that refuse a client: the application's `code`, or 0, when to try again, and words.
    #[must_use]
    pub fn refusal(code: u16, retry_after: Option<core::time::Duration>, text: &str) -> Vec<u8> {
        let retry_after_ms = retry_after
            .map_or(0, |after| u32::try_from(after.as_millis()).unwrap_or(u32::MAX).max(1));
        Answer::Refused { code, retry_after_ms, text: text.to_owned() }.encode()
    }
}

fn claim_of(parameters: &Parameters) -> Option<ResumeClaim> {
    let Parameters { session, resume, control_next, .. } = parameters;
    control_next.as_ref()?;
    Some(ResumeClaim { session: (*session)?, resume: (*resume)? })
}

const fn attach_claim_of(parameters: &Parameters) -> Option<AttachClaim> {
    match (parameters.session, parameters.resume) {
        (Some(session), Some(claim)) => Some(AttachClaim { session, claim }),
        _ => None,
    }
}

impl HelloError {
    /// How the client's description, which is what it writes after a mismatch, differs from
    /// `here`; by name.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the client wrote anything else.
    pub fn differences(
        here: &Description,
        from_client: &[u8],
    ) -> Result<Vec<Difference>, DecodeError> {
        match Answer::decode(from_client)? {
            Answer::Mismatch(there) => Ok(here.differences(&there)),
            Answer::Welcome(_) | Answer::Refused { .. } | Answer::Unsupported { .. } => {
                Err(DecodeError::OutOfRange { field: "description" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use biplane_wire::{ChannelDescription, ChannelKind, ReceiveId};

    use super::*;

    const AEADS: [Aead; 2] = [Aead::Aes128Gcm, Aead::ChaCha20Poly1305];

    fn arena(kind: ChannelKind) -> Description {
        Description {
            application: "arena".into(),
            version: 1,
            channels: vec![ChannelDescription {
                name: "inputs".into(),
                kind,
                notify: false,
                max_message: 1_000,
            }],
            requests: Vec::new(),
        }
    }

    fn dialing(kind: ChannelKind, aeads: &[Aead]) -> Dialing {
        Dialing::new(arena(kind), aeads.to_vec(), Parameters::new(ReceiveId(1)))
    }

    fn accept(hello: &[u8]) -> Result<Accepting, HelloError> {
        let here = arena(ChannelKind::Sequenced);
        Accepting::new(&here, &digest(&here), hello.to_vec())
    }

    #[test]
    fn both_sides_agree() {
        let client = dialing(ChannelKind::Sequenced, &AEADS);
        let server = accept(client.hello()).unwrap();
        let (answer, here) = server.welcome(&AEADS, Parameters::new(ReceiveId(2))).unwrap();
        let there = client.handle_answer(&answer).unwrap();
        assert_eq!((here.context, here.aead), (there.context, there.aead));
        assert_eq!((here.local, here.peer), (there.peer, there.local));
    }

    #[test]
    fn the_server_picks_the_algorithm_from_both_lists() {
        let client = dialing(ChannelKind::Sequenced, &[Aead::ChaCha20Poly1305]);
        let server = accept(client.hello()).unwrap();
        let (answer, _) = server.welcome(&AEADS, Parameters::new(ReceiveId(2))).unwrap();
        assert_eq!(client.handle_answer(&answer).unwrap().aead, Aead::ChaCha20Poly1305);
    }

    #[test]
    fn a_mismatch_is_told_by_name_on_both_sides() {
        let client = dialing(ChannelKind::Unreliable, &AEADS);
        let Err(HelloError::Mismatch { answer }) = accept(client.hello()) else { panic!() };
        let Err(JoinError::Mismatch { differences, there }) = client.handle_answer(&answer) else {
            panic!()
        };
        assert!(differences[0].to_string().starts_with("channel `inputs` is unreliable"));
        let here = arena(ChannelKind::Sequenced);
        assert_eq!(*there, here, "and what the server speaks is told whole");
        let differences = HelloError::differences(&here, &client.description()).unwrap();
        assert!(differences[0].to_string().starts_with("channel `inputs` is sequenced"));
    }

    #[test]
    fn a_session_of_another_protocol_is_gone() {
        let parameters = Parameters {
            session: Some([1; 16]),
            resume: Some(Resume { count: 1, proof: [2; 32] }),
            control_next: Some(0),
            ..Parameters::new(ReceiveId(1))
        };
        for dial in [Dialing::resume, Dialing::attach] {
            let other = arena(ChannelKind::Unreliable);
            let client = dial(other, AEADS.to_vec(), parameters.clone());
            let Err(HelloError::NoSession { answer }) = accept(client.hello()) else { panic!() };
            let Err(JoinError::Refused { code, .. }) = client.handle_answer(&answer) else {
                panic!()
            };
            assert_eq!(code, Accepting::NO_SUCH_SESSION);
        }
    }

    #[test]
    fn a_client_that_offers_no_algorithm_of_the_servers_is_told_so() {
        for offered in [&AEADS[..1], &[]] {
            let client = dialing(ChannelKind::Sequenced, offered);
            let server = accept(client.hello()).unwrap();
            let welcomed = server.welcome(&AEADS[1..], Parameters::new(ReceiveId(2)));
            let Err(JoinError::Refused { code: 0, text, .. }) =
                client.handle_answer(&welcomed.unwrap_err())
            else {
                panic!()
            };
            assert_eq!(&*text, "no AEAD in common");
        }
    }

    #[test]
    fn an_algorithm_that_was_not_offered_is_refused() {
        let honest = dialing(ChannelKind::Sequenced, &AEADS);
        let server = accept(honest.hello()).unwrap();
        let (answer, _) = server.welcome(&AEADS, Parameters::new(ReceiveId(2))).unwrap();
        let client = dialing(ChannelKind::Sequenced, &[Aead::ChaCha20Poly1305]);
        assert!(matches!(client.handle_answer(&answer), Err(JoinError::Garbled(_))));
    }

    #[test]
    fn a_refusal_carries_code_text_and_when_to_try_again() {
        let client = dialing(ChannelKind::Sequenced, &AEADS);
        let after = core::time::Duration::from_secs(5);
        assert_eq!(
            client.handle_answer(&Accepting::refusal(503, Some(after), "full")),
            Err(JoinError::Refused { code: 503, retry_after: Some(after), text: "full".into() })
        );
    }
}
