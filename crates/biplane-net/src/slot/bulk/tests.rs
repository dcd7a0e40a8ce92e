//! Transfers between two registries, without a connection.

use std::io;

use super::*;

const ID: TransferId = TransferId(0);

/// The two sides of one transfer.
struct Two {
    from: Bulk,
    to: Bulk,
    sent: Arc<Course>,
    bytes: flume::Receiver<Bytes>,
    number: u64,
}

fn accepted() -> TransferChange {
    TransferChange { side: TransferSide::Own, id: ID, news: TransferNews::Accepted }
}

impl Two {
    fn begin(source: TransferSource) -> Self {
        let (from, to) = (Bulk::default(), Bulk::default());
        let length = source.length;
        let (_, sent) = from.offer(source, || Ok::<_, ()>(ID)).unwrap();
        let (_, bytes) = to.accept((ID, length), || true).unwrap();
        from.bring(vec![accepted()]);
        let number = from.attach();
        assert_eq!(to.attach(), number);
        Self { from, to, sent, bytes, number }
    }

    /// Takes all that can be taken.
    fn take(&self, came: &mut Vec<u8>) {
        while let Ok(bytes) = self.bytes.try_recv() {
            self.to.on_taken(ID, bytes.len() as u64);
            came.extend_from_slice(&bytes);
        }
    }

    /// Lets both write all they have; whether a transfer came whole, and its checksum held.
    fn run(&self) -> Option<bool> {
        let mut whole = None;
        loop {
            let there = pass(self.number, &self.from, &self.to, &mut whole);
            let back = pass(self.number, &self.to, &self.from, &mut whole);
            if !there && !back {
                return whole;
            }
        }
    }
}

/// Moves everything that `from` writes to `to`; whether there was something.
fn pass(number: u64, from: &Bulk, to: &Bulk, whole: &mut Option<bool>) -> bool {
    let mut moved = false;
    loop {
        let mut out = Vec::new();
        match from.pull(number, usize::MAX, &mut out) {
            Pulled::Bytes(_) => {
                let mut rest = &out[..];
                while let Some((record, len)) = Record::decode(rest).unwrap() {
                    match to.handle(Instant::now(), number, &record) {
                        Heard::Well => {}
                        Heard::Whole(_, holds) => *whole = Some(holds),
                        other @ (Heard::Unknown(..) | Heard::Violation(_)) => {
                            panic!("{other:?} of {record:?}")
                        }
                    }
                    rest = &rest[len..];
                }
            }
            Pulled::Summed(id, sha256) => {
                let news = TransferNews::Checksum(sha256);
                let change = TransferChange { side: TransferSide::Peer, id, news };
                for (_, holds) in to.bring(vec![change]) {
                    *whole = Some(holds);
                }
            }
            Pulled::Read(reading) => match reading.run() {
                Some((reader, bytes)) => from.restock(ID, reader, bytes),
                None => return moved,
            },
            Pulled::Waits | Pulled::Nothing | Pulled::End => return moved,
        }
        moved = true;
    }
}

fn pattern(len: u32) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

/// Gives its bytes a few at a time.
struct Slow(io::Cursor<Vec<u8>>);

impl Read for Slow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(1_000);
        self.0.read(&mut into[..most])
    }
}

#[test]
fn bytes_that_are_here_and_bytes_that_are_read_arrive_alike() {
    let bytes = pattern(700_000);
    let reader = Box::new(Slow(io::Cursor::new(bytes.clone())));
    for source in
        [TransferSource::of(bytes.clone().into()), TransferSource::from_reader(700_000, reader)]
    {
        let two = Two::begin(source);
        assert_eq!(two.run(), Some(true));
        let came: Vec<u8> = two.bytes.try_iter().flatten().collect();
        assert!(came == bytes);
    }
}

#[test]
fn no_more_comes_than_the_window_until_the_application_takes_it() {
    let window = usize::try_from(limits::TRANSFER_WINDOW).unwrap();
    let bytes = pattern(3_000_000);
    let reader = Box::new(io::Cursor::new(bytes.clone()));
    let two = Two::begin(TransferSource::from_reader(3_000_000, reader));
    two.run();
    let waits: usize = two.bytes.drain().map(|bytes| bytes.len()).sum();
    assert!((window - limits::TRANSFER_FEW..=window).contains(&waits), "{waits} bytes wait");
    let kept = lock(&two.from.state).own[&ID].stock.pieces.iter().map(Bytes::len).sum::<usize>();
    assert!(kept <= limits::TRANSFER_READ, "{kept} bytes are kept that the peer has");
    assert_eq!(two.run(), None, "and nothing moves");
}

#[test]
fn what_is_taken_makes_room_for_more() {
    let bytes = pattern(3_000_000);
    let reader = Box::new(io::Cursor::new(bytes.clone()));
    let two = Two::begin(TransferSource::from_reader(3_000_000, reader));
    let mut came = Vec::new();
    let whole = loop {
        let whole = two.run();
        two.take(&mut came);
        if let Some(whole) = whole {
            break whole;
        }
    };
    assert!(whole && came == bytes);
}

#[test]
fn another_connection_goes_on_from_what_has_come_and_the_one_before_is_nothing() {
    let bytes = pattern(500_000);
    let reader = Box::new(io::Cursor::new(bytes.clone()));
    let mut two = Two::begin(TransferSource::from_reader(500_000, reader));
    let mut ignored = None;
    pass(two.number, &two.to, &two.from, &mut ignored);
    let (mut out, mut lost) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        out.clear();
        match two.from.pull(two.number, 10_000, &mut out) {
            Pulled::Read(reading) => {
                let (reader, bytes) = reading.run().unwrap();
                two.from.restock(ID, reader, bytes);
            }
            Pulled::Bytes(_) if lost.is_empty() && two.bytes.len() == 4 => lost.clone_from(&out),
            Pulled::Bytes(_) if lost.is_empty() => {
                let (record, _) = Record::decode(&out).unwrap().unwrap();
                assert_eq!(two.to.handle(Instant::now(), two.number, &record), Heard::Well);
            }
            Pulled::Bytes(_)
            | Pulled::Summed(..)
            | Pulled::Waits
            | Pulled::Nothing
            | Pulled::End => {}
        }
    }
    let before = two.number;
    two.number = two.from.attach();
    two.to.attach();
    let (late, _) = Record::decode(&lost).unwrap().unwrap();
    assert_eq!(
        two.to.handle(Instant::now(), before, &late),
        Heard::Well,
        "it is of no connection any more"
    );
    assert!(matches!(two.from.pull(before, 9, &mut out), Pulled::End));
    assert_eq!(two.run(), Some(true));
    let mut came = Vec::new();
    two.take(&mut came);
    assert!(came == bytes);
}

#[test]
fn what_ends_wakes_who_waits_and_tells_why() {
    let two = Two::begin(TransferSource::of(Bytes::from_static(b"some")));
    let news = TransferNews::Ended(Err(TransferError::Closed));
    two.to.bring(vec![TransferChange { side: TransferSide::Peer, id: ID, news }]);
    two.from.bring(vec![TransferChange { side: TransferSide::Own, id: ID, news }]);
    assert!(two.bytes.is_disconnected());
    assert!(!two.from.is_wanted() && !two.to.is_wanted());
    assert_eq!(two.sent.end(), Some(Err(TransferError::Closed)));
    let chunk = Record::Chunk { id: ID, offset: 0, bytes: b"late" };
    assert_eq!(
        two.to.handle(Instant::now(), two.number, &chunk),
        Heard::Unknown(TransferSide::Peer, ID)
    );
}

#[test]
fn a_source_that_ends_early_is_found_out() {
    let len = limits::TRANSFER_READ + 10;
    let reader = Box::new(io::Cursor::new(pattern(u32::try_from(len).unwrap())));
    let two = Two::begin(TransferSource::from_reader(len as u64 + 1, reader));
    assert_eq!(two.run(), None);
    let mut came = Vec::new();
    two.take(&mut came);
    assert_eq!(came.len(), limits::TRANSFER_READ);
}

#[test]
fn many_small_pieces_that_nobody_takes_are_put_together() {
    let length = limits::TRANSFER_WINDOW;
    let to = Bulk::default();
    let (_, bytes) = to.accept((ID, length), || true).unwrap();
    let number = to.attach();
    assert!(matches!(to.pull(number, 0, &mut Vec::new()), Pulled::Bytes(0)));
    let piece = |offset| Record::Chunk { id: ID, offset, bytes: b"a" };
    for offset in 0..length - 1 {
        assert_eq!(to.handle(Instant::now(), number, &piece(offset)), Heard::Well);
    }
    let most = usize::try_from(length).unwrap() / limits::TRANSFER_FEW + 1;
    assert!(bytes.len() <= most, "{} pieces", bytes.len());
    let mut came = 0;
    while let Ok(bytes) = bytes.try_recv() {
        came += bytes.len() as u64;
        to.on_taken(ID, bytes.len() as u64);
    }
    assert_eq!(came, length - 1, "what is kept is handed out to who has taken all before it");
}
