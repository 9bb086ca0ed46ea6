//! One module per command.

use crate::args::Cli;
use crate::console::Console;
use crate::exit::{Exit, Stop};

/// Carries out the command.
pub async fn run(cli: Cli, console: Console) -> Result<Exit, Stop> {
    let _ = (cli, console);
    Ok(Exit::Done)
}
