//! The relay, measured as what one side's sockets sent against what the other's received.

use anyhow::Result;
use serde_json::Value;

use super::super::{Run, Wanted, document, scene};

const MEASURE: &str = "target/release/biplane measure-link";

/// What a TCP segment carries over a path of 1,500-byte packets.
const SEGMENT: f64 = 1448.0;
/// Bytes of a datagram of a thousand with its IP and UDP headers, in thousands.
const WITH_HEADERS: f64 = 1.028;

/// A4.3: in both forms, what was asked for is what one measures.
pub(super) fn figures(run: &mut Run) -> Result<()> {
    form(run, "", 1.0)?;
    let seconds = run.form(4, 2);
    let told =
        measured(run, &format!("--tcp --profile rate=8mbit,delay=10ms --seconds {seconds}"))?;
    within(run, "rate=8mbit, TCP", &told, "tcp.bits_per_second", (8e6, 0.05 * 8e6));
    tcp_meets_loss(run)?;
    if run.form(true, false) {
        // Between namespaces the rate is that of whole packets.
        form(run, "--tun ", WITH_HEADERS)?;
        run.tests("cargo test --release --locked -p biplane-link --test tun", 10)?;
    }
    Ok(())
}

/// Delay, rate and loss of one form; its rate counts `overhead` bytes for each that it carries.
fn form(run: &mut Run, form: &str, overhead: f64) -> Result<()> {
    let seconds = run.form(4, 1);
    let delays = [("delay=40ms", 40.0, 2.0), ("delay=5ms", 5.0, 1.0)];
    for (profile, wanted, slack) in delays.into_iter().take(run.form(2, 1)) {
        let line = format!("{form}--profile {profile} --per-second 200 --seconds {seconds}");
        let told = measured(run, &line)?;
        within(run, &format!("{form}{profile}"), &told, "udp.delay_ms.mean", (wanted, slack));
    }
    let line = format!(
        "{form}--profile rate=8mbit --size 1000 --per-second 2000 --seconds {}",
        run.form(4, 2)
    );
    let told = measured(run, &line)?;
    let rate = 8e6 / overhead;
    let label = format!("{form}rate=8mbit");
    within(run, &label, &told, "udp.bits_per_second", (rate, 0.05 * rate));
    for (profile, share) in
        [("loss=5%", 0.05), ("loss=0.5%", 0.005)].into_iter().take(run.form(2, 1))
    {
        let line = format!("{form}--profile {profile} --per-second 10000 --seconds {seconds}");
        let told = measured(run, &line)?;
        loss(run, &format!("{form}{profile}"), &told, share);
    }
    Ok(())
}

/// Mathis et al. 1997: segments of a Reno flow, 1.22 ÷ √p a round trip.
fn tcp_meets_loss(run: &mut Run) -> Result<()> {
    let seconds = run.form(20, 3);
    let told = measured(
        run,
        &format!(
            "--tun --tun-congestion reno --tcp --profile delay=20ms,loss=1% --seconds {seconds}"
        ),
    )?;
    let estimate = SEGMENT * 8.0 / 0.040 * 1.22 / 0.01_f64.sqrt();
    let got = document::at(&told, "tcp.bits_per_second");
    let name = "TCP at 1 % loss and a round trip of 40 ms: bits a second";
    run.judge(name, Wanted::AtLeast(estimate / 2.0), got.clone());
    run.judge(name, Wanted::AtMost(estimate * 2.0), got);
    Ok(())
}

/// A4.4: nothing is lost but by the model, which loses nothing.
pub(super) fn throughput(run: &mut Run) -> Result<()> {
    let seconds = run.form(10, 3);
    let told =
        measured(run, &format!("--profile delay=1ms --per-second 50000 --seconds {seconds}"))?;
    run.judge_at(&told, "udp.sent", Wanted::AtLeast(f64::from(seconds) * 50_000.0));
    let sent = document::at(&told, "udp.sent");
    run.judge_at(&told, "udp.received", Wanted::Exactly(sent));
    run.judge_at(&told, "udp.seconds", Wanted::AtMost(f64::from(seconds) * 1.02 + 0.1));
    // The relay is one thread: what it needs of a core is what it took in that time.
    run.judge_at(&told, "relay_cpu_seconds", Wanted::AtMost(f64::from(seconds)));
    Ok(())
}

/// A4.5: the command as the issue has it, on free ports.
pub(super) fn bots(run: &mut Run) -> Result<()> {
    let (serve_for, bots_for) = run.form((60, 30), (30, 5));
    let (server, link) = scene::serve(run, &format!("--listen 127.0.0.1:0 --for {serve_for}s"))?;
    let (relay, here) = scene::relay(run, &link.address, "--delay 40ms --jitter 15ms --loss 5%")?;
    let bots = run.finish(&scene::bots(&link.at(&here), 100, bots_for))?;
    let relay = run.terminate(relay)?;
    let server = run.terminate(server)?;
    let told = run.document("bots", &bots)?;
    run.judge_at(&told, "joined", Wanted::Exactly(100.into()));
    run.judge_at(&told, "disconnected", Wanted::Exactly(0.into()));
    run.judge_at(&told, "commands.lost", Wanted::Exactly(0.into()));
    run.judge_at(&told, "commands.duplicated", Wanted::Exactly(0.into()));
    let applied = document::share(&told, "inputs.applied", "inputs.sent");
    run.judge("inputs applied of sent", Wanted::AtLeast(0.99), applied);
    let told = run.document("relay", &relay)?;
    for way in ["up", "down"] {
        let lost =
            document::share(&told, &format!("{way}.udp.lost"), &format!("{way}.udp.received"));
        run.judge(format!("{way}: datagrams lost on the way"), Wanted::AtLeast(0.04), lost);
    }
    run.document("server", &server).map(drop)
}

/// A4.6: each by hand, and the tests of the command line beside.
pub(super) fn bad_starts(run: &mut Run) -> Result<()> {
    let line = "cargo test --release --locked -p biplane-cli --test command bad_starts";
    run.tests(line, 4).map(drop)
}

fn measured(run: &mut Run, flags: &str) -> Result<Value> {
    let told = run.finish(&format!("{MEASURE} {flags}"))?;
    run.document(flags, &told)
}

fn within(run: &mut Run, label: &str, told: &Value, path: &str, (wanted, slack): (f64, f64)) {
    let got = document::at(told, path);
    run.judge(format!("{label}: {path}"), Wanted::AtLeast(wanted - slack), got.clone());
    run.judge(format!("{label}: {path}"), Wanted::AtMost(wanted + slack), got);
}

/// Within three standard errors of a binomial share.
fn loss(run: &mut Run, label: &str, told: &Value, share: f64) {
    let count = |path| document::at(told, path).as_f64();
    let lost = count("udp.sent").zip(count("udp.received")).map(|(sent, came)| sent - came);
    let sent = count("udp.sent").unwrap_or(0.0);
    let slack = 3.0 * (sent * share * (1.0 - share)).sqrt();
    let name = format!("{label}: datagrams that did not come");
    run.judge(name.clone(), Wanted::AtLeast(sent * share - slack), lost);
    run.judge(name, Wanted::AtMost(sent * share + slack), lost);
}
