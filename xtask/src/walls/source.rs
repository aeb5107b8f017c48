//! What one module says of itself: what it declares, what it imports, and the paths in its code.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{closing, starts};

/// A module, as its source text says it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    /// Modules that lie in files of their own.
    pub(super) children: Vec<String>,
    /// Modules that lie within this text.
    pub(super) inline: BTreeMap<String, Source>,
    /// What is defined here.
    pub(super) items: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    /// Paths in the code, of one segment or more.
    pub(super) paths: BTreeSet<Vec<String>>,
}

/// One name that a `use` brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    /// The name; `*` for all of a module's.
    pub(super) name: String,
    pub(super) path: Vec<String>,
    /// It is shown to others. Whether it is used here too, the code says.
    pub(super) is_public: bool,
}

/// Words before the name of what is defined.
const DEFINES: [&str; 8] = ["fn", "struct", "enum", "trait", "type", "const", "static", "union"];

/// Reads a module's words and signs.
pub(super) fn read(tokens: &[String]) -> Source {
    let (mut source, mut at, mut depth) = (Source::default(), 0, 0usize);
    let mut is_public = false;
    while at < tokens.len() {
        let (token, next) = (tokens[at].as_str(), tokens.get(at + 1).map_or("", String::as_str));
        let was_public = std::mem::take(&mut is_public);
        match token {
            "pub" => {
                is_public = true;
                at = if next == "(" { closing(tokens, at + 1) } else { at };
            }
            "use" if next != "<" => {
                let end = tokens[at..].iter().position(|t| t == ";").map_or(tokens.len(), |long| at + long);
                import(&tokens[at + 1..end], &[], was_public, &mut source.imports);
                at = end;
            }
            "mod" if starts(tokens, at + 2, &["{"]) => {
                let end = closing(tokens, at + 2);
                source.inline.insert(next.to_owned(), read(&tokens[at + 3..end]));
                at = end;
            }
            "mod" if starts(tokens, at + 2, &[";"]) => {
                source.children.push(next.to_owned());
                at += 2;
            }
            // `const fn` defines what stands behind `fn`.
            _ if depth == 0 && DEFINES.contains(&token) && next != "fn" => {
                source.items.insert(next.to_owned());
                at += 1;
            }
            "macro_rules" if next == "!" => {
                source.items.extend(tokens.get(at + 2).cloned());
                at += 2;
            }
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ if is_word(token) && !(at > 0 && [".", "::", "fn"].contains(&tokens[at - 1].as_str())) => {
                let mut path = vec![token.to_owned()];
                while starts(tokens, at + 1, &["::"]) && tokens.get(at + 2).is_some_and(|t| is_word(t)) {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                // A small word alone may be a variable; a function is called.
                let is_small = path.len() == 1 && path[0].starts_with(char::is_lowercase);
                if !is_small || tokens.get(at + 1).is_some_and(|t| t == "(") {
                    source.paths.insert(path);
                }
            }
            _ => {}
        }
        at += 1;
    }
    source
}

/// What a `use` brings, from its words and signs after `prefix`.
fn import(tokens: &[String], prefix: &[String], is_public: bool, imports: &mut Vec<Import>) {
    let (mut path, mut at) = (prefix.to_vec(), 0);
    while at < tokens.len() {
        match tokens[at].as_str() {
            "{" => {
                let end = closing(tokens, at);
                for part in split(&tokens[at + 1..end]) {
                    import(part, &path, is_public, imports);
                }
                return;
            }
            // `a::{self}` is `a`, `self::a` is itself.
            "self" if !path.is_empty() => {}
            "as" => break,
            "::" => {}
            word => path.push(word.to_owned()),
        }
        at += 1;
    }
    let name = if starts(tokens, at, &["as"]) { tokens.get(at + 1) } else { path.last() };
    imports.extend(name.cloned().map(|name| {
        let path = if name == "*" { &path[..path.len() - 1] } else { &path[..] };
        Import { name, path: path.to_vec(), is_public }
    }));
}

/// The parts between the commas that are in no braces.
fn split(tokens: &[String]) -> Vec<&[String]> {
    let mut depth = 0usize;
    let parts = tokens.split(|token| {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token == ","
    });
    parts.filter(|part| !part.is_empty()).collect()
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walls::tokens::tokens;

    fn words(path: &str) -> Vec<String> {
        path.split("::").map(str::to_owned).collect()
    }

    #[test]
    fn a_use_is_read_to_its_last_name() {
        let text =
            "pub(crate) use a::{self, b::{C, D as E}, f};\nuse super::*; fn g() -> impl X + use<'_> {}";
        let found = read(&tokens(text)).imports;
        let found: Vec<_> = found.iter().map(|i| (i.name.as_str(), i.path.join("::"), i.is_public)).collect();
        let expected = [
            ("a", "a", true),
            ("C", "a::b::C", true),
            ("E", "a::b::D", true),
            ("f", "a::f", true),
            ("*", "super", false),
        ];
        assert_eq!(found, expected.map(|(name, path, public)| (name, path.to_owned(), public)));
    }

    #[test]
    fn what_is_defined_declared_and_named_is_told_apart() {
        let text = "mod child; mod within { struct Inner; } pub const fn made() { let small = x.made(); }
            pub(super) static S: T = crate::a::b(Vec::<child::U>::new(), small, called());";
        let found = read(&tokens(text));
        assert_eq!(found.children, ["child"]);
        assert_eq!(found.inline["within"].items, BTreeSet::from(["Inner".to_owned()]));
        assert_eq!(found.items, BTreeSet::from(["made", "S"].map(str::to_owned)));
        let paths = ["T", "called", "child::U", "crate::a::b", "Vec"].map(words);
        assert_eq!(found.paths, BTreeSet::from(paths));
    }
}
