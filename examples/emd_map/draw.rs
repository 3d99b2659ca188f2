//! The map as SVG.

use std::error::Error;
use std::path::Path;

use hepml::ot::EnergyFlow;
use hepml_examples::{BLUE, GREY, VERMILLION};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::embedding::Plane;
use crate::jet::Jet;
use crate::tagger::Tagger;
use crate::{Found, JET_RADIUS};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const FONT: &str = "Helvetica, Arial, sans-serif";
/// Twice the size at which it is looked at: plotters draws at whole pixels only.
const SIZE: (u32, u32) = (2480, 2180);
/// The height of the map, its title included.
const MAP: u32 = 1480;
/// The height of the title.
const TITLE: u32 = 130;
/// The radius, in pixels, of a jet that is drawn with its particles: that of the anti-kT clustering.
const JET: f64 = 58.0;
/// How far apart, in pixels, such jets are at least.
const JET_SPACING: f64 = 124.0;
/// The share of a jet's energy below which a particle is not drawn.
const LEAST: f64 = 0.008;

pub(crate) fn figure(path: &Path, map: &[Jet], found: &Found) -> Drawn {
    let Found { plane, means: [top, qcd], taggers, .. } = found;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (upper, lower) = root.split_vertically(MAP);
    let (title, jets_area) = upper.split_vertically(TITLE);
    heading(&title, map, plane)?;
    jets(&jets_area, map, plane)?;
    let (left, right) = lower.split_horizontally(2 * SIZE.0 / 3);
    let (left, middle) = left.split_horizontally(SIZE.0 / 3);
    mean_jet(&left, "The mean top jet", &top.event, VERMILLION)?;
    mean_jet(&middle, "The mean QCD jet", &qcd.event, BLUE)?;
    curves(&right.margin(0, 20, 20, 40), taggers)?;
    root.present()?;
    Ok(())
}

fn text<'a>(size: u32) -> TextStyle<'a> {
    (FONT, size).into_text_style(&SIZE).color(&BLACK)
}

fn colour(is_top: bool) -> RGBColor {
    if is_top { VERMILLION } else { BLUE }
}

/// The nearest pixel.
#[expect(clippy::cast_possible_truncation, reason = "within the picture")]
fn pixel([x, y]: [f64; 2]) -> (i32, i32) {
    (x.round() as i32, y.round() as i32)
}

fn heading(area: &Area<'_>, map: &[Jet], plane: &Plane) -> Drawn {
    let middle = Pos::new(HPos::Left, VPos::Center);
    let title = "Jets on a map of their Energy Mover's Distances";
    area.draw(&Text::new(title, (60, 52), text(48).pos(middle)))?;
    let share = format!("the plane holds {:.0} % of the variance", 100.0 * plane.share);
    area.draw(&Text::new(share, (60, 104), text(34).color(&GREY).pos(middle)))?;
    for (is_top, name, x) in [(true, "top", 1700), (false, "QCD", 2080)] {
        let count = map.iter().filter(|jet| jet.is_top == is_top).count();
        area.draw(&Circle::new((x, 52), 14, colour(is_top).mix(0.75).filled()))?;
        area.draw(&Text::new(format!("{count} {name} jets"), (x + 34, 52), text(40).pos(middle)))?;
    }
    Ok(())
}

/// Every jet as a point and, where there is room, with its particles.
fn jets(area: &Area<'_>, map: &[Jet], plane: &Plane) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let size = [f64::from(width), f64::from(height)];
    // The map in the middle, and room for a jet around it.
    let bounds = [0, 1].map(|axis| {
        let values = || plane.points.iter().map(move |point| point[axis]);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    });
    let fit = |axis: usize| (size[axis] - 2.4 * JET) / (bounds[axis].1 - bounds[axis].0);
    let scale = f64::min(fit(0), fit(1));
    let at: Vec<[f64; 2]> = plane
        .points
        .iter()
        .map(|point| {
            let [x, y] = [0, 1].map(|axis| scale * (point[axis] - 0.5 * (bounds[axis].0 + bounds[axis].1)));
            [0.5 * size[0] + x, 0.5 * size[1] - y]
        })
        .collect();
    for (jet, at) in map.iter().zip(&at) {
        area.draw(&Circle::new(pixel(*at), 6, colour(jet.is_top).mix(0.3).filled()))?;
    }
    let mut drawn: Vec<[f64; 2]> = Vec::new();
    for (jet, at) in map.iter().zip(&at) {
        if drawn.iter().all(|other| (other[0] - at[0]).hypot(other[1] - at[1]) > JET_SPACING) {
            drawn.push(*at);
            particles(area, &jet.flow, *at, colour(jet.is_top))?;
        }
    }
    // How long 100 GeV are.
    let (left, right, y) = (90.0, 90.0 + 100.0 * scale, size[1] - 40.0);
    for [from, to] in [
        [[left, y], [right, y]],
        [[left, y - 10.0], [left, y + 10.0]],
        [[right, y - 10.0], [right, y + 10.0]],
    ] {
        area.draw(&PathElement::new([pixel(from), pixel(to)], GREY.stroke_width(4)))?;
    }
    let above = Pos::new(HPos::Center, VPos::Bottom);
    area.draw(&Text::new(
        "EMD 100 GeV",
        pixel([0.5 * (left + right), y - 14.0]),
        text(34).color(&GREY).pos(above),
    ))?;
    Ok(())
}

/// The particles of a jet about a pixel, their areas proportional to their energies.
fn particles(area: &Area<'_>, jet: &EnergyFlow, at: [f64; 2], colour: RGBColor) -> Drawn {
    area.draw(&Circle::new(pixel(at), JET, WHITE.mix(0.85).filled()))?;
    area.draw(&Circle::new(pixel(at), JET, colour.mix(0.35).stroke_width(2)))?;
    for ([y, phi], energy) in jet.points().iter().zip(jet.energies()) {
        let share = energy / jet.total_energy();
        if share >= LEAST && y.hypot(*phi) < JET_RADIUS {
            let scale = JET / JET_RADIUS;
            let particle = pixel([at[0] + scale * y, at[1] - scale * phi]);
            area.draw(&Circle::new(particle, (32.0 * share.sqrt()).max(2.0), colour.mix(0.65).filled()))?;
        }
    }
    Ok(())
}

/// A barycentre: every dot is the same part of its energy.
fn mean_jet(area: &Area<'_>, title: &str, jet: &EnergyFlow, colour: RGBColor) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let middle = Pos::new(HPos::Center, VPos::Center);
    let (x, radius) = (0.5 * f64::from(width), 0.5 * f64::from(height) - 80.0);
    let y = f64::from(height) - radius - 50.0;
    area.draw(&Text::new(title, pixel([x, 46.0]), text(40).pos(middle)))?;
    area.draw(&Circle::new(pixel([x, y]), radius, colour.mix(0.5).stroke_width(3)))?;
    let scale = radius / JET_RADIUS;
    for [dy, dphi] in jet.points() {
        let part = pixel([x + scale * dy, y - scale * dphi]);
        area.draw(&Circle::new(part, 8, colour.mix(0.5).filled()))?;
    }
    Ok(())
}

/// What the taggers make of the other jets.
fn curves(area: &Area<'_>, taggers: &[Tagger]) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .caption("Told apart by their neighbours", text(40))
        .x_label_area_size(90)
        .y_label_area_size(110)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("QCD jets that pass")
        .y_desc("top jets that pass")
        .axis_desc_style(text(34))
        .label_style(text(28))
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|x| format!("{x:.1}"))
        .y_label_formatter(&|y| format!("{y:.1}"))
        .draw()?;
    for (tagger, colour) in taggers.iter().zip([VERMILLION, GREY]) {
        let style = colour.stroke_width(5);
        let points = tagger.roc.points().map(|p| (p.background_efficiency, p.signal_efficiency));
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(format!("{}: AUC {}", tagger.name, tagger.auc))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 40, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .legend_area_size(60)
        .label_font(text(30))
        .background_style(WHITE.mix(0.85))
        .draw()?;
    Ok(())
}
