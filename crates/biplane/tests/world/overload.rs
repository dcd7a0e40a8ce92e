//! An application that wants more than its link carries: what it is told, and what goes first.

use biplane::{
    SendError,
    sim::{Profile, World},
};

use super::*;

const URGENT: Channel<u32> = Channel::unreliable("urgent").priority(9);
const HEAVY: Channel<Payload> = Channel::reliable_ordered("heavy").weight(4);
const LIGHT: Channel<Payload> = Channel::reliable_ordered("light");

fn shared() -> Protocol {
    Protocol::new("shared", 1).channel(URGENT).channel(HEAVY).channel(LIGHT)
}

fn narrow() -> Profile {
    "delay=20ms,rate=4mbit,queue=50ms".parse().unwrap()
}

#[test]
fn channels_share_by_weight_and_what_is_urgent_is_not_late() {
    let mut world = World::new(1).link(narrow());
    let server = world.server(&shared()).unwrap();
    let client = world.join(&server, &shared()).unwrap();
    let chunk = Payload::from(vec![0; 1_000]);
    let (mut bytes, mut urgent, mut refused) = ([0; 2], 0, 0);
    world.run_for(secs(10), ms(10), |tick| {
        server.events().for_each(drop);
        client.events().for_each(drop);
        for channel in [HEAVY, LIGHT] {
            while client.channel_stats(channel).has_room {
                client.send(channel, &chunk).unwrap();
            }
        }
        // Beyond the room that is told of there is a little more.
        while client.send(LIGHT, &chunk).is_ok() {}
        refused += u64::from(client.send(LIGHT, &chunk) == Err(SendError::QueueFull));
        client.send(URGENT, &u32::try_from(tick.number).unwrap()).unwrap();
        client.flush();
        server.drain(HEAVY, |_, chunk| bytes[0] += chunk.as_ref().len());
        server.drain(LIGHT, |_, chunk| bytes[1] += chunk.as_ref().len());
        server.drain(URGENT, |_, number| {
            // Sent so many ticks ago: a trip, the link's queue, and what its sender waits for the
            // window. The others wait for two seconds. At first what the link carries is found out.
            let age = tick.number - u64::from(number);
            assert!(age <= 15 || number < 100, "{number} in {}", tick.number);
            urgent += 1;
        });
    });
    let shares = bytes[0] as f64 / bytes[1] as f64;
    assert!((3.5..=4.5).contains(&shares), "{bytes:?}");
    assert!(urgent >= 900, "{urgent}");
    let stats = client.channel_stats(LIGHT);
    assert!(refused >= 990 && stats.refused >= refused, "{refused}, {stats:?}");
    assert!(!stats.has_room && stats.waiting > secs(2), "{stats:?}");
    let other = client.channel_stats(Channel::<u32>::unreliable("other"));
    assert!(!other.has_room && other.sent == 0, "it is not in the protocol");
    world.check().unwrap();
}
