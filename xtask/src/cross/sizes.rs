//! How large the device binaries are, and how large they may be.

use std::fmt;

use super::target::Target;

/// A file's size beside its budget. A megabyte is 1,000,000 bytes.
#[derive(Debug)]
pub(crate) struct Size {
    pub(crate) target: &'static Target,
    pub(crate) bytes: u64,
    /// The same with the demo, if that was built.
    pub(crate) with_demo: Option<u64>,
}

/// The table of sizes.
#[derive(Debug)]
pub(crate) struct Sizes(pub(crate) Vec<Size>);

impl Sizes {
    /// Fails if a file is over its budget, and names all that are.
    pub(crate) fn check(&self) -> Result<(), String> {
        let over = self.0.iter().filter(|size| size.bytes > size.target.budget);
        let over: Vec<String> = over
            .map(|Size { target, bytes, .. }| {
                format!("{} is {} bytes over its budget", target.name, bytes - target.budget)
            })
            .collect();
        if over.is_empty() { Ok(()) } else { Err(over.join(", ")) }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<32} {:>9} {:>7} {:>9} {:>6}", "target", "bytes", "MB", "budget", "used")?;
        write!(f, "  (1 MB = 1,000,000 bytes)")?;
        for Size { target, bytes, with_demo } in &self.0 {
            let budget = target.budget;
            write!(f, "\n{:<32} {bytes:>9} {:>7} {:>9} ", target.triple, mega(*bytes), mega(budget))?;
            write!(f, "{:>4} %", bytes * 100 / budget)?;
            if let Some(with_demo) = with_demo {
                write!(f, "  with the demo {with_demo}")?;
            }
        }
        Ok(())
    }
}

/// Megabytes with two digits, rounded up: a file over its budget never shows as one within.
fn mega(bytes: u64) -> String {
    let hundredths = bytes.div_ceil(10_000);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::super::target::{AARCH64, ARMV6};
    use super::*;

    #[test]
    fn a_byte_over_the_budget_fails() {
        let sizes = |armv6| {
            let size = |target, bytes| Size { target, bytes, with_demo: None };
            Sizes(vec![size(&AARCH64, 1_999_999), size(&ARMV6, armv6)])
        };
        assert!(sizes(1_900_000).check().is_ok());
        assert_eq!(sizes(1_900_001).check().unwrap_err(), "armv6 is 1 bytes over its budget");
        assert!(sizes(1_900_001).to_string().contains("1900001    1.91      1.90  100 %"));
    }
}
