//! Python environments with pinned packages, kept in target/tools.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::workspace::Workspace;

/// uv installs in a fifth of pip's time. Where it has no wheel, pip does the work.
const UV: &str = "uv==0.13.8";

/// Prints the version if it is at least 3.11 and can make environments.
const PROBE: &str = "import ensurepip, sys, venv; print(sys.version); sys.exit(sys.version_info < (3, 11))";

/// The python of an environment that holds what `xtask/requirements/NAME.txt` asks for.
///
/// A stamp in the environment says what it was made from; another Python or other pins make it anew.
pub(crate) fn python(workspace: &Workspace, name: &str) -> Result<PathBuf, String> {
    let (system, version) = find_python()?;
    let requirements = workspace.own(format!("requirements/{name}.txt"));
    let pins = fs::read_to_string(&requirements)
        .map_err(|e| format!("can't read {}: {e}", requirements.display()))?;
    let folder = workspace.tools()?.join(format!("python-{name}"));
    let (python, stamp) = (folder.join("bin/python"), folder.join("stamp"));
    let wanted = format!("{version}\n{pins}");
    // The other lane may want the same one, and gets it whole.
    let turn = folder.with_added_extension("lock");
    let _turn = File::create(&turn).and_then(|file| file.lock().map(|()| file));
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    println!("installing {name} for Python into {} (once)", folder.display());
    let failed = |e: &dyn std::fmt::Display| format!("{name} can't be installed: {e}");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| failed(&e))?;
    }
    process::read(Command::new(system).args(["-m", "venv"]).arg(&folder)).map_err(|e| failed(&e))?;
    install(&python, &requirements).map_err(|e| failed(&e))?;
    fs::write(&stamp, wanted).map_err(|e| failed(&e))?;
    Ok(python)
}

fn install(python: &Path, requirements: &Path) -> Result<(), String> {
    let pip = || {
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip
    };
    let uv = || {
        let mut uv = Command::new(python);
        uv.args(["-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python"]).arg(python);
        uv
    };
    process::read(pip().args(["--only-binary", ":all:", UV]))
        .and_then(|_| process::read(uv().arg("-r").arg(requirements)))
        .or_else(|_| process::read(pip().arg("-r").arg(requirements)))
        .map(drop)
}

/// The first Python from 3.11 on that can make environments, and its version.
fn find_python() -> Result<(&'static str, String), String> {
    // 3.11 first: the pinned packages were tried with it.
    ["python3.11", "python3", "python3.12", "python3.13"]
        .into_iter()
        .find_map(|name| Some((name, process::read(Command::new(name).args(["-c", PROBE])).ok()?)))
        .ok_or_else(|| {
            "no Python 3.11 or newer with the venv module (Debian: apt install python3-venv)".into()
        })
}
