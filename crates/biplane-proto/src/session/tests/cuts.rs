//! The bytes of a control connection, however TCP cuts them.

use super::*;

/// A short command, one that fills a record and a bit, one of several records, one behind it.
fn commands() -> [Bytes; 4] {
    [5, 16 * 1024, 40_000, 1].map(|len| (0..=u8::MAX).cycle().take(len).collect())
}

#[test]
fn commands_come_whole_however_they_are_cut() {
    for cut in [1, 2, 3, 7, 1_000, 16_386, 20_000, usize::MAX] {
        let mut pair = Pair::joined();
        let now = pair.now;
        for command in commands() {
            pair.client.session.send(now, channel(COMMAND), command).unwrap();
        }
        let mut written = Vec::new();
        while pair.client.session.poll_control(now, &mut written) {}
        for piece in written.chunks(cut) {
            pair.server.session.handle_control(now, piece);
        }
        assert_eq!(pair.server.take(now, COMMAND), commands(), "cut every {cut} bytes");
        assert_eq!(pair.server.left(), None);
    }
}

#[test]
fn garbage_is_a_violation_however_it_is_cut() {
    for cut in 1..=3 {
        let mut pair = Pair::joined();
        for piece in b"\x00\x01\xff".chunks(cut) {
            pair.server.session.handle_control(pair.now, piece);
        }
        assert!(matches!(pair.server.left(), Some(CloseReason::Violation(Violation::Decode(_)))));
    }
}
