//! The async half: runs on any executor.

use biplane::{Event, Server};

use crate::protocol::{Knock, LINES, WAVES};

/// Answers whoever comes, until the server is closed.
pub async fn serve(server: &Server) {
    while let Some(event) = server.next().await {
        match event {
            Event::Joined(session) => {
                println!("server: {session} joined from {}", session.remote());
            }
            Event::Called(call) => call
                .answer(|session, knock: Knock| {
                    format!("come in, {}! You are {session}", knock.name)
                })
                .unwrap_or_else(|call| call.refuse("unknown request")),
            Event::Readable(_) => answer(server),
            Event::Planes(session, planes) => println!("server: {session} flies on {planes:?}"),
            Event::Left(session, reason) => println!("server: {session} left, {reason}"),
            Event::Fault(fault) => eprintln!("server: {fault}"),
            _ => {}
        }
    }
}

/// Answers what has arrived, and no more: who talks on and on keeps nobody else waiting. A session
/// whose queue is full misses an answer; that is its own affair.
fn answer(server: &Server) {
    server.drain(LINES, |session, line| {
        println!("server: {session} says {line:?}");
        session.send(LINES, &format!("{line} to you too")).ok();
    });
    server.drain(WAVES, |session, number| {
        session.send(WAVES, &number).ok();
    });
}
