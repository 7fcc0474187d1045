//! The results table: on the terminal, and between the marks of `docs/performance.md`, from
//! `docs/performance/figures.json`.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::figures::{Measure, Row, Target, Unit, median};
use crate::root;

const BEGIN: &str = "<!-- figures: written by `cargo bench -p bench --bench performance` -->";
const END: &str = "<!-- end of figures -->";

/// The figures of a run and its environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figures {
    /// When the last row was measured, RFC 3339.
    pub measured_at: String,
    /// Commit of the program by `git describe`.
    pub commit: String,
    /// Processors, memory, kernel.
    pub machine: String,
    /// Versions of the compared programs.
    pub versions: String,
    /// In the order of the table.
    pub rows: Vec<Row>,
}

/// Directory of plots and figures.
#[must_use]
pub fn directory() -> PathBuf {
    root().join("docs/performance")
}

impl Figures {
    /// Reads the stored figures; `None` if there are none.
    pub fn read() -> Result<Option<Self>> {
        let path = directory().join("figures.json");
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path)?;
        Ok(Some(serde_json::from_str(&text).with_context(|| format!("{} cannot be read", path.display()))?))
    }

    /// Merges rows of another run on the same machine: rows with the same id are replaced, others stay.
    pub fn take_in(&mut self, newer: Self) {
        let mut newer_rows = newer.rows;
        for row in &mut self.rows {
            if let Some(found) = newer_rows.iter().position(|newer| newer.id == row.id) {
                *row = newer_rows.remove(found);
            }
        }
        self.rows.extend(newer_rows);
        *self = Self { rows: std::mem::take(&mut self.rows), ..Self { rows: Vec::new(), ..newer } };
    }

    /// Writes the figures and the document's table.
    pub fn write(&self) -> Result<()> {
        fs::create_dir_all(directory())?;
        fs::write(directory().join("figures.json"), serde_json::to_string_pretty(self)? + "\n")?;
        let path = root().join("docs/performance.md");
        let document = fs::read_to_string(&path)?;
        let (before, rest) = document.split_once(BEGIN).context("docs/performance.md has no mark")?;
        let (_, after) = rest.split_once(END).context("docs/performance.md has no closing mark")?;
        fs::write(path, format!("{before}{BEGIN}\n\n{}\n{END}{after}", self.markdown()))?;
        Ok(())
    }

    /// The table in Markdown, with its environment.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "Measured {} at {}.\n\n- Machine: {}\n- Versions: {}\n\n",
            self.measured_at, self.commit, self.machine, self.versions
        );
        text.push_str("| Work | Reference | Figure | Ours | Reference | Ratio | Target | `--only` |\n");
        text.push_str("|---|---|---|---:|---:|---:|---|---|\n");
        for row in &self.rows {
            for (number, measure) in row.measures.iter().enumerate() {
                let first = number == 0;
                let [work, reference, id] =
                    [&row.work, &row.reference, &row.id].map(|cell| if first { cell.as_str() } else { "" });
                let id = if first { format!("`{id}`") } else { String::new() };
                let cells = cells(measure);
                // Writing to a string cannot fail.
                let _ = writeln!(
                    text,
                    "| {work} | {reference} | {} | {} | {} | {} | {} | {id} |",
                    measure.name, cells.ours, cells.reference, cells.ratio, cells.target
                );
            }
        }
        for row in &self.rows {
            if let Some(plot) = &row.plot {
                let _ = write!(text, "\n![{}](performance/{plot})\n", row.work);
            }
        }
        text
    }
}

struct Cells {
    ours: String,
    reference: String,
    ratio: String,
    target: String,
}

fn cells(measure: &Measure) -> Cells {
    let middle = |values: &Vec<f64>| shown(median(values.iter().copied()), measure.unit);
    let target = match measure.target {
        None => String::new(),
        Some(target) => {
            let (sign, bound) = match target {
                Target::AtLeast(bound) => ("≥", bound),
                Target::AtMost(bound) => ("≤", bound),
            };
            let bound =
                if measure.reference.is_some() { format!("{bound} ×") } else { shown(bound, measure.unit) };
            let reached = if measure.is_reached() == Some(true) { "reached" } else { "**missed**" };
            format!("{sign} {bound}: {reached}")
        }
    };
    Cells {
        ours: middle(&measure.ours),
        reference: measure.reference.as_ref().map(middle).unwrap_or_default(),
        ratio: measure.ratio().map(|ratio| format!("{ratio:.2} ×")).unwrap_or_default(),
        target,
    }
}

/// A value with its unit.
fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond => format!("{}/s", thousands(value)),
        Unit::Milliseconds => format!("{} ms", digits(value)),
        Unit::Seconds => format!("{} s", digits(value)),
        Unit::CpuMicros => format!("{} µs", digits(value)),
        Unit::Bytes if value >= 1e6 => format!("{} MB", digits(value / 1e6)),
        Unit::Bytes if value >= 1e3 => format!("{} kB", digits(value / 1e3)),
        Unit::Bytes => format!("{value:.0} B"),
        Unit::Count => thousands(value),
    }
}

/// About three significant digits.
fn digits(value: f64) -> String {
    let after_the_point = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.after_the_point$}")
}

fn thousands(value: f64) -> String {
    let text = format!("{value:.0}");
    let mut grouped = String::new();
    for (number, digit) in text.chars().enumerate() {
        if number > 0 && (text.len() - number) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(rows: Vec<Row>) -> Figures {
        let [measured_at, commit, machine, versions] = ["now", "abc", "small", "1"].map(str::to_owned);
        Figures { measured_at, commit, machine, versions, rows }
    }

    #[test]
    fn a_row_shows_whether_its_target_is_reached() {
        let measure = Measure::beside("orders", Unit::PerSecond, vec![4000.0], vec![1000.0]);
        let row = Row::new("append-64", "append", "pgbench").with(measure.to_reach(Target::AtLeast(2.0)));
        let text = figures(vec![row]).markdown();
        assert!(
            text.contains(
                "| append | pgbench | orders | 4,000/s | 1,000/s | 4.00 × | ≥ 2 ×: reached | `append-64` |"
            ),
            "{text}"
        );
    }

    #[test]
    fn judges_a_value_without_reference_by_itself() {
        let measure =
            Measure::alone("a subscriber", Unit::Bytes, vec![41_600.0]).to_reach(Target::AtMost(20_000.0));
        let text = figures(vec![Row::new("s", "idle", "").with(measure)]).markdown();
        assert!(text.contains("| a subscriber | 41.6 kB |  |  | ≤ 20.0 kB: **missed** | `s` |"), "{text}");
    }

    #[test]
    fn newer_rows_replace_older_ones() {
        let mut kept = figures(vec![Row::new("a", "old", ""), Row::new("b", "old", "")]);
        kept.take_in(Figures {
            commit: "def".to_owned(),
            ..figures(vec![Row::new("b", "new", ""), Row::new("c", "new", "")])
        });
        let seen: Vec<_> = kept.rows.iter().map(|row| (row.id.as_str(), row.work.as_str())).collect();
        assert_eq!(seen, [("a", "old"), ("b", "new"), ("c", "new")]);
        assert_eq!(kept.commit, "def");
    }

    #[test]
    fn formats_values_with_units() {
        assert_eq!(shown(1_234_567.0, Unit::PerSecond), "1,234,567/s");
        assert_eq!(shown(999.4, Unit::Count), "999");
        assert_eq!(shown(0.456, Unit::Milliseconds), "0.46 ms");
        assert_eq!(shown(3.5e8, Unit::Bytes), "350 MB");
    }
}
