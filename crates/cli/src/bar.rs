//! Progress bars on stderr; hidden if stderr is not a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Time between two frames of a spinner.
const TICK: Duration = Duration::from_millis(120);

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Returns a bar of events without a length.
pub(crate) fn of_events() -> ProgressBar {
    let template = "{msg:<24} {wide_bar} {human_pos} of {human_len} events, {per_sec}, {eta} left";
    styled(ProgressBar::new(0), template)
}

/// Returns a bar of rows without a length.
pub(crate) fn of_rows() -> ProgressBar {
    styled(ProgressBar::new(0), "{msg:<24} {wide_bar} {human_pos} of {human_len} rows, {per_sec}, {eta} left")
}

/// Returns a bar of a file's bytes.
pub(crate) fn of_bytes(all: u64, what: &'static str) -> ProgressBar {
    let bar = styled(ProgressBar::new(all), "{msg:<24} {wide_bar} {bytes} of {total_bytes}, {eta} left");
    bar.with_message(what)
}

/// Returns a spinner, for work of unknown length.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let bar = styled(ProgressBar::new_spinner(), "{msg:<24} {spinner} {elapsed}").with_message(what);
    bar.enable_steady_tick(TICK);
    bar
}
