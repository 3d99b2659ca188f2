//! The picture, as SVG.

use std::error::Error;
use std::path::Path;

use hepml_examples::{BLUE, GREEN, GREY, PURPLE, VERMILLION};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::Calibrated;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const FONT: &str = "Helvetica, Arial, sans-serif";
const SIZE: (u32, u32) = (1240, 620);
/// The points of a curve.
const CURVE: usize = 600;
/// In the order of the calibrations, the trees as they are first.
const COLOURS: [RGBColor; 5] = [BLACK, BLUE, GREEN, VERMILLION, PURPLE];

pub(crate) fn figure(path: &Path, found: &[Calibrated]) -> Drawn {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(SIZE.0 / 2);
    reliability(&left.margin(12, 12, 16, 16), found)?;
    maps(&right.margin(12, 12, 16, 16), found)?;
    root.present()?;
    Ok(())
}

fn text<'a>(size: u32) -> TextStyle<'a> {
    (FONT, size).into_text_style(&SIZE).color(&BLACK)
}

/// The largest |estimated ln r| on a reliability curve.
fn reach(found: &[Calibrated]) -> f64 {
    let points = found.iter().flat_map(|calibrated| &calibrated.reliability.curve.points);
    points.fold(1.0, |reach: f64, point| reach.max(point.estimated.abs()))
}

/// Estimated against observed ln r.
fn reliability(area: &Area<'_>, found: &[Calibrated]) -> Drawn {
    let reach = 1.08 * reach(found);
    let tall = found
        .iter()
        .flat_map(|calibrated| &calibrated.reliability.curve.points)
        .fold(1.0, |tall: f64, point| tall.max(point.observed.abs() + point.error));
    let mut chart = ChartBuilder::on(area)
        .caption("Reliability on events that no fit has seen", text(20))
        .x_label_area_size(52)
        .y_label_area_size(72)
        .build_cartesian_2d(-reach..reach, -1.1 * tall..1.1 * tall)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("estimated ln r")
        .y_desc("observed ln r")
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_label_formatter(&|x| format!("{:.0}", x + 0.0))
        .y_label_formatter(&|y| format!("{:.1}", y + 0.0))
        .draw()?;
    let diagonal = 1.1 * f64::min(reach, tall);
    chart
        .draw_series([PathElement::new(
            [(-diagonal, -diagonal), (diagonal, diagonal)],
            GREY.stroke_width(1),
        )])?
        .label("calibrated")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 26, y)], GREY.stroke_width(1)));
    for (calibrated, colour) in found.iter().zip(COLOURS) {
        let points = &calibrated.reliability.curve.points;
        let style = colour.stroke_width(2);
        chart.draw_series(LineSeries::new(points.iter().map(|p| (p.estimated, p.observed)), style))?;
        chart.draw_series(points.iter().map(|p| {
            PathElement::new(
                [(p.estimated, p.observed - p.error), (p.estimated, p.observed + p.error)],
                style,
            )
        }))?;
        chart
            .draw_series(points.iter().map(|p| Circle::new((p.estimated, p.observed), 4, colour.filled())))?
            .label(calibrated.label)
            .legend(move |(x, y)| Circle::new((x + 13, y), 4, colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(text(16))
        .background_style(WHITE.mix(0.85))
        .draw()?;
    Ok(())
}

/// What each calibration makes of z.
fn maps(area: &Area<'_>, found: &[Calibrated]) -> Drawn {
    let reach = 1.2 * reach(found);
    let z: Vec<f64> = (0..=CURVE).map(|i| reach * (2.0 * i as f64 / CURVE as f64 - 1.0)).collect();
    let tall = found
        .iter()
        .filter_map(|calibrated| calibrated.map.as_ref())
        .flat_map(|map| [map.apply(-reach), map.apply(reach)])
        .fold(1.0, |tall: f64, z| tall.max(z.abs()));
    let mut chart = ChartBuilder::on(area)
        .caption("What becomes of the trees' z", text(20))
        .x_label_area_size(52)
        .y_label_area_size(72)
        .build_cartesian_2d(-reach..reach, -1.3 * tall..1.3 * tall)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("z of the trees")
        .y_desc("calibrated z")
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_label_formatter(&|x| format!("{:.0}", x + 0.0))
        .y_label_formatter(&|y| format!("{:.1}", y + 0.0))
        .draw()?;
    for (calibrated, colour) in found.iter().zip(COLOURS) {
        let style = colour.stroke_width(2);
        let apply = |z: f64| calibrated.map.as_ref().map_or(z, |map| map.apply(z));
        let curve = z.iter().map(|z| (*z, apply(*z))).filter(|(_, y)| y.abs() <= 1.3 * tall);
        chart
            .draw_series(LineSeries::new(curve, style))?
            .label(calibrated.label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(text(16))
        .background_style(WHITE.mix(0.85))
        .draw()?;
    Ok(())
}
