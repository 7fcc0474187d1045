//! How a command speaks and ends: lines on stdout, its exit code and, when it failed, one line on stderr.

#![allow(clippy::print_stderr, reason = "an error's place on a command line")]

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// Prints to stdout. A reader that has had enough, such as `head`, is no reason to stop.
pub(crate) fn print(text: impl Display) {
    let mut stdout = std::io::stdout().lock();
    let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Prints a line to stdout.
pub(crate) fn say(line: impl Display) {
    print(format_args!("{line}\n"));
}

/// Says something on the way, on stderr: stdout is what was asked for.
pub(crate) fn note(line: impl Display) {
    eprintln!("ocpizza-manager: {line}");
}

/// Says what failed, if something did.
pub(crate) fn exit(done: anyhow::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ocpizza-manager: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes in one line, each cause once: many messages quote theirs already.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
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
    fn a_cause_is_said_once_and_never_on_a_line_of_its_own() {
        let error = Err::<(), _>(anyhow!("disk full\n  at once")).context("cannot write: disk full at once");
        let error = error.context("no snapshot").unwrap_err();
        assert_eq!(one_line(&error), "no snapshot: cannot write: disk full at once");
    }
}
