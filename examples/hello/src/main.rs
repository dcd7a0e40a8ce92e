//! Two programs say hello over Biplane: a server that awaits, and a client that does not.
//!
//! ```text
//! hello               both, in one process, on 127.0.0.1
//! hello serve ADDR    the server, until Ctrl-C; prints the link to join by
//! hello join LINK     the client
//! ```
//!
//! Ends with status 0 if they said hello, 1 if the server refused or went away, 2 if nothing could
//! start; then with one line that says why. `RUST_LOG=debug` shows what happens below.

mod client;
mod protocol;
mod server;

use std::{process::ExitCode, thread};

use anyhow::Result;
use biplane::{BindError, ConnectError, Server};

use crate::protocol::protocol;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [] => both(),
        ["serve", address] => serve(address),
        ["join", link] => client::visit(link),
        _ => {
            eprintln!("usage: hello [serve ADDR | join LINK]");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hello: {error}");
            ExitCode::from(if could_not_start(&error) { 2 } else { 1 })
        }
    }
}

fn serve(address: &str) -> Result<()> {
    let server = Server::bind(address, &protocol())?;
    println!("join: {}", server.link());
    pollster::block_on(server::serve(&server));
    Ok(())
}

fn both() -> Result<()> {
    let server = Server::bind("127.0.0.1:0", &protocol())?;
    println!("join: {}", server.link());
    thread::scope(|scope| {
        scope.spawn(|| pollster::block_on(server::serve(&server)));
        let visited = client::visit(&server.link().to_string());
        server.close("good night").wait();
        visited
    })
}

fn could_not_start(error: &anyhow::Error) -> bool {
    let refused = matches!(error.downcast_ref(), Some(ConnectError::Refused { .. }));
    error.is::<BindError>() || (error.is::<ConnectError>() && !refused)
}
