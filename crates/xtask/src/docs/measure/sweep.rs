//! How cost grows: a workload at several numbers of clients, or sizes of message, as a table and as a
//! drawing.

use std::{error::Error, fs};

use anyhow::{Context as _, Result, anyhow};
use plotters::{
    chart::SeriesLabelPosition,
    coord::combinators::{BindKeyPoints as _, IntoLogRange as _},
    element::Circle,
    prelude::{ChartBuilder, IntoDrawingArea as _, SVGBackend},
    series::LineSeries,
    style::{Color as _, RGBColor, WHITE},
};
use serde_json::Value;

use super::run;
use crate::place;

const SIZE: (u32, u32) = (840, 420);
const FONT: &str = "sans-serif";
/// Each series' name in the JSON, and its colour: two that also those tell apart who see no red or no
/// green.
const SERIES: [(&str, RGBColor); 2] =
    [("server", RGBColor(0x99, 0x33, 0x11)), ("client", RGBColor(0x2f, 0x6f, 0xb0))];

/// One drawing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweep {
    /// Of the table's markers, and of the drawing's file.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What a reader types before each value.
    pub(super) command: &'static str,
    pub(super) axis: &'static str,
    pub(super) values: &'static [u32],
}

pub(super) const ALL: [Sweep; 2] = [
    Sweep {
        name: "cost-by-clients",
        title: "A match: processor time a message",
        command: "target/release/biplane bench game --seconds 3 --json --clients",
        axis: "clients",
        values: &[10, 30, 100, 300, 1_000],
    },
    Sweep {
        name: "cost-by-size",
        title: "An unreliable flow: processor time a message",
        command: "target/release/biplane bench unreliable --seconds 2 --json --size",
        axis: "bytes a message",
        values: &[32, 64, 256, 1_024, 4_096, 16_384],
    },
];

/// One run: the value, and the µs of processor time that a message costs each series.
type Row = (u32, [f64; 2]);

impl Sweep {
    /// Runs it, draws it, and returns its table.
    pub(super) fn measure(&self) -> Result<String> {
        let rows = self.values.iter().map(|value| self.at(*value)).collect::<Result<Vec<Row>>>()?;
        let folder = place::root().join("docs/plots");
        fs::create_dir_all(&folder)?;
        let mut svg = String::new();
        self.draw(&mut svg, &rows).map_err(|error| anyhow!("{}: {error}", self.name))?;
        let file = folder.join(self.name).with_extension("svg");
        fs::write(&file, svg).with_context(|| file.display().to_string())?;
        Ok(self.table(&rows))
    }

    fn at(&self, value: u32) -> Result<Row> {
        let told: Value = serde_json::from_str(&run(&format!("{} {value}", self.command))?)?;
        let cost = |series: &str| {
            let cost = told.pointer(&format!("/cpu_ns_per_message/{series}"));
            cost.and_then(Value::as_f64).map(|ns| ns / 1_000.0)
        };
        let [server, client] = SERIES.map(|(series, _)| cost(series));
        let costs = server.zip(client).with_context(|| format!("{} {value}", self.command))?;
        Ok((value, [costs.0, costs.1]))
    }

    fn table(&self, rows: &[Row]) -> String {
        let head = format!(
            "| {} | µs of the server's process | µs of the clients' process |\n|--:|--:|--:|\n",
            self.axis
        );
        let row =
            |(value, [server, client]): &Row| format!("| {value} | {server:.2} | {client:.2} |\n");
        head + &rows.iter().map(row).collect::<String>()
    }

    fn draw(&self, svg: &mut String, rows: &[Row]) -> Result<(), Box<dyn Error>> {
        let [Some(first), Some(last)] = [self.values.first(), self.values.last()] else {
            return Ok(());
        };
        let top = rows.iter().flat_map(|(_, costs)| costs).fold(0.0, |a: f64, b| a.max(*b)) * 1.1;
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let across = (f64::from(*first) * 0.9..f64::from(*last) * 1.1).log_scale();
        let ticks = self.values.iter().copied().map(f64::from).collect();
        let mut chart = ChartBuilder::on(&root)
            .caption(self.title, (FONT, 20))
            .margin(18)
            .x_label_area_size(52)
            .y_label_area_size(64)
            .build_cartesian_2d(across.with_key_points(ticks), 0.0..top)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .label_style((FONT, 14))
            .axis_desc_style((FONT, 15))
            .x_desc(format!("{} (logarithmic)", self.axis))
            .y_desc("µs a message")
            .x_label_formatter(&|value| format!("{value:.0}"))
            .y_label_formatter(&|value| format!("{value:.0}"))
            .draw()?;
        let lines = [points(rows, |[server, _]| server), points(rows, |[_, client]| client)];
        for ((name, colour), points) in SERIES.into_iter().zip(lines) {
            let dots = points.iter().map(|point| Circle::new(*point, 4, colour.filled()));
            chart.draw_series(dots)?;
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
                .label(name)
                .legend(move |(x, y)| Circle::new((x + 10, y), 4, colour.filled()));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperMiddle)
            .label_font((FONT, 14))
            .border_style(WHITE)
            .draw()?;
        root.present()?;
        Ok(())
    }
}

fn points(rows: &[Row], of: impl Fn([f64; 2]) -> f64) -> Vec<(f64, f64)> {
    rows.iter().map(|(value, costs)| (f64::from(*value), of(*costs))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_becomes_a_table_and_a_drawing_with_its_words() {
        let rows = [(10, [1.5, 2.0]), (1_000, [3.0, 2.5])];
        let sweep = Sweep { values: &[10, 1_000], ..ALL[0] };
        assert_eq!(sweep.table(&rows).lines().last(), Some("| 1000 | 3.00 | 2.50 |"));
        let mut svg = String::new();
        sweep.draw(&mut svg, &rows).unwrap();
        for words in [sweep.title, "clients (logarithmic)", "server", "client"] {
            assert!(svg.contains(words), "{words}");
        }
    }
}
