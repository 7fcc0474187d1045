//! Bars on stderr for what takes long on a large log; none where stderr is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A bar of events, to be given its length by whoever knows it.
pub(crate) fn of_events() -> ProgressBar {
    let template = "{msg:<24} {wide_bar} {human_pos} of {human_len} events, {per_sec}, {eta} left";
    styled(ProgressBar::new(0), template)
}

/// A bar of rows, to be given its length by whoever knows it.
pub(crate) fn of_rows() -> ProgressBar {
    styled(ProgressBar::new(0), "{msg:<24} {wide_bar} {human_pos} of {human_len} rows, {per_sec}, {eta} left")
}

/// A bar of a file's bytes.
pub(crate) fn of_bytes(all: u64, what: &'static str) -> ProgressBar {
    let bar = styled(ProgressBar::new(all), "{msg:<24} {wide_bar} {bytes} of {total_bytes}, {eta} left");
    bar.with_message(what)
}

/// For something whose end is not known.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let bar = styled(ProgressBar::new_spinner(), "{msg:<24} {spinner} {elapsed}").with_message(what);
    bar.enable_steady_tick(TICK);
    bar
}
