//! Bars on stderr for what takes long on a large log; none where stderr is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of events, to be given its length by whoever knows it.
pub(crate) fn of_events() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "{msg:<24} {wide_bar} {human_pos} of {human_len} events, {per_sec}, {eta} left";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
