//! The committed figures, and what is drawn from them: the table of `docs/performance.md` and the picture beside it.

use std::fs;
use std::path::PathBuf;

use super::catalog::{LINES, Line, SUBJECTS};
use super::figures::{Figures, OURS, number};
use super::picture;
use crate::workspace::Workspace;

/// The figures, below the root.
const JSON: &str = "docs/performance.json";
const PAGE: &str = "docs/performance.md";
const PICTURE: &str = "docs/performance.svg";
/// What stands around the table in the page.
const MARKS: [&str; 2] = ["<!-- figures: cargo xtask bench draw -->\n", "<!-- end of figures -->\n"];

/// The committed figures.
pub(super) fn read(workspace: &Workspace) -> Result<Figures, String> {
    let file = workspace.root.join(JSON);
    let text = fs::read(&file).map_err(|e| format!("can't read {}: {e}", file.display()))?;
    serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", file.display()))
}

/// Writes the figures, and what is drawn from them.
pub(super) fn write(workspace: &Workspace, figures: &Figures) -> Result<(), String> {
    let put = |file: &str, text: String| {
        let file: PathBuf = workspace.root.join(file);
        fs::write(&file, text).map_err(|e| format!("can't write {}: {e}", file.display()))
    };
    let json = serde_json::to_string_pretty(figures).map_err(|e| e.to_string())?;
    put(JSON, json + "\n")?;
    put(PICTURE, picture::draw(figures))?;
    let page = workspace.root.join(PAGE);
    let old = fs::read_to_string(&page).map_err(|e| format!("can't read {}: {e}", page.display()))?;
    put(PAGE, with_table(&old, figures)?)
}

/// The page with a fresh table.
fn with_table(page: &str, figures: &Figures) -> Result<String, String> {
    let [begin, end] = MARKS;
    let parts = page.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("{PAGE} has no place for the figures"))?;
    Ok(format!("{before}{begin}{}{end}{after}", table(figures)))
}

/// All that was measured, in Markdown.
pub(super) fn table(figures: &Figures) -> String {
    let is_there = |subject: &str| figures.lines.values().any(|subjects| subjects.contains_key(subject));
    let columns: Vec<_> = SUBJECTS.iter().filter(|(subject, _)| is_there(subject)).collect();
    let heads: Vec<_> = columns.iter().map(|(_, shown)| *shown).collect();
    let mut text =
        format!("| measured | {} | goal |\n|---|{}\n", heads.join(" | "), "---|".repeat(heads.len() + 1));
    for line in LINES.iter().filter(|line| figures.lines.contains_key(line.key)) {
        let cells: Vec<_> = columns.iter().map(|(subject, _)| cell(figures, line, subject)).collect();
        text.push_str(&format!("| {} | {} | {} |\n", line.what, cells.join(" | "), line.goal));
    }
    text.push_str(&format!("\nMeasured on {}.\n", figures.machine));
    text
}

/// A subject's figure, if there is one; another's with ours by it in brackets.
fn cell(figures: &Figures, line: &Line, subject: &str) -> String {
    let Some(figure) = figures.of(line.key, subject) else { return String::new() };
    let shown = with_unit(figure.median, line.unit);
    match figures.of(line.key, OURS) {
        _ if subject == OURS => format!("**{shown}**"),
        Some(_) => format!("{shown} ({}×)", number(figure.ratio)),
        None => shown,
    }
}

fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "" => number(value),
        "/s" => format!("{}/s", number(value)),
        unit => format!("{} {unit}", number(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_the_picture_are_drawn_from_the_committed_figures() {
        let figures: Figures = serde_json::from_str(include_str!("../../../docs/performance.json")).unwrap();
        let page = include_str!("../../../docs/performance.md");
        assert!(with_table(page, &figures).unwrap() == page, "run cargo xtask bench draw");
        let picture = include_str!("../../../docs/performance.svg");
        assert!(picture::draw(&figures) == picture, "run cargo xtask bench draw");
        let known = |line: &&String| !LINES.iter().any(|known| known.key == line.as_str());
        assert_eq!(figures.lines.keys().find(known), None, "a line that no one measures");
    }
}
