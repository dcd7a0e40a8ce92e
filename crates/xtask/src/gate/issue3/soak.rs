//! Bots play beside a stranger that sends random bytes to both ports: nothing may come of it, not
//! even a little more memory each time.

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::{Run, Wanted, document, scene};
use super::history;
use super::stranger::{Sent, Stranger};

/// How much memory may rise after the warm-up, in bytes.
const RISE_MAX: f64 = 1_048_576.0;

/// The long part of A3.8.
pub(super) fn beside_a_stranger(run: &mut Run) -> Result<()> {
    let bots_for = run.form("10m", "9s");
    let (server, link) = scene::serve(run, "--listen 127.0.0.1:0")?;
    let stranger = Stranger::begin(link.address.parse().context("a server's address")?);
    let bots =
        run.finish(&format!("target/release/lobby bots --join {link} --for {bots_for} --json"));
    // It ends whatever came of the bots.
    let sent = stranger.end();
    let (bots, sent) = (bots?, sent?);
    let server = run.terminate(server)?;
    let bots = run.document("soak: bots", &bots)?;
    let server = run.document("soak: server", &server)?;
    judge(run, &bots, &server, sent);
    Ok(())
}

fn judge(run: &mut Run, bots: &Value, server: &Value, sent: Sent) {
    let at = document::at;
    let (warm_up, datagrams) = run.form((120.0, 100_000.0), (5.0, 1000.0));
    let zero = || Wanted::Exactly(0.into());
    let mut judge =
        |name: &str, wanted, got: Value| run.judge(format!("soak: {name}"), wanted, got);
    judge("stranger's datagrams", Wanted::AtLeast(datagrams), sent.datagrams.into());
    judge("stranger's connections", Wanted::AtLeast(datagrams / 1000.0), sent.connections.into());
    judge("disconnected", zero(), at(bots, "disconnected"));
    judge("commands.lost", zero(), at(bots, "commands.lost"));
    judge("server's panics", zero(), at(server, "panics"));
    let unaccounted = document::unaccounted(server, "datagrams.dropped");
    judge("server's datagrams unaccounted for", zero(), unaccounted);
    let dropped = ["malformed", "unknown_session"].map(|reason| {
        at(server, &format!("datagrams.dropped.{reason}")).as_u64().unwrap_or_default()
    });
    let dropped: u64 = dropped.iter().sum();
    judge("stranger's datagrams dropped", Wanted::AtLeast(datagrams / 2.0), dropped.into());
    let rise = history::rise_since(server, "rss_bytes", warm_up);
    judge("memory's rise after the warm-up", Wanted::AtMost(RISE_MAX), rise.into());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::super::Figure;
    use super::*;
    use crate::child::deadline_in;

    fn judged(bots: &Value, server: &Value, sent: Sent) -> Vec<bool> {
        let mut run = Run::new(true, 0, deadline_in(Duration::from_secs(20)));
        judge(&mut run, bots, server, sent);
        run.into_parts().0.iter().map(Figure::is_met).collect()
    }

    #[test]
    fn memory_may_rise_by_a_mebibyte_and_nobody_may_be_hurt() {
        let bots = json!({"disconnected": 0, "commands": {"lost": 0}});
        let mut server = json!({
            "panics": 0,
            "datagrams": {
                "received": 3000, "delivered": 1000,
                "dropped": {"malformed": 1500, "unknown_session": 500},
            },
            "timeline": [
                {"t": 0.0, "rss_bytes": 1}, {"t": 5.0, "rss_bytes": 1000},
                {"t": 6.0, "rss_bytes": 1_049_576},
            ],
        });
        let sent = Sent { datagrams: 2000, connections: 10 };
        assert_eq!(judged(&bots, &server, sent), [true; 8]);
        server["timeline"][2]["rss_bytes"] = json!(1_049_577);
        server["datagrams"]["delivered"] = json!(999);
        let verdict = [true, true, true, true, true, false, true, false];
        assert_eq!(judged(&bots, &server, sent), verdict);
        assert_eq!(judged(&json!({}), &json!({}), Sent::default()), [false; 8]);
    }
}
