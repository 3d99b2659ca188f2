//! Observables before and after reweighting, with pulls, as SVG.

use std::error::Error;
use std::path::Path;

use hepml::stats::Estimate;
use hepml_examples::{BLUE, GREEN, GREY, VERMILLION};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Found;
use crate::judgement::Distribution;
use crate::sample::Sample;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const FONT: &str = "Helvetica, Arial, sans-serif";
/// Twice the size at which it is looked at: plotters draws at whole pixels only.
const SIZE: (u32, u32) = (2480, 2000);
const COLUMNS: usize = 3;
/// The height of the legend.
const LEGEND: u32 = 220;
/// The height of the distributions in a panel; below are the pulls.
const UPPER: u32 = 590;
/// The room for numbers at the left of both.
const LEFT: u32 = 150;
/// Pulls beyond are drawn at the edge.
const LARGEST_PULL: f64 = 6.0;
/// Of the learners.
const COLOURS: [RGBColor; 2] = [BLUE, GREEN];
/// How far the points of the learners are from the centre of a bin, over its width.
const APART: f64 = 0.14;

pub(crate) fn figure(path: &Path, judges: &Sample, found: &[Found]) -> Drawn {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, panels) = root.split_vertically(LEGEND);
    legend(&head, judges, found)?;
    let rows = found[0].judgement.distributions.len().div_ceil(COLUMNS);
    for (index, cell) in panels.split_evenly((rows, COLUMNS)).iter().enumerate() {
        let of_learners: Vec<&Distribution> =
            found.iter().map(|found| &found.judgement.distributions[index]).collect();
        let cell = cell.margin(6, 10, 10, 30);
        let (upper, lower) = cell.split_vertically(UPPER);
        distributions(&upper, &of_learners)?;
        pulls(&lower, &of_learners)?;
    }
    root.present()?;
    Ok(())
}

fn text<'a>(size: u32) -> TextStyle<'a> {
    (FONT, size).into_text_style(&SIZE).color(&BLACK)
}

fn legend(area: &Area<'_>, judges: &Sample, found: &[Found]) -> Drawn {
    let middle = Pos::new(HPos::Left, VPos::Center);
    let [top, qcd] = judges.counts();
    let line = |x: i32, y: i32, colour: RGBColor, label: String| -> Drawn {
        area.draw(&PathElement::new([(x, y), (x + 70, y)], colour.stroke_width(6)))?;
        area.draw(&Text::new(label, (x + 90, y), text(36).pos(middle)))?;
        Ok(())
    };
    line(60, 50, VERMILLION, format!("{top} top jets"))?;
    line(60, 105, GREY, format!("{qcd} QCD jets"))?;
    for ((row, found), colour) in found.iter().enumerate().zip(COLOURS) {
        let y = if row == 0 { 50 } else { 105 };
        let judgement = &found.judgement;
        area.draw(&PathElement::new([(620, y), (690, y)], colour.stroke_width(3)))?;
        area.draw(&Circle::new((655, y), 10, colour.filled()))?;
        let label = format!(
            "QCD reweighted ({}): worth {} jets, k-hat {}, closure AUC {} (before: {})",
            found.name,
            judgement.shown("effective_sample_size"),
            judgement.shown("k_hat"),
            judgement.shown("closure_auc"),
            judgement.shown("closure_auc_before"),
        );
        area.draw(&Text::new(label, (710, y), text(36).pos(middle)))?;
    }
    let note = "Errors: sqrt(sum w²). Pull: (reweighted - top)/error of both; arrows lie beyond. What is beyond an axis is in its last bin.";
    area.draw(&Text::new(note, (60, 172), text(30).color(&GREY).pos(middle)))?;
    Ok(())
}

/// The outline of a histogram.
fn outline(of: &Distribution, shares: &[Estimate]) -> Vec<(f64, f64)> {
    let edges = of.binning.edges();
    let mut points = vec![(edges[0], 0.0)];
    for (bin, share) in shares.iter().enumerate() {
        points.extend([(edges[bin], share.value), (edges[bin + 1], share.value)]);
    }
    points.push((edges[shares.len()], 0.0));
    points
}

/// Where a learner's point of a bin is.
fn place(of: &Distribution, bin: usize, learner: usize, learners: usize) -> f64 {
    let side = if learners == 1 { 0.0 } else { APART * (2.0 * learner as f64 - 1.0) };
    of.binning.centre(bin) + side * of.binning.width(bin)
}

fn distributions(area: &Area<'_>, of_learners: &[&Distribution]) -> Drawn {
    let first = of_learners[0];
    let [low, high] = first.observable.range;
    let after = of_learners.iter().flat_map(|of| &of.after).map(|share| share.value + share.error);
    let outlines = first.top.iter().chain(&first.before).map(|share| share.value);
    // An error bar may leave the panel; a point may not.
    let points = of_learners.iter().flat_map(|of| &of.after).map(|share| share.value);
    let highest = outlines.chain(points).fold(0.0, f64::max);
    let most = after.fold(highest, f64::max).min(1.35 * highest);
    let mut chart = ChartBuilder::on(area)
        .margin_top(14)
        .y_label_area_size(LEFT)
        .x_label_area_size(14)
        .build_cartesian_2d(low..high, 0.0..1.06 * most)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .y_desc("share of jets")
        .axis_desc_style(text(34))
        .label_style(text(30))
        .x_labels(0)
        .y_labels(6)
        .y_label_formatter(&|y| format!("{y:.2}"))
        .draw()?;
    for (shares, colour) in [(&first.before, GREY), (&first.top, VERMILLION)] {
        let points = outline(first, shares);
        if colour == VERMILLION {
            chart.draw_series([Polygon::new(points.clone(), colour.mix(0.15).filled())])?;
        }
        chart.draw_series([PathElement::new(points, colour.stroke_width(5))])?;
    }
    for ((learner, of), colour) in of_learners.iter().enumerate().zip(COLOURS) {
        for (bin, share) in of.after.iter().enumerate() {
            let x = place(of, bin, learner, of_learners.len());
            let ends =
                [share.value - share.error, share.value + share.error].map(|y| y.clamp(0.0, 1.06 * most));
            chart.draw_series([PathElement::new(ends.map(|y| (x, y)), colour.stroke_width(3))])?;
            chart.draw_series([Circle::new((x, share.value), 8, colour.filled())])?;
        }
    }
    Ok(())
}

fn pulls(area: &Area<'_>, of_learners: &[&Distribution]) -> Drawn {
    let [low, high] = of_learners[0].observable.range;
    let mut chart = ChartBuilder::on(area)
        .y_label_area_size(LEFT)
        .x_label_area_size(96)
        .build_cartesian_2d(low..high, -LARGEST_PULL..LARGEST_PULL)?;
    chart.draw_series([Rectangle::new([(low, -1.0), (high, 1.0)], GREY.mix(0.2).filled())])?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc(of_learners[0].observable.label)
        .y_desc("pull")
        .axis_desc_style(text(34))
        .label_style(text(30))
        .x_labels(6)
        .y_labels(5)
        .x_label_formatter(&|x| if high > 2.0 { format!("{x:.0}") } else { format!("{x:.1}") })
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;
    chart.draw_series([PathElement::new([(low, 0.0), (high, 0.0)], GREY.stroke_width(2))])?;
    for ((learner, of), colour) in of_learners.iter().enumerate().zip(COLOURS) {
        for (bin, pull) in of.pulls(&of.after).into_iter().enumerate() {
            let Some(pull) = pull else { continue };
            let x = place(of, bin, learner, of_learners.len());
            if pull.abs() > LARGEST_PULL {
                let tip = 0.97 * LARGEST_PULL * pull.signum();
                let base = 0.82 * LARGEST_PULL * pull.signum();
                let half = 0.18 * of.binning.width(bin);
                let arrow = [(x, tip), (x - half, base), (x + half, base)];
                chart.draw_series([Polygon::new(arrow, colour.filled())])?;
            } else {
                chart.draw_series([Circle::new((x, pull), 8, colour.filled())])?;
            }
        }
    }
    Ok(())
}
