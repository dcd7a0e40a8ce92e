//! The matrix as a table that reads well on a terminal and in Markdown.

use biplane_net::doctor::Cell;
use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};

use super::words::thousands;

const HEADER: [&str; 11] = [
    "receivers",
    "senders",
    "sockets",
    "datagrams/s",
    "CPU ns",
    "torn",
    "twice",
    "lost",
    "out of order",
    "worst",
    "fairness",
];

/// A row for each cell.
pub(super) fn matrix(cells: &[Cell]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(HEADER);
    table.add_rows(cells.iter().map(row));
    table.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

fn row(cell: &Cell) -> [String; HEADER.len()] {
    let counts = &cell.counts;
    let sockets =
        if cell.reuseport { format!("{} (reuseport)", cell.receivers) } else { "1".into() };
    [
        cell.receivers.to_string(),
        cell.senders.to_string(),
        sockets,
        thousands(cell.datagrams_per_second),
        cell.cpu_ns_per_datagram.map_or_else(|| "–".into(), thousands),
        counts.torn.to_string(),
        counts.duplicated.to_string(),
        counts.lost.to_string(),
        format!("{:.2} %", counts.reordered_percent()),
        counts.worst_displacement.to_string(),
        format!("{:.2}", cell.fairness()),
    ]
}
