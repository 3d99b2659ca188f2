//! The picture of the quickstart, as SVG.

use std::error::Error;
use std::path::Path;

use hepml::ot::{CorrelationDimension, EnergyFlow, Transport};
use hepml_examples::{BLUE, GREEN, GREY, VERMILLION};
use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;

use crate::Kind;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const FONT: &str = "Helvetica, Arial, sans-serif";

/// Two jets and what it takes to turn one into the other.
pub(crate) struct Moved<'a> {
    pub(crate) title: String,
    pub(crate) from: &'a EnergyFlow,
    pub(crate) to: &'a EnergyFlow,
    pub(crate) transport: Transport,
}

pub(crate) fn figure(
    path: &Path,
    kinds: &[Kind<'_>],
    dimensions: &[(&str, CorrelationDimension)],
    moved: &[Moved<'_>],
) -> Drawn {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let root = SVGBackend::new(path, (1240, 1100)).into_drawing_area();
    root.fill(&WHITE)?;
    let (upper, lower) = root.split_vertically(450);
    let [left, right] = halves(&upper);
    histograms(&left, kinds)?;
    dimension(&right, dimensions)?;
    for (area, moved) in halves(&lower).iter().zip(moved) {
        transport(area, moved)?;
    }
    root.present()?;
    Ok(())
}

fn halves<'a>(area: &Area<'a>) -> [Area<'a>; 2] {
    let (left, right) = area.split_horizontally(620);
    [left.margin(12, 12, 16, 16), right.margin(12, 12, 16, 16)]
}

fn text<'a>(size: u32) -> TextStyle<'a> {
    (FONT, size).into_text_style(&size_hint()).color(&BLACK)
}

/// The size against which plotters resolves relative font sizes; ours are absolute.
fn size_hint() -> (u32, u32) {
    (1240, 1100)
}

const COLOURS: [RGBColor; 3] = [BLUE, GREEN, VERMILLION];

/// How often each distance occurs: outlines, so that the three do not hide each other.
fn histograms(area: &Area<'_>, kinds: &[Kind<'_>]) -> Drawn {
    const BINS: usize = 50;
    let high = kinds.iter().map(|kind| kind.quantile(0.999)).fold(0.0, f64::max);
    let width = high / BINS as f64;
    let densities: Vec<Vec<f64>> = kinds
        .iter()
        .map(|kind| {
            let mut counts = vec![0.0; BINS];
            for emd in kind.emds.iter().filter(|emd| **emd < high) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "below the upper edge"
                )]
                let bin = ((emd / width) as usize).min(BINS - 1);
                counts[bin] += 1.0 / (width * kind.emds.len() as f64);
            }
            counts
        })
        .collect();
    let peak = densities.iter().flatten().copied().fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption("How far apart are jets?", text(22))
        .x_label_area_size(52)
        .y_label_area_size(72)
        .build_cartesian_2d(0.0..high, 0.0..1e3 * 1.35 * peak)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("EMD (GeV)")
        .y_desc("pairs / GeV (per mille)")
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;
    for ((kind, density), colour) in kinds.iter().zip(&densities).zip(COLOURS) {
        let outline: Vec<(f64, f64)> =
            std::iter::once((0.0, 0.0))
                .chain(density.iter().enumerate().flat_map(|(bin, d)| {
                    [(bin as f64 * width, 1e3 * d), ((bin + 1) as f64 * width, 1e3 * d)]
                }))
                .collect();
        let style = colour.stroke_width(3);
        chart
            .draw_series(LineSeries::new(outline, style))?
            .label(format!("{} (median {:.0} GeV)", kind.name, kind.quantile(0.5)))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], style));
    }
    legend(&mut chart, SeriesLabelPosition::UpperRight)
}

/// The dimension against the scale, with error bars; the two are offset by a few per cent so that bars do not overlap.
fn dimension(area: &Area<'_>, dimensions: &[(&str, CorrelationDimension)]) -> Drawn {
    let points = || dimensions.iter().flat_map(|(_, dimension)| dimension.points());
    let low = points().map(|p| p.scale).fold(f64::INFINITY, f64::min);
    let high = points().map(|p| p.scale).fold(0.0, f64::max);
    let top =
        points().filter(|p| p.error < 0.3 * p.dimension).map(|p| p.dimension + p.error).fold(0.0, f64::max);
    let axis = (0.85 * low..1.2 * high).log_scale().with_key_points(vec![20.0, 50.0, 100.0, 200.0, 400.0]);
    let mut chart = ChartBuilder::on(area)
        .caption("How many dimensions do they fill?", text(22))
        .x_label_area_size(52)
        .y_label_area_size(72)
        .build_cartesian_2d(axis, 0.0..1.15 * top)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("scale Q (GeV)")
        .y_desc("correlation dimension")
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;
    for (k, ((name, dimension), colour)) in dimensions.iter().zip([BLUE, VERMILLION]).enumerate() {
        let shift = if k == 0 { 0.99 } else { 1.01 };
        let style = colour.stroke_width(2);
        let points = dimension.points();
        chart.draw_series(LineSeries::new(points.iter().map(|p| (shift * p.scale, p.dimension)), style))?;
        let ceiling = 1.15 * top;
        chart.draw_series(points.iter().map(|p| {
            let (below, above) = ((p.dimension - p.error).max(0.0), (p.dimension + p.error).min(ceiling));
            PathElement::new([(shift * p.scale, below), (shift * p.scale, above)], style)
        }))?;
        let marks = points.iter().filter(|p| p.dimension < ceiling).map(|p| {
            EmptyElement::at((shift * p.scale, p.dimension)) + Polygon::new(mark(k, (0, 0)), colour.filled())
        });
        chart
            .draw_series(marks)?
            .label(format!("{name} jets"))
            .legend(move |(x, y)| Polygon::new(mark(k, (x + 13, y)), colour.filled()));
    }
    legend(&mut chart, SeriesLabelPosition::UpperRight)
}

/// The outline, in pixels about a point, of a disk or a square: told apart without colour.
fn mark(series: usize, (x, y): (i32, i32)) -> Vec<(i32, i32)> {
    const DISK: [(i32, i32); 12] = [
        (6, 0),
        (5, 3),
        (3, 5),
        (0, 6),
        (-3, 5),
        (-5, 3),
        (-6, 0),
        (-5, -3),
        (-3, -5),
        (0, -6),
        (3, -5),
        (5, -3),
    ];
    const SQUARE: [(i32, i32); 4] = [(-5, -5), (5, -5), (5, 5), (-5, 5)];
    let outline: &[(i32, i32)] = if series == 0 { &DISK } else { &SQUARE };
    outline.iter().map(|(dx, dy)| (x + dx, y + dy)).collect()
}

/// Two jets in the plane, area proportional to pT, and the optimal plan as lines, opacity growing with what is moved.
fn transport(area: &Area<'_>, moved: &Moved<'_>) -> Drawn {
    let points = || moved.from.points().iter().chain(moved.to.points());
    let reach = 1.08 * points().flatten().fold(0.2_f64, |reach, x| reach.max(x.abs()));
    let mut chart = ChartBuilder::on(area)
        .caption(&moved.title, text(22))
        .x_label_area_size(52)
        .y_label_area_size(72)
        .build_cartesian_2d(-reach..reach, -reach..reach)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("rapidity relative to the jet axis")
        .y_desc("azimuth relative to the jet axis (rad)")
        .axis_desc_style(text(18))
        .label_style(text(15))
        .x_label_formatter(&tenths)
        .y_label_formatter(&tenths)
        .draw()?;
    let most = moved.transport.flows.iter().map(|flow| flow.amount).fold(0.0, f64::max);
    for flow in &moved.transport.flows {
        let ([y0, phi0], [y1, phi1]) = (moved.from.points()[flow.from], moved.to.points()[flow.to]);
        let opacity = 0.15 + 0.7 * (flow.amount / most).sqrt();
        let style = GREY.mix(opacity).stroke_width(if flow.amount > 0.1 * most { 3 } else { 1 });
        chart.draw_series([PathElement::new([(y0, phi0), (y1, phi1)], style)])?;
    }
    let total = moved.from.total_energy().max(moved.to.total_energy());
    for (jet, colour, name) in [(moved.from, BLUE, "from"), (moved.to, VERMILLION, "to")] {
        chart
            .draw_series(jet.points().iter().zip(jet.energies()).map(|(&[y, phi], &pt)| {
                // Area proportional to pT: a particle with the whole jet's would be 46 pixels wide in radius.
                let radius = (46.0 * (pt / total).sqrt()).max(1.5).round();
                Circle::new((y, phi), radius, colour.mix(0.55).filled())
            }))?
            .label(format!("{name}: {} particles, {:.0} GeV", jet.len(), jet.total_energy()))
            .legend(move |(x, y)| Circle::new((x + 13, y), 7, colour.mix(0.7).filled()));
    }
    chart.draw_series([Text::new(
        format!("EMD = {:.1} GeV", moved.transport.value),
        (-0.95 * reach, -0.9 * reach),
        text(18),
    )])?;
    legend(&mut chart, SeriesLabelPosition::UpperRight)
}

/// One decimal, and no minus before a zero.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that plotters calls")]
fn tenths(x: &f64) -> String {
    format!("{:.1}", (10.0 * x).round() / 10.0 + 0.0)
}

fn legend<'a, X, Y>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>,
    position: SeriesLabelPosition,
) -> Drawn
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    chart
        .configure_series_labels()
        .position(position)
        .label_font(text(16))
        .background_style(WHITE.mix(0.85))
        .draw()?;
    Ok(())
}
