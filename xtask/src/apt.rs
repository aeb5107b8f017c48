//! Debian's packages, for what only the system can give.

use std::fs::File;
use std::process::Command;
use std::time::Instant;

use crate::process;

/// Installs packages, as root or by sudo; says how long it took.
pub(crate) fn install(packages: &[&str]) -> Result<(), String> {
    println!("installing by apt, which takes a minute or two: {}", packages.join(" "));
    let begun = Instant::now();
    // The other lane may want some too, and apt does not wait.
    let turn = process::own().and_then(File::open).and_then(|own| own.lock().map(|()| own));
    let root = rustix::process::geteuid().is_root();
    let apt = |arguments: &[&str]| {
        // A password that is asked for is an answer too: no.
        let prefix: &[&str] = if root { &["env"] } else { &["sudo", "-n", "env"] };
        let mut apt = Command::new(prefix[0]);
        apt.args(&prefix[1..]).args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]).args(arguments);
        process::read(&mut apt).map_err(|e| format!("can't install {}: {e}", packages.join(" ")))
    };
    apt(&["update"])?;
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat())?;
    drop(turn);
    println!("installed in {} s", begun.elapsed().as_secs());
    Ok(())
}
