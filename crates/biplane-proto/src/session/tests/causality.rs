//! Messages that come after commands, requests and replies.

use super::*;

const DATA: [u8; 4] = [ORDERED, UNORDERED, SEQUENCED, UNRELIABLE];
const AFTER: SendOptions = SendOptions { notice: None, after_commands: true };

fn after(side: &mut Side, now: Instant, id: u8, text: &str) {
    side.session.send_with(now, channel(id), payload(text), AFTER).unwrap();
    side.session.flush(now);
}

fn command(side: &mut Side, now: Instant, text: &str) {
    side.session.send(now, channel(COMMAND), payload(text)).unwrap();
}

#[test]
fn a_message_waits_until_the_commands_before_it_were_taken() {
    for id in DATA {
        let mut pair = Pair::joined();
        let now = pair.now;
        command(&mut pair.client, now, "one");
        after(&mut pair.client, now, id, "then");
        command(&mut pair.client, now, "two");
        pair.settle();
        assert!(pair.server.take(now, id).is_empty(), "channel {id}");
        assert_eq!(pair.server.session.take(now, channel(COMMAND)), Some(payload("one")));
        assert!(pair.server.events().contains(&Event::Readable));
        assert_ne!(pair.server.session.readable() & 1 << id, 0);
        assert_eq!(pair.server.take(now, id), [payload("then")], "channel {id}");
        assert_eq!(pair.server.take(now, COMMAND), [payload("two")]);
    }
}

#[test]
fn a_command_behind_another_only_waits_and_counts_all_the_same() {
    let mut pair = Pair::joined();
    let now = pair.now;
    let mut queue = |text: &str| {
        let content = Content::Shared(payload(text));
        let how = SendOptions::default();
        pair.client.session.enqueue(now, channel(COMMAND), content, how).unwrap()
    };
    assert_eq!(queue("one"), Consequence::Anything);
    assert_eq!(queue("two"), Consequence::Nothing);
    after(&mut pair.client, now, ORDERED, "then");
    pair.settle();
    assert_eq!(pair.server.session.take(now, channel(COMMAND)), Some(payload("one")));
    assert!(pair.server.take(now, ORDERED).is_empty());
    assert_eq!(pair.server.take(now, COMMAND), [payload("two")]);
    assert_eq!(pair.server.take(now, ORDERED), [payload("then")]);
}

#[test]
fn what_overtakes_its_commands_waits_and_what_has_none_before_it_does_not() {
    for id in DATA {
        let mut pair = Pair::joined();
        let now = pair.now;
        after(&mut pair.client, now, id, "nothing before");
        pair.packets_pass();
        assert_eq!(pair.server.take(now, id).len(), 1);
        command(&mut pair.client, now, "slow");
        after(&mut pair.client, now, id, "fast");
        pair.packets_pass();
        assert!(pair.client.packets(now).is_empty(), "it waits for TCP to take the command");
        let mut written = Vec::new();
        while pair.client.session.poll_control(now, &mut written) {}
        pair.packets_pass();
        assert!(pair.server.take(now, id).is_empty(), "it is there, and the command is not");
        pair.server.session.handle_control(now, &written);
        assert!(pair.server.take(now, id).is_empty());
        assert_eq!(pair.server.take(now, COMMAND), [payload("slow")]);
        assert_eq!(pair.server.take(now, id), [payload("fast")], "channel {id}");
    }
}

#[test]
fn requests_count_when_the_call_was_taken_and_replies_when_the_answer_was() {
    let mut pair = Pair::joined();
    let now = pair.now;
    let deadline = Duration::from_secs(1);
    let id = pair.client.session.request(now, 0, payload("?"), deadline).unwrap();
    after(&mut pair.client, now, UNORDERED, "asked");
    pair.settle();
    assert!(pair.server.take(now, UNORDERED).is_empty());
    assert!(pair.server.events().iter().any(|event| matches!(event, Event::Called(_))));
    assert_eq!(pair.server.take(now, UNORDERED), [payload("asked")]);
    pair.server.session.reply(now, id, Reply::Answer(payload("!"))).unwrap();
    after(&mut pair.server, now, UNRELIABLE, "answered");
    pair.settle();
    assert!(pair.client.take(now, UNRELIABLE).is_empty());
    let (_, told) = pair.client.session.poll_answer().unwrap();
    assert!(pair.client.take(now, UNRELIABLE).is_empty());
    pair.client.session.on_answer_told(told);
    assert_eq!(pair.client.take(now, UNRELIABLE), [payload("answered")]);
}

#[test]
fn a_reply_that_nobody_waits_for_holds_up_nothing() {
    let mut pair = Pair::joined();
    let deadline = Duration::from_secs(1);
    let id = pair.client.session.request(pair.now, 0, payload("?"), deadline).unwrap();
    pair.settle();
    pair.server.events();
    pair.pass(deadline);
    let now = pair.now;
    pair.server.session.reply(now, id, Reply::Answer(payload("late"))).unwrap();
    after(&mut pair.server, now, UNORDERED, "then");
    pair.settle();
    assert_eq!(pair.client.take(now, UNORDERED), [payload("then")]);
}

#[test]
fn what_may_be_lost_waits_for_a_second_and_what_may_not_as_long_as_it_takes() {
    let mut pair = Pair::joined();
    command(&mut pair.client, pair.now, "untaken");
    for id in DATA {
        after(&mut pair.client, pair.now, id, "waits");
    }
    pair.settle();
    pair.pass(limits::HELD_AGE - Duration::from_millis(1));
    assert_eq!(pair.server.session.stats().delivery.orphaned, 0);
    pair.pass(Duration::from_millis(1));
    assert_eq!(pair.server.session.stats().delivery.orphaned, 2);
    pair.pass(Duration::from_secs(5));
    pair.server.take(pair.now, COMMAND);
    let taken = DATA.map(|id| pair.server.take(pair.now, id).len());
    assert_eq!(taken, [1, 1, 0, 0]);
}

#[test]
fn what_cannot_leave_for_its_commands_expires_and_says_so() {
    let mut pair = Pair::joined_with(|channel| channel.notify = true);
    command(&mut pair.client, pair.now, "TCP takes nothing");
    let how = SendOptions { notice: Some(7), ..AFTER };
    for id in [SEQUENCED, UNRELIABLE] {
        pair.client.session.send_with(pair.now, channel(id), payload("x"), how).unwrap();
    }
    pair.client.session.flush(pair.now);
    for _ in 0..2 {
        pair.now += limits::FRESH_LIFETIME;
        pair.client.session.handle_timeout(pair.now);
        pair.packets_pass();
    }
    let expired = Event::Noted(7, crate::Notice::Expired);
    assert_eq!(pair.client.events(), [expired.clone(), expired]);
}

#[test]
fn a_newer_state_takes_the_place_of_one_that_waits_for_commands() {
    let mut pair = Pair::joined();
    let now = pair.now;
    command(&mut pair.client, now, "slow");
    after(&mut pair.client, now, SEQUENCED, "old");
    pair.client.session.send(now, channel(SEQUENCED), payload("new")).unwrap();
    pair.client.session.flush(now);
    pair.packets_pass();
    assert_eq!(pair.server.take(now, SEQUENCED), [payload("new")]);
    assert_eq!(pair.client.session.stats().messages_superseded, 1);
}

#[test]
fn long_messages_and_the_longest_in_one_packet_wait_too() {
    for id in DATA {
        for len in [1_100, 1_165, 1_166, 1_167, 1_168, 5_000] {
            let mut pair = Pair::joined();
            command(&mut pair.client, pair.now, "first");
            let message = Bytes::from(vec![id; len]);
            let sent = pair.client.session.send_with(pair.now, channel(id), message.clone(), AFTER);
            sent.unwrap();
            pair.client.session.flush(pair.now);
            pair.settle();
            for _ in 0..5 {
                pair.pass(Duration::from_millis(21));
            }
            assert!(pair.server.take(pair.now, id).is_empty());
            pair.server.take(pair.now, COMMAND);
            assert_eq!(pair.server.take(pair.now, id), [message], "channel {id}, {len} bytes");
        }
    }
}

#[test]
fn commands_have_their_order_anyway() {
    let mut pair = Pair::joined();
    let sent = pair.client.session.send_with(pair.now, channel(COMMAND), payload("x"), AFTER);
    assert_eq!(sent, Err(SendError::NotOffered));
}

#[test]
fn messages_that_ride_tcp_wait_too() {
    let mut pair = Pair::new();
    let now = pair.now;
    command(&mut pair.client, now, "first");
    for id in DATA {
        after(&mut pair.client, now, id, "then");
    }
    let (client, server) = (&mut pair.client.session, &mut pair.server.session);
    while Pair::pipe(now, client, server) {}
    assert_eq!(pair.server.session.readable(), 1 << COMMAND);
    pair.server.take(now, COMMAND);
    for id in DATA {
        assert_eq!(pair.server.take(now, id), [payload("then")], "channel {id}");
    }
}

#[test]
fn what_is_written_behind_the_last_command_before_it_holds_up_nothing() {
    let mut pair = Pair::joined();
    let now = pair.now;
    let deadline = Duration::from_secs(1);
    // Cut into records, of which those of others go between.
    let long = Bytes::from(vec![1; 200_000]);
    pair.client.session.send(now, channel(COMMAND), long.clone()).unwrap();
    after(&mut pair.client, now, UNORDERED, "then");
    pair.client.session.request(now, 0, payload("?"), deadline).unwrap();
    pair.settle();
    for _ in 0..20 {
        pair.pass(Duration::from_millis(10));
    }
    assert!(pair.server.take(now, UNORDERED).is_empty());
    // The request was written whole before the command, so it is among the first.
    assert_eq!(pair.server.session.take(now, channel(COMMAND)), Some(long));
    assert!(pair.server.take(now, UNORDERED).is_empty());
    assert!(pair.server.events().iter().any(|event| matches!(event, Event::Called(_))));
    assert_eq!(pair.server.take(now, UNORDERED), [payload("then")]);
    // What is written behind the last of those before it counts no more.
    command(&mut pair.client, now, "one");
    after(&mut pair.client, now, UNORDERED, "between");
    for text in ["two", "three"] {
        command(&mut pair.client, now, text);
    }
    pair.settle();
    assert_eq!(pair.server.session.take(now, channel(COMMAND)), Some(payload("one")));
    assert_eq!(pair.server.take(now, UNORDERED), [payload("between")]);
    assert_eq!(pair.server.take(now, COMMAND).len(), 2);
}

#[test]
fn what_waits_is_bounded_in_bytes_and_what_gives_way_is_told_to_be_lost() {
    let mut pair = Pair::joined_with(|channel| channel.notify = true);
    command(&mut pair.client, pair.now, "untaken");
    for token in 0..300 {
        let how = SendOptions { notice: Some(token), ..AFTER };
        let sent =
            pair.client.session.send_with(pair.now, channel(UNRELIABLE), vec![7; 960].into(), how);
        sent.unwrap();
    }
    pair.client.session.flush(pair.now);
    for _ in 0..40 {
        pair.pass(Duration::from_millis(20));
    }
    let kept = limits::HELD_BYTES / (960 + limits::MESSAGE_COST);
    assert_eq!(pair.server.session.stats().delivery.orphaned, 300 - kept as u64);
    pair.server.take(pair.now, COMMAND);
    assert_eq!(pair.server.take(pair.now, UNRELIABLE).len(), kept);
    let mut told = Vec::new();
    for _ in 0..50 {
        pair.pass(Duration::from_millis(100));
        for event in pair.client.events() {
            if let Event::Noted(token, notice) = event {
                told.push((token, notice));
            }
        }
    }
    told.sort_unstable_by_key(|(token, _)| *token);
    let first = 300 - kept as u64;
    let fate = |token| if token < first { crate::Notice::Lost } else { crate::Notice::Delivered };
    assert_eq!(told, (0..300).map(|token| (token, fate(token))).collect::<Vec<_>>());
}

#[test]
fn the_count_that_travels_may_wrap() {
    let mut pair = Pair::joined();
    let now = pair.now;
    for round in 0..70_u64 {
        for _ in 0..1_000 {
            command(&mut pair.client, now, "");
        }
        for id in DATA {
            after(&mut pair.client, now, id, "then");
        }
        command(&mut pair.client, now, "last");
        pair.settle();
        pair.now += Duration::from_millis(1);
        assert_eq!(pair.server.session.readable(), 1 << COMMAND, "round {round}");
        for _ in 0..1_000 {
            pair.server.session.take(now, channel(COMMAND)).unwrap();
        }
        for id in DATA {
            assert_eq!(pair.server.take(now, id), [payload("then")], "round {round}, {id}");
        }
        assert_eq!(pair.server.take(now, COMMAND), [payload("last")]);
        pair.settle();
    }
}

#[test]
fn the_end_is_told_though_what_waited_for_a_call_is_released_after_it() {
    let mut pair = Pair::joined();
    let now = pair.now;
    pair.client.session.request(now, 0, payload("?"), Duration::from_secs(1)).unwrap();
    after(&mut pair.client, now, UNORDERED, "then");
    pair.settle();
    pair.client.session.close(now, "bye");
    pair.pass(limits::CLOSE_LINGER);
    let server = &mut pair.server.session;
    assert!(matches!(server.poll_event(), Some(Event::Called(_))));
    assert!(!server.is_just_readable(), "there is more than messages to tell");
    assert!(matches!(server.poll_event(), Some(Event::Left(_))));
    assert_eq!(server.poll_event(), None, "nothing comes after it");
}
