//! What the machine must have: root, a few programs, namespaces, loop devices, FUSE.

use std::process::Command;

use crate::{apt, process};

/// Programs, and the Debian packages that have them.
const PROGRAMS: &[(&str, &str)] = &[
    ("unshare", "util-linux"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("strace", "strace"),
    ("faketime", "faketime"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mkfs.xfs", "xfsprogs"),
    ("xfs_io", "xfsprogs"),
    ("openssl", "openssl"),
    ("qemu-storage-daemon", "qemu-system-common"),
];

/// How a scenario's namespaces are made: processes, network and mounts of its own, which end with it.
pub(super) const NAMESPACES: &[&str] =
    &["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"];

/// A loop device, a file system on it, a firewall and a NAT, all of which may be forbidden in a container.
const PROBE: &str = "ip link set lo up && iptables -A INPUT -m conntrack --ctstate INVALID -j DROP && \
    iptables -t nat -A POSTROUTING -o lo -j MASQUERADE && mount -t tmpfs probe /mnt && \
    truncate -s 32M /mnt/image && mkfs.ext4 -q /mnt/image && mkdir /mnt/volume && mount -o loop /mnt/image /mnt/volume && \
    test -c /dev/fuse";

/// Installs what is missing. An error says why the suite can't run here.
pub(super) fn prepare() -> Result<(), String> {
    if !cfg!(target_os = "linux") {
        return Err("faults are made with Linux's means".into());
    }
    if !rustix::process::geteuid().is_root() {
        return Err("needs root, for namespaces, mounts and loop devices".into());
    }
    let mut packages: Vec<&str> =
        PROGRAMS.iter().filter(|(name, _)| !is_there(name)).map(|(_, package)| *package).collect();
    packages.dedup();
    if !packages.is_empty() {
        apt::install(&packages)?;
    }
    if let Some((name, package)) = PROGRAMS.iter().find(|(name, _)| !is_there(name)) {
        return Err(format!("no program {name} on this machine (Debian: {package})"));
    }
    let mut probe = Command::new("unshare");
    process::read(probe.args(NAMESPACES).args(["sh", "-c", PROBE]))
        .map_err(|e| format!("no namespaces, loop devices, firewall or FUSE here: {e}"))?;
    Ok(())
}

fn is_there(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).exists())
}
