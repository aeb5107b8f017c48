//! Circles: files that know each other, be it through others.

use std::collections::{BTreeMap, BTreeSet};

use super::arrows::Arrow;

/// The largest sets of files in which each knows each.
fn circles(arrows: &BTreeSet<Arrow>) -> Vec<BTreeSet<&str>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Arrow { from, to, .. } in arrows {
        next.entry(from).or_default().insert(to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|file| (*file, reached_from(file, &next))).collect();
    let mut found: Vec<BTreeSet<&str>> = Vec::new();
    for (file, others) in &reached {
        let is_back = |other: &&str| reached.get(other).is_some_and(|back| back.contains(file));
        let circle: BTreeSet<&str> = others.iter().copied().filter(is_back).collect();
        if !circle.is_empty() && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

fn reached_from<'a>(file: &'a str, next: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![file]);
    while let Some(file) = open.pop() {
        for to in next.get(file).into_iter().flatten() {
            if reached.insert(*to) {
                open.push(to);
            }
        }
    }
    reached
}

/// Circles that may be.
pub(super) struct Permitted {
    /// Exactly these files; a name that ends with `/` stands for whatever lies in that folder.
    pub(super) files: &'static [&'static str],
    /// Why they may.
    pub(super) why: &'static str,
}

impl Permitted {
    fn covers(&self, circle: &BTreeSet<&str>) -> bool {
        let is_in = |file: &str, name: &str| file == name || (name.ends_with('/') && file.starts_with(name));
        circle.iter().all(|file| self.files.iter().any(|name| is_in(file, name)))
            && self.files.iter().all(|name| circle.iter().any(|file| is_in(file, name)))
    }
}

/// What is wrong: each circle that is not permitted, and each permission that nothing needs.
pub(super) fn wrong(arrows: &BTreeSet<Arrow>, permitted: &[Permitted]) -> Vec<String> {
    let found = circles(arrows);
    let forbidden = found.iter().filter(|circle| !permitted.iter().any(|one| one.covers(circle)));
    let idle = permitted.iter().filter(|one| !found.iter().any(|circle| one.covers(circle)));
    let idle =
        idle.map(|one| format!("no circle any more in {:?}, which is permitted: {}", one.files, one.why));
    forbidden.map(|circle| told(circle, arrows)).chain(idle).collect()
}

/// A circle with its arrows, and one name for each.
fn told(circle: &BTreeSet<&str>, arrows: &BTreeSet<Arrow>) -> String {
    let within = arrows.iter().filter(|a| circle.contains(&*a.from) && circle.contains(&*a.to));
    let names: BTreeMap<_, _> = within.map(|a| ((&a.from, &a.to), &a.name)).collect();
    let lines = names.iter().map(|((from, to), name)| format!("\n    {from} -> {to}: {name}"));
    format!("files that know each other:{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walls::arrows::tests::arrows_of;

    fn made_up(d: &'static str) -> BTreeSet<Arrow> {
        let root = "mod a; mod b; mod c; mod d; pub struct Root;";
        let (a, b) = ("use crate::b::B; pub struct A;", "use crate::c::C; pub struct B;");
        let c = "pub struct C(crate::a::A, crate::d::D);";
        arrows_of(&[("lib.rs", root), ("a.rs", a), ("b.rs", b), ("c.rs", c), ("d.rs", d)])
    }

    #[test]
    fn a_circle_is_found_whole_and_what_hangs_on_it_is_none_of_it() {
        let arrows = made_up("pub struct D(crate::Root);");
        assert_eq!(circles(&arrows), [BTreeSet::from(["a.rs", "b.rs", "c.rs"])]);
        let wrong = wrong(&arrows, &[]);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("c.rs -> a.rs: a::A"), "{wrong:?}");
        assert!(!wrong[0].contains("d.rs"), "{wrong:?}");
    }

    #[test]
    fn a_permission_is_for_one_circle_and_must_be_needed() {
        let (arrows, why) = (made_up("pub struct D;"), "a reason");
        let of = |files| wrong(&arrows, &[Permitted { files, why }]).len();
        assert_eq!(of(&["a.rs", "b.rs", "c.rs"]), 0);
        assert_eq!(of(&["a.rs", "b.rs"]), 2, "too small: the circle is forbidden, the permission idle");
        assert_eq!(of(&["a.rs", "b.rs", "c.rs", "d.rs"]), 2, "too large");
        let none = arrows_of(&[("lib.rs", "mod a;"), ("a.rs", "")]);
        let idle = wrong(&none, &[Permitted { files: &["worker/"], why }]);
        assert!(
            idle.len() == 1 && idle[0].contains("no circle any more") && idle[0].contains(why),
            "{idle:?}"
        );
    }

    #[test]
    fn a_folder_stands_for_the_circles_within_it() {
        let of = |x, m| {
            let files = [
                ("lib.rs", "mod w; mod x;"),
                ("w/mod.rs", m),
                ("w/y.rs", "pub struct Y(super::M);"),
                ("x.rs", x),
            ];
            wrong(&arrows_of(&files), &[Permitted { files: &["w/"], why: "a reason" }]).len()
        };
        assert_eq!(of("pub struct X(crate::w::M);", "mod y; pub struct M(y::Y);"), 0);
        let leads_out = "mod y; pub struct M(y::Y, crate::x::X);";
        assert_eq!(of("pub struct X(crate::w::M);", leads_out), 2, "a circle that leads out is another one");
    }
}
