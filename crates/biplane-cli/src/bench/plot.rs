//! The distribution of latencies as a drawing.

use std::error::Error;

use anyhow::{Result, anyhow};
use biplane_load::Latency;
use plotters::{
    coord::combinators::{BindKeyPoints, IntoLogRange},
    element::{PathElement, Rectangle, Text},
    prelude::{ChartBuilder, IntoDrawingArea, SVGBackend},
    style::{
        Color, IntoFont, RGBColor, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    Ran,
    bins::{Bin, bins},
    summary::{head, time, what},
};
use crate::{output, reserved::Reserved};

const SIZE: (u32, u32) = (840, 480);
const BINS: u32 = 80;
/// Two that also those tell apart who see no red or no green.
const BARS: RGBColor = RGBColor(0x7a, 0xa6, 0xd6);
const MARKS: RGBColor = RGBColor(0x99, 0x33, 0x11);
const FONT: &str = "sans-serif";

/// Draws them into an SVG file, on white, where there are any.
pub(super) fn draw(ran: &Ran<'_>, file: Reserved) -> Result<()> {
    let Some(latency) = &ran.measured.latency else {
        let path = file.path().display();
        output::tell(&format!("biplane: {path} is not drawn: there is no latency to draw"));
        return Ok(());
    };
    let mut svg = String::new();
    chart(&mut svg, &head(ran), what(ran.bench.workload), latency)
        .map_err(|error| anyhow!("--plot: {error}"))?;
    file.write(&svg)
}

fn chart(
    svg: &mut String,
    title: &str,
    what: &str,
    latency: &Latency,
) -> Result<(), Box<dyn Error>> {
    let bins = bins(latency, BINS);
    let (Some(first), Some(last)) = (bins.first(), bins.last()) else { return Ok(()) };
    let (from, to) = (first.from, last.to);
    let top = 110.0 * bins.iter().map(|bin| bin.share).fold(0.0, f64::max);
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, (FONT, 20))
        .margin(18)
        .x_label_area_size(52)
        .y_label_area_size(64)
        .build_cartesian_2d((from..to).log_scale().with_key_points(ticks(from, to)), 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .max_light_lines(0)
        .y_labels(6)
        .label_style((FONT, 14))
        .axis_desc_style((FONT, 15))
        .x_desc(format!("latency, {what} (logarithmic)"))
        .y_desc("share of messages, %")
        .x_label_formatter(&|micros| time(*micros))
        .y_label_formatter(&|percent| format!("{percent:.1}"))
        .draw()?;
    let bar = |bin: &Bin| {
        let corners = [(bin.from, 0.0), (bin.to, 100.0 * bin.share)];
        Rectangle::new(corners, BARS.filled())
    };
    chart.draw_series(bins.iter().map(bar))?;
    // Each a little lower than the one before, so that the words do not meet.
    let gap = (to / from).powf(0.008);
    let marks =
        [("p50", latency.p50, 0.99), ("p99", latency.p99, 0.92), ("p99.9", latency.p999, 0.85)];
    for (name, at, height) in marks {
        chart.draw_series([PathElement::new([(at, 0.0), (at, top * height)], MARKS)])?;
        let is_left = (at / from).ln() < 0.75 * (to / from).ln();
        let (side, beside) = if is_left { (HPos::Left, at * gap) } else { (HPos::Right, at / gap) };
        let style = (FONT, 14).into_font().color(&MARKS).pos(Pos::new(side, VPos::Top));
        let words = format!("{name} {}", time(at));
        chart.draw_series([Text::new(words, (beside, top * height), style)])?;
    }
    root.present()?;
    Ok(())
}

/// Round values of a logarithmic axis, neither too few nor too many.
fn ticks(from: f64, to: f64) -> Vec<f64> {
    let decades = (to / from).log10();
    let round: &[f64] = match decades {
        decades if decades < 1.0 => &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0],
        decades if decades < 2.0 => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
        decades if decades < 4.0 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    // From nanoseconds to minutes.
    let powers = (-3..9).map(|power| 10_f64.powi(power));
    let all = powers.flat_map(|power| round.iter().map(move |value| value * power));
    all.filter(|tick| (from..=to).contains(tick)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_some_ticks_and_not_too_many() {
        for (from, to) in [(50.0, 90.0), (30.0, 280.0), (80.0, 6e3), (1.0, 9e3), (0.5, 6e7)] {
            let count = ticks(from, to).len();
            assert!((2..=12).contains(&count), "{count} from {from} to {to}");
        }
    }
}
