//! The kernel's TCP, and what loss does to its rate.

use std::{
    io::{Read, Write},
    thread,
    time::{Duration, Instant},
};

use biplane_link::tun::TunConfig;

use crate::tools::{Scene, ms};

crate::tests!(
    tcp_at_1_percent_loss_and_40_ms_has_the_rate_that_mathis_tells,
    tcp_fills_a_link_without_loss,
    a_lost_segment_holds_up_what_follows,
);

/// Bytes a second that a connection carries after its first two seconds, over so many more.
fn goodput(scene: &Scene, seconds: u64) -> f64 {
    let (mut client, mut server) = scene.connection();
    let end = Duration::from_secs(2 + seconds);
    let writer = thread::spawn(move || {
        let began = Instant::now();
        while began.elapsed() < end && client.write_all(&[0; 16_384]).is_ok() {}
    });
    let (mut buffer, mut bytes) = (vec![0; 65_536], 0);
    let began = Instant::now();
    while began.elapsed() < end {
        let len = server.read(&mut buffer).unwrap();
        if began.elapsed() >= ms(2_000) {
            bytes += len;
        }
    }
    drop(server);
    writer.join().unwrap();
    bytes as f64 / seconds as f64
}

/// Mathis, Semke, Mahdavi, Ott, "The macroscopic behavior of the TCP congestion avoidance
/// algorithm", CCR 1997: MSS / RTT × 1.22 / √p, for TCP of Reno's kind.
fn tcp_at_1_percent_loss_and_40_ms_has_the_rate_that_mathis_tells() {
    // The round trip is 40 ms; what is lost is data, of which 1,448 bytes are in a packet of 1,500.
    let profile = "delay=20ms,up-loss=1%";
    let expected = 1_448.0 / 0.040 * 1.22 / 0.01_f64.sqrt();
    let rate = goodput(&Scene::with(profile, TunConfig::new().congestion("reno")), 10);
    println!("Mathis {:.0} kB/s, Reno {:.0} kB/s", expected / 1e3, rate / 1e3);
    assert!((expected / 2.0..expected * 2.0).contains(&rate), "{rate}");
}

fn tcp_fills_a_link_without_loss() {
    // 10 mbit/s of packets of which 1,448 in 1,500 bytes are the connection's own.
    let scene =
        Scene::with("delay=20ms,rate=10mbit,queue=100ms", TunConfig::new().congestion("reno"));
    let expected = 10e6 / 8.0 * 1_448.0 / 1_500.0;
    let rate = goodput(&scene, 3);
    println!("the link carries {:.0} kB/s, TCP {:.0} kB/s", expected / 1e3, rate / 1e3);
    assert!((expected * 0.9..expected * 1.02).contains(&rate), "{rate}");
}

fn a_lost_segment_holds_up_what_follows() {
    let scene = Scene::through("delay=20ms,up-loss=10%");
    let (mut client, mut server) = scene.connection();
    let writer = thread::spawn(move || {
        for _ in 0..300 {
            client.write_all(&[7; 100]).unwrap();
            thread::sleep(ms(5));
        }
    });
    let mut longest = Duration::ZERO;
    let mut last = Instant::now();
    for _ in 0..300 {
        server.read_exact(&mut [0; 100]).unwrap();
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    writer.join().unwrap();
    println!("nothing came for {longest:?}");
    assert!(longest > ms(40), "a repair takes a round trip: {longest:?}");
}
