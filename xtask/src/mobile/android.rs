//! The shared library for Android's ABIs, linked against stand-ins for its system libraries.

use std::path::PathBuf;
use std::process::Command;

use super::abi::{ABIS, API, Abi, PAGE, SONAME};
use super::tools::{self, PACKAGE, Tools};
use super::{bionic, elf};
use crate::process;
use crate::workspace::Workspace;

/// The library for all ABIs.
pub(super) fn build(workspace: &Workspace, tools: &Tools) -> Result<(), String> {
    tools::add_targets(&ABIS.each_ref().map(|abi| abi.triple))?;
    ABIS.iter().try_for_each(|abi| abi.build(workspace, tools))
}

impl Abi {
    /// The shared library alone: together with a Rust library it would not be optimized as a whole.
    fn build(&self, workspace: &Workspace, tools: &Tools) -> Result<(), String> {
        let libraries = self.stand_ins(tools)?;
        let flags = [
            "-Clinker-flavor=ld.lld".to_owned(),
            format!("-Lnative={}", libraries.display()),
            format!("-Clink-arg=-zmax-page-size={PAGE}"),
            format!("-Clink-arg=-soname={SONAME}"),
            // A symbol that the stand-ins do not have is one that the least Android does not have.
            "-Clink-arg=-zdefs".to_owned(),
        ];
        let flags = serde_json::to_string(&flags).map_err(|e| e.to_string())?;
        let linker = serde_json::to_string(&tools.ld).map_err(|e| e.to_string())?;
        let mut cargo = workspace.cargo(&["rustc"]);
        cargo.args(PACKAGE).args(["--crate-type", "cdylib", "--target", self.triple]);
        cargo.arg("--target-dir").arg(workspace.target.join("mobile"));
        cargo.arg("--config").arg(format!("target.{}.rustflags={flags}", self.triple));
        cargo.arg("--config").arg(format!("target.{}.linker={linker}", self.triple));
        tools.compile_for(&mut cargo, self.triple, &format!("--target={}{API}", self.clang));
        process::run(&mut cargo)
    }

    /// Looks at the library that was built.
    pub(super) fn look(&self, workspace: &Workspace) -> Result<elf::Library, String> {
        let file = workspace.target.join("mobile").join(self.triple).join("app").join(SONAME);
        elf::look(&file, self)
    }

    /// Empty functions under the names of the system's, and an unwinder that ends the program. The folder that holds them.
    fn stand_ins(&self, tools: &Tools) -> Result<PathBuf, String> {
        let target = format!("--target={}{API}", self.clang);
        let file = |name: &str| tools.stand_in(self.triple, name);
        let compile = |source: &PathBuf, object: &PathBuf| {
            let mut cc = Command::new(&tools.cc);
            process::read(cc.args([&target, "-fPIC", "-c"]).arg(source).arg("-o").arg(object)).map(drop)
        };
        for (library, symbols) in bionic::LIBRARIES {
            let (source, object) = (file(&format!("{library}.s")), file(&format!("{library}.o")));
            tools::write(&source, &functions(symbols))?;
            compile(&source, &object)?;
            let mut ld = Command::new(&tools.ld);
            ld.args(["-shared", "-soname"]).arg(format!("{library}.so")).arg(&object);
            process::read(ld.arg("-o").arg(file(&format!("{library}.so"))))?;
        }
        let (source, object) = (file("unwind.s"), file("unwind.o"));
        tools::write(&source, &functions(bionic::UNWINDER))?;
        compile(&source, &object)?;
        process::read(Command::new(&tools.ar).arg("crs").arg(file("libunwind.a")).arg(&object))?;
        Ok(file(""))
    }
}

/// Assembler, for any machine, in which each name is a function of no length.
fn functions(names: &[&str]) -> String {
    let one = |name: &&str| format!(".globl {name}\n.type {name}, %function\n{name}:\n");
    [".text\n".to_owned()].into_iter().chain(names.iter().map(one)).collect()
}
