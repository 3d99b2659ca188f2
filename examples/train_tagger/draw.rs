//! The training and what came of it, as SVG.

use std::error::Error;
use std::path::Path;

use hepml::core::ndarray::{Array3, Axis};
use hepml_examples::{BLUE, GREEN, GREY, PURPLE, VERMILLION};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::contours::contours;
use crate::{Found, Training};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const FONT: &str = "Helvetica, Arial, sans-serif";
const WIDTH: u32 = 1240;
/// Of a row of panels.
const HEIGHT: u32 = 500;
/// Half the side of the square on which filters are drawn; that of the jets' clustering.
const REACH: f64 = 0.8;
/// The points of the filters' grid, along each side.
const GRID: u32 = 49;
/// The filters that are drawn one by one.
const SINGLE: usize = 6;
/// The heights of their lines, as shares of the largest value.
const LEVELS: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

pub(crate) fn figure(path: &Path, found: &Found) -> Drawn {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let grid: Vec<f64> =
        (0..GRID).map(|i| REACH * (2.0 * f64::from(i) / f64::from(GRID - 1) - 1.0)).collect();
    let filters = found.tagger.filters(&grid)?;
    let rows = if filters.is_some() { 2 } else { 1 };
    let root = SVGBackend::new(path, (WIDTH, rows * HEIGHT)).into_drawing_area();
    root.fill(&WHITE)?;
    let (upper, lower) = root.split_vertically(HEIGHT);
    match &found.training {
        Some(training) => {
            let [left, right] = halves(&upper);
            losses(&left, training)?;
            curve(&right, found)?;
        }
        None => curve(&upper.margin(12, 12, 16, 16), found)?,
    }
    if let Some(filters) = filters {
        let [left, right] = halves(&lower);
        overlay(&left, &filters, &grid)?;
        single(&right, &filters, &grid)?;
    }
    root.present()?;
    Ok(())
}

fn halves<'a>(area: &Area<'a>) -> [Area<'a>; 2] {
    let (left, right) = area.split_horizontally(WIDTH / 2);
    [left.margin(12, 12, 16, 16), right.margin(12, 12, 16, 16)]
}

fn text<'a>(size: u32) -> TextStyle<'a> {
    (FONT, size).into_text_style(&(WIDTH, HEIGHT)).color(&BLACK)
}

/// The losses after each epoch.
fn losses(area: &Area<'_>, training: &Training) -> Drawn {
    let known = [
        ("loss/train", "on the jets of the training", GREY),
        ("loss/validation", "on jets held out", VERMILLION),
    ];
    let curves: Vec<_> = known
        .into_iter()
        .filter_map(|(name, label, colour)| {
            let (_, values) = training.report.curves.iter().find(|(known, _)| known == name)?;
            Some((values, label, colour))
        })
        .collect();
    let values = || curves.iter().flat_map(|(values, ..)| values.iter().copied());
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    let epochs = curves.iter().map(|(values, ..)| values.len()).max().unwrap_or(1);
    let room = 0.08 * (high - low).max(1e-3);
    let mut chart = ChartBuilder::on(area)
        .caption("Learning", text(22))
        .x_label_area_size(52)
        .y_label_area_size(76)
        .build_cartesian_2d(0.5..epochs as f64 + 0.5, low - room..high + room)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("epoch")
        .y_desc("cross-entropy a jet")
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_label_formatter(&|x| if x.fract() == 0.0 { format!("{x:.0}") } else { String::new() })
        .y_label_formatter(&|y| format!("{y:.2}"))
        .draw()?;
    for (values, label, colour) in curves {
        let style = colour.stroke_width(3);
        let points = || values.iter().enumerate().map(|(epoch, loss)| (epoch as f64 + 1.0, *loss));
        chart
            .draw_series(LineSeries::new(points(), style))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], style));
        chart.draw_series(points().map(|point| Circle::new(point, 4, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font(text(16))
        .background_style(WHITE.mix(0.85))
        .draw()?;
    Ok(())
}

/// The rejection of QCD jets against the efficiency for top jets, with its bootstrap error, and that of chance.
fn curve(area: &Area<'_>, found: &Found) -> Drawn {
    let points = &found.performance.curve;
    // The error in the logarithm, so that the band stays positive.
    let edge = |sign: f64| {
        points.iter().map(move |(x, r)| (*x, r.value * (sign * r.error / r.value).exp())).collect::<Vec<_>>()
    };
    let [mut upper, lower] = [edge(1.0), edge(-1.0)];
    let top = upper.iter().fold(10.0_f64, |top, (_, y)| top.max(*y)).log10().ceil();
    let mut chart = ChartBuilder::on(area)
        .caption("Telling top from QCD jets", text(22))
        .x_label_area_size(52)
        .y_label_area_size(84)
        .build_cartesian_2d(0.0..1.0, (1.0..10_f64.powf(top)).log_scale())?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("top jets that pass, eps_S")
        .y_desc("QCD rejection, 1/eps_B")
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_labels(6)
        .x_label_formatter(&|x| format!("{x:.1}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;
    upper.extend(lower.into_iter().rev());
    chart.draw_series([Polygon::new(upper, BLUE.mix(0.25).filled())])?;
    let style = BLUE.stroke_width(3);
    chart
        .draw_series(LineSeries::new(points.iter().map(|(x, r)| (*x, r.value)), style))?
        .label(format!("{}: AUC {}", found.tagger.name(), found.performance.auc))
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], style));
    let chance = GREY.stroke_width(1);
    chart
        .draw_series(LineSeries::new((1..=100).map(|i| 0.01 * f64::from(i)).map(|x| (x, 1.0 / x)), chance))?
        .label("chance")
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], chance));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font(text(16))
        .background_style(WHITE.mix(0.85))
        .draw()?;
    Ok(())
}

/// The largest value of a filter on the grid, and how many of its points are above half of that.
fn extent(filters: &Array3<f64>, filter: usize) -> (f64, usize) {
    let values = filters.index_axis(Axis(0), filter);
    let largest = values.iter().copied().fold(0.0, f64::max);
    (largest, values.iter().filter(|value| **value > 0.5 * largest).count())
}

/// The filters that look at something, small ones first.
fn alive(filters: &Array3<f64>) -> Vec<usize> {
    let mut alive: Vec<(usize, usize)> = (0..filters.len_of(Axis(0)))
        .filter_map(|filter| {
            let (largest, above) = extent(filters, filter);
            (largest > 0.0).then_some((above, filter))
        })
        .collect();
    alive.sort_unstable();
    alive.into_iter().map(|(_, filter)| filter).collect()
}

/// Where each filter is half of its largest value: how the network divides the plane.
fn overlay(area: &Area<'_>, filters: &Array3<f64>, grid: &[f64]) -> Drawn {
    let alive = alive(filters);
    let title =
        format!("Filters at half of their height ({} of {} see)", alive.len(), filters.len_of(Axis(0)));
    let square = area.margin(0, 0, 60, 60);
    let mut chart = ChartBuilder::on(&square)
        .caption(title, text(22))
        .x_label_area_size(52)
        .y_label_area_size(72)
        .build_cartesian_2d(-REACH..REACH, -REACH..REACH)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("rapidity relative to the jet axis")
        .y_desc("azimuth relative to the jet axis")
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_labels(5)
        .y_labels(5)
        .x_label_formatter(&tenths)
        .y_label_formatter(&tenths)
        .draw()?;
    for (rank, &filter) in alive.iter().enumerate() {
        let colour = [BLUE, GREEN, PURPLE, VERMILLION][4 * rank / alive.len()];
        let (largest, _) = extent(filters, filter);
        let lines = contours(&filters.index_axis(Axis(0), filter), grid, 0.5 * largest);
        let style = colour.mix(0.6).stroke_width(1);
        chart.draw_series(lines.into_iter().map(|line| PathElement::new(line, style)))?;
    }
    Ok(())
}

/// Some filters from the smallest to the largest, with lines of height.
fn single(area: &Area<'_>, filters: &Array3<f64>, grid: &[f64]) -> Drawn {
    let alive = alive(filters);
    let area = area.titled("Single filters, lines at tenths of their height", text(22))?;
    for (panel, cell) in area.split_evenly((2, SINGLE / 2)).iter().enumerate() {
        let rank = panel * alive.len().saturating_sub(1) / (SINGLE - 1);
        let Some(&filter) = alive.get(rank) else { break };
        let mut chart = ChartBuilder::on(cell)
            .margin(8)
            .margin_top(22)
            .margin_bottom(22)
            .build_cartesian_2d(-REACH..REACH, -REACH..REACH)?;
        chart.draw_series([Rectangle::new([(-REACH, -REACH), (REACH, REACH)], GREY.stroke_width(1))])?;
        let colour = [BLUE, GREEN, PURPLE, VERMILLION][4 * rank / alive.len()];
        let (largest, _) = extent(filters, filter);
        for level in LEVELS {
            let lines = contours(&filters.index_axis(Axis(0), filter), grid, level * largest);
            let style = colour.mix(0.25 + 0.7 * level).stroke_width(2);
            chart.draw_series(lines.into_iter().map(|line| PathElement::new(line, style)))?;
        }
    }
    Ok(())
}

/// One decimal, and no minus before a zero.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that plotters calls")]
fn tenths(x: &f64) -> String {
    format!("{:.1}", (10.0 * x).round() / 10.0 + 0.0)
}
