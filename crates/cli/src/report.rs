//! Output of commands: lines on stdout, the exit code and, after a failure, one line on stderr.

#![allow(clippy::print_stderr, reason = "an error's place on a command line")]

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// Prints to stdout. A closed pipe (`| head`) does not stop the command.
pub(crate) fn print(text: impl Display) {
    let mut stdout = io::stdout().lock();
    let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Prints a line to stdout.
pub(crate) fn say(line: impl Display) {
    print(format_args!("{line}\n"));
}

/// Prints a note to stderr: stdout holds the result only.
pub(crate) fn note(line: impl Display) {
    eprintln!("ocpizza-manager: {line}");
}

/// Prints the error, if any, and returns the exit code.
pub(crate) fn exit(done: anyhow::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ocpizza-manager: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// Joins an error and its causes in one line, each cause once: many messages quote theirs already. Of an error of the
/// operating system it gives the kind, not the system's text.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let of_system = cause.downcast_ref::<io::Error>().filter(|error| error.raw_os_error().is_some());
        let text = of_system.map_or_else(|| cause.to_string(), |error| error.kind().to_string());
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn names_the_kind_of_a_system_error() {
        let error =
            anyhow::Error::from(io::Error::from_raw_os_error(13)).context("the file cannot be written");
        assert_eq!(one_line(&error), "the file cannot be written: permission denied");
    }

    #[test]
    fn an_error_and_its_causes_are_one_line_without_repetition() {
        let error = Err::<(), _>(anyhow!("disk full\n  at once")).context("cannot write: disk full at once");
        let error = error.context("no snapshot").unwrap_err();
        assert_eq!(one_line(&error), "no snapshot: cannot write: disk full at once");
    }
}
