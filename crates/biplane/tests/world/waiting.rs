//! The awaited face, on an executor that is polled between the ticks.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use biplane::{
    ClientConfig,
    sim::{Profile, World},
};

use super::*;

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_task_is_woken_when_there_is_something_for_it_and_not_before() {
    let mut world = World::new(1).link(Profile::lan());
    let server = world.server(&protocol()).unwrap();
    let client = world.client(&server, &protocol());
    let talk = async {
        let client = client.await.unwrap();
        client.send(CHAT, &"hello".to_owned()).unwrap();
        while let Some(event) = client.next().await {
            if matches!(event, Event::Readable(_)) {
                return client.recv(CHAT).unwrap();
            }
        }
        panic!("the session ended")
    };
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let (mut talk, mut context) = (pin!(talk), Context::from_waker(&waker));
    let (mut heard, mut polls) = (None, 0);
    world.run_while(secs(5), ms(1), |_| {
        serve(&server);
        server.drain(CHAT, |session, line| session.send(CHAT, &format!("{line} to you")).unwrap());
        server.flush();
        if polls == 0 || woken.0.swap(0, Ordering::SeqCst) > 0 {
            polls += 1;
            if let Poll::Ready(line) = talk.as_mut().poll(&mut context) {
                heard = Some(line);
            }
        }
        heard.is_none()
    });
    assert_eq!(heard.as_deref(), Some("hello to you"));
    assert!(polls < 20, "{polls}");
}

#[test]
fn a_client_leaves_its_messages_unsent_as_long_as_it_says() {
    let mut world = World::new(1);
    let server = world.server(&protocol()).unwrap();
    let config = ClientConfig::default().max_send_delay(ms(20));
    let mut client = world.client_with(&server, &protocol(), config);
    world.pass(secs(1));
    let client = client.try_take().unwrap().unwrap();
    server.events().for_each(drop);
    client.send(HITS, &1).unwrap();
    let mut heard = 0;
    world.pass(ms(19));
    server.drain(HITS, |_, hit| heard += hit);
    assert_eq!(heard, 0);
    world.pass(ms(2));
    server.drain(HITS, |_, hit| heard += hit);
    assert_eq!(heard, 1);
}

#[test]
fn a_world_may_be_told_to_tick_once_in_an_age() {
    let mut world = World::new(1);
    let mut ticks = 0;
    world.run_for(secs(1), Duration::MAX, |_| ticks += 1);
    assert_eq!((ticks, world.elapsed()), (1, secs(1)));
}
