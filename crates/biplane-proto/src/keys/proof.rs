//! Who may resume a session.
//!
//! Both sides hold a secret that never crosses the wire. A client proves that it holds it by an HMAC
//! over what the TLS connection of the resume exports, so that a proof is worth nothing on any other
//! connection. Every resume makes the next secret of the last and of what its connection exports.

use biplane_wire::Resume;
use ring::hmac;

use super::expand;

/// The secrets that prove a resume.
pub(crate) struct Proofs {
    secret: [u8; 32],
    /// The one before, until the client has shown that it knows the current one: it may never have
    /// seen the welcome.
    previous: Option<[u8; 32]>,
    /// The one that proved the last claim.
    proven: Option<[u8; 32]>,
    /// Claims that the client made; of the server's, the greatest that it took.
    claims: u32,
    /// The same of those that attach a connection, which change no secret.
    attaches: u32,
}

impl core::fmt::Debug for Proofs {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Proofs").field("claims", &self.claims).finish_non_exhaustive()
    }
}

impl Proofs {
    /// Those of a session that began with `secret`.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self {
            secret: expand(secret, "resume"),
            previous: None,
            proven: None,
            claims: 0,
            attaches: 0,
        }
    }

    /// What a client says on a connection that exports `binding`.
    pub(crate) fn prove(&mut self, binding: &[u8; 32], name: &[u8; 16]) -> Resume {
        self.claims = self.claims.saturating_add(1);
        self.proven = Some(self.secret);
        sign(&self.secret, self.claims, &claimed(binding, name, self.claims))
    }

    /// What a client says on a connection that exports `binding` and that it attaches.
    pub(crate) fn prove_attach(&mut self, binding: &[u8; 32], name: &[u8; 16]) -> Resume {
        self.attaches = self.attaches.saturating_add(1);
        sign(&self.secret, self.attaches, &attached(binding, name, self.attaches))
    }

    /// Whether a client that says `claim` holds the secret. The one before counts too, as long as
    /// the client may not know the current one. A claim that comes after a later one is nothing:
    /// the client has given its connection up.
    pub(crate) fn accept(&mut self, claim: &Resume, binding: &[u8; 32], name: &[u8; 16]) -> bool {
        let claimed = claimed(binding, name, claim.count);
        let Some(proven) = self.proving(claim, &claimed) else { return false };
        if claim.count <= self.claims {
            return false;
        }
        self.claims = claim.count;
        self.proven = Some(proven);
        true
    }

    /// Whether a client that says `claim` to attach a connection holds the secret, or the one before
    /// on the terms of a resume.
    pub(crate) fn accept_attach(
        &mut self,
        claim: &Resume,
        binding: &[u8; 32],
        name: &[u8; 16],
    ) -> bool {
        let attached = attached(binding, name, claim.count);
        if self.proving(claim, &attached).is_none() || claim.count <= self.attaches {
            return false;
        }
        self.attaches = claim.count;
        true
    }

    /// The secret by which `claim` holds for `words`.
    fn proving(&self, claim: &Resume, words: &[u8]) -> Option<[u8; 32]> {
        let holds = |secret: &[u8; 32]| hmac::verify(&key(secret), words, &claim.proof).is_ok();
        [Some(self.secret), self.previous].into_iter().flatten().find(holds)
    }

    /// The resume that was proven last goes on with what its connection exports.
    pub(crate) fn advance(&mut self, secret: &[u8; 32]) {
        let proven = self.proven.take().unwrap_or(self.secret);
        let tag = hmac::sign(&key(&proven), secret);
        self.secret.copy_from_slice(tag.as_ref());
        self.previous = Some(proven);
    }

    /// The peer speaks on the connection of the last resume: it knows the current secret.
    pub(crate) const fn confirm(&mut self) {
        self.previous = None;
    }
}

fn key(secret: &[u8; 32]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret)
}

fn sign(secret: &[u8; 32], count: u32, words: &[u8]) -> Resume {
    let tag = hmac::sign(&key(secret), words);
    let mut proof = [0; 32];
    proof.copy_from_slice(tag.as_ref());
    Resume { count, proof }
}

fn attached(binding: &[u8; 32], name: &[u8; 16], count: u32) -> Vec<u8> {
    [&binding[..], name, &count.to_be_bytes(), b"attach"].concat()
}

fn claimed(binding: &[u8; 32], name: &[u8; 16], count: u32) -> Vec<u8> {
    [&binding[..], name, &count.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: [u8; 16] = [7; 16];

    fn both() -> (Proofs, Proofs) {
        (Proofs::new(&[1; 32]), Proofs::new(&[1; 32]))
    }

    #[test]
    fn a_proof_holds_on_its_own_connection_alone() {
        let (mut client, mut server) = both();
        let claim = client.prove(&[2; 32], &NAME);
        assert!(!server.accept(&claim, &[3; 32], &NAME));
        assert!(!server.accept(&claim, &[2; 32], &[8; 16]));
        assert!(!server.accept(&Resume { count: 2, ..claim }, &[2; 32], &NAME));
        assert!(server.accept(&claim, &[2; 32], &NAME));
    }

    #[test]
    fn a_proof_of_one_purpose_is_none_of_the_other_and_an_attach_changes_no_secret() {
        let (mut client, mut server) = both();
        let resume = client.prove(&[2; 32], &NAME);
        let attach = client.prove_attach(&[2; 32], &NAME);
        assert!(!server.accept(&attach, &[2; 32], &NAME));
        assert!(!server.accept_attach(&resume, &[2; 32], &NAME));
        assert!(!server.accept_attach(&attach, &[3; 32], &NAME), "of another connection");
        assert!(!server.accept_attach(&attach, &[2; 32], &[8; 16]), "of another session");
        assert!(server.accept_attach(&attach, &[2; 32], &NAME));
        assert!(!server.accept_attach(&attach, &[2; 32], &NAME), "once");
        assert!(server.accept(&resume, &[2; 32], &NAME));
        server.advance(&[4; 32]);
        let missed = client.prove_attach(&[5; 32], &NAME);
        assert!(server.accept_attach(&missed, &[5; 32], &NAME), "it missed the welcome");
        server.confirm();
        let gone = client.prove_attach(&[6; 32], &NAME);
        assert!(!server.accept_attach(&gone, &[6; 32], &NAME));
    }

    #[test]
    fn another_secret_proves_nothing() {
        let mut stranger = Proofs::new(&[9; 32]);
        let claim = stranger.prove(&[2; 32], &NAME);
        assert!(!both().1.accept(&claim, &[2; 32], &NAME));
    }

    #[test]
    fn a_client_that_missed_the_welcome_tries_again_with_the_secret_it_has() {
        let (mut client, mut server) = both();
        for attempt in 2..5 {
            let binding = [attempt; 32];
            assert!(server.accept(&client.prove(&binding, &NAME), &binding, &NAME));
            server.advance(&[attempt + 10; 32]);
        }
        client.advance(&[14; 32]);
        let claim = client.prove(&[6; 32], &NAME);
        assert!(server.accept(&claim, &[6; 32], &NAME), "both went on with the last welcome");
    }

    #[test]
    fn a_claim_that_comes_after_a_later_one_is_nothing() {
        let (mut client, mut server) = both();
        let stuck = client.prove(&[2; 32], &NAME);
        assert!(server.accept(&client.prove(&[3; 32], &NAME), &[3; 32], &NAME));
        server.advance(&[4; 32]);
        client.advance(&[4; 32]);
        assert!(!server.accept(&stuck, &[2; 32], &NAME), "the connection of the later one stays");
        assert!(server.accept(&client.prove(&[5; 32], &NAME), &[5; 32], &NAME));
    }

    #[test]
    fn the_secret_before_is_forgotten_once_the_current_one_was_used() {
        let (mut client, mut server) = both();
        assert!(server.accept(&client.prove(&[2; 32], &NAME), &[2; 32], &NAME));
        server.advance(&[3; 32]);
        server.confirm();
        assert!(!server.accept(&client.prove(&[4; 32], &NAME), &[4; 32], &NAME));
    }
}
