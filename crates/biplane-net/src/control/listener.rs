//! From the door to the greeting: every connection that comes, at once or when its address has room.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{
    backlog::{Comer, Parked, Turn},
    door::{Door, Failure},
    greeting::{self, Stranger},
    house::House,
    spawn,
};
use crate::{Fault, clock, limits};

/// Accepts until the endpoint closes.
pub(super) async fn listen(listener: TcpListener, house: Arc<House>) {
    drop(tokio::spawn(serve_backlog(Arc::clone(&house))));
    let mut door = Door::new(listener);
    loop {
        match door.next().await {
            Ok((stream, remote)) => receive(&house, stream, remote),
            Err(failure) => note(&house, failure),
        }
    }
}

fn note(house: &House, failure: Failure) {
    house.hub.counters().connections(|count| count.accept_failures += 1);
    tracing::debug!(error = %failure.error, "a connection was not accepted");
    if failure.lasts {
        house.hub.report(Fault::Listener(failure.error));
    }
}

fn receive(house: &Arc<House>, stream: TcpStream, remote: SocketAddr) {
    house.hub.counters().connections(|count| count.accepted += 1);
    match house.backlog.arrive(clock::now(), stream, remote) {
        Turn::Now(comer) => greet(house, comer),
        Turn::Later(ousted) => {
            if let Some(Parked { remote, .. }) = ousted {
                house.note(remote, &Stranger::Evicted);
            }
            house.count_present();
        }
    }
}

/// Greets those who waited, as soon as their addresses have room.
async fn serve_backlog(house: Arc<House>) {
    let mut late = Vec::new();
    loop {
        // Those who wait too long are sent away even where nobody makes room.
        drop(timeout(limits::PARKED_DEADLINE / 4, house.backlog.vacated()).await);
        while let Some(comer) = house.backlog.next(clock::now(), &mut late) {
            greet(&house, comer);
        }
        for Parked { remote, .. } in late.drain(..) {
            house.note(remote, &Stranger::Late);
        }
        house.count_present();
    }
}

fn greet(house: &Arc<House>, comer: Comer<TcpStream>) {
    spawn(&house.hub, greeting::greet(Arc::clone(house), comer));
}
