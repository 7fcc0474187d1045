//! How a command ends: its exit code and, when it failed, one line on stderr.

use std::process::ExitCode;

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
pub(crate) fn one_line(error: &anyhow::Error) -> String {
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
