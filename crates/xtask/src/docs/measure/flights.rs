//! What becomes of a hundred bots while nothing is wrong, while UDP is blocked, and while TCP is
//! killed: a table of the price, and a drawing of each loss second by second.

use std::{error::Error, fs, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use plotters::{
    chart::SeriesLabelPosition,
    element::Rectangle,
    prelude::{ChartBuilder, IntoDrawingArea as _, SVGBackend},
    series::LineSeries,
    style::{Color as _, RGBColor, WHITE},
};
use serde_json::Value;

use super::machine;
use crate::child::{Invocation, Running, deadline_in};
use crate::place;
use crate::scene::{self, JOIN, Link, RELAYS};

/// Of the table's markers, and the beginning of the drawings' names.
pub(super) const NAME: &str = "planes";
pub(super) const BUILDS: [&str; 2] = [scene::LOBBY, scene::CLI];

const SIZE: (u32, u32) = (840, 420);
const FONT: &str = "sans-serif";
const BOTS: u32 = 100;
const SECONDS: u32 = 30;
/// One run with its start and its end.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The top of the axis of snapshots.
const TOP_HZ: f64 = 30.0;

/// One run: what is done to the network.
#[derive(Clone, Copy, Debug)]
struct Flight {
    title: &'static str,
    /// For `biplane link`.
    flags: &'static str,
    /// Of the drawing, if there is one.
    file: Option<&'static str>,
}

const FLIGHTS: [Flight; 4] = [
    Flight { title: "nothing", flags: "", file: None },
    Flight { title: "UDP blocked throughout", flags: "--block-udp", file: None },
    Flight {
        title: "UDP blocked from 5 to 15 s",
        flags: "--block-udp --after 5s --for 10s",
        file: Some("planes-udp-blocked"),
    },
    Flight {
        title: "TCP killed every 7 s",
        flags: "--kill-tcp-every 7s",
        file: Some("planes-tcp-killed"),
    },
];

/// What bots fly on when not on both, as the timeline names it, in words, and its colour.
const FALLEN: [(&str, &str, RGBColor); 3] = [
    ("control_only", "bots on TCP alone", RGBColor(0xd9, 0xa4, 0x41)),
    ("data_only", "bots on UDP alone", RGBColor(0x7f, 0xb0, 0x8a)),
    ("lost", "bots on neither", RGBColor(0x8a, 0x8a, 0x8a)),
];
const RATE: RGBColor = RGBColor(0x2f, 0x6f, 0xb0);

/// Runs all flights, draws, and returns the table with its drawings.
///
/// # Errors
///
/// If one of them cannot be run, or does not tell what it should.
pub(super) fn measure() -> Result<String> {
    let mut rows = String::new();
    let mut drawings = String::new();
    for flight in FLIGHTS {
        let (bots, server) = flight.fly().with_context(|| flight.title)?;
        rows.push_str(&row(flight.title, &bots, &server).with_context(|| flight.title)?);
        if let Some(file) = flight.file {
            flight.draw_into(file, &bots)?;
            drawings.push_str(&format!("\n![{}](plots/{file}.svg)\n", flight.title));
        }
    }
    Ok(format!(
        "| what is wrong | snapshots a second | gap p99 / longest, ms | bytes up / down | \
         server, % of a processor | resumes |\n|---|--:|--:|--:|--:|--:|\n{rows}\n\
         Bytes are those of both planes, per bot and second, without the headers of IP, UDP, TCP \
         and TLS.\n\
         In the drawings a bot counts in each second by the worst that it flew on in it.\n\
         {drawings}\n\
         `lobby bots --count {BOTS} --for {SECONDS}s` through `biplane link`, {}.\n",
        machine()
    ))
}

impl Flight {
    /// What the bots and the server tell.
    fn fly(&self) -> Result<(Value, Value)> {
        let deadline = deadline_in(TIMEOUT);
        let start = |line: &str| Running::start(&Invocation::new(line));
        let mut server = start(&scene::serve("--listen 127.0.0.1:0 --for 5m"))?;
        let link = Link::parse(&server.stderr_line(JOIN, deadline)?)?;
        let mut relay = start(&scene::relay(&link.address, self.flags))?;
        let here = scene::listens_at(&relay.stderr_line(RELAYS, deadline)?)?;
        let bots = start(&scene::bots(&link.at(&here), BOTS.into(), SECONDS.into()))?;
        let bots = bots.finish_by(deadline)?.document()?;
        server.terminate()?;
        Ok((bots, server.finish_by(deadline)?.document()?))
    }

    fn draw_into(&self, file: &str, bots: &Value) -> Result<()> {
        let mut svg = String::new();
        let seconds = seconds(bots).context("a timeline")?;
        self.draw(&mut svg, &seconds).map_err(|error| anyhow!("{}: {error}", self.title))?;
        let folder = place::root().join("docs/plots");
        fs::create_dir_all(&folder)?;
        let path = folder.join(file).with_extension("svg");
        fs::write(&path, svg).with_context(|| path.display().to_string())
    }

    /// Snapshots as a line, and behind it, as bars, the bots that do not fly on both planes.
    fn draw(&self, svg: &mut String, seconds: &[Second]) -> Result<(), Box<dyn Error>> {
        let end = seconds.last().map_or(1.0, |second| second.t);
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(self.title, (FONT, 20))
            .margin(18)
            .x_label_area_size(52)
            .y_label_area_size(56)
            .right_y_label_area_size(56)
            .build_cartesian_2d(0.0..end, 0.0..TOP_HZ)?
            .set_secondary_coord(0.0..end, 0.0..f64::from(BOTS) * 1.5);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .label_style((FONT, 14))
            .axis_desc_style((FONT, 15))
            .x_desc("seconds since the first join")
            .y_desc("snapshots a second, each bot")
            .x_label_formatter(&|value| format!("{value:.0}"))
            .y_label_formatter(&|value| format!("{value:.0}"))
            .draw()?;
        let secondary = &mut chart.configure_secondary_axes();
        secondary.y_desc("bots").label_style((FONT, 14)).axis_desc_style((FONT, 15));
        secondary.y_label_formatter(&|value| format!("{value:.0}")).draw()?;
        let mut below = vec![0.0; seconds.len()];
        for (place, (_, words, colour)) in FALLEN.into_iter().enumerate() {
            let bars: Vec<_> = seconds
                .iter()
                .zip(&mut below)
                .filter_map(|(second, below)| {
                    let count = second.fallen.get(place).copied().filter(|count| *count > 0.0)?;
                    let bottom = std::mem::replace(below, *below + count);
                    let corners = [(second.t - 1.0, bottom), (second.t, bottom + count)];
                    Some(Rectangle::new(corners, colour.mix(0.6).filled()))
                })
                .collect();
            if !bars.is_empty() {
                chart.draw_secondary_series(bars)?.label(words).legend(move |(x, y)| {
                    Rectangle::new([(x + 4, y - 5), (x + 16, y + 5)], colour.mix(0.6).filled())
                });
            }
        }
        let points = seconds.iter().filter_map(|second| Some((second.t - 0.5, second.hz?)));
        chart
            .draw_series(LineSeries::new(points, RATE.stroke_width(2)))?
            .label("snapshots a second")
            .legend(move |(x, y)| Rectangle::new([(x + 4, y - 1), (x + 16, y + 1)], RATE.filled()));
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperMiddle)
            .label_font((FONT, 14))
            .background_style(WHITE)
            .border_style(WHITE)
            .draw()?;
        root.present()?;
        Ok(())
    }
}

/// One entry of the timeline.
#[derive(Clone, Debug, PartialEq)]
struct Second {
    t: f64,
    hz: Option<f64>,
    /// Bots that do not fly on both, as in [`FALLEN`].
    fallen: Vec<f64>,
}

fn seconds(bots: &Value) -> Option<Vec<Second>> {
    let entries = bots.get("timeline")?.as_array()?;
    let second = |entry: &Value| {
        let fallen = FALLEN.iter().map(|(key, ..)| entry.get(key)?.as_f64());
        Some(Second {
            t: entry.get("t")?.as_f64()?,
            hz: entry.get("snapshots_hz")?.as_f64(),
            fallen: fallen.collect::<Option<_>>()?,
        })
    };
    entries.iter().map(second).collect()
}

fn row(title: &str, bots: &Value, server: &Value) -> Option<String> {
    let of = |told: &Value, path: &str| told.pointer(path)?.as_f64();
    let bot = |path| of(bots, path);
    let busy = of(server, "/cpu_seconds")? / of(server, "/seconds")? * 100.0;
    Some(format!(
        "| {title} | {:.1} | {:.0} / {:.0} | {:.0} / {:.0} | {busy:.0} | {} |\n",
        bot("/snapshots/rate_hz")?,
        bot("/snapshots/gap_ms/p99")?,
        bot("/snapshots/gap_ms/max")?,
        bot("/bytes_per_bot_per_second/up")?,
        bot("/bytes_per_bot_per_second/down")?,
        bot("/resumes")?,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_flight_becomes_a_row_and_a_drawing_with_its_words() {
        let entry = |t: u32, tcp: u32| {
            json!({"t": t, "both": 5 - tcp, "control_only": tcp, "data_only": 0, "lost": 0,
                   "snapshots_hz": if t == 1 { None } else { Some(20.0) }})
        };
        let bots = json!({
            "timeline": [entry(1, 0), entry(2, 5), entry(3, 0)], "resumes": 7,
            "snapshots": {"rate_hz": 19.96, "gap_ms": {"p99": 60.4, "max": 2_100.0}},
            "bytes_per_bot_per_second": {"up": 4_000.0, "down": 6_000.0},
        });
        let told = row("x", &bots, &json!({"cpu_seconds": 3.0, "seconds": 30.0})).unwrap();
        assert_eq!(told, "| x | 20.0 | 60 / 2100 | 4000 / 6000 | 10 | 7 |\n");
        assert_eq!(row("x", &json!({}), &json!({})), None);

        let seconds = seconds(&bots).unwrap();
        assert_eq!(seconds[1], Second { t: 2.0, hz: Some(20.0), fallen: vec![5.0, 0.0, 0.0] });
        let mut svg = String::new();
        FLIGHTS[2].draw(&mut svg, &seconds).unwrap();
        for words in [FLIGHTS[2].title, "bots on TCP alone", "snapshots a second", "seconds since"]
        {
            assert!(svg.contains(words), "{words}");
        }
        assert!(!svg.contains("bots on neither"));
    }
}
