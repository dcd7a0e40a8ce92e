//! The verdict in words: what it means that this was found, and what to do.

use std::fmt::Write;

use biplane_net::doctor::{
    Buffer, Buffers, Counts, Examination, Offload, Quantiles, Reason, Soundness, Symptom, Trial,
};

use super::{
    findings::{Findings, THREADING, micros, name_of},
    table,
};

/// A timer that is later than this spoils a tick of 60 Hz.
const LATE_US: f64 = 2_000.0;

/// All that is told of `findings`.
pub(super) fn told(findings: &Findings) -> String {
    let found = &findings.found;
    let mut parts = Vec::new();
    if !found.matrix.is_empty() {
        parts.push(table::matrix(&found.matrix).to_string());
    }
    parts.push(system(findings));
    parts.push(verdict(findings).join("\n"));
    parts.push(recommendation(findings));
    let warnings = warnings(found);
    if !warnings.is_empty() {
        parts.push(warnings.join("\n"));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

/// Whether it is sound, and each fault by its name.
pub(super) fn verdict(findings: &Findings) -> Vec<String> {
    let found = &findings.found;
    let mut lines = Vec::new();
    if !findings.is_complete() {
        lines.push("Not complete: it was ended early, and this is what was known.".into());
    }
    lines.push(soundness(found));
    let totals = found.totals();
    lines.extend(found.symptoms().into_iter().filter_map(|symptom| fault(symptom, &totals)));
    if totals.reordered > 0 {
        lines.push(format!(
            "Out of order: {:.2} % came after a later one of their sender's, by {} at the most. With \
             several readers that is how it has to be, and Biplane puts in order what must be in order.",
            totals.reordered_percent(),
            thousands(totals.worst_displacement as f64)
        ));
    }
    lines
}

fn soundness(found: &Examination) -> String {
    match found.soundness() {
        Soundness::Sound => format!(
            "Sound: of {} datagrams none was torn and none came twice, with up to 4 threads receiving \
             and 4 sending at a time.",
            thousands(found.totals().sent as f64)
        ),
        Soundness::Unsound => {
            "Unsound: parallel calls on one UDP socket cannot be trusted here.".into()
        }
        _ => format!("Not shown to be sound: {}", unseen(found)),
    }
}

/// What was not seen, so that nothing follows of parallel calls.
fn unseen(found: &Examination) -> String {
    let (silent, of) = (found.silent_cells(), found.matrix.len());
    if of == 0 {
        "nothing was sent, so nothing is known of parallel calls.".into()
    } else if silent > 0 {
        format!(
            "in {silent} of {of} runs no datagram came; does a firewall bar UDP on loopback (127.0.0.1)?"
        )
    } else {
        format!("after {of} runs the examination was ended.")
    }
}

fn fault(symptom: Symptom, totals: &Counts) -> Option<String> {
    match symptom {
        Symptom::Torn => Some(format!(
            "Torn: {} came with bytes that nobody sent together. No UDP may do that.",
            datagrams(totals.torn)
        )),
        Symptom::Duplicated => Some(format!(
            "Duplicated: {} came twice, though sent once and on one machine.",
            datagrams(totals.duplicated)
        )),
        Symptom::Lost => Some(format!(
            "Lost: {} did not come, though there was room. UDP may do that; Biplane repairs what has \
             to come.",
            datagrams(totals.lost)
        )),
        Symptom::Reordered => Some(format!(
            "Reordered: {} came after a later one to the same reader. UDP may do that.",
            datagrams(totals.reordered_within_reader)
        )),
        _ => None,
    }
}

fn datagrams(count: u64) -> String {
    if count == 1 { "1 datagram".into() } else { format!("{} datagrams", thousands(count as f64)) }
}

/// A line each of what surrounds the sockets.
fn system(findings: &Findings) -> String {
    let Findings { found, seals, .. } = findings;
    let mut lines = String::new();
    // Writing to a string does not fail.
    if let Some(offload) = found.offload {
        writeln!(lines, "{}", offloaded(offload)).ok();
    }
    if let Some(Buffers { receive, send, drop_counter }) = found.buffers {
        writeln!(lines, "receive buffer   {}", granted(receive)).ok();
        writeln!(lines, "send buffer      {}", granted(send)).ok();
        let counted = drop_counter.counted.map_or_else(|| "no count".into(), |n| n.to_string());
        writeln!(lines, "kernel's drops   {} dropped, {counted} told", drop_counter.dropped).ok();
    }
    for reach in &found.reach {
        let (v4, v6) = (tried(reach.multicast_v4), tried(reach.multicast_v6));
        let (name, all) = (&reach.name, tried(reach.broadcast));
        writeln!(lines, "{name:<16} multicast IPv4 {v4}, IPv6 {v6}; broadcast {all}").ok();
    }
    for (name, times) in [("timer jitter", found.timing.jitter), ("wake-up", found.timing.wakeup)] {
        if let Some(Quantiles { p50, p99 }) = times {
            let (p50, p99) = (micros(p50), micros(p99));
            writeln!(lines, "{name:<16} {p50:.0} µs, in the worst per cent {p99:.0} µs").ok();
        }
    }
    for cost in seals {
        let (seal, open) = (cost.seal.as_nanos(), cost.open.as_nanos());
        let (name, size) = (name_of(cost.aead), cost.size);
        writeln!(lines, "{name:<17}{size:>5} B: {seal} ns to seal, {open} ns to open").ok();
    }
    lines.trim_end().to_owned()
}

fn tried(trial: Trial) -> String {
    match trial {
        Trial::Came => "yes".into(),
        Trial::NotTried { why } => format!("not tried ({why})"),
        _ => "no".into(),
    }
}

fn offloaded(Offload { gso_segments, gro_segments, datagrams_per_second, .. }: Offload) -> String {
    format!(
        "offload          {gso_segments} datagrams a send (GSO), {gro_segments} a receive (GRO): {} \
         datagrams/s of 1,000 bytes",
        thousands(datagrams_per_second)
    )
}

fn granted(buffer: Buffer) -> String {
    let most = buffer.ceiling.map(|most| format!(", at most {most} may be asked for"));
    let (asked, allowed) = (buffer.asked, buffer.allowed());
    format!("{asked} bytes asked, {allowed} granted{}", most.unwrap_or_default())
}

/// The recommended configuration, and why.
fn recommendation(findings: &Findings) -> String {
    let workers = &findings.workers;
    let (receivers, senders) = (workers.receivers, workers.senders);
    let reason = match workers.reason {
        Reason::Unsound => "parallel calls are not sound here, so one thread a direction".into(),
        Reason::Enough { per_second, fastest } => format!(
            "they move {} datagrams a second, the fastest with no more threads than cores {}",
            thousands(per_second),
            thousands(fastest)
        ),
        _ => "too little was measured to choose by".into(),
    };
    let mut told = format!(
        "Recommended: threading {THREADING}, receivers {receivers}, senders {senders}: {reason}."
    );
    if let Some(cheapest) = findings.cheapest() {
        let ns = (cheapest.seal + cheapest.open).as_nanos();
        let (name, size) = (name_of(cheapest.aead), cheapest.size);
        write!(told, "\nAEAD {name}: the cheapest here, {ns} ns to seal and open {size} bytes.")
            .ok();
    }
    told
}

/// What could be better, each with what mends it.
fn warnings(found: &Examination) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(buffers) = found.buffers {
        let (rmem, wmem) = ("net.core.rmem_max", "net.core.wmem_max");
        all.extend(small(buffers.receive, "to be read", rmem));
        all.extend(small(buffers.send, "to be sent", wmem));
        if !buffers.drop_counter.is_right() {
            all.push("Warning: the kernel does not tell, or not rightly, how many datagrams it drops: kernel_dropped cannot be trusted.".into());
        }
    }
    if found.offload.is_some_and(|offload| offload.gso_segments <= 1) {
        all.push("Warning: no segmentation offload (GSO): every datagram costs a system call. It needs Linux 4.18 and checksums in hardware (`ethtool -K DEVICE tx on`).".into());
    }
    // Loopback comes first, and has no route for IPv6 groups on Linux: nothing to mend.
    for reach in found.reach.iter().skip(1) {
        let missing = [
            (reach.multicast_v4, "multicast over IPv4"),
            (reach.multicast_v6, "multicast over IPv6"),
            (reach.broadcast, "broadcast"),
        ];
        let missing = missing.into_iter().filter(|(trial, _)| *trial == Trial::DidNotCome);
        let missing: Vec<_> = missing.map(|(_, what)| what).collect();
        if !missing.is_empty() {
            all.push(format!("Warning: {} does not carry {}.", reach.name, missing.join(", ")));
        }
    }
    if let Some(jitter) = found.timing.jitter.filter(|jitter| micros(jitter.p99) > LATE_US) {
        let late = micros(jitter.p99) / 1e3;
        all.push(format!("Warning: timers are up to {late:.1} ms late, a part of every tick: this machine is busy, or a guest that waits for its host."));
    }
    all
}

fn small(buffer: Buffer, what: &str, setting: &str) -> Option<String> {
    buffer.is_small().then(|| {
        format!(
            "Warning: datagrams that wait {what} have {} bytes of room, {} were asked for: bursts are \
             lost. As root: sysctl -w {setting}={}",
            buffer.allowed(), buffer.asked, buffer.asked
        )
    })
}

/// A whole number, its thousands apart.
pub(super) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use biplane_net::doctor::Reach;

    use super::*;

    #[test]
    fn numbers_are_written_in_thousands() {
        for (number, told) in [(0.4, "0"), (999.0, "999"), (1_000.0, "1,000"), (1e6, "1,000,000")] {
            assert_eq!(thousands(number), told);
        }
    }

    #[test]
    fn a_small_buffer_is_told_with_what_mends_it() {
        let buffer = Buffer { asked: 8_388_608, granted: 425_984, ceiling: Some(212_992) };
        let told = small(buffer, "to be read", "net.core.rmem_max").unwrap();
        assert!(told.ends_with("sysctl -w net.core.rmem_max=8388608"), "{told}");
        assert_eq!(small(Buffer { granted: 16_777_216, ..buffer }, "", ""), None);
    }

    #[test]
    fn what_was_not_examined_is_not_judged() {
        let findings = Findings::of(Examination::default(), Vec::new());
        let told = told(&findings);
        assert!(told.starts_with("Not complete"), "{told}");
        assert!(told.contains("nothing is known") && !told.contains("Sound"), "{told}");
        assert!(told.contains("receivers 1, senders 1: too little was measured"), "{told}");
    }

    #[test]
    fn an_interface_that_may_not_be_tried_is_not_blamed() {
        let why = std::io::ErrorKind::PermissionDenied;
        let lo = Reach {
            name: "lo".into(),
            multicast_v4: Trial::Came,
            multicast_v6: Trial::DidNotCome,
            broadcast: Trial::Came,
        };
        let eth = Reach { name: "eth0".into(), broadcast: Trial::NotTried { why }, ..lo.clone() };
        let found = Examination { reach: vec![lo, eth], ..Examination::default() };
        let told = told(&Findings::of(found, Vec::new()));
        assert!(told.contains("broadcast not tried (permission denied)"), "{told}");
        assert!(told.contains("Warning: eth0 does not carry multicast over IPv6."), "{told}");
    }
}
