//! Writes the Kotlin or the Swift that calls the library: `bindgen kotlin|swift LIBRARY FOLDER`, started in the main workspace.
//!
//! What it writes is read from the library itself, which must not be stripped; names and options stand in `ffi/uniffi.toml`.

use std::error::Error;

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
        languages: vec![language],
        source: library.into(),
        out_dir: folder.into(),
        // All types are the bridge's own, so its dependencies need not be looked at.
        metadata_no_deps: true,
        ..GenerateOptions::default()
    })?;
    Ok(())
}
