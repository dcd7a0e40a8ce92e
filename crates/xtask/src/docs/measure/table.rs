//! Figures as tables of a page.

use serde_json::Value;

/// What stands for a figure that there is not.
const NONE: &str = "–";

/// A table of each comparison that `biplane-bench all --json` prints, by workload.
pub(super) fn of_comparisons(document: &Value) -> Vec<(String, String)> {
    let all = document.as_array().into_iter().flatten();
    all.map(|one| (text(one, "/workload"), of_comparison(one))).collect()
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
    for row in rows {
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
    table
}

/// The matrix of `biplane doctor --json`.
pub(super) fn of_doctor(document: &Value) -> Vec<(String, String)> {
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
    vec![("doctor".to_owned(), table)]
}

fn list<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    value.pointer(path).and_then(Value::as_array).into_iter().flatten().collect()
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
        assert_eq!(name, "echo");
        let row = "| biplane | yes | 82.2 | 80 – 1,234 | – | 100.00 % | 82.2 / 300 | \
                   1,000 / 2,000 | 5 / 50 |";
        assert!(table.contains(row), "{table}");
        assert!(table.contains("| raw | no | – | – | 2.06 | – | – | – | – |"), "{table}");
        assert!(table.contains("Medians of 5 rounds of 2 s; clients: 1;"), "{table}");
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
        assert!(told.first().unwrap().1.contains(wanted), "{told:?}");
    }
}
