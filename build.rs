//! Puts the page into the binary: see `build/page.rs`.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

#[path = "build/css.rs"]
mod css;
#[path = "build/js.rs"]
mod js;
#[path = "build/page.rs"]
mod page;

fn main() -> ExitCode {
    for path in ["build.rs", "build", "static"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let (Some(root), Some(out)) = (env::var_os("CARGO_MANIFEST_DIR"), env::var_os("OUT_DIR")) else {
        println!("cargo::error=this is run by cargo");
        return ExitCode::FAILURE;
    };
    match page::build(&PathBuf::from(root).join("static"), &PathBuf::from(out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error=cannot embed the page: {error}");
            ExitCode::FAILURE
        }
    }
}
