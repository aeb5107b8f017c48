//! `cargo xtask bench`: what the worker costs, beside workers on AWS' SDKs and beside floors, seen from outside: by the kernel's
//! counters, by the service that it works for, by strace.

mod catalog;
mod figures;
mod floor;
mod full;
mod ground;
pub(crate) mod inside;
mod kernel;
mod lines;
mod load;
mod page;
mod peers;
mod picture;
mod quick;
mod service;
mod size;
mod stand;
mod subject;
mod trace;

use std::path::PathBuf;

use self::figures::Figures;
use self::inside::Order;
use self::subject::Subject;
use crate::workspace::Workspace;

/// Rounds of what is timed, if nothing is said.
const ROUNDS: usize = 3;

/// What the command line of `bench` says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    quick: bool,
    save: bool,
    rounds: Option<usize>,
    words: Vec<String>,
}

/// `cargo xtask bench` with these words behind it.
pub(crate) fn bench(workspace: &Workspace, words: &[String]) -> Result<(), String> {
    let wish = wish(words)?;
    match wish.words.split_first() {
        Some((word, names)) if word == "peers" => {
            if let Some(unknown) = names.iter().find(|name| !peers::names().contains(&name.as_str())) {
                return Err(format!("no peer {unknown:?}; there are: {}", peers::names().join(", ")));
            }
            peers::library(workspace)?;
            let built = peers::sdks(workspace, names);
            println!("built: {}", built.iter().map(Subject::name).collect::<Vec<_>>().join(", "));
            Ok(())
        }
        Some((word, [])) if word == "draw" => page::write(workspace, &page::read(workspace)?),
        _ if wish.quick => quick_run(workspace).map(|note| println!("{note}")),
        _ => full_run(workspace, &wish),
    }
}

fn wish(words: &[String]) -> Result<Wish, String> {
    let mut wish = Wish::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => wish.quick = true,
            "--save" => wish.save = true,
            "--rounds" => {
                let rounds = words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                wish.rounds = Some(rounds.ok_or("--rounds wants a number from 1 on")?);
            }
            word if word.starts_with('-') => {
                return Err(format!("no option {word:?}: --quick, --save, --rounds N"));
            }
            word => wish.words.push(word.to_owned()),
        }
    }
    Ok(wish)
}

/// The suite: builds the release binary, and holds what is counted against its budgets.
pub(crate) fn quick_run(workspace: &Workspace) -> Result<String, String> {
    inside::prepare()?;
    let order = Order {
        device: size::device(workspace)?,
        library: None,
        sdks: Vec::new(),
        lines: Vec::new(),
        rounds: 1,
        quick: true,
    };
    let (shown, over) = quick::judge(&inside::measure(&order)?);
    println!("{}", shown.join("\n"));
    match over.len() {
        0 => Ok(format!("{} figures within their budgets", shown.len())),
        _ => Err(format!("over budget: {}", over.join("; "))),
    }
}

fn full_run(workspace: &Workspace, wish: &Wish) -> Result<(), String> {
    inside::prepare()?;
    let wants = |line: &str| wish.words.is_empty() || wish.words.iter().any(|word| word.starts_with(line));
    let sizes = figures::Samples::default();
    if wants("size") {
        size::measure(workspace, &sizes)?;
    }
    if wants("static") {
        size::measure_static(workspace, &sizes)
            .unwrap_or_else(|why| println!("the static binary is not measured: {why}"));
    }
    let Subject::Library(library) = peers::library(workspace)? else { return Err("no library".into()) };
    let sdks = peers::sdks(workspace, &[]);
    let command = |subject: Subject| match subject {
        Subject::Sdk(name, words) => Some((name.to_owned(), words)),
        Subject::Device(_) | Subject::Library(_) => None,
    };
    let order = Order {
        device: size::device(workspace)?,
        library: Some(library),
        sdks: sdks.into_iter().filter_map(command).collect::<Vec<(String, Vec<PathBuf>)>>(),
        lines: wish.words.clone(),
        rounds: wish.rounds.unwrap_or(ROUNDS),
        quick: false,
    };
    let mut measured = inside::measure(&order)?;
    let machine = measured.machine.clone();
    measured.take(sizes.figures(machine));
    println!("{}", page::table(&measured));
    if wish.save {
        let mut all = page::read(workspace).unwrap_or_else(|_| Figures::default());
        all.take(measured);
        page::write(workspace, &all)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_bench_are_read() {
        let of = |words: &[&str]| wish(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let expected =
            Wish { quick: false, save: true, rounds: Some(5), words: vec!["pace".into(), "cpu".into()] };
        assert_eq!(of(&["pace", "--rounds", "5", "cpu", "--save"]), Ok(expected));
        assert!(of(&["--rounds", "0"]).is_err() && of(&["--fast"]).is_err());
    }
}
