//! The picture, as SVG.

use std::error::Error;
use std::path::Path;

use hepml::stats::{Binning, Histogram};
use hepml_examples::{BLUE, GREEN, GREY, VERMILLION};
use plotters::coord::Shift;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Judged;
use crate::bins::Expected;
use crate::spectrum::Observable;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const FONT: &str = "Helvetica, Arial, sans-serif";
const SIZE: (u32, u32) = (1240, 1160);
/// Of the spectra with their pulls.
const UPPER: u32 = 680;
/// Of the pulls below a spectrum.
const PULLS: u32 = 230;
/// The pulls that the axis holds.
const PULL: f64 = 5.0;

pub(crate) fn figure(path: &Path, expected: &[Expected; 2], judged: &[Judged]) -> Drawn {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (upper, lower) = root.split_vertically(UPPER);
    for (area, expected) in halves(&upper).iter().zip(expected) {
        let (above, below) = area.split_vertically(UPPER - 28 - PULLS);
        let histograms = judged
            .iter()
            .map(|judged| expected.fill(&judged.sample.events))
            .collect::<Result<Vec<_>, _>>()?;
        spectra(&above, expected, judged, &histograms)?;
        pulls(&below, expected, judged, &histograms)?;
    }
    let [left, right] = halves(&lower);
    weights(&left, judged)?;
    numbers(&right, judged)?;
    root.present()?;
    Ok(())
}

fn halves<'a>(area: &Area<'a>) -> [Area<'a>; 2] {
    let (left, right) = area.split_horizontally(SIZE.0 / 2);
    [left.margin(14, 14, 16, 16), right.margin(14, 14, 16, 16)]
}

fn text<'a>(size: u32) -> TextStyle<'a> {
    (FONT, size).into_text_style(&SIZE).color(&BLACK)
}

/// The colour of a sample and where in a bin, from -1 to 1, its points are; that of the dropped weights is a line.
fn style(name: &str) -> (RGBColor, f64) {
    match name {
        "original" => (BLACK, -0.5),
        "neural" => (BLUE, 0.0),
        "cell" => (VERMILLION, 0.5),
        _ => (GREEN, 0.0),
    }
}

/// The outline of a mark about a pixel: a disk, a square or a triangle, told apart without colour.
fn mark(name: &str, (x, y): (i32, i32)) -> Vec<(i32, i32)> {
    let outline: &[(i32, i32)] = match name {
        "original" => &[(4, 0), (3, 3), (0, 4), (-3, 3), (-4, 0), (-3, -3), (0, -4), (3, -3)],
        "neural" => &[(-4, -4), (4, -4), (4, 4), (-4, 4)],
        _ => &[(0, -5), (5, 4), (-5, 4)],
    };
    outline.iter().map(|(dx, dy)| (x + dx, y + dy)).collect()
}

fn range(binning: &Binning) -> (f64, f64) {
    let edges = binning.edges();
    (edges[0], edges[binning.bins()])
}

/// Where a sample's point is in a bin.
fn place(binning: &Binning, bin: usize, name: &str) -> f64 {
    binning.centre(bin) + 0.5 * style(name).1 * binning.width(bin)
}

/// A line along the tops of bins.
fn steps(edges: &[f64], heights: &[f64]) -> Vec<(f64, f64)> {
    edges.windows(2).zip(heights).flat_map(|(edge, y)| [(edge[0], *y), (edge[1], *y)]).collect()
}

fn spectra(area: &Area<'_>, expected: &Expected, judged: &[Judged], histograms: &[Histogram]) -> Drawn {
    let binning = &expected.binning;
    let (low, high) = range(binning);
    let exact = expected.exact.iter().enumerate().map(|(bin, sum)| sum / binning.width(bin));
    let exact = steps(binning.edges(), &exact.collect::<Vec<f64>>());
    let peak = exact.iter().map(|(_, y)| *y).fold(0.0, f64::max);
    let mut builder = ChartBuilder::on(area);
    builder.x_label_area_size(12).y_label_area_size(84);
    let shown = Shown { expected, judged, histograms, exact: &exact };
    match expected.observable {
        Observable::Pt => {
            let bottom = 0.3 * exact.last().map_or(1.0, |(_, y)| *y);
            let mut chart = builder.build_cartesian_2d(low..high, (bottom..2.0 * peak).log_scale())?;
            shown.on(&mut chart, "sum of weights / GeV", bottom)?;
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .label_font(text(16))
                .background_style(WHITE.mix(0.85))
                .draw()?;
        }
        Observable::Rapidity => {
            let mut chart = builder.build_cartesian_2d(low..high, 0.0..1.2 * peak)?;
            shown.on(&mut chart, "sum of weights / unit of y", 0.0)?;
        }
    }
    Ok(())
}

/// What a spectrum shows, on an axis of either kind.
struct Shown<'s> {
    expected: &'s Expected,
    judged: &'s [Judged],
    histograms: &'s [Histogram],
    exact: &'s [(f64, f64)],
}

impl Shown<'_> {
    fn on<'a, X, Y>(
        &self,
        chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>,
        unit: &str,
        bottom: f64,
    ) -> Drawn
    where
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let binning = &self.expected.binning;
        chart
            .configure_mesh()
            .disable_mesh()
            .y_desc(unit)
            .axis_desc_style(text(18))
            .label_style(text(15))
            .x_label_formatter(&|_| String::new())
            .y_label_formatter(&|y| format!("{y:.0}"))
            .draw()?;
        for (judged, histogram) in self.judged.iter().zip(self.histograms) {
            let name = judged.sample.name;
            let (colour, _) = style(name);
            let line = colour.stroke_width(2);
            let density = |bin: usize| {
                let (sum, width) = (histogram.estimate(bin), binning.width(bin));
                (sum.value / width, sum.error / width)
            };
            if name == "dropped" {
                let heights: Vec<f64> = (0..binning.bins()).map(|bin| density(bin).0).collect();
                chart
                    .draw_series(LineSeries::new(steps(binning.edges(), &heights), line))?
                    .label(judged.sample.label)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], line));
                continue;
            }
            chart.draw_series((0..binning.bins()).map(|bin| {
                let (x, (y, error)) = (place(binning, bin, name), density(bin));
                PathElement::new([(x, (y - error).max(bottom)), (x, (y + error).max(bottom))], line)
            }))?;
            let shown = (0..binning.bins()).filter(|bin| density(*bin).0 > bottom);
            chart
                .draw_series(shown.map(|bin| {
                    EmptyElement::at((place(binning, bin, name), density(bin).0))
                        + Polygon::new(mark(name, (0, 0)), colour.filled())
                }))?
                .label(judged.sample.label)
                .legend(move |(x, y)| Polygon::new(mark(name, (x + 13, y)), colour.filled()));
        }
        let line = GREY.stroke_width(2);
        chart
            .draw_series(LineSeries::new(self.exact.iter().copied(), line))?
            .label("exact")
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], line));
        Ok(())
    }
}

/// How far the sums are from the exact ones, in errors of the original sample.
fn pulls(area: &Area<'_>, expected: &Expected, judged: &[Judged], histograms: &[Histogram]) -> Drawn {
    let binning = &expected.binning;
    let (low, high) = range(binning);
    let mut chart = ChartBuilder::on(area)
        .x_label_area_size(52)
        .y_label_area_size(84)
        .build_cartesian_2d(low..high, -PULL..PULL)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc(match expected.observable {
            Observable::Pt => "transverse momentum pT (GeV)",
            Observable::Rapidity => "rapidity y",
        })
        .y_desc("pull from exact")
        .y_labels(6)
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{:.0}", y + 0.0))
        .draw()?;
    chart.draw_series([Rectangle::new([(low, -1.0), (high, 1.0)], GREY.mix(0.18).filled())])?;
    chart.draw_series([PathElement::new([(low, 0.0), (high, 0.0)], GREY.stroke_width(1))])?;
    let errors = histograms[0].errors();
    for (judged, histogram) in judged.iter().zip(histograms) {
        let name = judged.sample.name;
        let (colour, _) = style(name);
        let pulls = expected.pulls(histogram, &errors);
        if name == "dropped" {
            let shown: Vec<f64> = pulls.iter().map(|pull| pull.clamp(-PULL, PULL)).collect();
            chart.draw_series(LineSeries::new(steps(binning.edges(), &shown), colour.stroke_width(2)))?;
        } else {
            chart.draw_series(pulls.iter().enumerate().map(|(bin, pull)| {
                EmptyElement::at((place(binning, bin, name), pull.clamp(-PULL, PULL)))
                    + Polygon::new(mark(name, (0, 0)), colour.filled())
            }))?;
        }
    }
    Ok(())
}

/// How often each weight occurs.
fn weights(area: &Area<'_>, judged: &[Judged]) -> Drawn {
    let all = || judged.iter().filter(|judged| judged.sample.name != "dropped");
    let values = || all().flat_map(|judged| judged.sample.events.weights().iter().copied());
    let (low, high) = values().fold((0.0_f64, 0.0_f64), |(l, h), w| (l.min(w), h.max(w)));
    let binning = Binning::uniform(70, low.floor(), (high + 0.01).ceil())?;
    let mut histograms = Vec::new();
    for judged in all() {
        let mut histogram = Histogram::new(binning.clone());
        histogram.fill_many(judged.sample.events.weights(), None)?;
        histograms.push((judged, histogram));
    }
    let peak = histograms
        .iter()
        .flat_map(|(_, histogram)| histogram.sum_weights())
        .fold(1.0, |a, b| f64::max(a, *b));
    let (low, high) = range(&binning);
    let mut chart = ChartBuilder::on(area)
        .caption("Weights", text(20))
        .x_label_area_size(52)
        .y_label_area_size(84)
        .build_cartesian_2d(low..high, (0.7..4.0 * peak).log_scale())?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("weight")
        .y_desc("events")
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_label_formatter(&|x| format!("{:.0}", x + 0.0))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;
    chart.draw_series([PathElement::new([(0.0, 0.7), (0.0, 4.0 * peak)], GREY.stroke_width(1))])?;
    for (judged, histogram) in histograms {
        let style = style(judged.sample.name).0.stroke_width(2);
        // The logarithm of an empty bin is below the axis.
        let heights: Vec<f64> = histogram.sum_weights().iter().map(|count| count.max(0.7)).collect();
        chart
            .draw_series(LineSeries::new(steps(binning.edges(), &heights), style))?
            .label(judged.sample.label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font(text(16))
        .background_style(WHITE.mix(0.85))
        .draw()?;
    Ok(())
}

/// What a cell of the table says of a sample.
type Number = fn(&Judged) -> String;

/// The table of numbers.
fn numbers(area: &Area<'_>, judged: &[Judged]) -> Drawn {
    let (right, left) = (Pos::new(HPos::Right, VPos::Center), Pos::new(HPos::Left, VPos::Center));
    area.draw(&Rectangle::new([(16, 26), (584, 402)], GREY.stroke_width(1)))?;
    let rows: [(&str, Number); 8] = [
        ("events", |judged| judged.sample.events.len().to_string()),
        ("negative weights", |judged| format!("{:.1} %", 100.0 * judged.sample.events.negative_fraction())),
        ("sum of weights", |judged| format!("{:.0}", judged.sample.events.sum_weights())),
        ("effective sample size", |judged| format!("{:.0}", judged.sample.events.effective_sample_size())),
        ("… per event", |judged| {
            let events = &judged.sample.events;
            format!("{:.3}", events.effective_sample_size() / events.len() as f64)
        }),
        ("chi2 per bin, original's errors", |judged| format!("{:.2}", judged.agreement.chi2)),
        ("chi2 per bin, own errors", |judged| format!("{:.2}", judged.agreement.chi2_own)),
        ("largest |pull|", |judged| format!("{:.1}", judged.agreement.largest)),
    ];
    let column = |index: usize| 310 + 88 * i32::try_from(index).unwrap_or(0);
    for (index, judged) in judged.iter().enumerate() {
        let name = judged.sample.name;
        area.draw(&Text::new(name, (column(index), 62), text(17).color(&style(name).0).pos(right)))?;
    }
    for (row, (label, value)) in rows.iter().enumerate() {
        let y = 102 + 38 * i32::try_from(row).unwrap_or(0);
        area.draw(&Text::new(*label, (30, y), text(15).pos(left)))?;
        for (index, judged) in judged.iter().enumerate() {
            area.draw(&Text::new(value(judged), (column(index), y), text(15).pos(right)))?;
        }
    }
    Ok(())
}
