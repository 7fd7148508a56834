//! The binary `haggle` with the upgrade `rehearsal`, to practise network upgrades with.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
