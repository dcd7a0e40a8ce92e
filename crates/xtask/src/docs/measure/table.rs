//! Figures as tables of a page.

use serde_json::Value;

/// What stands for a figure that there is not.
const NONE: &str = "–";

/// Below this share of what was due a row did less work than the others.
const OFFERED: f64 = 0.99;

/// A table by its name, or why there is none.
pub(super) type Named = (String, Result<String, String>);

/// A table of each comparison that `biplane-bench all --json` prints, by workload; none where a row
/// of Biplane's has a round without figures, or broke what it promises.
pub(super) fn of_comparisons(document: &Value) -> Vec<Named> {
    let all = document.as_array().into_iter().flatten();
    let table = |one: &Value| match refusal(one) {
        Some(why) => Err(why),
        None => Ok(of_comparison(one)),
    };
    all.map(|one| (text(one, "/workload"), table(one))).collect()
}

/// Why a comparison makes no table.
fn refusal(comparison: &Value) -> Option<String> {
    let is_own = |row: &&Value| text(row, "/system").starts_with("biplane");
    let faults = |row: &Value| {
        let lines = lines(row, "/failed").into_iter().chain(lines(row, "/broken"));
        lines.map(|line| format!("{}: {line}", text(row, "/system"))).collect::<Vec<_>>()
    };
    let all: Vec<_> =
        list(comparison, "/rows").into_iter().filter(is_own).flat_map(faults).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn of_comparison(comparison: &Value) -> String {
    let rows = list(comparison, "/rows");
    let unit = rows.first().map(|row| text(row, "/unit")).unwrap_or_default();
    let compared =
        if text(comparison, "/workload") == "receivers" { "÷ 1 receiver" } else { "Biplane ÷" };
    let mut table = format!(
        "| system | encrypted | {unit} | min – max | {compared} | delivered | p50 / p99, µs | \
         CPU, ns a message | busy |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n"
    );
    for row in &rows {
        let system = text(row, "/system");
        let ratio = comparison.get("ratios").and_then(|ratios| ratios.get(&system)?.as_f64());
        let encrypted = if row.get("encrypted") == Some(&Value::Bool(true)) { "yes" } else { "no" };
        let cells = [
            system,
            encrypted.to_owned(),
            figure(row, "/median", 1.0),
            pair(row, ["/min", "/max"], 1.0, " – "),
            ratio.map_or_else(|| NONE.to_owned(), |ratio| format!("{ratio:.2}")),
            number(row, "/delivered_share")
                .map_or_else(|| NONE.to_owned(), |share| format!("{:.2} %", share * 100.0)),
            pair(row, ["/latency_us/p50", "/latency_us/p99"], 1.0, " / "),
            pair(row, ["/cpu_ns_per_message/client", "/cpu_ns_per_message/server"], 1.0, " / "),
            pair(row, ["/busy/client", "/busy/server"], 100.0, " / "),
        ];
        table.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    let clients = number(comparison, "/clients").unwrap_or_default();
    let rounds = number(comparison, "/rounds").unwrap_or_default();
    let seconds = number(comparison, "/seconds").unwrap_or_default();
    table.push_str(&format!(
        "\nMedians of {rounds} rounds of {seconds} s; clients: {}; CPU and busy (in percent): \
         clients' process / server's.\n",
        grouped(clients)
    ));
    if unit == "messages/s" || unit == "MB/s" {
        table.push_str(
            "A process that does not sleep, as those of tuned peers, spends what it does not need \
             on looking again: its processor time a message includes that.\n",
        );
    }
    let notes: String = rows.iter().flat_map(|row| notes(row, rounds)).collect();
    if !notes.is_empty() {
        table.push_str(&format!("\n{notes}"));
    }
    table
}

/// What a reader has to know of a row beside its figures, a line each.
fn notes(row: &Value, rounds: f64) -> Vec<String> {
    let failed = lines(row, "/failed");
    let first =
        failed.first().map(|why| format!("{} of {rounds} rounds failed: {why}", failed.len()));
    let broken = lines(row, "/broken").into_iter().map(|line| format!("did not hold: {line}"));
    let offered = number(row, "/offered_share").filter(|share| *share < OFFERED);
    let offered = offered.map(|share| format!("sent {:.0} % of what was due", share * 100.0));
    let limit = row.pointer("/limit").and_then(Value::as_str);
    let limit = limit.map(|limit| format!("limited: {limit}"));
    let all = first.into_iter().chain(broken).chain(offered).chain(limit);
    all.map(|note| format!("- `{}`: {note}\n", text(row, "/system"))).collect()
}

/// The matrix of `biplane doctor --json`.
pub(super) fn of_doctor(document: &Value) -> Vec<Named> {
    let mut table =
        "| receivers | senders | SO_REUSEPORT | datagrams/s | CPU, ns a datagram | torn | \
                     twice | lost | out of order | worst | fairness |\n\
                     |--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
            .to_owned();
    for row in list(document, "/matrix") {
        let reuseport = row.get("reuseport") == Some(&Value::Bool(true));
        let cells = [
            figure(row, "/receivers", 1.0),
            figure(row, "/senders", 1.0),
            if reuseport { "yes" } else { "no" }.to_owned(),
            figure(row, "/datagrams_per_second", 1.0),
            figure(row, "/cpu_ns_per_datagram", 1.0),
            figure(row, "/torn", 1.0),
            figure(row, "/duplicated", 1.0),
            figure(row, "/lost", 1.0),
            number(row, "/reordered_percent")
                .map_or_else(|| NONE.to_owned(), |percent| format!("{percent:.2} %")),
            figure(row, "/worst_displacement", 1.0),
            number(row, "/fairness")
                .map_or_else(|| NONE.to_owned(), |fairness| format!("{fairness:.2}")),
        ];
        table.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    vec![("doctor".to_owned(), Ok(table))]
}

fn list<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    value.pointer(path).and_then(Value::as_array).into_iter().flatten().collect()
}

/// The lines of a list of them.
fn lines<'a>(value: &'a Value, path: &str) -> Vec<&'a str> {
    list(value, path).into_iter().filter_map(Value::as_str).collect()
}

fn text(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).unwrap_or(NONE).to_owned()
}

fn number(value: &Value, path: &str) -> Option<f64> {
    value.pointer(path).and_then(Value::as_f64)
}

fn figure(value: &Value, path: &str, times: f64) -> String {
    number(value, path).map_or_else(|| NONE.to_owned(), |figure| grouped(figure * times))
}

fn pair(value: &Value, [first, second]: [&str; 2], times: f64, between: &str) -> String {
    if number(value, first).is_none() {
        return NONE.to_owned();
    }
    format!("{}{between}{}", figure(value, first, times), figure(value, second, times))
}

/// Three figures at least, and commas between thousands.
fn grouped(figure: f64) -> String {
    if figure.fract().abs() > 0.0 && figure.abs() < 100.0 {
        return format!("{figure:.*}", if figure.abs() < 10.0 { 2 } else { 1 });
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_comparison_is_a_table_with_what_there_is() {
        let document = json!([{
            "workload": "echo", "clients": 1, "rounds": 5, "seconds": 2.0,
            "rows": [
                {"system": "biplane", "encrypted": true, "unit": "µs", "median": 82.25, "min": 80.0,
                 "max": 1234.0, "delivered_share": 1.0, "latency_us": {"p50": 82.25, "p99": 300.0},
                 "cpu_ns_per_message": {"client": 1000.0, "server": 2000.0},
                 "busy": {"client": 0.05, "server": 0.5}},
                {"system": "raw", "encrypted": false, "unit": "µs", "median": null},
            ],
            "ratios": {"raw": 2.056},
        }]);
        let told = of_comparisons(&document);
        let (name, table) = told.first().unwrap();
        let table = table.as_ref().unwrap();
        assert_eq!(name, "echo");
        let row = "| biplane | yes | 82.2 | 80 – 1,234 | – | 100.00 % | 82.2 / 300 | \
                   1,000 / 2,000 | 5 / 50 |";
        assert!(table.contains(row), "{table}");
        assert!(table.contains("| raw | no | – | – | 2.06 | – | – | – | – |"), "{table}");
        assert!(table.contains("Medians of 5 rounds of 2 s; clients: 1;"), "{table}");
    }

    #[test]
    fn a_reader_learns_of_rounds_that_failed_and_of_work_that_was_not_done() {
        let peer = json!({
            "system": "renet", "failed": ["it left"], "broken": ["2 clients left"],
            "offered_share": 0.53, "limit": "a tick",
        });
        let own = json!({"system": "biplane", "failed": [], "broken": [], "offered_share": 0.995});
        let document = json!([{"workload": "game", "rounds": 3, "rows": [own, peer]}]);
        let told = of_comparisons(&document);
        let (_, table) = told.first().unwrap();
        let wanted = "\n\n- `renet`: 1 of 3 rounds failed: it left\n\
                      - `renet`: did not hold: 2 clients left\n\
                      - `renet`: sent 53 % of what was due\n\
                      - `renet`: limited: a tick\n";
        assert!(table.as_ref().unwrap().ends_with(wanted), "{told:?}");
    }

    #[test]
    fn what_biplane_did_not_keep_makes_no_table() {
        for key in ["failed", "broken"] {
            let row = json!({"system": "biplane inline", key: ["2 clients left"]});
            let told = of_comparisons(&json!([{"workload": "game", "rows": [row]}]));
            let refused = Err("biplane inline: 2 clients left".to_owned());
            assert_eq!(told, [("game".to_owned(), refused)]);
        }
    }

    #[test]
    fn the_doctor_s_matrix_is_a_table() {
        let row = json!({
            "receivers": 2, "senders": 1, "reuseport": false, "datagrams_per_second": 412_345.6,
            "cpu_ns_per_datagram": 2300, "torn": 0, "duplicated": 0, "lost": 0,
            "reordered_percent": 1.234, "worst_displacement": 812, "fairness": 0.91,
        });
        let told = of_doctor(&json!({"matrix": [row]}));
        let wanted = "| 2 | 1 | no | 412,346 | 2,300 | 0 | 0 | 0 | 1.23 % | 812 | 0.91 |";
        assert!(told.first().unwrap().1.as_ref().unwrap().contains(wanted), "{told:?}");
    }
}
