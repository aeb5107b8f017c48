//! The INI dialect of AWS' shared files, as the AWS CLI reads it.
//!
//! - `[section]`; `key = value` or `key : value`, keys without regard to case. A section or a key given twice is an error.
//! - A line that begins with `#` or `;` is a comment; a `#` later in a line belongs to the value.
//! - A line further indented than the key continues its value.
//! - A key without a value, followed by indented `name = value` lines, holds a section of its own, one level deep.

/// A whole file.
#[derive(Debug, Default)]
pub(super) struct Ini {
    pub(super) sections: Vec<Section>,
}

/// What stands below one `[header]`.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) header: String,
    entries: Vec<Entry>,
}

/// One key and its value. `Debug` is for tests: values may be secret.
#[derive(Debug)]
pub(super) struct Entry {
    /// In lower case.
    key: String,
    /// Continued lines are joined by line feeds.
    pub(super) value: String,
    /// Where it begins, counted from 1.
    pub(super) line: usize,
    /// The section within, if the value is one: names as they are written, values, and lines.
    pub(super) nested: Vec<(String, String, usize)>,
}

/// The first line that can't be read. The reason quotes no value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IniError {
    pub(super) line: usize,
    pub(super) reason: &'static str,
}

impl Section {
    #[cfg(feature = "testing")]
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|e| e.key.as_str())
    }

    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.key == key)
    }
}

impl Ini {
    pub(super) fn parse(text: &str) -> Result<Ini, IniError> {
        let mut ini = Ini::default();
        let mut indent = 0;
        // Three forms of line ends.
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
        for (number, line) in text.lines().enumerate() {
            let number = number + 1;
            let err = |reason| Err(IniError { line: number, reason });
            let trimmed = line.trim();
            let entry = ini.sections.last_mut().and_then(|s| s.entries.last_mut());
            if trimmed.starts_with(['#', ';']) {
                continue;
            }
            if trimmed.is_empty() {
                if let Some(entry) = entry {
                    entry.value.push('\n');
                }
                continue;
            }
            let depth = line.chars().take_while(|c| c.is_whitespace()).count();
            if let Some(entry) = entry.filter(|_| depth > indent) {
                entry.value.push('\n');
                entry.value.push_str(trimmed);
                if entry.value.starts_with('\n') {
                    let Some((name, value)) = trimmed.split_once('=') else {
                        return err("expected an indented `name = value`");
                    };
                    entry.nested.push((name.trim().to_owned(), value.trim().to_owned(), number));
                }
                continue;
            }
            indent = depth;
            if let Some(header) = header(trimmed) {
                if ini.sections.iter().any(|s| s.header == header) {
                    return err("this section was given before");
                }
                ini.sections.push(Section { header: header.to_owned(), entries: Vec::new() });
                continue;
            }
            let Some(section) = ini.sections.last_mut() else {
                return err("expected a [section] before the first key");
            };
            let Some((key, value)) = trimmed.split_once(['=', ':']) else {
                return err("expected `key = value`");
            };
            let key = key.trim_end().to_lowercase();
            if key.is_empty() {
                return err("expected a key before the `=`");
            }
            if section.get(&key).is_some() {
                return err("this key was given before in its section");
            }
            section.entries.push(Entry {
                key,
                value: value.trim().to_owned(),
                line: number,
                nested: Vec::new(),
            });
        }
        for entry in ini.sections.iter_mut().flat_map(|s| &mut s.entries) {
            entry.value.truncate(entry.value.trim_end().len());
        }
        Ok(ini)
    }
}

/// `[header]`, with anything after the last bracket.
fn header(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('[')?;
    let end = rest.rfind(']').filter(|end| *end > 0)?;
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn get(text: &str, key: &str) -> Option<String> {
        Ini::parse(text).unwrap().sections[0].get(key).map(|e| e.value.clone())
    }

    #[test]
    fn keys_values_and_comments() {
        let text = "\u{feff}# a comment\r\n[s]\r\nRegion = eu # west ; 1\r\n  ; indented comment\r\n;x=1\r\nempty=\r\nurl: http://h:1/=\r\n";
        assert_eq!(get(text, "region").as_deref(), Some("eu # west ; 1"));
        assert_eq!(get(text, "empty").as_deref(), Some(""));
        assert_eq!(get(text, "url").as_deref(), Some("http://h:1/="));
        assert_eq!(get(text, "x"), None);
    }

    #[test]
    fn an_indented_line_continues_a_value() {
        assert_eq!(get("[s]\na = 1\n  2\n\n  3\n\nb = 4\n", "a").as_deref(), Some("1\n2\n\n3"));
        assert_eq!(get("[s]\n  a = 1\n  b = 2\n", "b").as_deref(), Some("2"));
        assert_eq!(get("[s]\na = 1\n  [t]\n", "a").as_deref(), Some("1\n[t]"));
    }

    #[test]
    fn an_indented_block_is_a_section_within() {
        let ini = Ini::parse(
            "[services dev]\nsfn =\n  # one level\n  endpoint_url = http://h:1\n  Key=v\ns3 =\n  a = b\n",
        )
        .unwrap();
        let sfn = ini.sections[0].get("sfn").unwrap();
        let expected = [("endpoint_url", "http://h:1", 4), ("Key", "v", 5)];
        assert_eq!(sfn.nested, expected.map(|(k, v, line)| (k.to_owned(), v.to_owned(), line)));
        assert_eq!(ini.sections[0].get("s3").unwrap().nested.len(), 1);
    }

    #[test]
    fn a_header_ends_at_its_last_bracket() {
        let ini = Ini::parse("[profile a]b] # x\n [ c ]\n").unwrap();
        let headers: Vec<_> = ini.sections.iter().map(|s| s.header.as_str()).collect();
        assert_eq!(headers, ["profile a]b", " c "]);
    }

    #[test]
    fn an_error_names_its_line() {
        for (text, line, reason) in [
            ("a = 1", 1, "before the first key"),
            ("[s]\n\nkey", 3, "key = value"),
            ("[s]\n= 1", 2, "a key before"),
            ("[s]\na=1\n[s]\n", 3, "section was given before"),
            ("[s]\na=1\nA=2\n", 3, "key was given before"),
            ("[s]\na=\n  b\n", 3, "indented"),
            ("[]\n", 1, "before the first key"),
        ] {
            let error = Ini::parse(text).unwrap_err();
            assert!(error.line == line && error.reason.contains(reason), "{text:?}: {error:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(pairs in proptest::collection::btree_map("[a-z_]{1,8}", "[!-9<-~]([ -~]{0,12}[!-~])?", 0..6)) {
            let text: String = pairs.iter().map(|(k, v)| format!("{k} = {v}\n")).collect();
            let ini = Ini::parse(&format!("[s]\n{text}")).unwrap();
            for (key, value) in &pairs {
                prop_assert_eq!(&ini.sections[0].get(key).unwrap().value, value);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "([\\[\\]=:#; \\t\\nab\u{feff}\u{2003}]|\\PC){0,80}") {
            if let Err(error) = Ini::parse(&text) {
                prop_assert!(error.line >= 1 && error.line <= text.lines().count());
            }
        }
    }
}
