//! One message to many.

use std::time::Duration;

use biplane::{Channel, Client, Protocol, Server};

use crate::support::{joined, until};

const NEWS: Channel<String> = Channel::command("news");
const OTHER: Channel<String> = Channel::command("other");

fn protocol() -> Protocol {
    Protocol::new("broadcast", 1).channel(NEWS)
}

fn heard(server: &Server, client: &Client) -> String {
    until(|| {
        server.flush();
        let _something = client.wait(Duration::from_millis(2));
        client.events().for_each(drop);
        client.recv(NEWS)
    })
}

#[test]
fn it_reaches_those_it_is_for_and_no_others() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let (clients, sessions): (Vec<_>, Vec<_>) = (0..4)
        .map(|_| (Client::connect(server.link(), &protocol()).wait().unwrap(), joined(&server)))
        .unzip();
    assert_eq!(server.broadcast(&sessions[..3], NEWS, &"for three".to_owned()), 3);
    assert_eq!(server.broadcast(server.sessions().iter(), NEWS, &"for all".to_owned()), 4);
    for client in &clients[..3] {
        assert_eq!(heard(&server, client), "for three");
    }
    for client in &clients {
        assert_eq!(heard(&server, client), "for all");
    }
}

#[test]
fn members_that_cannot_take_it_do_not_keep_it_from_the_others() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let one = Client::connect(server.link(), &protocol()).wait().unwrap();
    let first = joined(&server);
    let two = Client::connect(server.link(), &protocol()).wait().unwrap();
    let second = joined(&server);
    first.close("gone");
    assert_eq!(server.broadcast([first, second], NEWS, &"hi".to_owned()), 1);
    assert_eq!(heard(&server, &two), "hi");
    drop(one);
}

#[test]
fn what_cannot_be_sent_goes_to_nobody() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let _client = Client::connect(server.link(), &protocol()).wait().unwrap();
    let session = joined(&server);
    assert_eq!(server.broadcast([&session], NEWS, &"x".repeat(300_000)), 0);
    assert_eq!(server.broadcast([&session], OTHER, &"hi".to_owned()), 0);
    let nobody: [&biplane::Session; 0] = [];
    assert_eq!(server.broadcast(nobody, NEWS, &"hi".to_owned()), 0);
}
