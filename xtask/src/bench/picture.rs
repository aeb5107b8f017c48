//! The picture of the figures: what reaches flash for a task, and what the engine spends as more tasks are held.

use std::fmt::Write;

use super::figures::{Figures, number};

const HEAD: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 330" role="img" aria-labelledby="t">
<title id="t">KiB that reach the block device for a task, and the engine's processor time a task by tasks held</title>
<style>
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; fill: #1f2328; text-anchor: middle }
.big { font-size: 15px; font-weight: 600; text-anchor: start }
.left { text-anchor: start }
.scale { text-anchor: end; fill: #59636e; font-size: 12px }
.ours { fill: #0969da }
.floor { fill: #8c959f }
.line { fill: none; stroke: #0969da; stroke-width: 2 }
.axis { stroke: #59636e }
.grid { stroke: #d1d9e0 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .scale { fill: #9198a1 }
  .ours { fill: #4493f8 }
  .line { stroke: #4493f8 }
  .grid { stroke: #3d444d }
}
</style>
"#;

/// The bars: where each begins, its subject and its line.
const BARS: [(f64, &str, &str); 4] = [
    (50.0, "ours", "flash.one.kib"),
    (124.0, "floor", "flash.one.kib"),
    (230.0, "ours", "flash.many.kib"),
    (304.0, "floor", "flash.many.kib"),
];
/// The points of the line: how many are held, and the line of the figures.
const HELD: [(f64, &str); 3] = [(100.0, "held.100"), (1_000.0, "held.1000"), (10_000.0, "held.10000")];
/// Where both pictures stand.
const BOTTOM: f64 = 250.0;

/// The picture, in SVG.
pub(super) fn draw(figures: &Figures) -> String {
    let mut svg = HEAD.to_owned();
    flash(&mut svg, figures);
    growth(&mut svg, figures);
    svg.push_str("</svg>\n");
    svg
}

/// Bars, in the left half.
fn flash(svg: &mut String, figures: &Figures) {
    text(svg, "big", 20.0, 28.0, "KiB on the block device for a task");
    let of = |subject: &str, line: &str| figures.of(line, subject).map_or(0.0, |figure| figure.median);
    let most = BARS.iter().map(|(_, subject, line)| of(subject, line)).fold(1.0, f64::max);
    for (x, subject, line) in BARS {
        let value = of(subject, line);
        let tall = (value / most * 180.0).max(1.0);
        let top = BOTTOM - tall;
        put(svg, &format!(r#"<rect class="{subject}" x="{x}" y="{top:.1}" width="60" height="{tall:.1}"/>"#));
        text(svg, "", x + 30.0, top - 7.0, &number(value));
    }
    put(svg, &format!(r#"<path class="axis" d="M30 {BOTTOM}H384"/>"#));
    text(svg, "", 117.0, BOTTOM + 20.0, "one at a time");
    text(svg, "", 297.0, BOTTOM + 20.0, "32 at once");
    for (x, subject, name) in [(50.0, "ours", "this worker"), (180.0, "floor", "a log that keeps as much")] {
        put(svg, &format!(r#"<rect class="{subject}" x="{x}" y="294" width="12" height="12"/>"#));
        text(svg, "left", x + 18.0, 305.0, name);
    }
}

/// A line on two logarithmic axes, in the right half.
fn growth(svg: &mut String, figures: &Figures) {
    text(svg, "big", 430.0, 28.0, "Engine's processor time a task, ms");
    let (left, right) = (480.0, 760.0);
    // From 10 µs to 100 ms.
    let y = |value: f64| BOTTOM - (value.max(0.01).log10() + 2.0) / 4.0 * 180.0;
    let x = |held: f64| left + 20.0 + (held.log10() - 2.0) / 2.0 * (right - left - 40.0);
    for value in [0.01, 0.1, 1.0, 10.0, 100.0] {
        put(svg, &format!(r#"<path class="grid" d="M{left} {:.1}H{right}"/>"#, y(value)));
        text(svg, "scale", left - 8.0, y(value) + 4.0, &number(value));
    }
    let points: Vec<(f64, f64)> =
        HELD.iter().filter_map(|(held, line)| Some((*held, figures.of(line, "ours")?.median))).collect();
    let path: Vec<String> =
        points.iter().map(|(held, ms)| format!("{:.1} {:.1}", x(*held), y(*ms))).collect();
    if !path.is_empty() {
        put(svg, &format!(r#"<path class="line" d="M{}"/>"#, path.join("L")));
    }
    for (held, ms) in points {
        put(svg, &format!(r#"<circle class="ours" cx="{:.1}" cy="{:.1}" r="4"/>"#, x(held), y(ms)));
        text(svg, "", x(held), y(ms) - 11.0, &number(ms));
    }
    for (held, _) in HELD {
        text(svg, "", x(held), BOTTOM + 20.0, &number(held));
    }
    text(svg, "", f64::midpoint(left, right), BOTTOM + 44.0, "tasks held");
}

fn put(svg: &mut String, element: &str) {
    let _ = writeln!(svg, "{element}");
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, words: &str) {
    let class = if class.is_empty() { String::new() } else { format!(r#"class="{class}" "#) };
    let _ = writeln!(svg, r#"<text {class}x="{x:.1}" y="{y:.1}">{words}</text>"#);
}
