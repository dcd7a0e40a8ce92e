//! What one side's sockets sent against what the other's received.

use std::{
    io::ErrorKind,
    net::UdpSocket,
    thread,
    time::{Duration, Instant},
};

use crate::tools::{Scene, ms};

crate::tests!(
    the_delay_is_what_was_asked_for_to_5_percent_or_a_millisecond,
    the_loss_is_what_was_asked_for_to_3_standard_errors,
    the_rate_is_what_was_asked_for_to_5_percent,
    one_seed_loses_the_same_datagrams_as_before,
    nothing_is_lost_but_by_the_link,
);

/// Datagrams to be sent, at a steady pace.
#[derive(Clone, Copy, Debug)]
struct Load {
    count: u32,
    per_second: u32,
    size: usize,
}

/// A datagram that was received.
#[derive(Clone, Copy, Debug)]
struct Received {
    number: u32,
    /// From when it was due to be sent; later than that it was never sent.
    took: Duration,
    at: Instant,
}

/// Sends datagrams from a client and receives them at the server, until half a second passes without.
fn carry(scene: &Scene, load: Load) -> Vec<Received> {
    let client = scene.flow();
    let begin = Instant::now() + ms(50);
    let due = move |number: u32| {
        begin + Duration::from_secs(1).mul_f64(f64::from(number) / f64::from(load.per_second))
    };
    let sender = thread::spawn(move || {
        let mut datagram = vec![0; load.size];
        for number in 0..load.count {
            thread::sleep(due(number).saturating_duration_since(Instant::now()));
            datagram[..4].copy_from_slice(&number.to_be_bytes());
            datagram[4..12].copy_from_slice(&nanos(begin.elapsed()));
            client.send(&datagram).unwrap();
        }
    });
    let received = receive(&scene.udp, begin);
    sender.join().unwrap();
    received
}

fn receive(socket: &UdpSocket, begin: Instant) -> Vec<Received> {
    let mut received = Vec::new();
    let mut datagram = [0; 2_048];
    socket.set_read_timeout(Some(ms(500))).unwrap();
    loop {
        match socket.recv(&mut datagram) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return received,
            Err(error) => panic!("{error}"),
        }
        let at = Instant::now();
        let number = u32::from_be_bytes(datagram[..4].try_into().unwrap());
        let sent = u64::from_be_bytes(datagram[4..12].try_into().unwrap());
        let took = (at - begin).saturating_sub(Duration::from_nanos(sent));
        received.push(Received { number, took, at });
    }
}

fn nanos(elapsed: Duration) -> [u8; 8] {
    u64::try_from(elapsed.as_nanos()).unwrap().to_be_bytes()
}

fn the_delay_is_what_was_asked_for_to_5_percent_or_a_millisecond() {
    for asked in [ms(5), ms(40), ms(150)] {
        let scene = Scene::through(&format!("up-delay={}ms", asked.as_millis()));
        let received = carry(&scene, Load { count: 200, per_second: 400, size: 200 });
        assert_eq!(received.len(), 200);
        let mut delays: Vec<_> = received.iter().map(|one| one.took).collect();
        delays.sort();
        let (least, median) = (delays[0], delays[100]);
        println!("asked for {asked:?}: least {least:?}, median {median:?}, most {:?}", delays[199]);
        let allowed = (asked / 20).max(ms(1));
        assert!(least >= asked && median <= asked + allowed, "{least:?} to {median:?}");
    }
}

fn the_loss_is_what_was_asked_for_to_3_standard_errors() {
    let scene = Scene::through("up-loss=5%");
    let sent = 10_000;
    let received = carry(&scene, Load { count: sent, per_second: 5_000, size: 100 });
    let share = 1.0 - received.len() as f64 / f64::from(sent);
    let error = (0.05 * 0.95 / f64::from(sent)).sqrt();
    println!("asked for 5 %: {:.2} %, standard error {:.2} %", share * 100.0, error * 100.0);
    assert!((share - 0.05).abs() <= 3.0 * error, "{share}");
    let stats = scene.figures(|stats| stats.up.udp.received == u64::from(sent));
    assert_eq!(stats.up.udp.lost, u64::from(sent) - received.len() as u64);
}

fn the_rate_is_what_was_asked_for_to_5_percent() {
    for mbit in [2, 20] {
        let scene = Scene::through(&format!("up-rate={mbit}mbit,up-queue=64KiB"));
        // Twice as much as passes, of which the queue drops the half.
        let per_second = mbit * 1_000_000 / 8 / 1_200 * 2;
        let received = carry(&scene, Load { count: 3 * per_second, per_second, size: 1_200 });
        // After the first second, in which the queue fills.
        let steady: Vec<_> =
            received.iter().filter(|one| one.at - received[0].at > ms(1_000)).collect();
        let seconds = (steady[steady.len() - 1].at - steady[0].at).as_secs_f64();
        let packets = (steady.len() - 1) as f64 * (1_200.0 + 28.0);
        let got = packets * 8.0 / seconds / 1e6;
        println!("asked for {mbit} mbit/s of packets: {got:.3}");
        assert!((got / f64::from(mbit) - 1.0).abs() <= 0.05, "{got}");
        let stats = scene.figures(|stats| stats.up.udp.received == 3 * u64::from(per_second));
        assert_eq!(stats.up.udp.queue_dropped, stats.up.udp.received - received.len() as u64);
    }
}

fn one_seed_loses_the_same_datagrams_as_before() {
    let load = Load { count: 500, per_second: 1_000, size: 100 };
    let arrived = || {
        let received = carry(&Scene::through("up-loss=20%,up-delay=5ms"), load);
        received.iter().map(|one| one.number).collect::<Vec<_>>()
    };
    assert_eq!(arrived(), arrived());
}

fn nothing_is_lost_but_by_the_link() {
    let scene = Scene::through("delay=20ms");
    let received = carry(&scene, Load { count: 6_000, per_second: 3_000, size: 1_200 });
    assert!(received.windows(2).all(|two| two[0].number < two[1].number));
    let stats = scene.figures(|stats| stats.up.udp.forwarded == 6_000);
    assert_eq!((stats.up.udp.received, received.len()), (6_000, 6_000));
}
