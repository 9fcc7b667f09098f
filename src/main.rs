//! Arguments → command → what went wrong → exit code.

use std::process::ExitCode;

use portagent::cli;

fn main() -> ExitCode {
    if let Some(code) = cli::hosts(std::env::args_os()) {
        return code;
    }
    match cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::report(&error);
            ExitCode::from(cli::exit_code(&error))
        }
    }
}
