//! A comparison in words.

use std::fmt::Write as _;

use crate::{
    compare::Comparison,
    row::{Both, Row, Who},
};

/// Below this share of what was due a row did less work than the others.
const OFFERED: f64 = 0.99;

/// What stands for a figure that there is not.
const NONE: &str = "–";

const HEADS: [&str; 9] = [
    "system",
    "median",
    "min",
    "max",
    "biplane ÷",
    "delivered",
    "p50 / p99 µs",
    "CPU ns/message",
    "busy %",
];

/// The place of the ratio among them.
const RATIO: usize = 4;

/// A heading, a line a row, and what is to be known besides.
pub(crate) fn of(comparison: &Comparison) -> String {
    let Comparison { workload, rounds, seconds, clients, rows, ratios, left_out } = comparison;
    let unit = workload.unit();
    let better = if unit.is_more_better() { "more" } else { "less" };
    let mut heads = HEADS.map(str::to_owned);
    if !workload.receivers().is_empty() {
        heads[RATIO] = "÷ 1 receiver".to_owned();
    }
    let mut lines = vec![heads];
    lines.extend(rows.iter().map(|row| cells(row, ratios.get(&row.who.system).copied())));
    let mut text = format!(
        "{}: {}\n{} · {better} is better · {rounds} round{} of {} s · {clients} client{}\n\n",
        workload.name(),
        workload.meaning(),
        unit.name(),
        plural((*rounds).into()),
        seconds.as_secs_f64(),
        plural(*clients),
    );
    text.push_str(&aligned(&lines));
    text.push('\n');
    for row in rows {
        let Who { system, version, encrypted, settings } = &row.who;
        let encrypted = if *encrypted { "encrypted" } else { "not encrypted" };
        // Writing to a string does not fail.
        writeln!(text, "{system}: {version}, {encrypted}; {settings}").ok();
        let limit = row.cost.limit.map(|limit| format!("limited: {limit}"));
        let offered = row.arrival.offered_share.filter(|share| *share < OFFERED);
        let offered = offered.map(|share| format!("sent: {:.0} % of what was due", share * 100.0));
        let broken = row.broken.iter().map(|line| format!("did not hold: {line}"));
        let failed = row.failed.iter().map(|line| format!("a run failed: {line}"));
        for line in offered.into_iter().chain(limit).chain(broken).chain(failed) {
            writeln!(text, "    {line}").ok();
        }
    }
    for out in left_out {
        writeln!(text, "{}: left out, {}", out.system, out.reason).ok();
    }
    text.push('\n');
    text
}

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn cells(row: &Row, ratio: Option<f64>) -> [String; 9] {
    let decimals = row.figure.unit.decimals();
    let figure = |figure: Option<f64>| or_none(figure.map(|figure| grouped(figure, decimals)));
    let both = |both: Option<Both>, times: f64| {
        let told = |one: f64| grouped(one * times, 0);
        or_none(both.map(|both| format!("{} / {}", told(both.client), told(both.server))))
    };
    let latency =
        row.arrival.latency_us.map(|us| format!("{} / {}", grouped(us.p50, 0), grouped(us.p99, 0)));
    [
        row.who.system.clone(),
        figure(row.figure.median),
        figure(row.figure.min),
        figure(row.figure.max),
        or_none(ratio.map(|ratio| format!("{ratio:.2}"))),
        or_none(row.arrival.delivered_share.map(|share| format!("{:.2} %", share * 100.0))),
        or_none(latency),
        both(row.cost.cpu_ns_per_message, 1.0),
        both(row.cost.busy, 100.0),
    ]
}

fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| NONE.to_owned())
}

/// With commas between thousands.
pub(crate) fn grouped(figure: f64, decimals: usize) -> String {
    let plain = format!("{figure:.decimals$}");
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let digits: Vec<char> = whole.chars().collect();
    let mut text = String::new();
    for (index, digit) in digits.iter().enumerate() {
        let behind = digits.len() - index;
        if index > 0 && behind.is_multiple_of(3) && digits[index - 1].is_ascii_digit() {
            text.push(',');
        }
        text.push(*digit);
    }
    text + rest
}

/// The first column to the left, the others to the right.
fn aligned(lines: &[[String; 9]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<_> = (0..HEADS.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        for (figure, decimals, told) in [
            (0.5, 2, "0.50"),
            (999.0, 0, "999"),
            (1000.0, 0, "1,000"),
            (1_234_567.8, 1, "1,234,567.8"),
            (-1000.0, 0, "-1,000"),
        ] {
            assert_eq!(grouped(figure, decimals), told);
        }
    }
}
