//! Writes the Kotlin or the Swift that calls the library: `bindgen kotlin|swift LIBRARY FOLDER`, started in the main workspace.
//!
//! What it writes is read from the library itself, which must not be stripped; names and options stand in `ffi/uniffi.toml`.

use std::error::Error;
use std::fs;
use std::path::Path;

use uniffi::{GenerateOptions, TargetLanguage};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [language, library, folder] = arguments.as_slice() else {
        return Err("usage: bindgen kotlin|swift LIBRARY FOLDER".into());
    };
    let language = match language.as_str() {
        "kotlin" => TargetLanguage::Kotlin,
        "swift" => TargetLanguage::Swift,
        other => return Err(format!("no generator for {other:?}").into()),
    };
    uniffi::generate(GenerateOptions {
        languages: vec![language.clone()],
        source: library.into(),
        out_dir: folder.into(),
        // All types are the bridge's own, so its dependencies need not be looked at.
        metadata_no_deps: true,
        ..GenerateOptions::default()
    })?;
    if matches!(language, TargetLanguage::Kotlin) {
        change(folder.as_ref(), "exceptions their messages", give_exceptions_their_text)?;
        change(folder.as_ref(), "text its bytes", take_any_text)?;
    }
    Ok(())
}

/// The generator makes an exception's message of its fields, `reason=...`, and an empty one where it has none. The text that says
/// what to do is the Rust error's own, which the generator calls `toString`.
fn give_exceptions_their_text(text: &str) -> String {
    let mut after_message = false;
    let line = |line: &str| {
        let is_message = std::mem::replace(&mut after_message, line.trim() == "override val message");
        match line.split_once("get() = \"") {
            Some((indent, _)) if is_message => format!("{indent}get() = toString()\n"),
            _ => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

/// Half of a surrogate pair, as is left of an emoji by whoever cuts a text at so many characters, makes the generated code throw what
/// no function declares. It becomes U+FFFD, as it does in Swift.
fn take_any_text(text: &str) -> String {
    let replace = "onMalformedInput(CodingErrorAction.REPLACE)
            replaceWith(byteArrayOf(0xEF.toByte(), 0xBF.toByte(), 0xBD.toByte()))";
    text.replace("onMalformedInput(CodingErrorAction.REPORT)", replace)
}

/// Changes what the generator wrote. It must be there to be changed: another version may write it in another way.
fn change(folder: &Path, what: &str, change: fn(&str) -> String) -> Result<(), Box<dyn Error>> {
    let mut changed = false;
    for file in files(folder)? {
        let text = fs::read_to_string(&file)?;
        let new = change(&text);
        changed |= new != text;
        fs::write(&file, new)?;
    }
    if changed { Ok(()) } else { Err(format!("the generator gives {what} in another way now").into()) }
}

fn files(folder: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(self::files(&path)?) } else { files.push(path) }
    }
    Ok(files)
}
