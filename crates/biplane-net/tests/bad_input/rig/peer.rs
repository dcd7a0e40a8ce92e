//! The hostile peer of one session, in either role: real keys, and any bytes under them.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
};

use biplane_proto::{Accepting, Agreement, Dialing, digest};
use biplane_wire::{
    Aead, Answer, CloseCode, DecodeError, Frame, Frames, Hello, PacketNumber, Parameters,
    ReceiveId, Record, Resume, TruncatedNumber,
};

use socket2::{Domain, Socket, Type};

use super::{
    PATIENCE, Tls, eventually,
    keys::{Direction, attach_proof, proof, resume_secret},
    protocol,
};

/// Bytes before what is sealed.
pub(crate) const HEAD: usize = 9;
/// The shortest plaintext of a packet: 40 bytes less head and tag.
const PLAINTEXT_MIN: usize = 15;
/// Bytes that a narrow connection has room for, unread.
pub(super) const NARROW: usize = 4_096;
/// What the first packets of a join are padded to, less head and tag.
const PLAINTEXT_FIRST: usize = 1_175;
/// The receive id that the peer asks its victim to use.
const RECEIVE_ID: u32 = 0x0b1e_55ed;

pub(crate) struct Peer {
    pub(crate) tls: Tls,
    pub(crate) udp: UdpSocket,
    /// Where the victim's datagrams come from and go to.
    pub(crate) victim: SocketAddr,
    /// What the victim calls the session.
    pub(crate) id: u32,
    /// What the peer calls it.
    own: u32,
    resumable: Resumable,
    /// The number of the next packet.
    pub(crate) next: u64,
    seals: Direction,
    opens: Direction,
    /// Key updates of its own, and of the victim's.
    pub(crate) updates: [u8; 2],
    heard: Heard,
    /// Bytes of records that are not read yet.
    unread: Vec<u8>,
}

/// The victim's packets that have come.
#[derive(Default)]
struct Heard {
    largest: u64,
    /// Of each its number, in the order of their coming.
    numbers: Vec<u64>,
}

/// What another connection needs to know of the session.
struct Resumable {
    /// What it is resumed by, if it can be, and what proves that.
    name: Option<[u8; 16]>,
    secret: [u8; 32],
    /// What the peer called it, and sealed with, before it was resumed.
    before: Option<(u32, Direction)>,
}

/// A varint in its shortest form.
pub(crate) fn varint(value: u64) -> Vec<u8> {
    match value {
        0..=0x3f => vec![u8::try_from(value).unwrap()],
        0x40..=0x3fff => (u16::try_from(value).unwrap() | 0x4000).to_be_bytes().to_vec(),
        0x4000..=0x3fff_ffff => {
            (u32::try_from(value).unwrap() | 0x8000_0000).to_be_bytes().to_vec()
        }
        _ => (value | 0xc000_0000_0000_0000).to_be_bytes().to_vec(),
    }
}

/// What the peer says of itself.
pub(crate) fn parameters() -> Parameters {
    Parameters::new(ReceiveId(RECEIVE_ID))
}

/// Before the session: hello and answer.
impl Peer {
    /// A TCP connection to `server`, with patience.
    pub(crate) fn dial(server: SocketAddr) -> TcpStream {
        let tcp = TcpStream::connect(server).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        tcp
    }

    /// The same, with little room for what is not read.
    pub(crate) fn dial_narrow(server: SocketAddr) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(NARROW).unwrap();
        socket.connect(&server.into()).unwrap();
        socket.into()
    }

    /// What a client says first.
    pub(crate) fn dialing(aeads: &[Aead], parameters: Parameters) -> Dialing {
        Dialing::new(protocol().description, aeads.to_vec(), parameters)
    }

    /// Joins `server`.
    pub(crate) fn join(server: SocketAddr) -> Self {
        Self::join_with(server, &[Aead::Aes128Gcm])
    }

    /// Joins `server`, with these algorithms.
    pub(crate) fn join_with(server: SocketAddr, aeads: &[Aead]) -> Self {
        Self::join_by(Self::dial(server), &Self::dialing(aeads, parameters()))
    }

    /// Joins the server at the other end.
    pub(crate) fn join_over(tcp: TcpStream) -> Self {
        Self::join_by(tcp, &Self::dialing(&[Aead::Aes128Gcm], parameters()))
    }

    fn join_by(tcp: TcpStream, dialing: &Dialing) -> Self {
        let mut tls = Tls::connect(tcp);
        tls.write_all(dialing.hello()).unwrap();
        Self::joined(tls, dialing)
    }

    /// Reads the welcome to a hello that was written.
    pub(crate) fn joined(mut tls: Tls, dialing: &Dialing) -> Self {
        let (answer, unread) = read_block(&mut tls, Answer::len_of);
        let agreement = dialing.handle_answer(&answer).unwrap();
        let victim = tls.tcp().peer_addr().unwrap();
        let udp = own_udp();
        Self::agreed(tls, (udp, victim), &agreement, ["client", "server"]).having_read(unread)
    }

    /// Welcomes the client at the other end; with a name, to a session that can be resumed.
    pub(crate) fn welcome(mut tls: Tls, name: Option<[u8; 16]>) -> Self {
        let (hello, unread) = read_block(&mut tls, Hello::len_of);
        let accepting = accept(hello);
        let udp = own_udp();
        let mut own = parameters();
        own.udp_port = Some(udp.local_addr().unwrap().port());
        own.session = name;
        let (welcome, agreement) = accepting.welcome(&[Aead::Aes128Gcm], own).unwrap();
        tls.write_all(&welcome).unwrap();
        // Its UDP address is known when its first packet comes.
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        Self::agreed(tls, (udp, nowhere), &agreement, ["server", "client"]).having_read(unread)
    }

    fn agreed(
        tls: Tls,
        (udp, victim): (UdpSocket, SocketAddr),
        agreement: &Agreement,
        [own, theirs]: [&str; 2],
    ) -> Self {
        let secret = tls.secret(&agreement.context);
        Self {
            seals: Direction::of(&secret, own, agreement.aead),
            opens: Direction::of(&secret, theirs, agreement.aead),
            id: agreement.peer.receive_id.0,
            own: agreement.local.receive_id.0,
            resumable: Resumable {
                name: agreement.peer.session.or(agreement.local.session),
                secret: resume_secret(&secret),
                before: None,
            },
            tls,
            udp,
            victim,
            updates: [0; 2],
            next: 0,
            heard: Heard::default(),
            unread: Vec::new(),
        }
    }

    fn having_read(mut self, unread: Vec<u8>) -> Self {
        self.unread = unread;
        self
    }
}

/// Resumes.
impl Peer {
    /// What its session is resumed by.
    pub(crate) fn name(&self) -> [u8; 16] {
        self.resumable.name.expect("a session that can be resumed")
    }

    /// What proves, on a connection that exports `binding`, that the session is its own.
    pub(crate) fn proof(&self, count: u32, binding: &[u8; 32]) -> Resume {
        let Resumable { secret, .. } = &self.resumable;
        Resume { count, proof: proof(secret, binding, &self.name(), count) }
    }

    /// The hello of a resume that says so.
    pub(crate) fn hello(&self, name: [u8; 16], resume: Resume) -> Dialing {
        let mut own = parameters();
        own.receive_id.0 += 1;
        (own.session, own.resume, own.control_next) = (Some(name), Some(resume), Some(0));
        Dialing::resume(protocol().description, vec![Aead::Aes128Gcm], own)
    }

    /// What proves, on a connection that exports `binding`, that it may be attached.
    pub(crate) fn attach_proof(&self, count: u32, binding: &[u8; 32]) -> Resume {
        let Resumable { secret, .. } = &self.resumable;
        Resume { count, proof: attach_proof(secret, binding, &self.name(), count) }
    }

    /// The hello of an attach that says so.
    pub(crate) fn attach_hello(name: [u8; 16], claim: Resume) -> Dialing {
        let mut own = Parameters::new(ReceiveId(0));
        (own.session, own.resume) = (Some(name), Some(claim));
        Dialing::attach(protocol().description, vec![Aead::Aes128Gcm], own)
    }

    /// Resumes its session over `tls`, with a hello that was written.
    pub(crate) fn resumed(self, mut tls: Tls, dialing: &Dialing) -> Self {
        let (answer, unread) = read_block(&mut tls, Answer::len_of);
        let agreement = dialing.handle_answer(&answer).unwrap();
        self.go_on(tls, &agreement, ["client", "server"]).having_read(unread)
    }

    /// Takes back the client at the other end, whose hello was read.
    pub(crate) fn take_back(self, mut tls: Tls, hello: Vec<u8>) -> Self {
        let mut own = parameters();
        own.receive_id.0 += 1;
        own.control_next = Some(0);
        let (welcome, agreement) = accept(hello).welcome(&[Aead::Aes128Gcm], own).unwrap();
        tls.write_all(&welcome).unwrap();
        self.go_on(tls, &agreement, ["server", "client"])
    }

    /// The same session under other keys: packet numbers go on.
    fn go_on(self, tls: Tls, agreement: &Agreement, roles: [&str; 2]) -> Self {
        let Self { udp, victim, next, heard, own, resumable, seals, .. } = self;
        let anew = Self::agreed(tls, (udp, victim), agreement, roles);
        let Resumable { secret, .. } = anew.resumable;
        let resumable = Resumable { secret, before: Some((own, seals)), ..resumable };
        Self { next, heard, resumable, ..anew }
    }
}

/// A hello as `tls` brings it, and what came with it.
pub(crate) fn read_hello(tls: &mut Tls) -> Vec<u8> {
    read_block(tls, Hello::len_of).0
}

/// The answer to a hello.
pub(crate) fn read_answer(tls: &mut Tls) -> Answer {
    Answer::decode(&read_block(tls, Answer::len_of).0).unwrap()
}

fn accept(hello: Vec<u8>) -> Accepting {
    let description = protocol().description;
    Accepting::new(&description, &digest(&description), hello).unwrap()
}

/// UDP.
impl Peer {
    /// Both sides' numbers begin here.
    pub(super) const fn begin_at(&mut self, first: u64) {
        (self.next, self.heard.largest) = (first, first);
    }

    /// Moves on to the next key.
    pub(crate) fn update_key(&mut self) {
        self.seals = self.seals.next();
        self.updates[0] += 1;
    }

    /// The key so many phases from here.
    pub(crate) fn key_ahead(&self, phases: u8) -> Direction {
        (1..phases).fold(self.seals.next(), |key, _| key.next())
    }

    /// The head of a packet of the current phase.
    pub(crate) fn head(&self, number: u64) -> [u8; HEAD] {
        self.head_ahead(0, number)
    }

    /// The head of a packet so many phases from here.
    pub(crate) fn head_ahead(&self, phases: u8, number: u64) -> [u8; HEAD] {
        let phase = (self.updates[0] + phases) % 4;
        self.head_of(0x40 | phase << 2, self.id, number)
    }

    /// Any head.
    pub(crate) fn head_of(&self, first: u8, id: u32, number: u64) -> [u8; HEAD] {
        let [.., a, b, c, d] = number.to_be_bytes();
        let [e, f, g, h] = id.to_be_bytes();
        [first, e, f, g, h, a, b, c, d]
    }

    /// Plaintext sealed under any number and any head.
    pub(crate) fn seal(&self, head: [u8; HEAD], number: u64, plaintext: &[u8]) -> Vec<u8> {
        self.seals.seal(head, number, plaintext)
    }

    /// The same under the keys of before its session was resumed.
    pub(crate) fn seal_as_before(
        &self,
        head: [u8; HEAD],
        number: u64,
        plaintext: &[u8],
    ) -> Vec<u8> {
        let (_, keys) = self.resumable.before.as_ref().expect("keys of before");
        keys.seal(head, number, plaintext)
    }

    /// The next packet, padded to the least length.
    pub(crate) fn packet(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let number = self.next;
        self.next += 1;
        self.packet_of(number, plaintext)
    }

    /// A packet of any number, padded to the least length.
    pub(crate) fn packet_of(&self, number: u64, plaintext: &[u8]) -> Vec<u8> {
        let mut plaintext = plaintext.to_vec();
        plaintext.resize(plaintext.len().max(PLAINTEXT_MIN), 0);
        self.seal(self.head(number), number, &plaintext)
    }

    /// Sends a datagram as it is.
    pub(crate) fn throw(&self, datagram: &[u8]) {
        self.udp.send_to(datagram, self.victim).unwrap();
    }

    /// Sends plaintext in the next packet.
    pub(crate) fn send(&mut self, plaintext: &[u8]) {
        let packet = self.packet(plaintext);
        self.throw(&packet);
    }

    /// Sends frames in the next packet.
    pub(crate) fn send_frames(&mut self, frames: &[Frame<'_>]) {
        let mut plaintext = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut plaintext));
        self.send(&plaintext);
    }

    /// The victim's next packet, if one has come: its number and what was sealed.
    pub(crate) fn try_receive(&mut self) -> Option<(u64, Vec<u8>)> {
        let mut buffer = [0; 2_048];
        let (len, from) = self.udp.recv_from(&mut buffer).ok()?;
        let datagram = &buffer[..len];
        let head = datagram.first_chunk::<HEAD>().expect("a head");
        let [first, e, f, g, h, low @ ..] = *head;
        let id = u32::from_be_bytes([e, f, g, h]);
        if self.resumable.before.as_ref().is_some_and(|(former, _)| *former == id) {
            // Sealed before the victim heard of the new keys.
            return None;
        }
        if first == 0x40 | ((self.updates[1] + 1) % 4) << 2 {
            self.updates[1] += 1;
            self.opens = self.opens.next();
        }
        let phase = self.updates[1] % 4;
        assert_eq!((first, id), (0x40 | phase << 2, self.own));
        let expected = PacketNumber(self.heard.largest + 1);
        let number = TruncatedNumber(u32::from_be_bytes(low)).expand(expected).0;
        let plaintext = self.opens.open(datagram, number).expect("a seal that holds");
        self.heard.largest = self.heard.largest.max(number);
        self.heard.numbers.push(number);
        self.victim = from;
        Some((number, plaintext))
    }

    /// The numbers of the victim's packets, in the order of their coming.
    pub(crate) fn heard(&self) -> &[u64] {
        &self.heard.numbers
    }

    /// Waits for the victim's next packet.
    pub(crate) fn receive(&mut self) -> (u64, Vec<u8>) {
        eventually("a packet of the victim's", || self.try_receive())
    }

    /// Acknowledges one of the victim's packets.
    pub(crate) fn acknowledge(&mut self, number: u64) {
        let [.., a, b, c, d] = number.to_be_bytes();
        // No delay, no stamp, no further ranges, and one number in the first.
        self.send(&[2, a, b, c, d, 0, 0, 0, 0, 0, 0, 0]);
    }

    /// Asks for the victim's proof if this side has to begin.
    pub(crate) fn challenge(&mut self) {
        let mut plaintext = Vec::new();
        Frame::PathChallenge([1; 8]).encode(&mut plaintext);
        plaintext.resize(PLAINTEXT_FIRST, 0);
        self.send(&plaintext);
    }

    /// Answers the challenges among the packets that have come.
    pub(crate) fn respond(&mut self) {
        while let Some((_, plaintext)) = self.try_receive() {
            let challenge = Frames::new(&plaintext).find_map(|frame| match frame.unwrap() {
                Frame::PathChallenge(data) => Some(data),
                _ => None,
            });
            if let Some(data) = challenge {
                self.send_frames(&[Frame::PathResponse(data)]);
            }
        }
    }
}

/// TCP.
impl Peer {
    /// Writes bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.tls.write_all(bytes).unwrap();
        self.tls.flush().unwrap();
    }

    /// Writes a record.
    pub(crate) fn write_record(&mut self, record: &Record<'_>) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        self.write(&bytes);
    }

    /// Reads records until `look` finds what it wants; `None` when the victim hung up.
    pub(crate) fn read_records<T>(
        &mut self,
        mut look: impl FnMut(&Record<'_>) -> Option<T>,
    ) -> Option<T> {
        loop {
            while let Some((record, len)) = Record::decode(&self.unread).unwrap() {
                let found = look(&record);
                self.unread.drain(..len);
                if found.is_some() {
                    return found;
                }
            }
            let mut buffer = [0; 16 * 1_024];
            let len = self.tls.read(&mut buffer).unwrap_or(0);
            if len == 0 {
                return None;
            }
            self.unread.extend_from_slice(&buffer[..len]);
        }
    }

    /// The victim's last word, if it says one before it hangs up.
    pub(crate) fn last_word(&mut self) -> Option<(CloseCode, String)> {
        self.read_records(|record| match record {
            Record::Frame(Frame::Close(close)) => Some((close.code, close.text.to_owned())),
            _ => None,
        })
    }
}

fn own_udp() -> UdpSocket {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_nonblocking(true).unwrap();
    udp
}

/// One block of the handshake, and what came with it.
pub(crate) fn read_block(
    tls: &mut Tls,
    len_of: fn(&[u8]) -> Result<Option<usize>, DecodeError>,
) -> (Vec<u8>, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let len = tls.read(&mut buffer).unwrap();
        assert!(len > 0, "the victim hung up");
        bytes.extend_from_slice(&buffer[..len]);
        if let Some(len) = len_of(&bytes).unwrap().filter(|len| bytes.len() >= *len) {
            let rest = bytes.split_off(len);
            return (bytes, rest);
        }
    }
}
