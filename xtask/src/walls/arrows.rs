//! Which file of a crate knows which: an arrow goes to the file that defines what is named, not to one that shows it on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::source::{Source, read};
use super::tokens::tokens;

/// All modules of a crate, by their paths; the root has the empty one.
pub(super) struct Crate {
    modules: BTreeMap<Vec<String>, Module>,
}

struct Module {
    /// Relative to the folder of the sources.
    file: String,
    source: Source,
}

/// One file names something of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrow {
    pub(super) from: String,
    pub(super) to: String,
    /// How it is written, from the crate's root on.
    pub(super) name: String,
}

/// What a path leads to.
enum Found {
    Module(Vec<String>),
    /// Something that is defined in the module of this path.
    Item(Vec<String>),
}

/// Longer chains of imports lead nowhere.
const CHAIN: usize = 16;

impl Crate {
    /// Reads the crate whose root file, `lib.rs` or `main.rs`, lies in this folder. Its modules are those that it declares, so what
    /// tests alone declare is none.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let root = ["lib.rs", "main.rs"].into_iter().find(|name| folder.join(name).exists());
        let root = root.ok_or_else(|| format!("no crate in {}", folder.display()))?;
        Self::of(root, &|file| fs::read_to_string(folder.join(file)).ok())
    }

    /// A crate whose files are read by their names.
    pub(super) fn of(root: &str, text_of: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut modules = BTreeMap::new();
        let mut files = vec![(Vec::new(), root.to_owned())];
        while let Some((path, file)) = files.pop() {
            let text = text_of(&file).ok_or_else(|| format!("can't read {file}"))?;
            let mut within = vec![(path, read(&tokens(&text)))];
            while let Some((path, mut source)) = within.pop() {
                for child in source.children.iter().filter(|name| !is_tests(name)) {
                    let path: Vec<_> = path.iter().chain([child]).cloned().collect();
                    let (plain, nested) = (path.join("/") + ".rs", path.join("/") + "/mod.rs");
                    let file = if text_of(&plain).is_some() { plain } else { nested };
                    files.push((path, file));
                }
                for (name, inner) in std::mem::take(&mut source.inline) {
                    within.push((path.iter().cloned().chain([name]).collect(), inner));
                }
                modules.insert(path, Module { file: file.clone(), source });
            }
        }
        Ok(Crate { modules })
    }

    /// Every arrow from one file to another.
    pub(super) fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (place, Module { file, source }) in &self.modules {
            // What is shown on is no arrow; if it is used here too, a path says so.
            let imports = source.imports.iter().filter(|import| !import.is_public);
            for path in imports.map(|import| &import.path).chain(&source.paths) {
                let Some(Found::Item(definer)) = self.resolve(place, path, 0) else { continue };
                let to = &self.modules[&definer].file;
                if to != file {
                    let name = absolute(place, path).join("::");
                    arrows.insert(Arrow { from: file.clone(), to: to.clone(), name });
                }
            }
        }
        arrows
    }

    /// What a path leads to that is written in the module `place`; `None` if it leads out of the crate.
    fn resolve(&self, place: &[String], path: &[String], chain: usize) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(&[], rest, chain),
            "self" => self.walk(place, rest, chain),
            "super" => self.resolve_within(place.split_last()?.1, rest, chain),
            _ => self.step(place, first, rest, chain),
        }
    }

    /// `super::super` goes on up.
    fn resolve_within(&self, place: &[String], path: &[String], chain: usize) -> Option<Found> {
        match path.first().map(String::as_str) {
            Some("super") => self.resolve(place, path, chain),
            _ => self.walk(place, path, chain),
        }
    }

    /// Follows a path from a module on. What is not found there was made by a macro, or is something built in.
    fn walk(&self, module: &[String], path: &[String], chain: usize) -> Option<Found> {
        match path.split_first() {
            None => Some(Found::Module(module.to_vec())),
            Some((first, rest)) => {
                let is_import = self.modules[module].source.imports.iter().any(|i| i.name == *first);
                let unknown = || (!is_import).then(|| Found::Item(module.to_vec()));
                self.step(module, first, rest, chain).or_else(unknown)
            }
        }
    }

    /// What a name is in a module, and where the rest of the path leads from there.
    fn step(&self, module: &[String], name: &String, rest: &[String], chain: usize) -> Option<Found> {
        if chain > CHAIN {
            return None;
        }
        let child: Vec<_> = module.iter().chain([name]).cloned().collect();
        let Source { items, imports, .. } = &self.modules.get(module)?.source;
        if items.contains(name) {
            return Some(Found::Item(module.to_vec()));
        }
        if !rest.is_empty() && self.modules.contains_key(&child) {
            return self.walk(&child, rest, chain + 1);
        }
        // A function and a module may have one name.
        let named = imports.iter().filter(|import| import.name == *name && import.path[..] != *child);
        for import in named {
            let path: Vec<_> = import.path.iter().chain(rest).cloned().collect();
            if let Some(found) = self.resolve(module, &path, chain + 1) {
                return Some(found);
            }
        }
        if self.modules.contains_key(&child) {
            return Some(Found::Module(child));
        }
        imports.iter().filter(|import| import.name == "*").find_map(|import| {
            match self.resolve(module, &import.path, chain + 1)? {
                Found::Module(shown) if shown != module => self.step(&shown, name, rest, chain + 1),
                _ => None,
            }
        })
    }
}

/// A path as it would be written from the crate's root on.
fn absolute(place: &[String], path: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|segment| *segment == "super").count();
    let (base, rest) = match path.first().map(String::as_str) {
        Some("crate") => (&[][..], &path[1..]),
        Some("self") => (place, &path[1..]),
        _ => (&place[..place.len().saturating_sub(ups)], &path[ups..]),
    };
    base.iter().chain(rest).cloned().collect()
}

/// Modules with such names hold tests.
fn is_tests(name: &str) -> bool {
    name == "tests" || name.ends_with("_tests")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The arrows of a made-up crate: each file's name and text, the root first.
    pub(in crate::walls) fn arrows_of(files: &[(&str, &str)]) -> BTreeSet<Arrow> {
        let text_of =
            |name: &str| files.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        Crate::of(files[0].0, &text_of).unwrap().arrows()
    }

    fn shown(files: &[(&str, &str)]) -> Vec<String> {
        arrows_of(files).iter().map(|Arrow { from, to, name }| format!("{from} -> {to}: {name}")).collect()
    }

    #[test]
    fn an_arrow_goes_to_the_file_that_defines_what_is_named() {
        let files = [
            ("lib.rs", "mod a; mod b; pub use b::inner::Deep as Shown;"),
            (
                "a.rs",
                "use crate::Shown; use crate::b::{self, Deep}; fn f() { b::g(); b::made_by_a_macro(); }",
            ),
            ("b/mod.rs", "mod inner; pub(crate) use inner::*; pub(crate) fn g() {}"),
            ("b/inner.rs", "pub(crate) struct Deep;"),
        ];
        let expected = [
            "a.rs -> b/inner.rs: Shown",
            "a.rs -> b/inner.rs: b::Deep",
            "a.rs -> b/mod.rs: a::b::g",
            "a.rs -> b/mod.rs: a::b::made_by_a_macro",
        ];
        assert_eq!(shown(&files), expected);
    }

    #[test]
    fn a_child_knows_its_parent_for_what_the_parent_itself_defines() {
        let files = [
            ("main.rs", "mod p; use std::process;"),
            ("p/mod.rs", "mod c; mod d; pub use d::D; use std::fs; pub struct P; fn f(x: c::C) {}"),
            (
                "p/c.rs",
                "use super::{D, P, fs}; use super::super::p::P as Q; pub struct C; fn f() { fs::read(); }",
            ),
            ("p/d.rs", "pub struct D; fn f() { crate::process::exit(0) }"),
        ];
        let expected = ["p/c.rs -> p/d.rs: p::D", "p/c.rs -> p/mod.rs: p::P", "p/mod.rs -> p/c.rs: p::c::C"];
        assert_eq!(shown(&files), expected);
    }

    #[test]
    fn what_is_shown_on_is_an_arrow_only_if_it_is_used_there() {
        let child = ("c.rs", "pub struct C;");
        assert!(shown(&[("lib.rs", "mod c; pub use c::C;"), child]).is_empty());
        assert_eq!(shown(&[("lib.rs", "mod c; pub use c::C; fn f(c: C) {}"), child]), ["lib.rs -> c.rs: C"]);
    }

    #[test]
    fn tests_are_not_counted() {
        let files = [
            ("lib.rs", "#[cfg(test)] mod only; mod a; mod a_tests; mod tests; struct L;"),
            ("a.rs", "#[cfg(test)] use crate::L; #[cfg(test)] mod inner { use crate::L; }"),
        ];
        assert!(shown(&files).is_empty());
    }
}
