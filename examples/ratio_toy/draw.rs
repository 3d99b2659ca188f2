//! The picture, as SVG.

use std::path::Path;

use hepml::core::FitReport;
use hepml::stats::weighted_quantiles;
use hepml_examples::{BLUE, GREY, VERMILLION};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::study::{Failure, Study, with_error};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Failure>;

const FONT: &str = "Helvetica, Arial, sans-serif";
const SIZE: (u32, u32) = (1240, 1160);
/// The test events of each side that are drawn as points.
const POINTS: usize = 1500;
/// The quantiles of the exact ln r between which it is drawn.
const SHOWN: [f64; 2] = [0.0005, 0.9995];
/// The bins of the residuals, of equal content, and of the distributions, of equal width.
const BINS: usize = 40;
/// The characters of a line of the box.
const LINE: usize = 66;
/// The lines of warnings for which there is room.
const WARNING_LINES: usize = 5;

pub(crate) fn figure(path: &Path, title: &str, study: &Study) -> Drawn {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (heading, body) = root.split_vertically(56);
    heading.draw(&Text::new(title.to_owned(), (24, 20), text(26)))?;
    let (left, right) = body.split_horizontally(SIZE.0 / 2);
    let (scatter, residual) = left.split_vertically(690);
    let (upper, lower) = right.split_vertically(360);
    let (middle, bottom) = lower.split_vertically(430);
    let exact: Vec<f64> = study.pairs.iter().flatten().map(|(exact, _)| *exact).collect();
    let shown = weighted_quantiles(&exact, None, &SHOWN)?;
    let range = shown[0]..shown[1];
    points(&scatter.margin(0, 0, 12, 16), study, range.clone())?;
    residuals(&residual.margin(0, 10, 12, 16), study, range.clone())?;
    distributions(&upper.margin(0, 0, 12, 16), study, range)?;
    calibration(&middle.margin(0, 0, 12, 16), &study.report)?;
    numbers(&bottom.margin(16, 8, 30, 16), study)?;
    root.present()?;
    Ok(())
}

fn text<'a>(size: u32) -> TextStyle<'a> {
    (FONT, size).into_text_style(&SIZE).color(&BLACK)
}

const SIDES: [(&str, RGBColor); 2] = [("numerator", VERMILLION), ("denominator", BLUE)];

/// Estimated against exact.
fn points(area: &Area<'_>, study: &Study, range: std::ops::Range<f64>) -> Drawn {
    let room = 0.04 * (range.end - range.start);
    let whole = range.start - room..range.end + room;
    let mut chart = ChartBuilder::on(area)
        .caption("Estimated against exact", text(22))
        .x_label_area_size(52)
        .y_label_area_size(76)
        .build_cartesian_2d(whole.clone(), whole.clone())?;
    let [low, high] = study.central;
    let band = Rectangle::new([(low, whole.start), (high, whole.end)], GREY.mix(0.1).filled());
    chart.draw_series([band])?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("exact ln r")
        .y_desc("estimated ln r")
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_label_formatter(&tenths)
        .y_label_formatter(&tenths)
        .draw()?;
    let style = BLACK.stroke_width(2);
    chart
        .draw_series(LineSeries::new([(whole.start, whole.start), (whole.end, whole.end)], style))?
        .label("exact")
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], style));
    let inside = |x: &f64| whole.contains(x);
    for (pairs, (name, colour)) in study.pairs.iter().zip(SIDES) {
        let shown = pairs.iter().take(POINTS).filter(|(x, y)| inside(x) && inside(y));
        chart
            .draw_series(shown.map(|point| Circle::new(*point, 3, colour.mix(0.35).filled())))?
            .label(format!("test events of the {name}"))
            .legend(move |(x, y)| Circle::new((x + 13, y), 5, colour.mix(0.7).filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(text(16))
        .background_style(WHITE.mix(0.85))
        .draw()?;
    Ok(())
}

/// The median of estimated - exact in bins of the exact ln r, and where 68 % lie.
fn residuals(area: &Area<'_>, study: &Study, range: std::ops::Range<f64>) -> Drawn {
    let mut pairs: Vec<(f64, f64)> =
        study.pairs.iter().flatten().copied().filter(|(x, _)| range.contains(x)).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let size = pairs.len().div_ceil(BINS).max(1);
    let mut bins = Vec::new();
    for bin in pairs.chunks(size) {
        let residuals: Vec<f64> = bin.iter().map(|(exact, estimated)| estimated - exact).collect();
        let quantiles = weighted_quantiles(&residuals, None, &[0.16, 0.5, 0.84])?;
        bins.push((bin[bin.len() / 2].0, quantiles));
    }
    let widest = bins.iter().flat_map(|(_, q)| q).fold(0.01_f64, |widest, q| widest.max(q.abs()));
    let room = 0.04 * (range.end - range.start);
    let whole = range.start - room..range.end + room;
    let height = 1.6 * widest;
    let mut chart = ChartBuilder::on(area)
        .x_label_area_size(52)
        .y_label_area_size(76)
        .margin_top(10)
        .build_cartesian_2d(whole.clone(), -height..height)?;
    let [low, high] = study.central;
    chart.draw_series([Rectangle::new([(low, -height), (high, height)], GREY.mix(0.1).filled())])?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("exact ln r (grey: the central 95 % of the test events)")
        .y_desc("estimated - exact")
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_label_formatter(&tenths)
        .y_label_formatter(&hundredths)
        .draw()?;
    chart.draw_series(LineSeries::new([(whole.start, 0.0), (whole.end, 0.0)], BLACK.stroke_width(1)))?;
    let mut outline: Vec<(f64, f64)> = bins.iter().map(|(x, q)| (*x, q[0])).collect();
    outline.extend(bins.iter().rev().map(|(x, q)| (*x, q[2])));
    chart
        .draw_series([Polygon::new(outline, VERMILLION.mix(0.25).filled())])?
        .label("68 % of the events")
        .legend(|(x, y)| Rectangle::new([(x, y - 6), (x + 26, y + 6)], VERMILLION.mix(0.25).filled()));
    let style = VERMILLION.stroke_width(2);
    chart
        .draw_series(LineSeries::new(bins.iter().map(|(x, q)| (*x, q[1])), style))?
        .label("median")
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], style));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperMiddle)
        .label_font(text(16))
        .background_style(WHITE.mix(0.85))
        .draw()?;
    Ok(())
}

/// How ln r is distributed on either side: exact filled, estimated as outlines.
fn distributions(area: &Area<'_>, study: &Study, range: std::ops::Range<f64>) -> Drawn {
    let width = (range.end - range.start) / BINS as f64;
    let histogram = |values: &mut dyn Iterator<Item = f64>| -> Vec<f64> {
        let (mut counts, mut total) = (vec![0.0; BINS], 0.0);
        for x in values {
            total += 1.0;
            let bin = (x - range.start) / width;
            if (0.0..BINS as f64).contains(&bin) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
                let bin = bin as usize;
                counts[bin] += 1.0 / width;
            }
        }
        counts.iter().map(|count| count / total).collect()
    };
    let exact = study.pairs.each_ref().map(|pairs| histogram(&mut pairs.iter().map(|(exact, _)| *exact)));
    let estimated = study.pairs.each_ref().map(|pairs| histogram(&mut pairs.iter().map(|(_, z)| *z)));
    let peak = exact.iter().chain(&estimated).flatten().copied().fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption("How ln r is distributed", text(22))
        .x_label_area_size(52)
        .y_label_area_size(76)
        .build_cartesian_2d(range.clone(), 0.0..1.45 * peak)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("ln r")
        .y_desc("test events / unit of ln r")
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_label_formatter(&tenths)
        .y_label_formatter(&|y| format!("{y:.2}"))
        .draw()?;
    let outline = |heights: &[f64]| -> Vec<(f64, f64)> {
        let edge = |i: usize| range.start + width * i as f64;
        heights.iter().enumerate().flat_map(|(i, y)| [(edge(i), *y), (edge(i + 1), *y)]).collect()
    };
    for ((exact, estimated), (name, colour)) in exact.iter().zip(&estimated).zip(SIDES) {
        let mut filled = outline(exact);
        filled.extend([(range.end, 0.0), (range.start, 0.0)]);
        chart
            .draw_series([Polygon::new(filled, colour.mix(0.25).filled())])?
            .label(format!("{name}, exact"))
            .legend(move |(x, y)| Rectangle::new([(x, y - 6), (x + 26, y + 6)], colour.mix(0.25).filled()));
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(outline(estimated), style))?
            .label("estimated")
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(text(15))
        .background_style(WHITE.mix(0.85))
        .draw()?;
    Ok(())
}

/// The calibration curve of the report, with its errors.
fn calibration(area: &Area<'_>, report: &FitReport) -> Drawn {
    let curve = |name: &str| {
        let found = report.curves.iter().find(|(known, _)| known == name);
        found.map(|(_, values)| values.as_slice()).unwrap_or_default()
    };
    let (estimated, observed, errors) =
        (curve("calibration/estimated"), curve("calibration/observed"), curve("calibration/error"));
    let ends = estimated.iter().copied().chain(
        observed.iter().zip(errors).flat_map(|(observed, error)| [observed - error, observed + error]),
    );
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    let (low, high) = if low < high { (low, high) } else { (-1.0, 1.0) };
    let room = 0.05 * (high - low);
    let whole = low - room..high + room;
    let mut chart = ChartBuilder::on(area)
        .caption("Calibration on the fit's held-out events", text(22))
        .x_label_area_size(52)
        .y_label_area_size(76)
        .build_cartesian_2d(whole.clone(), whole.clone())?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("estimated ln r of a bin")
        .y_desc("observed ln r")
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_label_formatter(&tenths)
        .y_label_formatter(&tenths)
        .draw()?;
    let diagonal = [(whole.start, whole.start), (whole.end, whole.end)];
    chart.draw_series(LineSeries::new(diagonal, BLACK.stroke_width(2)))?;
    let style = VERMILLION.stroke_width(2);
    for ((x, y), error) in estimated.iter().zip(observed).zip(errors) {
        chart.draw_series([PathElement::new([(*x, y - error), (*x, y + error)], style)])?;
        chart.draw_series([Circle::new((*x, *y), 5, VERMILLION.filled())])?;
    }
    Ok(())
}

/// What the study found, and what the fit says of itself.
fn numbers(area: &Area<'_>, study: &Study) -> Drawn {
    let measure = |name: &str| study.report.get(name).map_or_else(|| "-".into(), with_error);
    let largest = study.report.curves.iter().find(|(name, _)| name == "largest weights");
    let largest = largest.and_then(|(_, weights)| weights.first());
    let mut lines = vec![
        format!(
            "Mean |error of ln r|, central 95 %: {:.4} (right family by maximum likelihood {:.4})",
            study.error, study.parametric_error
        ),
        format!(
            "KL: {} from below, exact {:.4}; AUC {:.4}",
            with_error(study.kl_estimate),
            study.kl_exact,
            study.auc
        ),
        "The fit's own report, on its held-out events:".into(),
        format!(
            "E_den[r] = {}, renormalised {}; E_num[1/r] = {}",
            measure("normalisation"),
            measure("normalisation/renormalised"),
            measure("inverse normalisation")
        ),
        format!(
            "effective sample size {} of {}, k-hat {}, largest weight {}",
            measure("effective sample size/reweighted denominator"),
            measure("effective sample size/denominator"),
            measure("tail index/denominator"),
            largest.map_or_else(|| "-".into(), |share| format!("{:.2} %", 100.0 * share)),
        ),
        format!(
            "closure AUC {}; clipped events {}; {}",
            measure("closure auc"),
            measure("clipped events"),
            match study.report.warnings.len() {
                0 => "no warnings".to_owned(),
                count => format!("warnings: {count}"),
            }
        ),
    ];
    let warnings: Vec<String> = study.report.warnings.iter().flat_map(|warning| wrapped(warning)).collect();
    lines.extend(warnings.into_iter().take(WARNING_LINES));
    let (width, height) = area.dim_in_pixel();
    #[expect(clippy::cast_possible_wrap, reason = "a picture's size")]
    let (width, height) = (width as i32 - 1, height as i32 - 1);
    area.draw(&Rectangle::new([(0, 0), (width, height)], GREY.stroke_width(1)))?;
    let mut y = 16;
    for (index, line) in lines.into_iter().enumerate() {
        let style = if index == 2 { text(16).color(&GREY) } else { text(16) };
        area.draw(&Text::new(line, (14, y), style))?;
        y += 24;
    }
    Ok(())
}

/// A warning in lines that fit.
fn wrapped(warning: &str) -> Vec<String> {
    let mut lines = vec![String::from("!")];
    for word in warning.split(' ') {
        let line = lines.last_mut().expect("there is a first line");
        if line.len() + word.len() < LINE {
            *line += " ";
            *line += word;
        } else {
            lines.push(format!("   {word}"));
        }
    }
    lines
}

/// One decimal, and no minus before a zero.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that plotters calls")]
fn tenths(x: &f64) -> String {
    format!("{:.1}", (10.0 * x).round() / 10.0 + 0.0)
}

/// Two decimals, and no minus before a zero.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that plotters calls")]
fn hundredths(x: &f64) -> String {
    format!("{:.2}", (100.0 * x).round() / 100.0 + 0.0)
}
