//! Reads settings from flags and environment, and ends with the exit code that fits.

use std::process::ExitCode;

use clap::{
    Command, CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue},
};

/// Exit code of a bad setting, `EX_CONFIG` of sysexits.
pub const BAD_SETTING: u8 = 78;

/// Reads the arguments and the environment of this process.
///
/// `adjust` may change the command before it is used, to give a setting another default.
///
/// # Errors
/// What was asked for has been printed (`--help`, `--version`), or a setting is bad and has been named on stderr. The
/// process should end with the exit code.
pub fn parse<A: CommandFactory + FromArgMatches>(
    adjust: impl FnOnce(Command) -> Command,
) -> Result<A, ExitCode> {
    let mut command = adjust(A::command());
    let parsed = command
        .try_get_matches_from_mut(std::env::args_os())
        .and_then(|mut matches| {
            A::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
        });
    parsed.map_err(|error| {
        // Fails only when the terminal is gone; the exit code still says what happened.
        let _ = error.print();
        if !error.use_stderr() {
            return ExitCode::SUCCESS;
        }
        if let Some(variable) = environment_variable(&command, &error) {
            eprintln!("\nThe setting is also read from the environment variable {variable}.");
        }
        ExitCode::from(BAD_SETTING)
    })
}

fn environment_variable(command: &Command, error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let argument = command
        .get_arguments()
        .find(|argument| argument.to_string() == *shown)?;
    Some(argument.get_env()?.to_string_lossy().into_owned())
}
