//! Output of PostgreSQL's programs and of installers.

/// Returns the last line of a program's output, which names the cause of its failure.
pub(super) fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or("it printed nothing").trim().to_owned()
}
