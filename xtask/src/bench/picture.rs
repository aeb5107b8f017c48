//! The picture of the figures: what reaches flash for a task, and what the engine spends as more tasks are held.

use std::fmt::Write;

use super::figures::Figures;
use super::page::number;

/// Of the whole picture.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 330.0;
/// Bars and lines: ours, and what can't be left out.
const OURS: &str = "#2f6fab";
const FLOOR: &str = "#9aa5ad";

/// The bars: what they are called, whose figure they show, its line, and their colour.
const BARS: [(&str, &str, &str, &str); 4] = [
    ("one at a time", "ours", "flash.one.kib", OURS),
    ("", "floor", "flash.one.kib", FLOOR),
    ("32 at once", "ours", "flash.many.kib", OURS),
    ("", "floor", "flash.many.kib", FLOOR),
];
/// The points of the line: how many are held, and the line of the figures.
const HELD: [(f64, &str); 3] = [(100.0, "held.100"), (1_000.0, "held.1000"), (10_000.0, "held.10000")];

pub(super) fn draw(figures: &Figures) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n\
         <title>KiB that reach the block device for a task, and the engine's processor time a task by tasks held</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
    );
    flash(&mut svg, figures);
    growth(&mut svg, figures);
    svg.push_str("</svg>\n");
    svg
}

/// Bars, from the left edge to the middle.
fn flash(svg: &mut String, figures: &Figures) {
    text(svg, 20.0, 28.0, "start", "KiB on the block device for a task");
    let of = |subject: &str, line: &str| figures.of(line, subject).map_or(0.0, |figure| figure.median);
    let most = BARS.iter().map(|(_, subject, line, _)| of(subject, line)).fold(1.0, f64::max);
    let (bottom, height) = (270.0, 210.0);
    for (at, (name, subject, line, colour)) in BARS.iter().enumerate() {
        let value = of(subject, line);
        let tall = (value / most * height).max(1.0);
        let x = 40.0 + at as f64 * 74.0 + if at > 1 { 24.0 } else { 0.0 };
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{:.1}\" width=\"56\" height=\"{tall:.1}\" fill=\"{colour}\"/>",
            bottom - tall
        );
        text(svg, x + 28.0, bottom - tall - 6.0, "middle", &number(value));
        if !name.is_empty() {
            text(svg, x + 65.0, bottom + 20.0, "middle", name);
        }
    }
    let _ = writeln!(svg, "<path d=\"M30 {bottom}H370\" stroke=\"#444\"/>");
    legend(svg, 40.0, OURS, "this worker");
    legend(svg, 160.0, FLOOR, "a log that keeps as much");
}

/// A line on two logarithmic axes, from the middle to the right edge.
fn growth(svg: &mut String, figures: &Figures) {
    text(svg, 420.0, 28.0, "start", "engine's processor time a task, ms");
    let (left, right, top, bottom) = (460.0, 720.0, 60.0, 270.0);
    // From 10 µs to 100 ms.
    let y = |value: f64| bottom - (value.max(0.01).log10() + 2.0) / 4.0 * (bottom - top);
    let x = |held: f64| left + (held.log10() - 2.0) / 2.0 * (right - left);
    for value in [0.01, 0.1, 1.0, 10.0, 100.0] {
        let _ = writeln!(svg, "<path d=\"M{left} {:.1}H{right}\" stroke=\"#ddd\"/>", y(value));
        text(svg, left - 8.0, y(value) + 4.0, "end", &number(value));
    }
    let mut path = String::new();
    for (held, line) in HELD {
        text(svg, x(held), bottom + 20.0, "middle", &number(held));
        let Some(figure) = figures.of(line, "ours") else { continue };
        let _ =
            write!(path, "{}{:.1} {:.1}", if path.is_empty() { "M" } else { "L" }, x(held), y(figure.median));
        let (cx, cy) = (x(held), y(figure.median));
        let _ = writeln!(svg, "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"4\" fill=\"{OURS}\"/>");
        text(svg, cx, cy - 10.0, "middle", &number(figure.median));
    }
    let _ = writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"{OURS}\" stroke-width=\"2\"/>");
    text(svg, f64::midpoint(left, right), bottom + 42.0, "middle", "tasks held");
}

fn legend(svg: &mut String, x: f64, colour: &str, name: &str) {
    let _ = writeln!(svg, "<rect x=\"{x}\" y=\"302\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
    text(svg, x + 18.0, 313.0, "start", name);
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#222\">{words}</text>"
    );
}
