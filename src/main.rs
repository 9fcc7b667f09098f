//! Arguments → command → exit code.

use std::process::ExitCode;

use portagent::cli;

fn main() -> ExitCode {
    if let Some(code) = cli::hosts(std::env::args_os()) {
        return code;
    }
    ExitCode::from(cli::run(std::env::args_os()))
}
